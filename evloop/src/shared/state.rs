//! State behind the lock of a loop.

use std::sync::Arc;
use std::time::Duration;

use crate::core::{Cause, Core, Fired, Interest, Key, Trigger};
use crate::driver::Driver;
use crate::inbox::{Linked, Report};
use crate::trace::Trace;
use crate::{Compat, PollOpt, Ready};

#[derive(Debug)]
pub(crate) struct State<S> {
    pub core: Core,
    /// The user sources, by the indices of their slots in the core.
    pub(super) users: Vec<Option<Arc<S>>>,
    #[cfg(not(target_arch = "wasm32"))]
    pub os: crate::os_table::OsTable,
    pub compat: Compat,
    /// Polls in a row that found events without asking the operating system.
    pub streak: u32,
    /// Most such polls in a row while the operating system has sources of ours.
    pub os_budget: u32,
    /// Deadline of the last poll that could not block.
    pub noted: Option<Noted>,
    pub turn: Option<TurnBudget>,
    /// The poll that runs has passed over a source that was set and cleared before it was reported.
    pub passed_over: bool,
    /// Room for what the inbox gives.
    pub(super) reports: Vec<Report>,
    /// Reports, if somebody asked for them.
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
    /// Set when the program has asked whether the turn's budget is exhausted.
    pub asked: bool,
}

impl<S: Linked> State<S> {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn os_len(&self) -> usize {
        self.os.len()
    }

    #[cfg(target_arch = "wasm32")]
    pub fn os_len(&self) -> usize {
        0
    }

    /// True if a wait ends now: a source is ready or, as mio 0.6 has it, queued (statement 40).
    pub(super) fn ends_wait(&mut self) -> bool {
        // In this order: `has_ready` takes what was cleared off the list, which mio does not do.
        (self.compat == Compat::Mio06 && self.core.is_queued()) || self.has_ready()
    }

    /// True if a harvest would report something.
    pub fn has_ready(&mut self) -> bool {
        let State { core, users, .. } = self;
        core.has_ready_of(|key| still_set(users, key))
    }

    /// Takes a slot for a user source.
    pub fn insert_user(&mut self, source: Arc<S>, interest: Interest) -> Key {
        let key = self.core.insert_sampled(interest);
        let index = key.index() as usize;
        if self.users.len() <= index {
            self.users.resize_with(index + 1, || None);
        }
        if let Some(place) = self.users.get_mut(index) {
            *place = Some(source);
        }
        key
    }

    /// Gives the reference to the source of a slot back. Drop it outside of the lock: it may be the
    /// last one.
    pub fn forget_user(&mut self, key: Key) -> Option<Arc<S>> {
        // Keys that name nothing have no place here, and a slot is not used again before its source was forgotten.
        self.users.get_mut(key.index() as usize)?.take()
    }

    pub(super) fn os_due(&self) -> bool {
        self.streak >= self.os_budget && self.os_len() > 0
    }

    /// Notes what a poll that may not block waits for. The same call again, because of a spurious
    /// turn, goes on with the time that remains.
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
            // Stale if it was dropped since.
            let _ = if report.merge {
                self.core.trigger(report.key, report.ready)
            } else {
                // Something of interest was set, even if it is cleared by now: it is woken in any case.
                let woken = u16::MAX;
                self.core.update(report.key, report.ready, woken).map(drop)
            };
        }
    }

    /// Takes in what the setters said and reports it in one step, if nothing else has a say in what
    /// is reported next and there is room for all of it. The same as taking it in and harvesting,
    /// for less.
    #[inline]
    pub(super) fn pass_on(
        &mut self,
        capacity: usize,
        sink: &mut impl FnMut(usize, Fired),
    ) -> usize {
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
        for report in self.reports.iter().rev() {
            // A plain edge needs nothing of its slot, which need not be fetched then. The slot's readiness stays as it was:
            // nobody looks at that of a plain edge which is not on the ready list.
            let fired = if report.plain {
                let ready = report.ready & report.mask;
                (ready != 0).then_some(Fired {
                    key: report.key,
                    token: report.token,
                    ready,
                    cause: Cause::Set,
                })
            } else {
                self.core.set_and_report(report.key, report.ready)
            };
            if let Some(fired) = fired {
                sink(events, fired);
                events += 1;
            } else {
                self.passed_over |= self.core.is_wanted(report.key, u16::MAX);
            }
        }
        self.reports.clear();
        if events > 0 {
            self.found(events);
        }
        events
    }

    /// A poll gives this many events.
    pub(super) fn found(&mut self, events: usize) {
        self.passed_over = false;
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
        sink: &mut impl FnMut(usize, Fired),
    ) -> usize {
        let State {
            core, users, trace, ..
        } = self;
        let events = match trace {
            None => core.harvest_of(capacity, |key| still_set(users, key), sink),
            Some(trace) => {
                let now = driver.now();
                let sink = |index, fired: Fired| {
                    trace.push(now, &fired);
                    sink(index, fired);
                };
                core.harvest_of(capacity, |key| still_set(users, key), sink)
            }
        };
        if events > 0 {
            self.found(events);
        }
        events
    }
}

/// Returns which bits of a user source were not cleared: a clear is not queued.
fn still_set<S: Linked>(users: &[Option<Arc<S>>], key: Key) -> u16 {
    match users.get(key.index() as usize) {
        Some(Some(source)) => source.link().still_set(),
        _ => 0,
    }
}
