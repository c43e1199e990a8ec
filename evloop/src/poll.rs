//! The loop.

use crate::core::Fired;
use crate::driver::{Driver, Turns};
use crate::event::{Evented, Events};
use crate::handle::Handle;
use crate::shared::Shared;
use crate::trace::{Record, Trace};
use crate::{Compat, PollOpt, Ready, Token};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

/// Watches any number of sources and says which are ready.
///
/// Made by [`Poll::new`] it waits in the operating system, or in the browser takes turns (see
/// `js`); [`Poll::with_driver`] chooses. It may be shared between threads; every method takes
/// `&self`.
///
/// While user sources are ready, a poll makes no system call beyond its
/// [budget](Poll::set_os_budget) and does not read the clock.
pub struct Poll {
    shared: Arc<Shared>,
}

impl Poll {
    /// A loop that waits in the operating system; on wasm32, one that takes turns.
    ///
    /// # Errors
    /// When the operating system has no more descriptors to give.
    pub fn new() -> io::Result<Poll> {
        #[cfg(not(target_arch = "wasm32"))]
        return Ok(Poll::with_driver(crate::driver::Os::new()?));
        #[cfg(target_arch = "wasm32")]
        Ok(Poll::with_driver(Turns::new()))
    }

    /// A loop that waits with `driver`.
    pub fn with_driver(driver: impl Driver + 'static) -> Poll {
        Poll {
            shared: Shared::new(Box::new(driver)),
        }
    }

    /// A loop that never blocks: [`Poll::with_driver`] with [`Turns`].
    pub fn turns() -> Poll {
        Poll::with_driver(Turns::new())
    }

    /// Starts watching `handle`. Its events carry `token`; only what is in `interest` is reported
    /// (errors and hang-ups of the operating system's sources always are).
    ///
    /// # Errors
    /// `Other` for `Token(usize::MAX)` and for a source that belongs to another loop;
    /// `AlreadyExists` if the operating system knows it already (user sources take the second
    /// registration for a reregistration).
    pub fn register<E>(
        &self,
        handle: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        validate(token)?;
        handle.register(self, token, interest, opts)
    }

    /// Replaces token, interest and options, arms a oneshot source again, and reports the source if
    /// it is ready.
    ///
    /// # Errors
    /// As [`register`](Poll::register); `NotFound` if the operating system does not know it.
    pub fn reregister<E>(
        &self,
        handle: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        validate(token)?;
        handle.reregister(self, token, interest, opts)
    }

    /// Stops watching `handle`. What was pending is never reported.
    ///
    /// # Errors
    /// `NotFound` if the operating system does not know it; `Other` if it belongs to another loop.
    pub fn deregister<E>(&self, handle: &E) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        handle.deregister(self)
    }

    /// Waits until a source is ready or `timeout` has passed (`None`: for ever), fills `events` and
    /// says how many there are. An interruption by a signal does not end the wait.
    ///
    /// # Errors
    /// `InvalidInput` if `events` has no capacity. `WouldBlock` where nothing may block: nothing is
    /// ready, the loop has noted the deadline, and its driver will come back; once the deadline has
    /// passed, the next poll is `Ok(0)`.
    pub fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.poll_with(events, timeout, false)
    }

    /// As [`poll`](Poll::poll), but a signal ends the wait.
    ///
    /// # Errors
    /// As [`poll`](Poll::poll), and `Interrupted`.
    pub fn poll_interruptible(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.poll_with(events, timeout, true)
    }

    fn poll_with(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        interruptible: bool,
    ) -> io::Result<usize> {
        let capacity = events.capacity();
        events.clear();
        if capacity == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut sink = |index, fired: Fired| events.write(index, fired.ready, fired.token);
        let result = self
            .shared
            .poll(capacity, timeout, interruptible, &mut sink);
        if let Ok(count) = result {
            events.set_len(count);
        }
        if self.shared.by_turns {
            self.giving(&result, events)?;
        }
        result
    }

    /// Puts what is given in the order of the seed, if there is one, and shows it to the driver.
    #[cold]
    fn giving(&self, result: &io::Result<usize>, events: &mut Events) -> io::Result<()> {
        self.permute(events);
        let given = match result {
            Ok(_) => Some(&*events),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(_) => return Ok(()),
        };
        let shown = self.shared.driver.giving(given);
        if shown.is_err() {
            events.clear();
        }
        shown
    }

    /// Sets the number of polls in a row that may find events without asking the operating system
    /// (1 by default). It is asked only while it has sources of this loop. With 0 every poll asks.
    pub fn set_os_budget(&self, polls: u32) {
        self.shared.enter().os_budget = polls;
    }

    /// Which of mio's quirks the loop keeps. It counts for later registrations.
    pub fn set_compat(&self, compat: Compat) {
        self.shared.enter().compat = compat;
    }

    /// Keeps the last `capacity` reports and their causes from now on (0: stops). Off by default.
    pub fn trace(&self, capacity: usize) {
        self.shared.enter().trace = (capacity > 0).then(|| Trace::new(capacity));
    }

    /// The reports since the last call, the oldest first: why tokens fired.
    pub fn take_trace(&self) -> Vec<Record> {
        let mut state = self.shared.enter();
        state.trace.as_mut().map_or_else(Vec::new, Trace::take)
    }

    /// Time since the loop's own epoch.
    pub fn now(&self) -> Duration {
        self.shared.driver.now()
    }

    /// Returns the handle by which a driver's owner and the browser run this loop by turns.
    pub fn handle(&self) -> Handle {
        Handle::new(&self.shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Permutes the events of a poll from now on, by `seed`.
    pub(crate) fn shuffle(&self, seed: u64) {
        // Zero is the one state that the generator never leaves.
        self.shared.enter().shuffle = Some(seed | 1);
    }

    fn permute(&self, events: &mut Events) {
        if events.len() < 2 {
            return;
        }
        let mut state = self.shared.enter();
        let Some(random) = &mut state.shuffle else {
            return;
        };
        // Fisher and Yates, with Marsaglia's xorshift64.
        for last in (1..events.len()).rev() {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            events.swap(last, (*random % (last as u64 + 1)) as usize);
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poll").finish()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Poll {
    /// The operating system's selector, readable when one of its sources is ready; -1 for a loop
    /// without one.
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.shared.driver.os().map_or(-1, |os| os.raw())
    }
}

pub(crate) fn validate(token: Token) -> io::Result<()> {
    if token.0 == usize::MAX {
        return Err(io::Error::other("invalid token"));
    }
    Ok(())
}
