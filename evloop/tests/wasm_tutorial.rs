//! The program of docs/tutorials/port-a-mio-program.md in a page. A test of the command compares
//! the two (cli/tests/command/pages.rs).
#![cfg(target_arch = "wasm32")]

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token};
use mydht_evloop as mio;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

// Begin of the program.
const JOBS: Token = Token(0);

type Job = Option<u32>;

struct Adder {
    poll: Poll,
    events: Events,
    jobs: Receiver<Job>,
    sum: u32,
    /// Kept: a registration that is dropped reports nothing.
    _registration: Registration,
}

impl Adder {
    /// Creates the program, and what jobs are sent by.
    fn new(poll: Poll) -> io::Result<(Self, Sender<Job>, SetReadiness)> {
        let (registration, ready) = Registration::new2();
        poll.register(&registration, JOBS, Ready::readable(), PollOpt::edge())?;
        let (send, jobs) = channel();
        let events = Events::with_capacity(64);
        let adder = Adder {
            poll,
            events,
            jobs,
            sum: 0,
            _registration: registration,
        };
        Ok((adder, send, ready))
    }

    /// Does what can be done now. Breaks with the sum when all jobs are done.
    fn turn(&mut self) -> io::Result<ControlFlow<u32>> {
        loop {
            match self.poll.poll(&mut self.events, None) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(ControlFlow::Continue(()));
                }
                Err(error) => return Err(error),
            }
            for event in &self.events {
                assert_eq!(event.token(), JOBS);
                while let Ok(job) = self.jobs.try_recv() {
                    match job {
                        Some(job) => self.sum += job,
                        None => return Ok(ControlFlow::Break(self.sum)),
                    }
                }
            }
        }
    }
}
// End of the program.

// Begin of the page.
use mio::js;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setInterval)]
    fn set_interval(callback: &Closure<dyn FnMut()>, milliseconds: f64) -> JsValue;
}

/// Adds up the jobs of a timer. `done` hears the sum.
pub fn start(mut done: impl FnMut(u32) + 'static) -> io::Result<()> {
    let poll = Poll::new()?;
    let handle = poll.handle();
    let (mut adder, send, ready) = Adder::new(poll)?;

    let task = js::spawn(&handle, move || match adder.turn() {
        Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
        Ok(ControlFlow::Break(sum)) => {
            done(sum);
            ControlFlow::Break(())
        }
        Err(_) => ControlFlow::Break(()),
    });

    let mut jobs = [Some(1), Some(2), Some(3), None].into_iter();
    let tick = Closure::new(move || {
        let _ = &task; // Dropping the task would end it.
        if let Some(job) = jobs.next() {
            // It fails once the program has ended.
            let _ = send.send(job);
            let _ = ready.set_readiness(Ready::readable());
        }
    });
    set_interval(&tick, 10.0);
    tick.forget();
    Ok(())
}
// End of the page.

#[wasm_bindgen_test]
async fn the_program_adds_up_in_a_page() {
    let sum = Rc::new(Cell::new(0));
    let heard = sum.clone();
    start(move |sum| heard.set(sum)).unwrap();
    // A promise that is resolved after a while, as often as it takes.
    while sum.get() == 0 {
        let after = js_sys::eval("new Promise(resolve => setTimeout(resolve, 1))").unwrap();
        JsFuture::from(js_sys::Promise::from(after)).await.unwrap();
    }
    assert_eq!(sum.get(), 6);
}
