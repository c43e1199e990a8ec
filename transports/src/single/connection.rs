//! A connection on the loop: a machine, a timer, and who is told what.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady};
use mydht_evloop::{Handle, Poll, PollOpt, Registration, SetReadiness, Timer};

use super::machine::{Carrier, Machine};
use crate::Stream;
use crate::lock::lock;
use crate::session::Progress;

struct Inner<C> {
    machine: Machine<C>,
    /// The loop that it is registered on: it tells the time.
    events: Option<Handle>,
    deadline: Option<Duration>,
}

struct Shared<C, S> {
    /// Source that the loop watches for this connection.
    source: S,
    timer: Timer,
    /// Tells one half what the other half's call has changed.
    registration: Registration,
    trigger: SetReadiness,
    inner: Mutex<Inner<C>>,
}

/// A connection. Its clones, and its halves, are the same one; it is closed when the last is
/// dropped.
pub struct Connection<C, S>(Arc<Shared<C, S>>);

impl<C, S> Clone for Connection<C, S> {
    fn clone(&self) -> Self {
        Connection(self.0.clone())
    }
}

impl<C, S> fmt::Debug for Connection<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").finish_non_exhaustive()
    }
}

impl<C: Carrier, S> Connection<C, S> {
    /// A connection that `source` reports, and the setting end of `registration` too.
    pub fn new(
        machine: Machine<C>,
        source: S,
        (registration, trigger): (Registration, SetReadiness),
    ) -> Self {
        Connection(Arc::new(Shared {
            inner: Mutex::new(Inner {
                machine,
                events: None,
                deadline: None,
            }),
            source,
            timer: Timer::new(),
            registration,
            trigger,
        }))
    }
}

impl<C: Carrier, S> Shared<C, S> {
    /// Does what can be done now. What either half need no longer wait for is in what the machine
    /// reports.
    fn turn(&self, inner: &mut Inner<C>) {
        let now = inner.now();
        if inner.machine.turn(now) == Progress::More {
            self.tell(Ready::Readable);
        }
        self.follow(inner);
    }

    /// Sets the timer.
    fn follow(&self, inner: &mut Inner<C>) {
        let deadline = inner.machine.next_deadline();
        // Setting a timer wakes its loop, so only a change is passed on.
        if deadline != inner.deadline {
            inner.deadline = deadline;
            // It is not registered before the connection is, and then it is set.
            let _ = match deadline {
                Some(at) => self.timer.set_at(at),
                None => self.timer.cancel(),
            };
        }
    }

    /// Tells the halves of what has changed; `mine` has seen it.
    fn tell_others(&self, inner: &mut Inner<C>, mine: Ready) {
        while let Some(ready) = inner.machine.take_report() {
            match (ready, mine) {
                (Ready::Both, Ready::Readable) => self.tell(Ready::Writable),
                (Ready::Both, Ready::Writable) => self.tell(Ready::Readable),
                (ready, mine) if ready != mine => self.tell(ready),
                _ => {}
            }
        }
    }

    fn tell(&self, ready: Ready) {
        // It fails only when the system cannot wake a sleeping loop, and this is the loop's own thread.
        let _ = TriggerReady::set_readiness(&self.trigger, ready);
    }
}

impl<C> Inner<C> {
    fn now(&self) -> Duration {
        self.events.as_ref().map_or(Duration::ZERO, Handle::now)
    }
}

impl<C: Carrier, S> Read for Connection<C, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let shared = &*self.0;
        let mut inner = lock(&shared.inner);
        let mut result = inner.machine.read(buf);
        // What has come since may let it go on; if it still blocks then, a report will follow.
        if blocks(&result) {
            shared.turn(&mut inner);
            result = inner.machine.read(buf);
        }
        shared.tell_others(&mut inner, Ready::Readable);
        result
    }
}

impl<C: Carrier, S> Write for Connection<C, S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let shared = &*self.0;
        let mut inner = lock(&shared.inner);
        let mut result = inner.machine.write(buf);
        if blocks(&result) {
            shared.turn(&mut inner);
            result = inner.machine.write(buf);
        }
        shared.tell_others(&mut inner, Ready::Writable);
        result
    }

    /// Does nothing: `write` has already passed the bytes on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blocks(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl<C: Carrier, S: Registerable<Poll>> Registerable<Poll> for Connection<C, S> {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        let shared = &*self.0;
        shared.source.register(poll, token, Ready::Both)?;
        Registerable::register(&shared.registration, poll, token, interest)?;
        poll.register(
            &shared.timer,
            mydht_evloop::Token(token),
            Ready::Readable.into(),
            PollOpt::edge(),
        )?;
        let mut inner = lock(&shared.inner);
        inner.events = Some(poll.handle());
        // Forgotten, so that `turn` sets the timer, which could not be set before.
        inner.deadline = None;
        shared.turn(&mut inner);
        if let Some(ready) = inner.machine.readiness() {
            shared.tell(ready);
        }
        Ok(true)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        let shared = &*self.0;
        shared.source.reregister(poll, token, Ready::Both)?;
        Registerable::reregister(&shared.registration, poll, token, interest)?;
        poll.reregister(
            &shared.timer,
            mydht_evloop::Token(token),
            Ready::Readable.into(),
            PollOpt::edge(),
        )?;
        if let Some(ready) = lock(&shared.inner).machine.readiness() {
            shared.tell(ready);
        }
        Ok(true)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        let shared = &*self.0;
        poll.deregister(&shared.timer)?;
        Registerable::deregister(&shared.registration, poll)?;
        shared.source.deregister(poll)
    }
}

impl<C: Carrier, S: Registerable<Poll>> Stream<Poll> for Connection<C, S> {
    type ReadStream = Connection<C, S>;
    type WriteStream = Connection<C, S>;

    fn turn(&self, _: &Poll, reported: Ready) -> Option<Ready> {
        let shared = &*self.0;
        let mut inner = lock(&shared.inner);
        shared.turn(&mut inner);
        let mut reads = reported.is_readable();
        let mut writes = reported.is_writable();
        // What the halves were to be told is in the result, so it is not told again.
        while let Some(ready) = inner.machine.take_report() {
            reads |= ready.is_readable();
            writes |= ready.is_writable();
        }
        let now = inner.machine.readiness()?;
        match (reads && now.is_readable(), writes && now.is_writable()) {
            (true, true) => Some(Ready::Both),
            (true, false) => Some(Ready::Readable),
            (false, true) => Some(Ready::Writable),
            (false, false) => None,
        }
    }

    fn read_stream(&self) -> Self {
        self.clone()
    }

    fn write_stream(&self) -> Self {
        self.clone()
    }

    fn disconnect(&self) {
        let mut inner = lock(&self.0.inner);
        let now = inner.now();
        inner.machine.close(now);
        self.0.follow(&mut inner);
    }
}

/// For carriers that set the readiness of their connection themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Registerable<Poll> for Unwatched {
    fn register(&self, _: &Poll, _: Token, _: Ready) -> io::Result<bool> {
        Ok(false)
    }

    fn reregister(&self, _: &Poll, _: Token, _: Ready) -> io::Result<bool> {
        Ok(false)
    }

    fn deregister(&self, _: &Poll) -> io::Result<()> {
        Ok(())
    }
}
