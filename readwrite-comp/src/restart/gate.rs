use std::io::{self, BufReader, Read, Write};

use super::framed::Tap;
use super::{Replay, ReplayLimits, Skip, SkipLimits};
use crate::comp::{CompR, CompW};
use crate::ext::{ExtRead, ExtWrite};

/// Decodes messages from any reader: what a codec is to a [`Receiver`].
pub trait Decode {
    /// A message.
    type Value;

    /// Decodes one message.
    ///
    /// # Errors
    /// What the reader says, and `InvalidData` for bytes that are no message.
    fn decode<R: Read>(&mut self, r: &mut R) -> io::Result<Self::Value>;
}

/// A message that can be encoded into any writer: what a [`Sender`] writes.
pub trait Encode {
    /// Encodes the message; the same bytes each time.
    ///
    /// # Errors
    /// What the writer says.
    fn encode<W: Write>(&self, w: &mut W) -> io::Result<()>;
}

/// Reads messages with frames from a stream that blocks (`RESTARTABLE`), or from one that never
/// says `WouldBlock`: on a thread, in a coroutine. In the second case it is the decoder over a
/// buffer over the limiter, with nothing kept.
///
/// MyDHT's configuration has the constant; the services are written once.
#[derive(Debug, Default)]
pub struct Receiver<const RESTARTABLE: bool> {
    replay: Replay,
}

impl<const RESTARTABLE: bool> Receiver<RESTARTABLE> {
    /// With these limits, of which a stream that never blocks needs none: there the limiter's hold.
    pub fn new(limits: ReplayLimits) -> Self {
        Self {
            replay: Replay::new(limits),
        }
    }

    /// Returns the adapter, which keeps its state between calls.
    pub const fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Reads a message; `None` if the source ended before one.
    ///
    /// # Errors
    /// As [`Replay::read_framed`]. Where it is not restartable, bytes that the decoder leaves are
    /// skipped.
    #[inline]
    pub fn receive<L: ExtRead, R: Read, D: Decode>(
        &mut self,
        limiter: &mut L,
        source: &mut R,
        decoder: &mut D,
    ) -> io::Result<Option<D::Value>> {
        if RESTARTABLE {
            return self
                .replay
                .read_framed(limiter, source, |body| decoder.decode(body));
        }
        let mut tap = Tap::new(source);
        // It ends with the body, so nothing of the next message is read ahead and lost.
        let mut body = BufReader::new(CompR::new(limiter, &mut tap));
        let value = decoder.decode(&mut body);
        let value = value.and_then(|value| body.get_mut().read_end().map(|()| value));
        match value {
            // The source ended between two messages: the decoder complains of bytes that never
            // were.
            Err(_) if tap.nothing() => Ok(None),
            value => value.map(Some),
        }
    }
}

/// Writes messages with frames to a stream that blocks (`RESTARTABLE`), or to one that never says
/// `WouldBlock`; the mirror of [`Receiver`].
#[derive(Debug, Default)]
pub struct Sender<const RESTARTABLE: bool> {
    skip: Skip,
}

impl<const RESTARTABLE: bool> Sender<RESTARTABLE> {
    /// With these limits, of which a stream that never blocks needs none.
    pub fn new(limits: SkipLimits) -> Self {
        Self {
            skip: Skip::new(limits),
        }
    }

    /// Returns the adapter, which keeps its state between calls.
    pub const fn skip(&self) -> &Skip {
        &self.skip
    }

    /// Writes `message`, ends it and flushes the sink.
    ///
    /// # Errors
    /// As [`Skip::write_framed`].
    #[inline]
    pub fn send<L: ExtWrite, W: Write, M: Encode>(
        &mut self,
        limiter: &mut L,
        sink: &mut W,
        message: &M,
    ) -> io::Result<()> {
        if RESTARTABLE {
            return self.skip.write_framed(limiter, sink, |w| message.encode(w));
        }
        message.encode(&mut CompW::new(&mut *limiter, &mut *sink))?;
        limiter.write_end(sink)?;
        sink.flush()
    }
}
