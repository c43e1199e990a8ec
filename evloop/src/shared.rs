//! State that a [`Poll`](crate::Poll) and its sources share.

mod state;

use crate::Compat;
use crate::core::{Core, Fired};
use crate::driver::Driver;
use crate::inbox::{Inbox, Link, Linked};
use crate::lock;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use state::Noted;
pub(crate) use state::{State, TurnBudget};

/// The loop runs, or will look at its inbox before it sleeps.
pub const AWAKE: u8 = 0;
/// The loop waits in its driver, or for its next turn.
const ASLEEP: u8 = 1;
/// The loop is gone: nobody drains the inbox but the setters themselves.
pub const CLOSED: u8 = 2;

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State<Source>>,
    pub inbox: Inbox<Source>,
    pub sleep: AtomicU8,
    pub driver: Box<dyn Driver>,
    /// The driver may not block.
    pub by_turns: bool,
    /// The seat of the one thread that waits in the driver.
    seat: Mutex<Seat>,
    seat_free: Condvar,
    /// Mirrors whether the seat is taken, readable without its lock. Only the seat holder writes
    /// it.
    seated: AtomicBool,
    /// Number of sources: 0 lets a same-thread loop leave this one alone without taking its lock.
    population: AtomicUsize,
}

/// A user source: what the two ends of a registration and the loop's inbox share.
///
/// Beside [`Shared`], because each holds the other: a source knows its loop, and the loop's inbox
/// is a list of sources.
#[derive(Debug)]
pub(crate) struct Source {
    pub link: Link<Source>,
    /// The loop it was first registered on, for ever (statement 42).
    home: OnceLock<Arc<Shared>>,
}

impl Source {
    /// A source that is bound to no loop.
    pub fn new() -> Arc<Source> {
        Arc::new(Source {
            link: Link::new(),
            home: OnceLock::new(),
        })
    }

    #[inline]
    pub fn home(&self) -> Option<&Arc<Shared>> {
        self.home.get()
    }

    /// Binds the source to `shared` if it is not bound yet; returns the loop it is bound to.
    pub fn bind(&self, shared: &Arc<Shared>) -> &Arc<Shared> {
        self.home.get_or_init(|| shared.clone())
    }
}

impl Linked for Source {
    #[inline]
    fn link(&self) -> &Link<Source> {
        &self.link
    }
}

#[derive(Debug)]
struct Seat {
    /// Buffer that the thread on the seat collects into. `None`: the seat is taken.
    buffer: Option<Vec<(u64, u16)>>,
    /// Number of threads that wait for the seat. A condition variable makes a system call when it
    /// is notified, whether anybody waits or not: one for each poll of the operating system, if
    /// nobody counted.
    waiting: usize,
}

/// End of a driver's wait.
enum Waited {
    /// Look again.
    Look,
    /// The timeout has passed.
    Elapsed,
}

