//! One connection over a relay.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};

use super::super::handle::{Handle, StreamKey};
use mydht_transports::Stream;

/// A connection with another user, over the server. It closes when this and its halves are dropped,
/// or by `disconnect`; what was written before is still sent.
pub struct RelayStream<P: UserSources> {
    end: Arc<End<P>>,
    registration: P::Registration,
}

/// A half of a [`RelayStream`].
pub struct RelayEnd<P: UserSources>(Arc<End<P>>);

struct End<P: UserSources> {
    handle: Handle<P>,
    key: StreamKey,
}

impl<P: UserSources> Drop for End<P> {
    fn drop(&mut self) {
        self.handle.lock().forget(&self.key);
        self.handle.wake();
    }
}

impl<P: UserSources> RelayStream<P> {
    pub(super) fn new(handle: Handle<P>, key: StreamKey, registration: P::Registration) -> Self {
        RelayStream {
            end: Arc::new(End { handle, key }),
            registration,
        }
    }
}

impl<P: UserSources> Registerable<P> for RelayStream<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        self.end.handle.lock().report(&self.end.key);
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.reregister(poll, token, interest)?;
        self.end.handle.lock().report(&self.end.key);
        Ok(done)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

impl<P: UserSources> Stream<P> for RelayStream<P> {
    type ReadStream = RelayEnd<P>;
    type WriteStream = RelayEnd<P>;

    fn read_stream(&self) -> RelayEnd<P> {
        RelayEnd(Arc::clone(&self.end))
    }

    fn write_stream(&self) -> RelayEnd<P> {
        RelayEnd(Arc::clone(&self.end))
    }

    fn disconnect(&self) {
        self.end.handle.lock().close(&self.end.key);
        self.end.handle.wake();
    }
}

impl<P: UserSources> Read for RelayEnd<P> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.0.handle.lock();
        let (session, stream) = inner.session(&self.0.key)?;
        let count = session.read(stream, buf)?;
        drop(inner);
        // The peer may be owed credit.
        self.0.handle.wake();
        Ok(count)
    }
}

impl<P: UserSources> Write for RelayEnd<P> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.handle.lock();
        let (session, stream) = inner.session(&self.0.key)?;
        let count = session.write(stream, buf)?;
        drop(inner);
        self.0.handle.wake();
        Ok(count)
    }

    /// Returns at once: written bytes are on their way already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
