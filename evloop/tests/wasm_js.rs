//! Turns under a real JS event loop: Node, or a browser with `WASM_BINDGEN_USE_BROWSER=1`.
#![cfg(target_arch = "wasm32")]

#[path = "common/oracle/mod.rs"]
mod oracle;

use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token, js, local};
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, milliseconds: f64) -> JsValue;
}

/// Comes back after `milliseconds`, as a task of the JS event loop.
async fn sleep(milliseconds: f64) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    JsFuture::from(promise).await.unwrap();
}

/// Sleeps in small steps until `done`: the test runner's own limit ends it otherwise.
async fn until(done: impl Fn() -> bool) {
    while !done() {
        sleep(1.0).await;
    }
}

fn source(poll: &Poll, token: usize, opts: PollOpt) -> (Registration, SetReadiness) {
    let pair = Registration::new2();
    poll.register(&pair.0, Token(token), Ready::readable(), opts)
        .unwrap();
    pair
}

#[derive(Default)]
struct Log {
    turns: Cell<usize>,
    elapsed: Cell<usize>,
    tokens: RefCell<Vec<usize>>,
}

/// A program that polls with `timeout` until it would block.
fn program(poll: Poll, timeout: Option<Duration>) -> (js::Task, Rc<Log>) {
    let log = Rc::new(Log::default());
    let handle = poll.handle();
    let task = {
        let log = log.clone();
        let mut events = Events::with_capacity(4);
        js::spawn(&handle, move || {
            log.turns.set(log.turns.get() + 1);
            loop {
                match poll.poll(&mut events, timeout) {
                    Ok(0) => log.elapsed.set(log.elapsed.get() + 1),
                    Ok(_) => log
                        .tokens
                        .borrow_mut()
                        .extend(events.iter().map(|event| event.token().0)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return ControlFlow::Continue(());
                    }
                    Err(_) => return ControlFlow::Break(()),
                }
            }
        })
    };
    (task, log)
}

#[wasm_bindgen_test]
async fn s49_many_wakes_are_one_turn() {
    let poll = Poll::new().unwrap();
    let (_registration, set) = source(&poll, 7, PollOpt::edge());
    let (task, log) = program(poll, None);
    assert_eq!(log.turns.get(), 0, "not inside spawn");
    until(|| log.turns.get() == 1).await;
    for _ in 0..100 {
        set.set_readiness(Ready::readable()).unwrap();
        task.wake();
    }
    until(|| !log.tokens.borrow().is_empty()).await;
    sleep(5.0).await;
    assert_eq!(*log.tokens.borrow(), [7]);
    assert_eq!(log.turns.get(), 2);
}

#[wasm_bindgen_test]
async fn s47_a_deadline_brings_a_turn_and_ok_zero() {
    let poll = Poll::new().unwrap();
    let handle = poll.handle();
    let (_task, log) = program(poll, Some(Duration::from_millis(20)));
    until(|| log.turns.get() == 1).await;
    assert_eq!(log.elapsed.get(), 0);
    until(|| log.elapsed.get() == 2).await;
    assert!(handle.now() >= Duration::from_millis(40));
}

#[wasm_bindgen_test]
async fn s49_a_busy_loop_leaves_the_page_its_turns() {
    let poll = Poll::new().unwrap();
    let (_registration, set) = source(&poll, 1, PollOpt::level());
    set.set_readiness(Ready::readable()).unwrap();
    let (task, log) = program(poll, None);
    // Always ready: without a budget the first turn would never end, and no timer would ever fire.
    until(|| log.turns.get() > 3).await;
    for _ in 0..5 {
        let before = log.turns.get();
        sleep(1.0).await;
        // Node's message ports would handle a thousand turns before the timer.
        assert!(log.turns.get() - before < 100, "a timer was starved");
    }
    drop(task);
    let turns = log.turns.get();
    sleep(20.0).await;
    assert_eq!(log.turns.get(), turns, "stopped");
}

#[wasm_bindgen_test]
async fn a_turn_may_stop_its_own_task_and_its_loop_goes_with_it() {
    let poll = Poll::new().unwrap();
    let handle = poll.handle();
    let own: Rc<RefCell<Option<js::Task>>> = Rc::default();
    let turns = Rc::new(Cell::new(0));
    let task = {
        let (own, turns) = (own.clone(), turns.clone());
        js::spawn(&handle, move || {
            turns.set(turns.get() + 1);
            let _ = &poll;
            drop(own.borrow_mut().take());
            ControlFlow::Continue(())
        })
    };
    assert!(task.is_running());
    *own.borrow_mut() = Some(task);
    until(|| turns.get() == 1).await;
    sleep(5.0).await;
    assert_eq!(turns.get(), 1);
    assert!(!handle.is_alive(), "the closure and its poll were dropped");
}

#[wasm_bindgen_test]
async fn break_ends_the_task() {
    let poll = Poll::new().unwrap();
    let task = js::spawn(&poll.handle(), || ControlFlow::Break(()));
    until(|| !task.is_running()).await;
}

#[wasm_bindgen_test]
async fn starting_and_stopping_leaves_nothing_behind() {
    for round in 0..300 {
        let poll = Poll::new().unwrap();
        let handle = poll.handle();
        let (_registration, set) = source(&poll, 1, PollOpt::edge());
        let (task, log) = program(poll, Some(Duration::from_secs(3600)));
        set.set_readiness(Ready::readable()).unwrap();
        if round % 3 == 0 {
            until(|| log.tokens.borrow().len() == 1).await;
        }
        task.stop();
        drop((_registration, set));
        assert!(!handle.is_alive());
    }
}

#[wasm_bindgen_test]
async fn a_same_thread_loop_takes_turns_too() {
    let poll = local::Poll::new().unwrap();
    let (registration, set) = local::Registration::new2();
    poll.register(&registration, Token(3), Ready::readable(), PollOpt::edge())
        .unwrap();
    let seen = Rc::new(Cell::new(0));
    let handle = poll.shared().handle();
    let _task = {
        let seen = seen.clone();
        let mut events = Events::with_capacity(4);
        js::spawn(&handle, move || {
            while let Ok(count) = poll.poll(&mut events, None) {
                seen.set(seen.get() + count);
            }
            ControlFlow::Continue(())
        })
    };
    sleep(5.0).await;
    for expected in 1..=3 {
        set.set_readiness(Ready::readable()).unwrap();
        until(|| seen.get() == expected).await;
    }
}

#[wasm_bindgen_test]
fn the_model_agrees_with_ours_here_too() {
    for seed in 0..300 {
        for mode in oracle::MODES {
            let bytes = oracle::bytes(seed, 480);
            oracle::compare::<oracle::model::Model, oracle::ours::Ours>(mode, &bytes);
        }
    }
}
