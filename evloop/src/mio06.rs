//! The loop traits for the registry's mio 0.6 (feature `mio06`): what is written against
//! [`traits`] runs on either loop.
//!
//! ```
//! use mydht_evloop::mio06::Poll;
//! use mydht_evloop::traits::{Events, Poll as _, Ready, Registerable, TriggerReady, UserSources};
//!
//! # fn main() -> std::io::Result<()> {
//! let poll = Poll::new()?;
//! let (registration, trigger) = Poll::user_source();
//! registration.register(&poll, 4, Ready::Readable)?;
//! trigger.set_readiness(Ready::Readable)?;
//! let mut events = <Poll as mydht_evloop::traits::Poll>::Events::with_capacity(8);
//! poll.poll(&mut events, None)?;
//! assert_eq!(events.next().map(|event| event.token), Some(4));
//! # Ok(())
//! # }
//! ```

use crate::lock::lock;
use crate::traits;
use mio06::{PollOpt, Ready, Token, net, unix};
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// mio's poll with a clock of its own.
#[derive(Debug)]
pub struct Poll {
    poll: mio06::Poll,
    epoch: Instant,
}

impl Poll {
    /// As `mio::Poll::new`.
    ///
    /// # Errors
    /// As that.
    pub fn new() -> io::Result<Poll> {
        Ok(Poll {
            poll: mio06::Poll::new()?,
            epoch: Instant::now(),
        })
    }

    /// mio's own.
    pub fn get_ref(&self) -> &mio06::Poll {
        &self.poll
    }
}

/// mio's events, taken out one by one.
#[derive(Debug)]
pub struct Events {
    events: mio06::Events,
    next: usize,
}

impl Iterator for Events {
    type Item = traits::Event;

    fn next(&mut self) -> Option<traits::Event> {
        let event = self.events.iter().nth(self.next)?;
        self.next += 1;
        let ready = unix::UnixReady::from(event.readiness());
        let odd = ready.is_error() || ready.is_hup();
        let kind = match (ready.is_readable() || odd, ready.is_writable() || odd) {
            (true, true) => traits::Ready::Both,
            (false, true) => traits::Ready::Writable,
            (_, false) => traits::Ready::Readable,
        };
        Some(traits::Event {
            kind,
            token: event.token().0,
        })
    }
}

impl traits::Events for Events {
    fn with_capacity(capacity: usize) -> Self {
        Events {
            events: mio06::Events::with_capacity(capacity),
            next: 0,
        }
    }
}

impl traits::Poll for Poll {
    type Events = Events;

    fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        events.next = 0;
        self.poll.poll(&mut events.events, timeout)
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

fn interest(ready: traits::Ready) -> Ready {
    match ready {
        traits::Ready::Readable => Ready::readable(),
        traits::Ready::Writable => Ready::writable(),
        traits::Ready::Both => Ready::readable() | Ready::writable(),
    }
}

/// mio's registration, with a memory of whether it is registered: mio does not say.
#[derive(Debug)]
pub struct Registration {
    registration: mio06::Registration,
    registered: Mutex<bool>,
}

/// mio's setter. What it sets replaces what was set before, reported or not, as in mio.
#[derive(Clone, Debug)]
pub struct SetReadiness(mio06::SetReadiness);

impl traits::UserSources for Poll {
    type Registration = Registration;
    type Trigger = SetReadiness;

    fn user_source() -> (Registration, SetReadiness) {
        let (registration, set) = mio06::Registration::new2();
        (
            Registration {
                registration,
                registered: Mutex::new(false),
            },
            SetReadiness(set),
        )
    }
}

impl traits::TriggerReady for SetReadiness {
    fn set_readiness(&self, ready: traits::Ready) -> io::Result<()> {
        self.0.set_readiness(interest(ready))
    }
}

impl Registration {
    /// Runs `change` if the registration is in the state that it needs, and notes the state that it
    /// leaves.
    fn change(
        &self,
        from: bool,
        to: bool,
        change: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        // Held over the call: two threads that register at once must not both succeed.
        let mut registered = lock(&self.registered);
        if *registered != from {
            let kind = if from {
                io::ErrorKind::NotFound
            } else {
                io::ErrorKind::AlreadyExists
            };
            return Err(kind.into());
        }
        change()?;
        *registered = to;
        Ok(())
    }
}

impl traits::Registerable<Poll> for Registration {
    fn register(
        &self,
        poll: &Poll,
        token: traits::Token,
        ready: traits::Ready,
    ) -> io::Result<bool> {
        self.change(false, true, || {
            let opts = PollOpt::edge();
            poll.poll
                .register(&self.registration, Token(token), interest(ready), opts)
        })?;
        Ok(true)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: traits::Token,
        ready: traits::Ready,
    ) -> io::Result<bool> {
        self.change(true, true, || {
            let opts = PollOpt::edge();
            poll.poll
                .reregister(&self.registration, Token(token), interest(ready), opts)
        })?;
        Ok(true)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.change(true, false, || poll.poll.deregister(&self.registration))
    }
}

macro_rules! registerable {
    ($($type:ty),*) => {$(
        impl traits::Registerable<Poll> for $type {
            fn register(&self, poll: &Poll, token: traits::Token, ready: traits::Ready) -> io::Result<bool> {
                poll.poll.register(self, Token(token), interest(ready), PollOpt::edge())?;
                Ok(true)
            }

            fn reregister(&self, poll: &Poll, token: traits::Token, ready: traits::Ready) -> io::Result<bool> {
                poll.poll.reregister(self, Token(token), interest(ready), PollOpt::edge())?;
                Ok(true)
            }

            fn deregister(&self, poll: &Poll) -> io::Result<()> {
                poll.poll.deregister(self)
            }
        }
    )*};
}

registerable!(net::TcpListener, net::TcpStream, net::UdpSocket);
