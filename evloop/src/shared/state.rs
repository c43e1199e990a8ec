//! What is behind the lock of a loop.

use std::time::Duration;

use crate::core::{Core, Fired, Interest, Trigger};
use crate::driver::Driver;
use crate::inbox::Report;
use crate::trace::Trace;
use crate::{Compat, PollOpt, Ready};

#[derive(Debug)]
pub(crate) struct State {
    pub core: Core,
    #[cfg(not(target_arch = "wasm32"))]
    pub os: crate::os_table::OsTable,
    pub compat: Compat,
    /// How many polls in a row found events without asking the operating system.
    pub streak: u32,
    /// How many of those are allowed while the operating system has sources of ours.
    pub os_budget: u32,
    /// What the last poll that could not block waits for.
    pub noted: Option<Noted>,
    pub turn: Option<TurnBudget>,
    /// Something was taken in from the inbox since the last poll looked.
    pub drained: bool,
    /// Room for what the inbox gives.
    pub(super) reports: Vec<Report>,
    /// What was reported, if somebody asked for it.
    pub trace: Option<Trace>,
    /// The state of the generator that permutes events, on a virtual clock.
    pub shuffle: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    pub timeout: Option<Duration>,
    pub deadline: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnBudget {
    pub end: Duration,
    pub events: usize,
    /// It was asked whether the turn is over.
    pub asked: bool,
}

impl State {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn os_len(&self) -> usize {
        self.os.len()
    }

    #[cfg(target_arch = "wasm32")]
    pub fn os_len(&self) -> usize {
        0
    }

    pub(super) fn os_due(&self) -> bool {
        self.streak >= self.os_budget && self.os_len() > 0
    }

    /// Notes what a poll that may not block waits for. The same call again, because of a spurious turn, goes on with
    /// the time that remains.
    pub(super) fn note(&mut self, now: Duration, timeout: Option<Duration>) {
        if self.noted.is_none_or(|noted| noted.timeout != timeout) {
            self.noted = Some(Noted {
                timeout,
                deadline: timeout.and_then(|time| now.checked_add(time)),
            });
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let noted = self.noted.and_then(|noted| noted.deadline);
        match (noted, self.core.next_deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn user_interest(&self, interest: Ready, opts: PollOpt) -> Interest {
        let trigger = if opts.is_edge() {
            Trigger::Edge
        } else {
            Trigger::Level
        };
        Interest {
            mask: interest.mask(),
            trigger,
            // mio 0.6 honours oneshot on user sources only together with edge (statement 38).
            oneshot: opts.is_oneshot() && (opts.is_edge() || self.compat == Compat::Fixed),
        }
    }

    /// Takes in what the setters said, in the order in which they said it.
    #[inline]
    pub(super) fn take_in(&mut self) {
        for report in self.reports.drain(..).rev() {
            self.drained = true;
            if report.merge {
                // Stale if it was deregistered since.
                let _ = self.core.trigger(report.key, report.ready);
            } else {
                self.core.set(report.key, report.ready);
            }
        }
    }

    /// Takes in what the setters said and reports it in one step, if nothing else has a say in what is reported
    /// next and there is room for all of it. The same as taking it in and harvesting, for less.
    #[inline]
    pub(super) fn pass_on(&mut self, capacity: usize, sink: &mut impl FnMut(Fired)) -> usize {
        if self.reports.len() > capacity
            || self.core.ready_len() > 0
            || self.core.next_deadline().is_some()
            || self.turn.is_some()
            || self.trace.is_some()
            || self.os_due()
        {
            return 0;
        }
        let mut events = 0;
        for report in self.reports.drain(..).rev() {
            self.drained = true;
            if let Some(fired) = self.core.set_and_report(report.key, report.ready) {
                sink(fired);
                events += 1;
            }
        }
        if events > 0 {
            self.found(events);
        }
        events
    }

    /// A poll gives this many events.
    pub(super) fn found(&mut self, events: usize) {
        self.drained = false;
        self.streak = self.streak.saturating_add(1);
        self.noted = None;
        if let Some(turn) = &mut self.turn {
            turn.events += events;
        }
    }

    pub(super) fn harvest(
        &mut self,
        capacity: usize,
        driver: &dyn Driver,
        sink: &mut impl FnMut(Fired),
    ) -> usize {
        let events = match &mut self.trace {
            None => self.core.harvest(capacity, sink),
            Some(trace) => {
                let now = driver.now();
                self.core.harvest(capacity, |fired| {
                    trace.push(now, &fired);
                    sink(fired);
                })
            }
        };
        if events > 0 {
            self.found(events);
        }
        events
    }
}
