//! Timers, and the record of why tokens fired.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use mydht_evloop::core::Cause;
use mydht_evloop::{
    Events, Poll, PollOpt, Ready, Registration, Timer, Token, VirtualClock, driver,
};
use std::io::ErrorKind;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn timer(poll: &Poll, token: usize) -> Timer {
    let timer = Timer::new();
    poll.register(&timer, Token(token), Ready::readable(), PollOpt::level())
        .unwrap();
    timer
}

fn tokens(poll: &Poll) -> Vec<usize> {
    let mut events = Events::with_capacity(8);
    match poll.poll(&mut events, None) {
        Ok(_) => events.iter().map(|event| event.token().0).collect(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            Vec::new()
        }
    }
}

#[test]
fn timers_fire_once_in_the_order_of_their_deadlines() {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let timers = [timer(&poll, 0), timer(&poll, 1), timer(&poll, 2)];
    for (timer, seconds) in timers.iter().zip([3, 1, 2]) {
        timer.set_after(seconds * SECOND).unwrap();
    }
    let mut fired = Vec::new();
    assert_eq!(tokens(&poll), []);
    while clock.jump().is_some() {
        fired.extend(tokens(&poll));
        assert_eq!(tokens(&poll), []);
    }
    assert_eq!(fired, [1, 2, 0]);
    assert_eq!(clock.now(), 3 * SECOND);
}

#[test]
fn set_again_cancelled_and_dropped() {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let timers = [timer(&poll, 0), timer(&poll, 1), timer(&poll, 2)];
    for timer in &timers {
        timer.set_at(SECOND).unwrap();
    }
    timers[0].set_at(2 * SECOND).unwrap();
    timers[1].cancel().unwrap();
    let [first, _second, third] = timers;
    drop(third);
    assert_eq!(tokens(&poll), []);
    assert_eq!(clock.jump(), Some(2 * SECOND));
    first.cancel().unwrap();
    assert_eq!(tokens(&poll), [], "cancelled when it was due");
    assert_eq!(clock.next_deadline(), None);
    poll.deregister(&first).unwrap();
    assert_eq!(
        first.set_at(SECOND).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        poll.deregister(&first).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_timer_ends_a_wait_for_ever_and_another_thread_can_set_it() {
    for poll in [Poll::new().unwrap(), Poll::with_driver(driver::Park::new())] {
        let timer = timer(&poll, 5);
        std::thread::scope(|scope| {
            scope.spawn(|| timer.set_after(Duration::from_millis(5)).unwrap());
            assert_eq!(tokens(&poll), [5]);
        });
        assert!(poll.now() >= Duration::from_millis(5));
    }
}

/// A program with user sources and timers on a virtual clock; its event stream as bytes.
fn recorded(seed: u64) -> Vec<u8> {
    let clock = VirtualClock::new(seed);
    let poll = clock.poll();
    poll.trace(4096);
    let sources: Vec<_> = (0..8)
        .map(|token| {
            let pair = Registration::new2();
            poll.register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
                .unwrap();
            pair
        })
        .collect();
    let ticker = timer(&poll, 100);
    ticker.set_after(SECOND).unwrap();
    let mut bytes = Vec::new();
    for _ in 0..50 {
        for token in tokens(&poll) {
            if token == 100 {
                ticker.set_after(SECOND).unwrap();
                sources
                    .iter()
                    .for_each(|(_, set)| set.set_readiness(Ready::readable()).unwrap());
            } else if token > 0 {
                // What a program does depends on the order in which it is told.
                sources[token - 1]
                    .1
                    .set_readiness(Ready::readable())
                    .unwrap();
            }
        }
        if tokens(&poll).is_empty() {
            clock.jump();
        }
    }
    for record in poll.take_trace() {
        bytes.extend(record.to_bytes());
    }
    bytes
}

#[test]
fn the_same_seed_replays_the_same_bytes() {
    let first = recorded(7);
    assert!(first.len() > 19 * 50);
    assert_eq!(first, recorded(7));
}

#[test]
fn a_trace_says_why() {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let (registration, set) = Registration::new2();
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(poll.take_trace(), []);
    poll.trace(3);
    poll.register(&registration, Token(1), Ready::readable(), PollOpt::level())
        .unwrap();
    let timer = timer(&poll, 2);
    timer.set_at(SECOND).unwrap();
    let causes = |turns: usize| {
        (0..turns).for_each(|_| drop(tokens(&poll)));
        poll.take_trace()
            .iter()
            .map(|record| (record.token.0, record.cause))
            .collect::<Vec<_>>()
    };
    assert_eq!(causes(2), [(1, Cause::Registered), (1, Cause::Level)]);
    set.set_readiness(Ready::empty()).unwrap();
    clock.advance(SECOND);
    assert_eq!(causes(1), [(2, Cause::Timer)]);
    set.set_readiness(Ready::readable()).unwrap();
    let last = causes(5);
    assert_eq!(last, [(1, Cause::Level); 3], "the last three");
}
