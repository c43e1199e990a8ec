//! Connections that may still be under way.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use mydht_transports::Stream;

use super::Opened;

/// State of a connection that may still be opening.
pub(super) struct Slot<S>(Mutex<State<S>>);

enum State<S> {
    Opening,
    Open(S),
    Failed(io::ErrorKind, String),
    /// Nobody wants it any more.
    Closed,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What panicked while it held one left nothing half done: all that is done under them is to look and to put.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> State<S> {
    fn fail(&mut self, error: &io::Error) {
        *self = State::Failed(error.kind(), error.to_string());
    }
}

impl<S> Slot<S> {
    /// The first result counts.
    pub(super) fn fill(&self, result: io::Result<S>) {
        let mut state = lock(&self.0);
        if matches!(*state, State::Opening) {
            match result {
                Ok(stream) => *state = State::Open(stream),
                Err(error) => state.fail(&error),
            }
        }
    }

    /// A part of the stream, once it is open.
    fn part<T>(&self, of: impl FnOnce(&S) -> T) -> io::Result<T> {
        match &*lock(&self.0) {
            State::Open(stream) => Ok(of(stream)),
            State::Opening => Err(io::ErrorKind::WouldBlock.into()),
            State::Failed(kind, why) => Err(io::Error::new(*kind, why.clone())),
            State::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Registration of a stream on the loop.
enum Registered {
    Nothing,
    /// Signal that the stream is open; with this token and interest the stream follows it.
    Waiting(Token, Ready),
    Stream,
}

/// A connection of a [`Synchronous`](super::Synchronous) transport.
pub struct SyncStream<P: UserSources, S> {
    slot: Arc<Slot<S>>,
    /// `None`: it was open from the start.
    opened: Option<P::Registration>,
    registered: Mutex<Registered>,
}

impl<P: UserSources, S> SyncStream<P, S> {
    /// Open stream.
    pub(super) fn open(stream: S) -> Self {
        SyncStream {
            slot: Arc::new(Slot(Mutex::new(State::Open(stream)))),
            opened: None,
            registered: Mutex::new(Registered::Nothing),
        }
    }

    /// Stream that is being opened, and the signal of its opening.
    pub(super) fn opening() -> (Self, Opened<P, S>) {
        let (registration, trigger) = P::user_source();
        let slot = Arc::new(Slot(Mutex::new(State::Opening)));
        let stream = SyncStream {
            slot: Arc::clone(&slot),
            opened: Some(registration),
            registered: Mutex::new(Registered::Nothing),
        };
        (stream, Opened { slot, trigger })
    }
}

impl<P: UserSources, S: Stream<P>> SyncStream<P, S> {
    /// Registers the stream in the place of what told that it is open.
    fn follow(&self, poll: &P) {
        let mut registered = lock(&self.registered);
        let Registered::Waiting(token, interest) = *registered else {
            return;
        };
        // Lock order: `registered` first, then the slot.
        let mut state = lock(&self.slot.0);
        let State::Open(stream) = &*state else {
            return;
        };
        let following = self
            .opened
            .as_ref()
            .map_or(Ok(()), |opened| opened.deregister(poll))
            .and_then(|()| stream.register(poll, token, interest));
        match following {
            Ok(_) => *registered = Registered::Stream,
            Err(error) => {
                *registered = Registered::Nothing;
                // The error stays in the slot, for the next read or write.
                state.fail(&error);
            }
        }
    }
}

impl<P: UserSources, S: Stream<P>> Registerable<P> for SyncStream<P, S> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let mut registered = lock(&self.registered);
        let done = match &self.opened {
            Some(opened) => opened.register(poll, token, interest)?,
            None => self
                .slot
                .part(|stream| stream.register(poll, token, interest))??,
        };
        *registered = match self.opened {
            Some(_) => Registered::Waiting(token, interest),
            None => Registered::Stream,
        };
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let mut registered = lock(&self.registered);
        match (&mut *registered, &self.opened) {
            (Registered::Waiting(old_token, old_interest), Some(opened)) => {
                (*old_token, *old_interest) = (token, interest);
                opened.reregister(poll, token, interest)
            }
            (Registered::Stream, _) => self
                .slot
                .part(|stream| stream.reregister(poll, token, interest))?,
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        let registered = std::mem::replace(&mut *lock(&self.registered), Registered::Nothing);
        match (registered, &self.opened) {
            (Registered::Waiting(..), Some(opened)) => opened.deregister(poll),
            (Registered::Stream, _) => self.slot.part(|stream| stream.deregister(poll))?,
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl<P: UserSources, S: Stream<P>> Stream<P> for SyncStream<P, S> {
    type ReadStream = SyncHalf<S, S::ReadStream>;
    type WriteStream = SyncHalf<S, S::WriteStream>;

    fn turn(&self, poll: &P, reported: Ready) -> Option<Ready> {
        self.follow(poll);
        self.slot
            .part(|stream| stream.turn(poll, reported))
            // Whoever reads or writes is told why there is none.
            .unwrap_or(Some(reported))
    }

    fn channel_binding(&self) -> Vec<u8> {
        self.slot.part(S::channel_binding).unwrap_or_default()
    }

    fn read_stream(&self) -> Self::ReadStream {
        SyncHalf::new(&self.slot, S::read_stream)
    }

    fn write_stream(&self) -> Self::WriteStream {
        SyncHalf::new(&self.slot, S::write_stream)
    }

    fn disconnect(&self) {
        let mut state = lock(&self.slot.0);
        match &*state {
            State::Open(stream) => stream.disconnect(),
            State::Opening => *state = State::Closed,
            State::Failed(..) | State::Closed => {}
        }
    }
}

/// The reading or the writing half of a [`SyncStream`]: `WouldBlock` until it is open.
pub struct SyncHalf<S, H> {
    slot: Arc<Slot<S>>,
    of: fn(&S) -> H,
    half: Option<H>,
}

impl<S, H> SyncHalf<S, H> {
    fn new(slot: &Arc<Slot<S>>, of: fn(&S) -> H) -> Self {
        SyncHalf {
            slot: Arc::clone(slot),
            of,
            half: None,
        }
    }

    fn half(&mut self) -> io::Result<&mut H> {
        let half = match self.half.take() {
            Some(half) => half,
            None => self.slot.part(self.of)?,
        };
        Ok(self.half.insert(half))
    }
}

impl<S, H: Read> Read for SyncHalf<S, H> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.half()?.read(buf)
    }
}

impl<S, H: Write> Write for SyncHalf<S, H> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.half()?.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.half()?.flush()
    }
}

impl<P: UserSources, S> fmt::Debug for SyncStream<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*lock(&self.slot.0) {
            State::Opening => "opening",
            State::Open(_) => "open",
            State::Failed(..) => "failed",
            State::Closed => "closed",
        };
        f.debug_tuple("SyncStream").field(&state).finish()
    }
}
