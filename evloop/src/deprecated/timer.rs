//! Timeouts with a value each, to the nearest tick: over the loop's own [`Timer`](crate::Timer),
//! where mio had a thread.

use crate::event::Evented;
use crate::{Poll, PollOpt, Ready, Token};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;
use std::{error, fmt, io};
use web_time::Instant;

pub type Result<T> = std::result::Result<T, TimerError>;
pub type TimerResult<T> = Result<T>;
pub type OldTimerResult<T> = Result<T>;

/// Error that never happens.
#[derive(Debug)]
pub struct TimerError;

/// Kind of an error that never happens.
#[derive(Debug)]
pub enum TimerErrorKind {
    TimerOverflow,
}

pub struct Builder {
    tick: Duration,
}

/// Names a timeout that was set.
#[derive(Clone, Debug)]
pub struct Timeout {
    tick: u64,
    number: u64,
}

pub struct Timer<T> {
    tick: Duration,
    start: Instant,
    /// By tick, then in the order in which they were set.
    timeouts: BTreeMap<(u64, u64), T>,
    /// Number of timeouts that were set.
    number: u64,
    timer: crate::Timer,
    /// Set once the timer was registered: it is not registered anew.
    registered: Cell<bool>,
}

impl Builder {
    pub fn tick_duration(mut self, duration: Duration) -> Builder {
        self.tick = duration;
        self
    }

    /// There are no slots.
    pub fn num_slots(self, _: usize) -> Builder {
        self
    }

    /// There is no bound.
    pub fn capacity(self, _: usize) -> Builder {
        self
    }

    pub fn build<T>(self) -> Timer<T> {
        Timer {
            // A tick of zero would be a division by zero in `nearest`.
            tick: self.tick.max(Duration::from_millis(1)),
            start: Instant::now(),
            timeouts: BTreeMap::new(),
            number: 0,
            timer: crate::Timer::new(),
            registered: Cell::new(false),
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            tick: Duration::from_millis(100),
        }
    }
}

impl<T> Timer<T> {
    pub fn set_timeout(&mut self, delay_from_now: Duration, state: T) -> Result<Timeout> {
        let due = self.start.elapsed().saturating_add(delay_from_now);
        // Never in the tick that is now: who sets one whenever one expires would not come to an end.
        let tick = self.nearest(due).max(self.now().saturating_add(1));
        self.number += 1;
        let number = self.number;
        self.timeouts.insert((tick, number), state);
        self.arm();
        Ok(Timeout { tick, number })
    }

    pub fn cancel_timeout(&mut self, timeout: &Timeout) -> Option<T> {
        let state = self.timeouts.remove(&(timeout.tick, timeout.number));
        self.arm();
        state
    }

    /// The next that expires. Readable again at once while one is.
    pub fn poll(&mut self) -> Option<T> {
        let now = self.now();
        let due = self.timeouts.first_entry();
        let state = due
            .filter(|entry| entry.key().0 <= now)
            .map(|entry| entry.remove());
        self.arm();
        state
    }

    fn now(&self) -> u64 {
        self.nearest(self.start.elapsed())
    }

    /// The tick that is nearest to a time after the start.
    fn nearest(&self, time: Duration) -> u64 {
        let ticks = time.saturating_add(self.tick / 2).as_nanos() / self.tick.as_nanos();
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// The loop's timer is for the first timeout.
    fn arm(&self) {
        // Not registered: `register` does it then.
        let _ = match self.timeouts.first_key_value() {
            None => self.timer.cancel(),
            Some(((tick, _), _)) => {
                let ticks = u32::try_from(*tick).unwrap_or(u32::MAX);
                // Times are rounded to the nearest tick, so a tick begins half its length before
                // its time.
                let begins = self
                    .tick
                    .saturating_mul(ticks)
                    .saturating_sub(self.tick / 2);
                self.timer
                    .set_after(begins.saturating_sub(self.start.elapsed()))
            }
        };
    }

    fn registered(&self) -> io::Result<&crate::Timer> {
        match self.registered.get() {
            true => Ok(&self.timer),
            false => Err(io::Error::other("receiver not registered")),
        }
    }
}

impl<T> Default for Timer<T> {
    fn default() -> Self {
        Builder::default().build()
    }
}

impl<T> Evented for Timer<T> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        if self.registered.get() {
            return Err(io::Error::other("timer already registered"));
        }
        self.timer.register(poll, token, interest, opts)?;
        self.registered.set(true);
        self.arm();
        Ok(())
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.registered()?.reregister(poll, token, interest, opts)?;
        self.arm();
        Ok(())
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.registered()?.deregister(poll)
    }
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timer failed")
    }
}

impl error::Error for TimerError {}

impl fmt::Display for TimerErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimerOverflow")
    }
}
