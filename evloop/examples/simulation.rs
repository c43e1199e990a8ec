//! A day of two programs that talk over a slow line, in a few milliseconds: a virtual clock, on
//! which time jumps to what happens next. The same seed gives the same day.
//!
//! `cargo run -p mydht-evloop --example simulation`
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use mydht_evloop::{Events, Poll, PollOpt, Ready, Timer, Token, VirtualClock};
use std::io::{self, ErrorKind};
use std::time::Duration;

const TICK: Token = Token(0);
const LINE: Token = Token(1);
const LATENCY: Duration = Duration::from_millis(120);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One end of the line: its loop, and the timer that ends a message's way to it.
struct End {
    poll: Poll,
    line: Timer,
}

impl End {
    fn new(clock: &VirtualClock) -> io::Result<End> {
        let (poll, line) = (clock.poll(), Timer::new());
        poll.register(&line, LINE, Ready::readable(), PollOpt::edge())?;
        Ok(End { poll, line })
    }

    /// Returns the tokens that are ready, until the loop would wait.
    fn due(&self) -> io::Result<Vec<Token>> {
        let mut events = Events::with_capacity(8);
        let mut due = Vec::new();
        loop {
            match self.poll.poll(&mut events, None) {
                Ok(_) => due.extend(events.iter().map(|event| event.token())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(due),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Runs the example.
pub fn main() -> io::Result<()> {
    let clock = VirtualClock::new(7);
    let (asks, answers) = (End::new(&clock)?, End::new(&clock)?);
    let tick = Timer::new();
    asks.poll
        .register(&tick, TICK, Ready::readable(), PollOpt::edge())?;
    tick.set_after(MINUTE)?;
    let (mut asked, mut answered, mut waited) = (0, 0, Duration::ZERO);
    let mut since = clock.now();
    while clock.now() < DAY {
        for token in asks.due()? {
            if token == TICK {
                asked += 1;
                since = clock.now();
                answers.line.set_after(LATENCY)?;
                tick.set_after(MINUTE)?;
            } else {
                answered += 1;
                waited += clock.now() - since;
            }
        }
        for _ in answers.due()? {
            asks.line.set_after(LATENCY)?;
        }
        // What one loop did may have woken another. If nobody has anything to do: on to the next deadline of any of them.
        if !clock.any_woken() && clock.jump().is_none() {
            break;
        }
    }
    println!("{asked} questions in a day, {answered} answers, {waited:?} of waiting");
    assert_eq!((asked, answered), (1439, 1439));
    assert_eq!(waited, 1439 * 2 * LATENCY);
    Ok(())
}
