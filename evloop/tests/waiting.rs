//! Section F of the specification (time and wake), and what section D says of threads.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{Counted, NOW, Scripted};
use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token, driver};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn source(poll: &Poll, token: usize, opts: PollOpt) -> (Registration, SetReadiness) {
    let pair = Registration::new2();
    poll.register(&pair.0, Token(token), Ready::readable(), opts)
        .unwrap();
    pair
}

#[test]
fn s31_timeout_zero_never_sleeps() {
    let script = Scripted::new(Duration::from_secs(1));
    let poll = Poll::with_driver(script.clone());
    let mut events = Events::with_capacity(4);
    assert_eq!(poll.poll(&mut events, NOW).unwrap(), 0);
    assert!(script.waits().is_empty());
}

#[test]
fn s31_none_is_for_ever() {
    let driver = Counted::default();
    let poll = Arc::new(Poll::with_driver(driver.clone()));
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    let sleeper = {
        let poll = poll.clone();
        std::thread::spawn(move || {
            let mut events = Events::with_capacity(4);
            poll.poll(&mut events, None).unwrap()
        })
    };
    driver.until_parked(1);
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(sleeper.join().unwrap(), 1);
}

#[test]
fn s32_never_early_and_no_spin_below_a_millisecond() {
    let mut events = Events::with_capacity(4);
    for poll in [Poll::new().unwrap(), Poll::with_driver(driver::Park::new())] {
        for micros in [1, 300, 1_500, 10_000] {
            let timeout = Duration::from_micros(micros);
            let start = Instant::now();
            assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
            assert!(start.elapsed() >= timeout);
        }
    }
    let script = Scripted::new(Duration::from_secs(1));
    let poll = Poll::with_driver(script.clone());
    let timeout = Some(Duration::from_nanos(700));
    assert_eq!(poll.poll(&mut events, timeout).unwrap(), 0);
    assert_eq!(script.waits(), [timeout], "one wait for all of it");
}

#[test]
fn s33_the_timeout_elapses_with_no_sources() {
    let script = Scripted::new(Duration::from_secs(1));
    let poll = Poll::with_driver(script.clone());
    let timeout = Duration::from_millis(200);
    let mut events = Events::with_capacity(4);
    assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
    assert_eq!(script.time(), timeout);
}

#[test]
fn s34_after_a_spurious_wake_it_goes_on_with_what_remains() {
    let timeout = Duration::from_millis(200);
    let mut events = Events::with_capacity(4);
    for script in [
        Scripted::new(Duration::from_millis(90)),
        Scripted::interrupted(Duration::from_millis(90)),
    ] {
        let poll = Poll::with_driver(script.clone());
        assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
        assert_eq!(
            script.waits(),
            [200, 110, 20].map(|ms| Some(Duration::from_millis(ms)))
        );
    }
    let poll = Poll::with_driver(Scripted::interrupted(Duration::from_millis(90)));
    let error = poll.poll_interruptible(&mut events, Some(timeout));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Interrupted);
}

#[test]
fn s35_a_timeout_that_races_an_event_never_loses_it() {
    let poll = Poll::with_driver(driver::Park::new());
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    let mut events = Events::with_capacity(4);
    for round in 0..500 {
        let set = set.clone();
        let setter = std::thread::spawn(move || set.set_readiness(Ready::readable()).unwrap());
        let timeout = Duration::from_micros(round % 60);
        let mut seen = poll.poll(&mut events, Some(timeout)).unwrap();
        setter.join().unwrap();
        seen += poll.poll(&mut events, NOW).unwrap();
        assert_eq!(seen, 1);
    }
}

#[test]
fn s36_an_awake_loop_is_not_woken_and_a_sleeping_one_once() {
    let driver = Counted::default();
    let poll = Arc::new(Poll::with_driver(driver.clone()));
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    for _ in 0..1_000 {
        set.set_readiness(Ready::readable()).unwrap();
    }
    assert_eq!(driver.notifies(), 0);
    let mut events = Events::with_capacity(4);
    assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    let sleeper = {
        let poll = poll.clone();
        std::thread::spawn(move || {
            let mut events = Events::with_capacity(4);
            poll.poll(&mut events, None).unwrap()
        })
    };
    driver.until_parked(1);
    for _ in 0..1_000 {
        set.set_readiness(Ready::readable()).unwrap();
    }
    assert_eq!(sleeper.join().unwrap(), 1);
    assert_eq!(driver.notifies(), 1);
}

