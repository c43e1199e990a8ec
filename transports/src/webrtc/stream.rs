//! One stream to a peer.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use mydht_evloop::{Poll, Registration};

use super::Backend;
use super::notify::Key;
use super::transport::Inner;
use crate::Stream;
use crate::lock::lock;
use crate::rendezvous::Rendezvous;
use crate::session::StreamId;

struct End<S: Rendezvous<Poll>, B: Backend> {
    inner: Arc<Mutex<Inner<S, B>>>,
    key: Key,
    stream: StreamId,
    opened_here: bool,
    registration: Registration,
}

impl<S: Rendezvous<Poll>, B: Backend> Drop for End<S, B> {
    fn drop(&mut self) {
        lock(&self.inner).drop_stream(self.key, self.stream);
    }
}

/// A stream. Its clones, and its halves, are the same one; it is closed when the last is dropped.
pub struct RtcStream<S: Rendezvous<Poll>, B: Backend>(Arc<End<S, B>>);

impl<S: Rendezvous<Poll>, B: Backend> Clone for RtcStream<S, B> {
    fn clone(&self) -> Self {
        RtcStream(self.0.clone())
    }
}

impl<S: Rendezvous<Poll>, B: Backend> fmt::Debug for RtcStream<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RtcStream").field(&self.0.stream).finish()
    }
}

impl<S: Rendezvous<Poll>, B: Backend> RtcStream<S, B> {
    pub(super) fn new(
        inner: &Arc<Mutex<Inner<S, B>>>,
        key: Key,
        stream: StreamId,
        opened_here: bool,
    ) -> Self {
        let (registration, trigger) = Poll::user_source();
        lock(inner).watch(key, stream, trigger);
        RtcStream(Arc::new(End {
            inner: inner.clone(),
            key,
            stream,
            opened_here,
            registration,
        }))
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Read for RtcStream<S, B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let End { key, stream, .. } = *self.0;
        lock(&self.0.inner).read(key, stream, buf)
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Write for RtcStream<S, B> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let End { key, stream, .. } = *self.0;
        lock(&self.0.inner).write(key, stream, buf)
    }

    /// Does nothing: `write` has already passed the bytes on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Registerable<Poll> for RtcStream<S, B> {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.0.registration.register(poll, token, interest)?;
        lock(&self.0.inner).report_all(self.0.key, self.0.stream);
        Ok(done)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.0.registration.reregister(poll, token, interest)?;
        lock(&self.0.inner).report_all(self.0.key, self.0.stream);
        Ok(done)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.0.registration.deregister(poll)
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Stream<Poll> for RtcStream<S, B> {
    type ReadStream = RtcStream<S, B>;
    type WriteStream = RtcStream<S, B>;

    fn channel_binding(&self) -> Vec<u8> {
        let End {
            key, opened_here, ..
        } = *self.0;
        // Nothing where it is closed already: what is read then is not a peer's.
        lock(&self.0.inner)
            .binding(key, opened_here)
            .unwrap_or_default()
    }

    fn read_stream(&self) -> Self {
        self.clone()
    }

    fn write_stream(&self) -> Self {
        self.clone()
    }

    fn disconnect(&self) {
        lock(&self.0.inner).close_stream(self.0.key, self.0.stream);
    }
}
