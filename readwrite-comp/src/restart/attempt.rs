use std::io::{self, BufRead, Read};

use super::ahead::{Ahead, Refused};
use super::limits::ReplayLimits;

/// The reader that a decoder gets for one attempt at a message: first the bytes that were received,
/// then the source.
///
/// When the source blocks it says `WouldBlock`, and again to every read of this attempt.
/// `read_exact` never consumes a part. It is a `BufRead` too; what a decoder consumes belongs to
/// its message, so a decoder that buffers for itself must not read beyond the message.
#[derive(Debug)]
pub struct ReplayAttempt<'a, R> {
    ahead: &'a mut Ahead,
    limits: &'a ReplayLimits,
    source: &'a mut R,
}

impl<'a, R: Read> ReplayAttempt<'a, R> {
    #[inline]
    pub(super) fn new(ahead: &'a mut Ahead, limits: &'a ReplayLimits, source: &'a mut R) -> Self {
        ahead.rewind(limits);
        // The refusal was the earlier attempt's: the source may have more by now.
        ahead.refused = Refused::No;
        Self {
            ahead,
            limits,
            source,
        }
    }

    /// Returns the number of bytes of the message that this attempt has read.
    pub fn position(&self) -> usize {
        self.ahead.read()
    }

    /// True if the source blocked in this attempt: what the decoder says then is no error of the
    /// message.
    pub fn blocked(&self) -> bool {
        matches!(self.ahead.refused, Refused::Blocked)
    }
}

impl<R: Read> Read for ReplayAttempt<'_, R> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let there = self.fill_buf()?;
        let n = there.len().min(buf.len());
        buf[..n].copy_from_slice(&there[..n]);
        self.ahead.pos += n;
        Ok(n)
    }

    #[inline]
    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let n = buf.len();
        if self.ahead.end - self.ahead.pos < n {
            self.ahead.want(self.limits, self.source, n)?;
        }
        let pos = self.ahead.pos;
        buf.copy_from_slice(&self.ahead.bytes[pos..pos + n]);
        self.ahead.pos = pos + n;
        Ok(())
    }
}

impl<R: Read> BufRead for ReplayAttempt<'_, R> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ahead.pos == self.ahead.end {
            match self.ahead.want(self.limits, self.source, 1) {
                // `BufRead` tells an end by an empty buffer, not by an error.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
                other => other?,
            }
        }
        Ok(&self.ahead.bytes[self.ahead.pos..self.ahead.end])
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        self.ahead.pos = (self.ahead.pos + n).min(self.ahead.end);
    }
}

/// Reader of the bytes that were read ahead, then of the source: for bytes that follow a message
/// without frames and are read by something else than the [`Replay`](super::Replay), such as an
/// attachment.
#[derive(Debug)]
pub struct Rest<'a, R> {
    pub(super) ahead: &'a mut Ahead,
    pub(super) limits: &'a ReplayLimits,
    pub(super) source: &'a mut R,
}

impl<R: Read> Read for Rest<'_, R> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let waiting = self.ahead.waiting();
        if waiting.is_empty() {
            return self.source.read(buf);
        }
        let n = waiting.len().min(buf.len());
        buf[..n].copy_from_slice(&waiting[..n]);
        // Released at once: what another reader took is never replayed.
        self.ahead.release(n, self.limits);
        Ok(n)
    }
}
