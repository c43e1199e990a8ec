//! Calls at the wrong moment: no panic, no event of what is gone, none lost.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::NOW;
use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token, local};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

fn user(poll: &Poll, token: usize) -> (Registration, SetReadiness) {
    let pair = Registration::new2();
    poll.register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
        .unwrap();
    pair
}

fn tokens(poll: &Poll) -> Vec<usize> {
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, NOW).unwrap();
    events.iter().map(|event| event.token().0).collect()
}

#[test]
fn handlers_may_register_and_deregister_what_the_same_poll_found() {
    let poll = Poll::new().unwrap();
    let pairs: Vec<_> = (0..4).map(|token| user(&poll, token)).collect();
    for (_, set) in &pairs {
        set.set_readiness(Ready::readable()).unwrap();
    }
    let mut events = Events::with_capacity(2);
    poll.poll(&mut events, NOW).unwrap();
    let mut late = None;
    for event in &events {
        if event.token() == Token(0) {
            // One that was found by this poll, one that waits for the next, one that is new and ready at once.
            poll.deregister(&pairs[1].0).unwrap();
            poll.deregister(&pairs[2].0).unwrap();
            let (registration, set) = Registration::new2();
            set.set_readiness(Ready::readable()).unwrap();
            poll.register(&registration, Token(9), Ready::readable(), PollOpt::edge())
                .unwrap();
            late = Some((registration, set));
        }
    }
    assert_eq!(tokens(&poll), [3, 9]);
    assert!(late.is_some());
    pairs[1].1.set_readiness(Ready::readable()).unwrap();
    assert_eq!(tokens(&poll), []);
}

#[test]
fn a_wake_hook_may_register_set_and_deregister() {
    let poll = Arc::new(Poll::turns());
    let (_registration, set) = user(&poll, 1);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let (poll, kept) = (Arc::downgrade(&poll), kept.clone());
        move || {
            let poll = poll.upgrade().unwrap();
            let (stays, set) = user(&poll, 2);
            set.set_readiness(Ready::readable()).unwrap();
            let (goes, set) = user(&poll, 3);
            set.set_readiness(Ready::readable()).unwrap();
            poll.deregister(&goes).unwrap();
            kept.lock().unwrap().push(stays);
        }
    };
    assert!(poll.handle().on_wake(hook));
    set.set_readiness(Ready::readable()).unwrap();
    let mut found = tokens(&poll);
    found.sort_unstable();
    assert_eq!(found, [1, 2]);
    assert_eq!(kept.lock().unwrap().len(), 1, "one wake");
}

#[test]
fn a_poll_that_is_gone_takes_its_events_along() {
    let poll = Poll::new().unwrap();
    let (registration, set) = user(&poll, 1);
    set.set_readiness(Ready::readable()).unwrap();
    drop(poll);
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(set.readiness(), Ready::readable());
    let other = Poll::new().unwrap();
    let error = other.register(&registration, Token(1), Ready::readable(), PollOpt::edge());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(tokens(&other), []);
}

#[test]
fn who_takes_the_place_of_a_pending_source_does_not_inherit_its_event() {
    let poll = Poll::new().unwrap();
    let same_thread = local::Poll::new().unwrap();
    for round in 0..100 {
        let (registration, set) = user(&poll, round);
        set.set_readiness(Ready::readable()).unwrap();
        drop(registration);
        let _next = user(&poll, 1000);
        set.set_readiness(Ready::readable()).unwrap();
        assert_eq!(tokens(&poll), []);

        let register = |token| {
            let pair = local::Registration::new2();
            same_thread
                .register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
                .unwrap();
            pair
        };
        let (registration, set) = register(round);
        set.set_readiness(Ready::readable()).unwrap();
        drop(registration);
        let _next = register(1000);
        set.set_readiness(Ready::readable()).unwrap();
        let mut events = Events::with_capacity(4);
        assert_eq!(same_thread.poll(&mut events, NOW).unwrap(), 0);
    }
}

#[test]
fn a_same_thread_setter_follows_its_source_through_registrations() {
    let poll = local::Poll::new().unwrap();
    let (registration, set) = local::Registration::new2();
    let clone = set.clone();
    let mut events = Events::with_capacity(4);
    for round in 0..5 {
        // Set while it is not registered: stored, and found when it is.
        clone.set_readiness(Ready::readable()).unwrap();
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 0);
        poll.register(
            &registration,
            Token(round),
            Ready::readable(),
            PollOpt::edge(),
        )
        .unwrap();
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
        for handle in [&set, &clone] {
            handle.set_readiness(Ready::readable()).unwrap();
            assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
            assert_eq!(events.get(0).unwrap().token(), Token(round));
        }
        set.set_readiness(Ready::writable()).unwrap();
        poll.deregister(&registration).unwrap();
        assert_eq!(set.readiness(), Ready::writable(), "kept");
    }
}
