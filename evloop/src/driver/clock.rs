//! A clock that moves only when it is told to, shared by many loops.

use super::Driver;
use super::recording::{Journal, Recording};
use crate::event::Events;
use crate::lock::lock;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Virtual time for any number of loops on one thread: nothing waits, time jumps to the next
/// deadline, and a seed decides what order is not promised. The same seed and the same calls give
/// the same run.
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
    /// Deadline of each loop.
    deadlines: BTreeMap<u64, Duration>,
    /// Deadlines by time.
    agenda: BTreeSet<(Duration, u64)>,
    /// Idle loops that were notified since they were last polled, or whose deadline has passed.
    woken: BTreeSet<u64>,
    /// The loop that had the last turn: the next one is behind it.
    turn: u64,
    journal: Journal,
}

impl VirtualClock {
    /// A clock at zero. `seed` permutes the order of events that are ready at the same time.
    pub fn new(seed: u64) -> Self {
        VirtualClock::with(seed, Journal::Off)
    }

    /// Creates a clock that [records](VirtualClock::recording) what the polls of its loops give.
    /// Same-thread sources ([`local`](crate::local)) are not recorded: nothing is left to chance
    /// there.
    ///
    /// ```
    /// use mydht_evloop::driver::Recording;
    /// use mydht_evloop::{Events, PollOpt, Ready, Registration, Token, VirtualClock};
    ///
    /// // A program: which of two sources does it hear first?
    /// fn run(clock: &VirtualClock, second: usize) -> std::io::Result<()> {
    ///     let poll = clock.poll();
    ///     let sources = [1, second].map(|token| (token, Registration::new2()));
    ///     for (token, (registration, set)) in &sources {
    ///         poll.register(registration, Token(*token), Ready::readable(), PollOpt::edge())?;
    ///         set.set_readiness(Ready::readable())?;
    ///     }
    ///     poll.poll(&mut Events::with_capacity(8), None).map(drop)
    /// }
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let clock = VirtualClock::recorded(7);
    /// run(&clock, 2)?;
    /// let recording = clock.recording().expect("recorded");
    ///
    /// let again = VirtualClock::replay(Recording::from_bytes(recording.as_bytes().to_vec())?);
    /// run(&again, 2)?;
    /// assert_eq!(again.recording(), Some(recording.clone()), "to its end");
    ///
    /// let other = run(&VirtualClock::replay(recording), 3).unwrap_err();
    /// assert!(other.to_string().starts_with("the run differs from its recording at poll 1"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recorded(seed: u64) -> Self {
        VirtualClock::with(seed, Journal::Record(Recording::new(seed)))
    }

    /// A clock at zero with the seed of a recording. A poll that does not give what was recorded is
    /// an error of kind `InvalidData` that says what was expected.
    pub fn replay(recording: Recording) -> Self {
        VirtualClock::with(recording.seed(), Journal::replay(recording))
    }

    /// Returns what was recorded so far, or of a replayed recording the part that was confirmed:
    /// the run is complete when that equals the whole. `None` for a clock that does neither.
    pub fn recording(&self) -> Option<Recording> {
        self.time().journal.so_far()
    }

    fn with(seed: u64, journal: Journal) -> Self {
        VirtualClock {
            time: Arc::new(Mutex::new(Time {
                now: Duration::ZERO,
                seed,
                loops: 0,
                deadlines: BTreeMap::new(),
                agenda: BTreeSet::new(),
                woken: BTreeSet::new(),
                turn: 0,
                journal,
            })),
        }
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

    /// Makes the driver of one more loop, and says which number and which seed that loop has.
    pub(crate) fn driver(&self) -> (VirtualDriver, u64, u64) {
        let mut time = self.time();
        time.loops += 1;
        let id = time.loops;
        // Loops of one clock differ in their order too, or all nodes of a simulation would be shuffled alike.
        let seed = time.seed ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        drop(time);
        let driver = VirtualDriver {
            time: self.time.clone(),
            id,
        };
        (driver, id, seed)
    }

    /// A loop that has something to do: one of which a source became ready while it was idle, or
    /// whose deadline has passed. It is named once: whoever asks polls it. Loops take turns by
    /// their numbers, so that those that keep each other busy do not starve the others.
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
        // Passed deadlines are found here, so that moving the clock does not depend on the number
        // of loops.
        while let Some((deadline, id)) = time.agenda.first().copied()
            && deadline <= time.now
        {
            time.agenda.pop_first();
            time.deadlines.remove(&id);
            time.woken.insert(id);
        }
        let behind = (Bound::Excluded(time.turn), Bound::Unbounded);
        let next = time.woken.range(behind).next().copied();
        let id = next.or_else(|| time.woken.first().copied())?;
        time.woken.remove(&id);
        time.turn = id;
        Some(id)
    }

    /// True if [`take_turn`](VirtualClock::take_turn) has a loop to name, deadlines that passed
    /// since it was last asked aside.
    pub fn any_woken(&self) -> bool {
        !self.time().woken.is_empty()
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        lock(&self.time)
    }
}

/// One loop of a [`VirtualClock`].
#[derive(Debug)]
pub(crate) struct VirtualDriver {
    time: Arc<Mutex<Time>>,
    id: u64,
}

impl VirtualDriver {
    fn time(&self) -> MutexGuard<'_, Time> {
        lock(&self.time)
    }
}

impl Driver for VirtualDriver {
    fn now(&self) -> Duration {
        self.time().now
    }

    fn may_block(&self) -> bool {
        false
    }

    fn wait(&self, _: Option<Duration>, _: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        self.time().woken.insert(self.id);
        Ok(())
    }

    fn giving(&self, events: Option<&Events>) -> io::Result<()> {
        let mut time = self.time();
        let now = time.now;
        time.journal.note(self.id, now, events)
    }

    fn note(&self, deadline: Option<Duration>) {
        let mut time = self.time();
        // This poll has answered the wake. A later one finds the loop asleep and enters it again.
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
