//! Section H of the specification: where nothing may block.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::NOW;
use mydht_evloop::{
    Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token, VirtualClock, local,
};
use std::io::ErrorKind;
use std::time::Duration;

fn source(poll: &Poll, token: usize, opts: PollOpt) -> (Registration, SetReadiness) {
    let pair = Registration::new2();
    poll.register(&pair.0, Token(token), Ready::readable(), opts)
        .unwrap();
    pair
}

fn kind(result: std::io::Result<usize>) -> Result<usize, ErrorKind> {
    result.map_err(|error| error.kind())
}

#[test]
fn s47_nothing_ready_is_would_block_and_never_zero_before_its_time() {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let mut events = Events::with_capacity(4);
    let second = Some(Duration::from_secs(1));
    assert_eq!(kind(poll.poll(&mut events, NOW)), Ok(0));
    for _ in 0..3 {
        assert_eq!(
            kind(poll.poll(&mut events, None)),
            Err(ErrorKind::WouldBlock)
        );
    }
    assert_eq!(clock.next_deadline(), None);
    for half in 0..2 {
        assert_eq!(
            kind(poll.poll(&mut events, second)),
            Err(ErrorKind::WouldBlock),
            "{half}"
        );
        assert_eq!(clock.next_deadline(), second);
        clock.advance(Duration::from_millis(500));
    }
    assert_eq!(kind(poll.poll(&mut events, second)), Ok(0));
    assert_eq!(
        kind(poll.poll(&mut events, second)),
        Err(ErrorKind::WouldBlock)
    );
    assert_eq!(clock.next_deadline(), Some(Duration::from_secs(2)));
}

#[test]
fn s47_an_event_before_the_deadline_ends_the_wait() {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    let mut events = Events::with_capacity(4);
    let second = Some(Duration::from_secs(1));
    assert!(poll.poll(&mut events, second).is_err());
    assert!(!clock.any_woken());
    set.set_readiness(Ready::readable()).unwrap();
    assert!(clock.any_woken());
    assert_eq!(kind(poll.poll(&mut events, second)), Ok(1));
    clock.advance(Duration::from_secs(5));
    assert_eq!(
        kind(poll.poll(&mut events, second)),
        Err(ErrorKind::WouldBlock),
        "the old deadline went with its wait"
    );
}

#[test]
fn s48_a_turn_says_what_it_did_and_what_comes_next() {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let handle = poll.handle();
    let sources: Vec<_> = (0..3)
        .map(|token| source(&poll, token, PollOpt::edge()))
        .collect();
    for (_, set) in &sources {
        set.set_readiness(Ready::readable()).unwrap();
    }
    let mut events = Events::with_capacity(2);
    let budget = Duration::from_millis(4);
    handle.begin_turn(clock.now(), budget);
    assert_eq!(kind(poll.poll(&mut events, None)), Ok(2));
    clock.advance(budget);
    assert_eq!(
        kind(poll.poll(&mut events, None)),
        Err(ErrorKind::WouldBlock),
        "the budget is used up"
    );
    let report = handle.end_turn();
    assert_eq!((report.events, report.more), (2, true));

    handle.begin_turn(clock.now(), budget);
    assert_eq!(kind(poll.poll(&mut events, None)), Ok(1));
    let wait = Some(Duration::from_secs(3));
    assert!(poll.poll(&mut events, wait).is_err());
    let report = handle.end_turn();
    assert_eq!((report.events, report.more), (1, false));
    assert_eq!(
        report.next_deadline,
        Some(clock.now() + Duration::from_secs(3))
    );
}

#[test]
fn s49_a_turn_with_no_budget_left_still_makes_progress() {
    let poll = Poll::turns();
    let (_registration, set) = source(&poll, 1, PollOpt::level());
    set.set_readiness(Ready::readable()).unwrap();
    let handle = poll.handle();
    let mut events = Events::with_capacity(1);
    for _ in 0..3 {
        handle.begin_turn(poll.now(), Duration::ZERO);
        assert_eq!(kind(poll.poll(&mut events, None)), Ok(1));
        assert_eq!(
            kind(poll.poll(&mut events, None)),
            Err(ErrorKind::WouldBlock)
        );
        assert!(handle.end_turn().more);
    }
}

#[test]
fn s49_a_deadline_noted_when_the_budget_ends_brings_the_next_turn() {
    let clock = VirtualClock::new(1);
    let poll = clock.poll();
    let (_registration, set) = source(&poll, 1, PollOpt::edge());
    set.set_readiness(Ready::readable()).unwrap();
    let handle = poll.handle();
    let mut events = Events::with_capacity(1);
    let second = Some(Duration::from_secs(1));
    handle.begin_turn(poll.now(), Duration::ZERO);
    assert_eq!(kind(poll.poll(&mut events, second)), Ok(1));
    let blocked = kind(poll.poll(&mut events, second));
    assert_eq!(blocked, Err(ErrorKind::WouldBlock));
    let report = handle.end_turn();
    assert!(!report.more);
    assert_eq!(report.next_deadline, second);
    assert_eq!(clock.jump(), second);
    handle.begin_turn(poll.now(), Duration::ZERO);
    assert_eq!(kind(poll.poll(&mut events, second)), Ok(0));
}

#[test]
fn the_seed_permutes_what_has_no_order_and_repeats_it() {
    let run = |seed| {
        let poll = VirtualClock::new(seed).poll();
        let sources: Vec<_> = (0..16)
            .map(|token| source(&poll, token, PollOpt::edge()))
            .collect();
        for (_, set) in &sources {
            set.set_readiness(Ready::readable()).unwrap();
        }
        let mut events = Events::with_capacity(64);
        poll.poll(&mut events, None).unwrap();
        events
            .iter()
            .map(|event| event.token().0)
            .collect::<Vec<_>>()
    };
    let (one, two) = (run(1), run(2));
    assert_eq!(one, run(1));
    assert_ne!(one, two);
    let mut sorted = one.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..16).collect::<Vec<_>>());
}

