//! mio-extras 2.0.6 from the registry, built over this package by `[patch.crates-io]`: its channels
//! and timers are made of `Registration`, `SetReadiness` and threads of their own.

use mio::{Events, Poll, PollOpt, Ready, Token};
use mio_extras::{channel, timer};
use std::time::{Duration, Instant};

#[test]
fn a_channel_of_mio_extras_wakes_the_loop() {
    let poll = Poll::new().unwrap();
    let (sender, receiver) = channel::channel();
    poll.register(&receiver, Token(1), Ready::readable(), PollOpt::edge())
        .unwrap();
    let thread = std::thread::spawn(move || (0..100).for_each(|n| sender.send(n).unwrap()));
    let mut events = Events::with_capacity(8);
    let mut received = Vec::new();
    while received.len() < 100 {
        poll.poll(&mut events, None).unwrap();
        received.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
    }
    assert_eq!(received, (0..100).collect::<Vec<_>>());
    thread.join().unwrap();
}

#[test]
fn a_timer_of_mio_extras_fires() {
    let poll = Poll::new().unwrap();
    let mut timer = timer::Builder::default()
        .tick_duration(Duration::from_millis(5))
        .build();
    poll.register(&timer, Token(2), Ready::readable(), PollOpt::edge())
        .unwrap();
    let start = Instant::now();
    timer.set_timeout(Duration::from_millis(20), "due");
    let mut events = Events::with_capacity(8);
    while timer.poll() != Some("due") {
        poll.poll(&mut events, None).unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(15), "to a tick");
}

/// The timer clears its readiness when it was taken empty, which must not end the next wait.
#[test]
fn a_wait_for_the_next_timeout_does_not_come_back_empty() {
    let poll = Poll::new().unwrap();
    let mut timer = timer::Builder::default()
        .tick_duration(Duration::from_millis(5))
        .num_slots(2)
        .build();
    poll.register(&timer, Token(2), Ready::readable(), PollOpt::edge())
        .unwrap();
    for (millis, word) in [(60, "last"), (40, "second"), (20, "first")] {
        timer.set_timeout(Duration::from_millis(millis), word);
    }
    let mut events = Events::with_capacity(8);
    for word in ["first", "second", "last"] {
        assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
        assert_eq!(timer.poll(), Some(word));
        assert_eq!(timer.poll(), None);
    }
}

#[test]
fn it_keeps_the_quirks_of_0_6() {
    let poll = Poll::new().unwrap();
    let (registration, set) = mio::Registration::new2();
    poll.register(
        &registration,
        Token(3),
        Ready::readable(),
        PollOpt::oneshot(),
    )
    .unwrap();
    set.set_readiness(Ready::readable()).unwrap();
    let mut events = Events::with_capacity(8);
    for _ in 0..2 {
        assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 1);
    }
}
