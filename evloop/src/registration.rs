//! User sources: what any code can make ready, from any thread.

use crate::shared::Source;
use crate::{Poll, PollOpt, Ready, Token, event::Evented};
use std::sync::Arc;
use std::{fmt, io};

/// The registered end of a user source.
///
/// Bound for ever to the first [`Poll`] it is registered on. Dropping it deregisters it and drops
/// what is pending.
///
/// ```
/// use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, Token};
///
/// # fn main() -> std::io::Result<()> {
/// let poll = Poll::new()?;
/// let (registration, set_readiness) = Registration::new2();
/// poll.register(&registration, Token(3), Ready::readable(), PollOpt::edge())?;
///
/// set_readiness.set_readiness(Ready::readable())?;
/// let mut events = Events::with_capacity(16);
/// poll.poll(&mut events, None)?;
/// let event = events.iter().next();
/// assert_eq!(event.map(|event| event.token()), Some(Token(3)));
/// # Ok(())
/// # }
/// ```
pub struct Registration {
    source: Arc<Source>,
}

/// The setting end of a user source: cheap to clone, usable from any thread, never blocks.
#[derive(Clone)]
pub struct SetReadiness {
    source: Arc<Source>,
}

impl Registration {
    /// A new pair of ends, not registered and with no readiness.
    pub fn new2() -> (Registration, SetReadiness) {
        let source = Source::new();
        (
            Registration {
                source: source.clone(),
            },
            SetReadiness { source },
        )
    }

    /// True if it is registered on `poll` now.
    pub(crate) fn is_registered_on(&self, poll: &Poll) -> bool {
        self.source.link.is_attached()
            && self
                .source
                .home()
                .is_some_and(|home| Arc::ptr_eq(home, poll.shared()))
    }
}

impl Evented for Registration {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        poll.shared().attach(&self.source, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        poll.shared().attach(&self.source, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        poll.shared().detach(&self.source)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        match self.source.home() {
            Some(home) => home.kill(&self.source),
            // Not bound, so no loop has a reference to give back: only the setters have to know.
            None => {
                self.source.link.kill();
            }
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").finish()
    }
}

impl SetReadiness {
    /// Returns the readiness that was last set while the [`Registration`] existed.
    pub fn readiness(&self) -> Ready {
        Ready::from_bits(self.source.link.ready())
    }

    /// Replaces the readiness. If any of it is of interest, the loop reports it (edge-triggered:
    /// again, even if nothing changed); set and cleared before the loop looks, nothing is reported.
    ///
    /// Once the [`Registration`] is gone, nothing is set any more.
    ///
    /// # Errors
    /// What the operating system says when a sleeping loop cannot be woken. Not when the
    /// [`Registration`] is gone.
    #[inline]
    pub fn set_readiness(&self, ready: Ready) -> io::Result<()> {
        if self.source.link.set(ready.mask()) {
            return self.push();
        }
        Ok(())
    }

    /// As [`set_readiness`](SetReadiness::set_readiness), but what was triggered since the loop
    /// last reported this source stays: two setters of different kinds do not undo one another.
    ///
    /// # Errors
    /// As [`set_readiness`](SetReadiness::set_readiness).
    #[inline]
    pub fn trigger(&self, ready: Ready) -> io::Result<()> {
        if self.source.link.trigger(ready.mask()) {
            return self.push();
        }
        Ok(())
    }

    #[inline]
    fn push(&self) -> io::Result<()> {
        match self.source.home() {
            Some(home) => home.push(&self.source),
            // Not reached: only an attached source is pushed, and it was bound before.
            None => Ok(()),
        }
    }
}

impl fmt::Debug for SetReadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetReadiness").finish()
    }
}