#[test]
fn a_same_thread_source_asks_for_its_turn_too() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let poll = local::Poll::over(Poll::turns());
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = turns.clone();
    poll.shared().handle().on_wake(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let (registration, set) = local::Registration::new2();
    poll.register(&registration, Token(1), Ready::readable(), PollOpt::edge())
        .unwrap();
    let mut events = Events::with_capacity(4);
    for turn in 1..=3 {
        assert_eq!(
            kind(poll.poll(&mut events, None)),
            Err(ErrorKind::WouldBlock)
        );
        set.set_readiness(Ready::readable()).unwrap();
        set.set_readiness(Ready::readable()).unwrap();
        assert_eq!(turns.load(Ordering::Relaxed), turn);
        assert_eq!(kind(poll.poll(&mut events, None)), Ok(1));
    }
}

#[test]
fn a_loop_may_go_before_its_handle_and_its_sources() {
    let poll = Poll::turns();
    let handle = poll.handle();
    let (registration, set) = source(&poll, 1, PollOpt::edge());
    set.set_readiness(Ready::readable()).unwrap();
    drop(poll);
    set.set_readiness(Ready::readable()).unwrap();
    assert!(!handle.is_ready());
    drop(registration);
    set.set_readiness(Ready::readable()).unwrap();
    drop(set);
    assert!(!handle.is_alive());
    assert_eq!(handle.end_turn(), Default::default());
}

#[test]
fn loops_that_keep_each_other_busy_starve_no_other() {
    let clock = VirtualClock::new(1);
    let loops: Vec<_> = (0..4).map(|_| clock.numbered_poll()).collect();
    let mut events = Events::with_capacity(4);
    let sources: Vec<_> = loops
        .iter()
        .map(|(_, poll)| source(poll, 0, PollOpt::edge()))
        .collect();
    let waits = |at: usize| (at == 3).then(|| Duration::from_secs(1));
    for (at, (_, poll)) in loops.iter().enumerate() {
        assert!(poll.poll(&mut events, waits(at)).is_err());
    }
    let wake = |at: usize| sources[at].1.set_readiness(Ready::readable()).unwrap();
    (0..3).for_each(wake);
    clock.advance(Duration::from_secs(1));
    let mut turns = [0; 4];
    for _ in 0..40 {
        let number = clock.take_turn().unwrap();
        let at = loops.iter().position(|(n, _)| *n == number).unwrap();
        turns[at] += 1;
        while loops[at].1.poll(&mut events, None).is_ok() {}
        // The first two never stop to wake each other.
        match at {
            0 => wake(1),
            1 => wake(0),
            _ => {}
        }
    }
    assert_eq!(turns, [19, 19, 1, 1]);
}

#[test]
fn a_clock_names_the_loops_that_have_something_to_do() {
    let clock = VirtualClock::new(1);
    let loops: Vec<_> = (0..100).map(|_| clock.numbered_poll()).collect();
    let mut events = Events::with_capacity(4);
    let mut sources = Vec::new();
    for (at, (_, poll)) in loops.iter().enumerate() {
        sources.push(source(poll, 0, PollOpt::edge()));
        let wait = (at % 10 == 0).then(|| Duration::from_secs(at as u64 + 1));
        assert_eq!(
            kind(poll.poll(&mut events, wait)),
            Err(ErrorKind::WouldBlock)
        );
    }
    assert_eq!(clock.take_turn(), None, "all wait");
    for at in [71, 3] {
        sources[at].1.set_readiness(Ready::readable()).unwrap();
        sources[at].1.set_readiness(Ready::readable()).unwrap();
    }
    assert!(clock.any_woken());
    assert_eq!(clock.take_turn(), Some(loops[3].0));
    assert_eq!(clock.take_turn(), Some(loops[71].0));
    assert_eq!(clock.take_turn(), None, "each is named once");
    clock.advance(Duration::from_secs(11));
    assert_eq!(clock.take_turn(), Some(loops[0].0));
    assert_eq!(clock.take_turn(), Some(loops[10].0));
    assert_eq!(clock.take_turn(), None, "those of later are not due");
    assert_eq!(clock.next_deadline(), Some(Duration::from_secs(21)));
    // Named, and polled: it waits for another time.
    let (number, poll) = &loops[10];
    let half = Some(Duration::from_millis(500));
    assert_eq!(kind(poll.poll(&mut events, half)), Ok(0));
    assert_eq!(
        kind(poll.poll(&mut events, half)),
        Err(ErrorKind::WouldBlock)
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(clock.take_turn(), Some(*number));
}

#[test]
fn s49_a_turn_is_over_when_its_budget_is_used_up_and_something_was_done() {
    use mydht_evloop::traits::Poll as _;
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    let handle = poll.handle();
    clock.advance(Duration::from_secs(1));
    assert!(!poll.turn_is_over(), "nobody gives turns");
    let budget = Duration::from_millis(4);
    handle.begin_turn(clock.now(), budget);
    clock.advance(budget);
    assert!(!poll.turn_is_over(), "one step is done in any case");
    assert!(poll.turn_is_over());
    handle.end_turn();
    assert!(!poll.turn_is_over());

    handle.begin_turn(clock.now(), budget);
    clock.advance(budget / 2);
    assert!(!poll.turn_is_over() && !poll.turn_is_over());
    clock.advance(budget / 2);
    assert!(poll.turn_is_over());
}