#[test]
fn s36_a_clear_hides_no_set_from_a_sleeping_loop() {
    let driver = Counted::default();
    let poll = Arc::new(Poll::with_driver(driver.clone()));
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    set.set_readiness(Ready::readable()).unwrap();
    let mut events = Events::with_capacity(4);
    assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
    let sleeper = {
        let poll = poll.clone();
        std::thread::spawn(move || {
            let mut events = Events::with_capacity(4);
            poll.poll(&mut events, None).unwrap()
        })
    };
    driver.until_parked(1);
    // What is cleared or of no interest wakes nobody, and what is set afterwards does.
    set.set_readiness(Ready::empty()).unwrap();
    set.set_readiness(Ready::writable()).unwrap();
    assert_eq!(driver.notifies(), 0);
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(driver.notifies(), 1);
    assert_eq!(sleeper.join().unwrap(), 1);
}

/// Every setter publishes a number before it wakes; the loop must see the last number of each.
fn no_wake_is_lost(poll: &Poll, setters: usize, wakes: usize) {
    let published: Arc<Vec<AtomicUsize>> =
        Arc::new((0..setters).map(|_| AtomicUsize::new(0)).collect());
    let mut registrations = Vec::new();
    let threads: Vec<_> = (0..setters)
        .map(|number| {
            let (registration, set) = source(poll, number, PollOpt::edge());
            registrations.push(registration);
            let published = published.clone();
            std::thread::spawn(move || {
                for wake in 1..=wakes {
                    published[number].store(wake, Ordering::Release);
                    set.set_readiness(Ready::readable()).unwrap();
                }
            })
        })
        .collect();
    let mut seen = vec![0; setters];
    let mut events = Events::with_capacity(8);
    while seen.iter().any(|last| *last < wakes) {
        // For ever: a lost wake would hang the test.
        assert!(poll.poll(&mut events, None).unwrap() > 0);
        let mut tokens: Vec<usize> = events.iter().map(|event| event.token().0).collect();
        for token in &tokens {
            seen[*token] = published[*token].load(Ordering::Acquire);
        }
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), events.len(), "an entry twice in one harvest");
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn s23_s36_no_wake_is_lost_across_threads() {
    for poll in [Poll::with_driver(driver::Park::new()), Poll::new().unwrap()] {
        no_wake_is_lost(&poll, 4, 25_000);
    }
}

/// Some seconds: who sets what is set already leaves it at that.
#[test]
fn s36_no_wake_is_lost_in_a_hundred_million() {
    no_wake_is_lost(&Poll::new().unwrap(), 2, 50_000_000);
}

#[test]
fn a_second_poller_waits_for_the_seat_and_then_gets_its_events() {
    let driver = Counted::default();
    let poll = Arc::new(Poll::with_driver(driver.clone()));
    let (_registration, set) = source(&poll, 1, PollOpt::level());
    let pollers: Vec<_> = (0..3)
        .map(|_| {
            let poll = poll.clone();
            std::thread::spawn(move || {
                let mut events = Events::with_capacity(4);
                poll.poll(&mut events, None).unwrap()
            })
        })
        .collect();
    driver.until_parked(1);
    set.set_readiness(Ready::readable()).unwrap();
    for poller in pollers {
        assert_eq!(poller.join().unwrap(), 1);
    }
}

#[test]
fn events_cost_neither_a_wait_nor_a_look_at_the_clock() {
    let script = Scripted::new(Duration::from_secs(1));
    let poll = Poll::with_driver(script.clone());
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    let mut events = Events::with_capacity(4);
    for _ in 0..1_000 {
        set.set_readiness(Ready::readable()).unwrap();
        assert_eq!(
            poll.poll(&mut events, Some(Duration::from_secs(1)))
                .unwrap(),
            1
        );
    }
    assert!(script.waits().is_empty());
    assert_eq!(script.clock_reads(), 0);
}
