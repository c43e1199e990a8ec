//! The loop traits of [`traits`](crate::traits), for this crate's own loop.

use crate::event::Events;
use crate::{Poll, PollOpt, Ready, Registration, SetReadiness, Token, local, traits};
use std::io;
use std::time::Duration;

/// The buffer of [`traits::Poll`] for this loop: iterating it takes the events out.
///
/// A type of its own, because mio's [`Events`] is an `IntoIterator` by value and so cannot be an
/// iterator.
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

    fn turn_is_over(&self) -> bool {
        self.shared().turn_is_over()
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

impl traits::Poll for local::Poll {
    type Events = LoopEvents;

    fn poll(&self, events: &mut LoopEvents, timeout: Option<Duration>) -> io::Result<usize> {
        events.next = 0;
        local::Poll::poll(self, &mut events.events, timeout)
    }

    fn now(&self) -> Duration {
        local::Poll::now(self)
    }
}

impl traits::UserSources for local::Poll {
    type Registration = local::Registration;
    type Trigger = local::SetReadiness;

    fn user_source() -> (local::Registration, local::SetReadiness) {
        local::Registration::new2()
    }
}

impl traits::TriggerReady for local::SetReadiness {
    fn set_readiness(&self, ready: traits::Ready) -> io::Result<()> {
        self.trigger(ready.into())
    }
}

/// mio takes a second registration for a reregistration; these traits do not.
macro_rules! registerable_user {
    ($poll:ty, $registration:ty) => {
        impl traits::Registerable<$poll> for $registration {
            fn register(
                &self,
                poll: &$poll,
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
                poll: &$poll,
                token: traits::Token,
                interest: traits::Ready,
            ) -> io::Result<bool> {
                if !self.is_registered_on(poll) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                poll.reregister(self, Token(token), interest.into(), PollOpt::edge())?;
                Ok(true)
            }

            fn deregister(&self, poll: &$poll) -> io::Result<()> {
                if !self.is_registered_on(poll) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                poll.deregister(self)
            }
        }
    };
}

registerable_user!(Poll, Registration);
registerable_user!(local::Poll, local::Registration);

/// For sources that know by themselves whether they are registered.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! registerable {
    ($($type:ty),*) => {$(
        registerable!($type, Poll, |poll| poll);
        registerable!($type, local::Poll, |poll| poll.shared());
    )*};
    ($type:ty, $poll:ty, |$name:ident| $inner:expr) => {
        impl traits::Registerable<$poll> for $type {
            fn register(&self, $name: &$poll, token: traits::Token, interest: traits::Ready) -> io::Result<bool> {
                $inner.register(self, Token(token), interest.into(), PollOpt::edge())?;
                Ok(true)
            }

            fn reregister(&self, $name: &$poll, token: traits::Token, interest: traits::Ready) -> io::Result<bool> {
                $inner.reregister(self, Token(token), interest.into(), PollOpt::edge())?;
                Ok(true)
            }

            fn deregister(&self, $name: &$poll) -> io::Result<()> {
                $inner.deregister(self)
            }
        }
    };
}

#[cfg(not(target_arch = "wasm32"))]
registerable!(
    crate::net::TcpListener,
    crate::net::TcpStream,
    crate::net::UdpSocket
);