impl Shared {
    pub fn new(driver: Box<dyn Driver>) -> Arc<Self> {
        Arc::new(Shared {
            state: Mutex::new(State {
                core: Core::new(),
                users: Vec::new(),
                #[cfg(not(target_arch = "wasm32"))]
                os: Default::default(),
                compat: Compat::default(),
                streak: 0,
                os_budget: 1,
                noted: None,
                turn: None,
                passed_over: false,
                reports: Vec::new(),
                trace: None,
                shuffle: None,
            }),
            inbox: Inbox::new(),
            // An idle loop that cannot block is asleep from the start: its first source asks for a turn.
            sleep: AtomicU8::new(if driver.may_block() { AWAKE } else { ASLEEP }),
            by_turns: !driver.may_block(),
            driver,
            seat: Mutex::new(Seat {
                buffer: Some(Vec::new()),
                waiting: 0,
            }),
            seat_free: Condvar::new(),
            seated: AtomicBool::new(false),
            population: AtomicUsize::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<Source>> {
        lock::lock(&self.state)
    }

    /// The state, with everything that the setters said taken in.
    #[inline]
    pub fn enter(&self) -> MutexGuard<'_, State<Source>> {
        let mut state = self.lock();
        if self.inbox.drain(&mut state.reports) {
            state.take_in();
        }
        state
    }

    /// After a change of the sources.
    pub fn count(&self, state: &State<Source>) {
        self.population.store(state.core.len(), Ordering::Release);
    }

    /// True if there is no source at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.population.load(Ordering::Acquire) == 0
    }

    /// Ends the loop's sleep; true if it slept. No call of the driver otherwise.
    pub fn wake(&self) -> io::Result<bool> {
        // Of several setters one wins, so a sleep ends with a single call of the driver.
        let slept = self
            .sleep
            .compare_exchange(ASLEEP, AWAKE, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok();
        if slept {
            self.driver.notify()?;
        }
        Ok(slept)
    }

    /// The loop is gone.
    pub fn close(&self) {
        // First: a setter that pushes later drains the inbox itself, and one that pushed before is
        // drained below.
        self.sleep.store(CLOSED, Ordering::SeqCst);
        let mut state = self.enter();
        state.core = Core::new();
        // They are dropped without the lock: each may be the last reference to its source.
        let users = std::mem::take(&mut state.users);
        drop(state);
        drop(users);
        self.driver.note(None);
    }

    /// Waits until something is ready or `timeout` has passed, and gives `sink` at most `capacity`
    /// reports, with their numbers.
    #[inline]
    pub fn poll(
        &self,
        capacity: usize,
        timeout: Option<Duration>,
        interruptible: bool,
        sink: &mut impl FnMut(usize, Fired),
    ) -> io::Result<usize> {
        let mut state = self.lock();
        // mio 0.6 comes back empty when it is asked not to wait and another thread polls (statement 45).
        if state.compat == Compat::Mio06
            && timeout == Some(Duration::ZERO)
            && self.seated.load(Ordering::Relaxed)
        {
            return Ok(0);
        }
        if self.inbox.drain(&mut state.reports) {
            let events = state.pass_on(capacity, sink);
            if events > 0 {
                return Ok(events);
            }
            state.take_in();
        }
        self.poll_on(state, capacity, timeout, interruptible, sink)
    }

    /// The rest of a poll that could not just pass on what the setters said.
    // Not inlined: the way above is short, and should not save registers for this one.
    #[inline(never)]
    fn poll_on<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<Source>>,
        capacity: usize,
        timeout: Option<Duration>,
        interruptible: bool,
        sink: &mut impl FnMut(usize, Fired),
    ) -> io::Result<usize> {
        // The clock is read only once nothing was found.
        let mut deadline = None;
        loop {
            // A turn's first events are always given, so that a turn gets on however small its
            // budget is.
            if let Some(turn) = state.turn
                && turn.events > 0
                && timeout != Some(Duration::ZERO)
            {
                let now = self.driver.now();
                if now >= turn.end {
                    // Nothing may be ready when the turn ends: the deadline then brings the next one.
                    state.note(now, timeout);
                    self.driver.note(state.next_deadline());
                    return Err(would_block());
                }
            }
            if state.core.next_deadline().is_some() {
                let now = self.driver.now();
                state.core.advance(now);
            }
            // mio 0.6 does not wait while a source is queued, even if it was cleared since (statement 40).
            let passed_over = std::mem::take(&mut state.passed_over);
            let queued = state.compat == Compat::Mio06 && (passed_over || state.core.is_queued());
            // If the system's sources are due, user sources that are always ready must not delay
            // them further.
            if !state.os_due() {
                let events = state.harvest(capacity, &*self.driver, sink);
                if events > 0 {
                    return Ok(events);
                }
            }
            let timeout = if queued {
                // What this poll waited for is over, and the next wait starts anew.
                state.noted = None;
                Some(Duration::ZERO)
            } else {
                timeout
            };
            if self.by_turns {
                match self.turn_over(state, timeout)? {
                    Waited::Look => {
                        state = self.enter();
                        continue;
                    }
                    Waited::Elapsed => return Ok(0),
                }
            }
            // When the harvest was skipped above, something may be ready: then ask without waiting.
            if timeout == Some(Duration::ZERO) || state.has_ready() {
                let ask = state.os_len() > 0;
                state.streak = 0;
                drop(state);
                state = if ask {
                    self.ask(interruptible)?
                } else {
                    self.enter()
                };
                let events = state.harvest(capacity, &*self.driver, sink);
                if events > 0 || timeout == Some(Duration::ZERO) {
                    return Ok(events);
                }
                continue;
            }
            state.streak = 0;
            let timer = state.core.next_deadline();
            drop(state);
            // A wait for ever needs no clock.
            let now = match timeout.or(timer) {
                Some(_) => self.driver.now(),
                None => Duration::ZERO,
            };
            // A timeout that the clock cannot hold is a wait for ever.
            let deadline =
                *deadline.get_or_insert_with(|| timeout.and_then(|time| now.checked_add(time)));
            let waited;
            (waited, state) = self.sleep(now, deadline, timer, interruptible)?;
            if let Waited::Elapsed = waited {
                // What raced the deadline is given, not left for the next poll.
                return Ok(state.harvest(capacity, &*self.driver, sink));
            }
        }
    }

    /// False the first time that it is asked in a turn.
    pub fn turn_is_over(&self) -> bool {
        if !self.by_turns {
            return false;
        }
        let mut state = self.enter();
        let Some(turn) = &mut state.turn else {
            return false;
        };
        let asked = std::mem::replace(&mut turn.asked, true);
        let end = turn.end;
        drop(state);
        asked && self.driver.now() >= end
    }

    /// Nothing is ready and nothing may block.
    fn turn_over(
        &self,
        mut state: MutexGuard<'_, State<Source>>,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        if timeout == Some(Duration::ZERO) {
            return Ok(Waited::Elapsed);
        }
        let now = self.driver.now();
        if let Some(Noted {
            deadline: Some(deadline),
            ..
        }) = state.noted
            && now >= deadline
        {
            state.noted = None;
            return Ok(Waited::Elapsed);
        }
        state.note(now, timeout);
        // Before ASLEEP is stored: `note` forgets older wakes, and would forget one that comes in
        // between.
        self.driver.note(state.next_deadline());
        self.sleep.store(ASLEEP, Ordering::SeqCst);
        // A setter that pushed before it could see ASLEEP has woken nobody.
        if self.inbox.is_empty() {
            return Err(would_block());
        }
        self.sleep.store(AWAKE, Ordering::SeqCst);
        Ok(Waited::Look)
    }

