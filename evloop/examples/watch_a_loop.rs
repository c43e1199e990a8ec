//! Watches a loop: its trace says which token was reported when, and why.
//!
//! A trace answers "why did this token fire?" for a program that spins, or that hears of a source
//! it had thought to be quiet. It is off by default. Here the loop runs on a virtual clock and in
//! turns, each of which reports its work.
//!
//! `cargo run -p mydht-evloop --example watch_a_loop`
//!
//! Prints:
//!
//! ```text
//! turn 1: 2 events, more: true, next deadline: Some(5s)
//! turn 2: 1 events, more: false, next deadline: Some(5s)
//! turn 3: 1 events, more: false, next deadline: None
//! 0ns: Token(0) (a queue) was Registered
//! 0ns: Token(1) (a mailbox) was Set
//! 0ns: Token(0) (a queue) was Level
//! 5s: Token(2) (a timer) was Timer
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use mydht_evloop::{Events, PollOpt, Ready, Registration, Timer, Token, VirtualClock};
use std::io::{self, ErrorKind};
use std::time::Duration;

const NAMES: [&str; 3] = ["a queue", "a mailbox", "a timer"];
const BUDGET: Duration = Duration::from_millis(1);

/// Runs the example.
pub fn main() -> io::Result<()> {
    let clock = VirtualClock::new(0);
    let poll = clock.poll();
    // The last 16 reports are kept.
    poll.trace(16);

    let (queue, set_queue) = Registration::new2();
    let (mailbox, set_mailbox) = Registration::new2();
    let timer = Timer::new();
    set_queue.set_readiness(Ready::readable())?;
    poll.register(&queue, Token(0), Ready::readable(), PollOpt::level())?;
    poll.register(&mailbox, Token(1), Ready::readable(), PollOpt::edge())?;
    poll.register(&timer, Token(2), Ready::readable(), PollOpt::edge())?;
    set_mailbox.set_readiness(Ready::readable())?;
    timer.set_after(Duration::from_secs(5))?;

    let handle = poll.handle();
    let mut events = Events::with_capacity(8);
    for turn in 1..=3 {
        handle.begin_turn(poll.now(), BUDGET);
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        // The queue is level-triggered: it is reported until it is empty, which is in turn 2.
        if turn == 2 {
            set_queue.set_readiness(Ready::empty())?;
        }
        let report = handle.end_turn();
        println!(
            "turn {turn}: {} events, more: {}, next deadline: {:?}",
            report.events, report.more, report.next_deadline
        );
        if !report.more {
            clock.jump();
        }
    }
    for record in poll.take_trace() {
        let name = NAMES.get(record.token.0).unwrap_or(&"?");
        println!(
            "{:?}: {:?} ({name}) was {:?}",
            record.time, record.token, record.cause
        );
    }
    Ok(())
}
