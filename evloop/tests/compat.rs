//! mio's quirks: what `Compat::Fixed` fixes and `Compat::Mio06` keeps.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{Counted, NOW, Scripted};
use mydht_evloop::{
    Compat, Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token, local,
};
use std::sync::Arc;
use std::time::Duration;

fn user(poll: &Poll, opts: PollOpt) -> (Registration, SetReadiness) {
    let pair = Registration::new2();
    poll.register(&pair.0, Token(1), Ready::readable(), opts)
        .unwrap();
    pair
}

#[test]
fn s38_oneshot_without_edge() {
    for (compat, repeats) in [(Compat::Fixed, 0), (Compat::Mio06, 1)] {
        let poll = Poll::turns();
        poll.set_compat(compat);
        let same_thread = local::Poll::over(Poll::turns());
        same_thread.set_compat(compat);
        for opts in [PollOpt::oneshot(), PollOpt::level() | PollOpt::oneshot()] {
            let (_registration, set) = user(&poll, opts);
            set.set_readiness(Ready::readable()).unwrap();
            let mut events = Events::with_capacity(4);
            assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
            assert_eq!(poll.poll(&mut events, NOW).unwrap(), repeats);

            let (registration, set) = local::Registration::new2();
            same_thread
                .register(&registration, Token(1), Ready::readable(), opts)
                .unwrap();
            set.set_readiness(Ready::readable()).unwrap();
            assert_eq!(same_thread.poll(&mut events, NOW).unwrap(), 1);
            assert_eq!(same_thread.poll(&mut events, NOW).unwrap(), repeats);
        }
    }
}

#[test]
fn s38_empty_options_are_level() {
    let poll = Poll::turns();
    let (_registration, set) = user(&poll, PollOpt::empty());
    set.set_readiness(Ready::readable()).unwrap();
    let mut events = Events::with_capacity(4);
    for _ in 0..3 {
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
    }
}

#[test]
fn s40_set_and_cleared_before_a_wait() {
    let timeout = Duration::from_millis(200);
    for (compat, waited) in [(Compat::Fixed, timeout), (Compat::Mio06, Duration::ZERO)] {
        let script = Scripted::new(Duration::from_secs(1));
        let poll = Poll::with_driver(script.clone());
        poll.set_compat(compat);
        let (_registration, set) = user(&poll, PollOpt::edge());
        set.set_readiness(Ready::readable()).unwrap();
        set.set_readiness(Ready::empty()).unwrap();
        let mut events = Events::with_capacity(4);
        assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
        assert_eq!(script.time(), waited);
        assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
        assert_eq!(script.time(), waited + timeout, "the next one waits");
    }
}

#[test]
fn s45_a_concurrent_poll_waits_and_with_timeout_zero_comes_back() {
    for (compat, found) in [(Compat::Fixed, 1), (Compat::Mio06, 0)] {
        let driver = Counted::default();
        let poll = Arc::new(Poll::with_driver(driver.clone()));
        poll.set_compat(compat);
        let (_registration, set) = user(&poll, PollOpt::level());
        let sleeper = {
            let poll = poll.clone();
            std::thread::spawn(move || {
                let mut events = Events::with_capacity(4);
                poll.poll(&mut events, None).unwrap()
            })
        };
        driver.until_parked(1);
        let mut events = Events::with_capacity(4);
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 0);
        // Woken, and not yet up: the source is ready, and another thread polls.
        driver.hold(true);
        set.set_readiness(Ready::readable()).unwrap();
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), found, "{compat:?}");
        driver.hold(false);
        assert_eq!(sleeper.join().unwrap(), 1);
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1, "it is level");
    }
}
