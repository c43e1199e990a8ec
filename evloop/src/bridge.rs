//! The loop traits of [`traits`](crate::traits), for this crate's own loop.

use crate::event::Events;
use crate::{Poll, PollOpt, Ready, Registration, SetReadiness, Token, traits};
use std::io;
use std::time::Duration;

/// The buffer of [`traits::Poll`] for this loop: iterating it takes the events out.
///
/// A type of its own, because mio's [`Events`] is an `IntoIterator` by value and so cannot be an iterator.
#[derive(Debug)]
pub struct LoopEvents {
    events: Events,
    next: usize,
}

impl Iterator for LoopEvents {
    type Item = traits::Event;

    fn next(&mut self) -> Option<traits::Event> {
        let event = self.events.get(self.next)?;
        self.next += 1;
        Some(traits::Event {
            kind: kind(event.readiness()),
            token: event.token().0,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.events.len() - self.next;
        (left, Some(left))
    }
}

impl traits::Events for LoopEvents {
    fn with_capacity(capacity: usize) -> Self {
        LoopEvents {
            events: Events::with_capacity(capacity),
            next: 0,
        }
    }
}

/// Errors and hang-ups are reported as both directions: whichever is tried sees them.
fn kind(ready: Ready) -> traits::Ready {
    let plain = Ready::readable() | Ready::writable();
    let odd = !(ready - plain - Ready::PRIORITY - Ready::READ_HUP).is_empty();
    match (
        ready.contains(Ready::writable()),
        !(ready & (Ready::readable() | Ready::PRIORITY | Ready::READ_HUP)).is_empty(),
    ) {
        _ if odd => traits::Ready::Both,
        (true, true) => traits::Ready::Both,
        (true, false) => traits::Ready::Writable,
        (false, _) => traits::Ready::Readable,
    }
}

impl From<traits::Ready> for Ready {
    fn from(ready: traits::Ready) -> Ready {
        match ready {
            traits::Ready::Readable => Ready::readable(),
            traits::Ready::Writable => Ready::writable(),
            traits::Ready::Both => Ready::readable() | Ready::writable(),
        }
    }
}

impl traits::Poll for Poll {
    type Events = LoopEvents;

    fn poll(&self, events: &mut LoopEvents, timeout: Option<Duration>) -> io::Result<usize> {
        events.next = 0;
        Poll::poll(self, &mut events.events, timeout)
    }

    fn now(&self) -> Duration {
        Poll::now(self)
    }
}

impl traits::UserSources for Poll {
    type Registration = Registration;
    type Trigger = SetReadiness;

    fn user_source() -> (Registration, SetReadiness) {
        Registration::new2()
    }
}

impl traits::TriggerReady for SetReadiness {
    fn set_readiness(&self, ready: traits::Ready) -> io::Result<()> {
        self.trigger(ready.into())
    }
}

impl traits::Registerable<Poll> for Registration {
    fn register(
        &self,
        poll: &Poll,
        token: traits::Token,
        interest: traits::Ready,
    ) -> io::Result<bool> {
        if self.is_registered_on(poll) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        poll.register(self, Token(token), interest.into(), PollOpt::edge())?;
        Ok(true)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: traits::Token,
        interest: traits::Ready,
    ) -> io::Result<bool> {
        if !self.is_registered_on(poll) {
            return Err(io::ErrorKind::NotFound.into());
        }
        poll.reregister(self, Token(token), interest.into(), PollOpt::edge())?;
        Ok(true)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        if !self.is_registered_on(poll) {
            return Err(io::ErrorKind::NotFound.into());
        }
        poll.deregister(self)
    }
}

/// For sources that know by themselves whether they are registered.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! registerable {
    ($($type:ty),*) => {$(
        impl traits::Registerable<Poll> for $type {
            fn register(&self, poll: &Poll, token: traits::Token, interest: traits::Ready) -> io::Result<bool> {
                poll.register(self, Token(token), interest.into(), PollOpt::edge())?;
                Ok(true)
            }

            fn reregister(&self, poll: &Poll, token: traits::Token, interest: traits::Ready) -> io::Result<bool> {
                poll.reregister(self, Token(token), interest.into(), PollOpt::edge())?;
                Ok(true)
            }

            fn deregister(&self, poll: &Poll) -> io::Result<()> {
                poll.deregister(self)
            }
        }
    )*};
}

#[cfg(not(target_arch = "wasm32"))]
registerable!(crate::net::TcpListener, crate::net::TcpStream);
