//! A clock that moves only when it is told to, shared by many loops.

use super::Driver;
use crate::Poll;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Virtual time for any number of loops on one thread: nothing waits, time jumps to the next deadline, and a seed
/// decides what order is not promised. The same seed and the same calls give the same run.
///
/// ```
/// use mydht_evloop::{Events, VirtualClock};
/// use std::{io::ErrorKind, time::Duration};
///
/// let clock = VirtualClock::new(1);
/// let poll = clock.poll();
/// let mut events = Events::with_capacity(8);
/// let hour = Some(Duration::from_secs(3600));
/// assert_eq!(poll.poll(&mut events, hour).unwrap_err().kind(), ErrorKind::WouldBlock);
/// assert_eq!(clock.jump(), hour);
/// assert_eq!(poll.poll(&mut events, hour).unwrap(), 0, "the hour has passed");
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock {
    time: Arc<Mutex<Time>>,
}

#[derive(Debug)]
struct Time {
    now: Duration,
    seed: u64,
    loops: u64,
    /// What each loop waits for.
    deadlines: BTreeMap<u64, Duration>,
    /// The same, by time.
    agenda: BTreeSet<(Duration, u64)>,
    /// Idle loops that were notified since they were last polled.
    woken: BTreeSet<u64>,
}

impl VirtualClock {
    /// A clock at zero. `seed` permutes the order of events that are ready at the same time.
    pub fn new(seed: u64) -> Self {
        VirtualClock {
            time: Arc::new(Mutex::new(Time {
                now: Duration::ZERO,
                seed,
                loops: 0,
                deadlines: BTreeMap::new(),
                agenda: BTreeSet::new(),
                woken: BTreeSet::new(),
            })),
        }
    }

    /// A loop on this clock.
    pub fn poll(&self) -> Poll {
        self.numbered_poll().1
    }

    /// Time since the clock was made.
    pub fn now(&self) -> Duration {
        self.time().now
    }

    /// The earliest deadline over all loops of this clock.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.time().agenda.first().map(|(deadline, _)| *deadline)
    }

    /// Moves the clock on to `time`; it never goes back.
    pub fn advance_to(&self, time: Duration) {
        let mut state = self.time();
        state.now = state.now.max(time);
    }

    /// Moves the clock on by `step`.
    pub fn advance(&self, step: Duration) {
        let mut state = self.time();
        state.now = state.now.saturating_add(step);
    }

    /// Jumps to the earliest deadline and gives the new time; `None` if no loop waits for a time.
    pub fn jump(&self) -> Option<Duration> {
        let deadline = self.next_deadline()?;
        self.advance_to(deadline);
        Some(self.now())
    }

    /// A loop on this clock, and its number: what [`take_turn`](VirtualClock::take_turn) says.
    pub fn numbered_poll(&self) -> (u64, Poll) {
        let mut time = self.time();
        time.loops += 1;
        let id = time.loops;
        // Loops of one clock differ in their order too, or all nodes of a simulation would be shuffled alike.
        let seed = time.seed ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        drop(time);
        let poll = Poll::with_driver(VirtualDriver {
            time: self.time.clone(),
            id,
        });
        poll.shuffle(seed);
        (id, poll)
    }

    /// A loop that has something to do: one of which a source became ready while it was idle, else one whose deadline
    /// has passed. It is named once: whoever asks polls it.
    ///
    /// With many loops on one clock, a step then costs what happens in it, not their number.
    ///
    /// ```
    /// use mydht_evloop::{Events, PollOpt, Ready, Registration, Token, VirtualClock};
    ///
    /// let clock = VirtualClock::new(1);
    /// let (_, quiet) = clock.numbered_poll();
    /// let (number, busy) = clock.numbered_poll();
    /// let (registration, set_readiness) = Registration::new2();
    /// busy.register(&registration, Token(0), Ready::readable(), PollOpt::edge())?;
    /// let mut events = Events::with_capacity(8);
    /// assert!(quiet.poll(&mut events, None).is_err());
    /// assert!(busy.poll(&mut events, None).is_err());
    /// set_readiness.set_readiness(Ready::readable())?;
    /// assert_eq!(clock.take_turn(), Some(number));
    /// assert_eq!(clock.take_turn(), None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_turn(&self) -> Option<u64> {
        let mut time = self.time();
        if let Some(id) = time.woken.pop_first() {
            return Some(id);
        }
        let (deadline, id) = *time.agenda.first()?;
        if deadline > time.now {
            return None;
        }
        time.agenda.pop_first();
        time.deadlines.remove(&id);
        Some(id)
    }

    /// True if a source of some idle loop became ready since that loop was last polled.
    pub fn any_woken(&self) -> bool {
        !self.time().woken.is_empty()
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct VirtualDriver {
    time: Arc<Mutex<Time>>,
    id: u64,
}

impl VirtualDriver {
    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for VirtualDriver {
    fn now(&self) -> Duration {
        self.time().now
    }

    fn may_block(&self) -> bool {
        false
    }

    fn wait(&self, _: Option<Duration>, _: &mut dyn FnMut(u32, u16)) -> io::Result<()> {
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        self.time().woken.insert(self.id);
        Ok(())
    }

    fn note(&self, deadline: Option<Duration>) {
        let mut time = self.time();
        time.woken.remove(&self.id);
        if let Some(old) = time.deadlines.remove(&self.id) {
            time.agenda.remove(&(old, self.id));
        }
        if let Some(new) = deadline {
            time.deadlines.insert(self.id, new);
            time.agenda.insert((new, self.id));
        }
    }
}

impl Drop for VirtualDriver {
    fn drop(&mut self) {
        self.note(None);
    }
}
