//! Timers as sources.

use crate::core::{Interest, Key, TimerKey, Trigger};
use crate::event::Evented;
use crate::lock::lock;
use crate::shared::Shared;
use crate::{Poll, PollOpt, Ready, Token};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

/// A source that becomes readable, once, when its loop's clock reaches a deadline. It works on
/// every driver, on a virtual clock too; it costs no descriptor and no thread.
///
/// It is reported once per [`set_at`](Timer::set_at), whatever the options. Deregistering or
/// dropping it cancels it.
///
/// ```
/// use mydht_evloop::{Events, PollOpt, Ready, Timer, Token, VirtualClock};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let clock = VirtualClock::new(1);
/// let poll = clock.poll();
/// let timer = Timer::new();
/// poll.register(&timer, Token(9), Ready::readable(), PollOpt::edge())?;
/// timer.set_after(Duration::from_secs(60))?;
///
/// let mut events = Events::with_capacity(8);
/// assert!(poll.poll(&mut events, None).is_err(), "would block");
/// assert_eq!(clock.jump(), Some(Duration::from_secs(60)));
/// assert_eq!(poll.poll(&mut events, None)?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Timer {
    place: Mutex<Option<Place>>,
}

#[derive(Debug)]
struct Place {
    shared: Weak<Shared>,
    key: Key,
    timer: Option<TimerKey>,
}

impl Timer {
    /// A timer that is not registered and not set.
    pub fn new() -> Timer {
        Timer::default()
    }

    /// Fires when the loop's clock ([`Poll::now`]) reaches `deadline`, instead of when it was set
    /// to before.
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    pub fn set_at(&self, deadline: Duration) -> io::Result<()> {
        self.set(|_| Some(deadline))
    }

    /// Fires `delay` from now.
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    pub fn set_after(&self, delay: Duration) -> io::Result<()> {
        self.set(|shared| Some(shared.driver.now().saturating_add(delay)))
    }

    /// Does not fire after all; what was pending is dropped too.
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    pub fn cancel(&self) -> io::Result<()> {
        self.set(|_| None)
    }

    fn set(&self, deadline: impl FnOnce(&Shared) -> Option<Duration>) -> io::Result<()> {
        // The timer's lock before the loop's, here and in all of this file.
        let mut place = self.lock();
        let place = place.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let shared = place.shared.upgrade().ok_or(io::ErrorKind::NotFound)?;
        let deadline = deadline(&shared);
        let mut state = shared.enter();
        if let Some(old) = place.timer.take() {
            state.core.remove_timer(old);
        }
        // Stale only once the loop is gone.
        let _ = state.core.update(place.key, 0, 0);
        place.timer = deadline.map(|deadline| {
            state
                .core
                .insert_timer(deadline, place.key, Ready::READABLE.mask())
        });
        drop(state);
        // Whoever sleeps or waits for a turn has to reckon with the new deadline.
        if place.timer.is_some() {
            shared.wake()?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        lock(&self.place)
    }

    fn leave(place: Option<Place>) -> bool {
        let Some(place) = place else {
            return false;
        };
        if let Some(shared) = place.shared.upgrade() {
            let mut state = shared.enter();
            if let Some(timer) = place.timer {
                state.core.remove_timer(timer);
            }
            // Stale only once the loop is gone.
            let _ = state.core.remove(place.key);
            shared.count(&state);
        }
        true
    }
}

fn interest(interest: Ready) -> Interest {
    Interest::new(interest.mask(), Trigger::Pulse)
}

impl Evented for Timer {
    fn register(&self, poll: &Poll, token: Token, ready: Ready, _: PollOpt) -> io::Result<()> {
        let mut place = self.lock();
        if place.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut state = poll.shared().enter();
        let key = state.core.insert(token.0, interest(ready), 0);
        poll.shared().count(&state);
        *place = Some(Place {
            shared: Arc::downgrade(poll.shared()),
            key,
            timer: None,
        });
        Ok(())
    }

    fn reregister(&self, poll: &Poll, token: Token, ready: Ready, _: PollOpt) -> io::Result<()> {
        match &*self.lock() {
            Some(place) if place.shared.ptr_eq(&Arc::downgrade(poll.shared())) => poll
                .shared()
                .enter()
                .core
                .modify(place.key, token.0, interest(ready))
                .map_err(|_| io::ErrorKind::NotFound.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        let mut place = self.lock();
        match &*place {
            Some(old) if old.shared.ptr_eq(&Arc::downgrade(poll.shared())) => {
                Timer::leave(place.take());
                Ok(())
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        Timer::leave(self.lock().take());
    }
}
