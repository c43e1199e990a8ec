//! Replays a run: a day of two programs with a slow line between them is simulated on a virtual
//! clock, recorded, and run again, until a changed program differs from the recording.
//!
//! Time jumps to the next event, so a day takes milliseconds. The same seed gives the same day.
//!
//! `cargo run -p mydht-evloop --example replay_a_run`
//!
//! Prints:
//!
//! ```text
//! 1439 questions in a day, 1439 answers, 345.36s of waiting
//! replayed: all [..] polls were as recorded
//! changed: the run differs from its recording at poll [..]
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use mydht_evloop::{Events, Poll, PollOpt, Ready, Timer, Token, VirtualClock};
use std::io::{self, ErrorKind};
use std::time::Duration;

const TICK: Token = Token(0);
const LINE: Token = Token(1);
const LATENCY: Duration = Duration::from_millis(120);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One end of the line: its loop, and the timer that fires when a message arrives.
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
    fn ready(&self) -> io::Result<Vec<Token>> {
        let mut events = Events::with_capacity(8);
        let mut ready = Vec::new();
        loop {
            match self.poll.poll(&mut events, None) {
                Ok(_) => ready.extend(events.iter().map(|event| event.token())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(ready),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Counts of a day.
#[derive(Debug, PartialEq)]
struct Day {
    asked: u32,
    answered: u32,
    waited: Duration,
}

/// Simulates a day: one program asks each minute, the other answers.
fn day(clock: &VirtualClock, latency: Duration) -> io::Result<Day> {
    let (asks, answers) = (End::new(clock)?, End::new(clock)?);
    let tick = Timer::new();
    asks.poll
        .register(&tick, TICK, Ready::readable(), PollOpt::edge())?;
    tick.set_after(MINUTE)?;
    let (mut asked, mut answered, mut waited) = (0, 0, Duration::ZERO);
    let mut since = clock.now();
    while clock.now() < DAY {
        for token in asks.ready()? {
            if token == TICK {
                asked += 1;
                since = clock.now();
                answers.line.set_after(latency)?;
                tick.set_after(MINUTE)?;
            } else {
                answered += 1;
                waited += clock.now() - since;
            }
        }
        for _ in answers.ready()? {
            asks.line.set_after(latency)?;
        }
        // A loop may have woken another one. If none was woken, time jumps to the next deadline.
        if !clock.any_woken() && clock.jump().is_none() {
            break;
        }
    }
    Ok(Day {
        asked,
        answered,
        waited,
    })
}

/// Runs the example.
pub fn main() -> io::Result<()> {
    let clock = VirtualClock::recorded(7);
    let first = day(&clock, LATENCY)?;
    println!(
        "{} questions in a day, {} answers, {:?} of waiting",
        first.asked, first.answered, first.waited
    );
    assert_eq!((first.asked, first.answered), (1439, 1439));
    assert_eq!(first.waited, 1439 * 2 * LATENCY);

    // Kept as bytes, beside a bug report for example.
    let recording = clock
        .recording()
        .ok_or_else(|| io::Error::other("no recording"))?;
    let again = VirtualClock::replay(recording.clone());
    assert_eq!(day(&again, LATENCY)?, first);
    assert_eq!(again.recording().as_ref(), Some(&recording));
    println!("replayed: all {} polls were as recorded", recording.len());

    match day(&VirtualClock::replay(recording), 2 * LATENCY) {
        Ok(_) => return Err(io::Error::other("the change was not noticed")),
        Err(error) => println!("changed: {error}"),
    }
    Ok(())
}
