use std::io::{self, Read};

use super::limits::ReplayLimits;
use crate::ext::ExtRead;
use crate::limit::LimitExceeded;

/// The smallest buffer for a body.
const FIRST: usize = 4 << 10;
/// After so many small messages in a row a large buffer is freed.
const SMALL: u32 = 16;

/// Sees whether a limiter takes anything, to tell an end between messages from one inside.
pub(super) struct Tap<R> {
    source: R,
    taken: bool,
    ended: bool,
}

impl<R> Tap<R> {
    #[inline]
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            taken: false,
            ended: false,
        }
    }

    /// The source ended, and nothing came before that.
    #[inline]
    pub(super) const fn nothing(&self) -> bool {
        self.ended && !self.taken
    }
}

impl<R: Read> Read for Tap<R> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        if n > 0 {
            self.taken = true;
        } else if !buf.is_empty() {
            self.ended = true;
        }
        Ok(n)
    }
}

/// Reads again when the system interrupted. Here, next to the source, the question costs nothing
/// where the source's code says which error it gives.
struct Patient<'a, R>(&'a mut R);

impl<R: Read> Read for Patient<'_, R> {
    #[inline(always)]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// Progress of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The limiter took nothing from the source for this message.
    #[default]
    Idle,
    Reading,
    /// The body is whole, the limiter's end is not read yet.
    Whole,
}

/// The body of a message that comes through a limiter, until it is whole.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// All of it is initialised; the message is the first `filled` bytes. It grows with what was
    /// received, never with what a peer announces.
    bytes: Vec<u8>,
    filled: usize,
    /// Messages in a row that needed less than a quarter of the buffer.
    small: u32,
    stage: Stage,
    /// The body was too long: bytes of it are lost, so no later call may go on.
    over: Option<LimitExceeded>,
}

impl Body {
    /// Reads on. True when the message is whole and its end was read, false when the source ended
    /// before its first byte.
    #[inline]
    pub(super) fn fill<L: ExtRead, R: Read>(
        &mut self,
        limits: &ReplayLimits,
        limiter: &mut L,
        source: &mut R,
    ) -> io::Result<bool> {
        let mut source = Patient(source);
        if self.stage != Stage::Reading {
            return self.fill_edge(limits, limiter, source);
        }
        self.read_body(limits, limiter, &mut source)?;
        limiter.read_end(&mut source)?;
        Ok(true)
    }

    /// As [`fill`](Self::fill), before the first byte and after the last one of the body.
    #[inline(never)]
    fn fill_edge<L: ExtRead, R: Read>(
        &mut self,
        limits: &ReplayLimits,
        limiter: &mut L,
        mut source: Patient<'_, R>,
    ) -> io::Result<bool> {
        if self.stage == Stage::Whole {
            limiter.read_end(&mut source)?;
            return Ok(true);
        }
        let mut tap = Tap::new(source);
        let result = self
            .read_body(limits, limiter, &mut tap)
            .and_then(|()| limiter.read_end(&mut tap));
        let nothing = tap.nothing();
        // The stream still stands between two messages, where it may end.
        if !tap.taken {
            self.stage = Stage::Idle;
        } else if self.stage == Stage::Idle {
            self.stage = Stage::Reading;
        }
        match result {
            // A limiter whose body ends with the source found nothing but the end.
            Ok(()) => Ok(!nothing),
            Err(e) if nothing && e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Reads on to the end of the body.
    #[inline]
    fn read_body<L: ExtRead, R: Read>(
        &mut self,
        limits: &ReplayLimits,
        limiter: &mut L,
        source: &mut R,
    ) -> io::Result<()> {
        limiter.read_header(source)?;
        // What is left of the buffer stays in registers, so that a turn of one byte costs little else.
        let mut room = &mut self.bytes[self.filled..];
        loop {
            if room.is_empty() {
                self.filled = self.bytes.len();
                if self.read_full(limits, limiter, source)? == 0 {
                    break;
                }
                room = &mut self.bytes[self.filled..];
                continue;
            }
            let read = limiter.read_from(source, room);
            if let Ok(n @ 1..) = read {
                room = room.get_mut(n..).unwrap_or_default();
                continue;
            }
            // On an error too: the bytes that came before it are kept.
            let left = room.len();
            self.filled = self.bytes.len() - left;
            read?;
            break;
        }
        self.stage = Stage::Whole;
        Ok(())
    }

    /// Reads when the buffer is full: perhaps there is only the end mark left, then it need not
    /// grow.
    #[cold]
    #[inline(never)]
    fn read_full<L: ExtRead, R: Read>(
        &mut self,
        limits: &ReplayLimits,
        limiter: &mut L,
        source: &mut R,
    ) -> io::Result<usize> {
        if let Some(over) = self.over {
            return Err(over.into());
        }
        let mut probe = [0; 64];
        let n = limiter.read_from(source, &mut probe)?;
        let needed = self.filled + n;
        if needed > limits.max_message {
            let over = LimitExceeded {
                limit: "max_message",
                value: needed as u64,
                max: limits.max_message as u64,
            };
            self.over = Some(over);
            return Err(over.into());
        }
        if n > 0 {
            // Doubled with what came: a peer that announces much and sends little costs little.
            let size = (self.bytes.len() * 2)
                .max(FIRST)
                .min(limits.max_message)
                .max(needed);
            self.bytes.resize(size, 0);
            self.bytes[self.filled..needed].copy_from_slice(&probe[..n]);
            self.filled = needed;
        }
        Ok(n)
    }

    /// Hands the whole body to `decode` and forgets it.
    // Not inlined: a decoder would take the registers that a turn of one byte lives in.
    #[inline(never)]
    pub(super) fn decode<T>(
        &mut self,
        retain: usize,
        received: &mut u64,
        decode: impl FnOnce(&mut &[u8]) -> io::Result<T>,
    ) -> io::Result<T> {
        *received += self.filled as u64;
        // Taken out, so that a panic of the decoder leaves an empty body behind.
        let body = std::mem::take(self);
        let mut rest = body.bytes.get(..body.filled).unwrap_or_default();
        let result = decode(&mut rest);
        let left = rest.len();
        // Memory that a long message needed is kept for the next long one, not for ever.
        let small = body.bytes.len() > FIRST && body.filled < body.bytes.len() / 4;
        let small = if small { body.small + 1 } else { 0 };
        if body.bytes.len() <= retain && small < SMALL {
            self.bytes = body.bytes;
            self.small = small;
        }
        match result {
            Ok(_) if left > 0 => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the decoder left {left} bytes of the message"),
            )),
            Ok(value) => Ok(value),
            // Neither may reach the caller as it is: there is nothing to wait for, and the source has not ended.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::WouldBlock
                ) =>
            {
                Err(io::Error::new(io::ErrorKind::InvalidData, e))
            }
            Err(e) => Err(e),
        }
    }

    pub(super) fn in_flight(&self) -> bool {
        self.stage != Stage::Idle
    }
}