    /// Waits in the driver for at most until the earlier of the two times. Returns the state as
    /// [`enter`](Shared::enter) does.
    fn sleep(
        &self,
        now: Duration,
        deadline: Option<Duration>,
        timer: Option<Duration>,
        interruptible: bool,
    ) -> io::Result<(Waited, MutexGuard<'_, State<Source>>)> {
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Ok((Waited::Elapsed, self.enter()));
        }
        let until = match (deadline, timer) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let remaining = until.map(|until| until.saturating_sub(now));
        let Some(mut found) = self.take_seat(remaining) else {
            return Ok((Waited::Look, self.enter()));
        };
        self.sleep.store(ASLEEP, Ordering::SeqCst);
        // Under the lock: a registration that makes the loop ready either is seen here or sees ASLEEP.
        let awake = self.enter().ends_wait() || !self.inbox.is_empty();
        let result = if awake {
            Ok(())
        } else {
            self.wait(remaining, interruptible, &mut found)
        };
        self.sleep.store(AWAKE, Ordering::SeqCst);
        let state = self.return_seat(found);
        result.map(|()| (Waited::Look, state))
    }

    /// Asks the driver what is ready now, unless another thread waits there already. Returns the
    /// state as [`enter`](Shared::enter) does.
    fn ask(&self, interruptible: bool) -> io::Result<MutexGuard<'_, State<Source>>> {
        let Some(mut found) = self.take_seat(Some(Duration::ZERO)) else {
            return Ok(self.enter());
        };
        let result = self.wait(Some(Duration::ZERO), interruptible, &mut found);
        let state = self.return_seat(found);
        result.map(|()| state)
    }

    fn wait(
        &self,
        timeout: Option<Duration>,
        interruptible: bool,
        found: &mut Vec<(u64, u16)>,
    ) -> io::Result<()> {
        match self
            .driver
            .wait(timeout, &mut |number, ready| found.push((number, ready)))
        {
            // The caller looks at the clock and goes on with the time that remains.
            Err(error) if error.kind() == io::ErrorKind::Interrupted && !interruptible => Ok(()),
            result => result,
        }
    }

    /// Gives what the driver found to the core, and returns the state.
    fn return_seat(&self, mut found: Vec<(u64, u16)>) -> MutexGuard<'_, State<Source>> {
        #[cfg_attr(target_arch = "wasm32", expect(unused_mut))]
        let mut state = self.enter();
        #[cfg(not(target_arch = "wasm32"))]
        {
            // A source that was deregistered during the wait has a key that names nothing.
            let State { core, os, .. } = &mut *state;
            for (number, ready) in &found {
                core.wake(os.key(*number), *ready);
            }
        }
        found.clear();
        // The state is locked before the seat, here and nowhere the other way round.
        let mut seat = lock::lock(&self.seat);
        seat.buffer = Some(found);
        self.seated.store(false, Ordering::Relaxed);
        self.notify_next(seat);
        state
    }

    /// Wakes one of the threads that wait for the seat, if there is one.
    fn notify_next(&self, seat: MutexGuard<'_, Seat>) {
        let waiting = seat.waiting > 0;
        drop(seat);
        if waiting {
            self.seat_free.notify_one();
        }
    }

    /// The seat, if it becomes free in time. Another waiter may find events for this one too, so
    /// the caller looks again when it is told that the seat was taken.
    fn take_seat(&self, timeout: Option<Duration>) -> Option<Vec<(u64, u16)>> {
        let mut seat = lock::lock(&self.seat);
        if seat.buffer.is_none() {
            if timeout == Some(Duration::ZERO) {
                return None;
            }
            seat.waiting += 1;
            seat = lock::wait(&self.seat_free, seat, timeout);
            seat.waiting -= 1;
            // Events may have come while this thread waited: look before sleeping. The seat is another thread's chance.
            if seat.buffer.is_some() {
                self.notify_next(seat);
            }
            return None;
        }
        self.seated.store(true, Ordering::Relaxed);
        seat.buffer.take()
    }

    /// True if a poll would find something. If not, the loop counts as idle: its next source asks
    /// for a turn.
    pub fn rest(&self) -> bool {
        loop {
            let mut state = self.enter();
            if state.core.next_deadline().is_some() {
                let now = self.driver.now();
                state.core.advance(now);
            }
            if state.ends_wait() {
                return true;
            }
            if !self.by_turns {
                return false;
            }
            self.driver.note(state.next_deadline());
            self.sleep.store(ASLEEP, Ordering::SeqCst);
            if self.inbox.is_empty() {
                return false;
            }
            self.sleep.store(AWAKE, Ordering::SeqCst);
        }
    }

    /// When a loop that may not block wants its next turn.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.enter().next_deadline()
    }
}

fn would_block() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}
