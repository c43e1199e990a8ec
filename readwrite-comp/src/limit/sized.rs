use std::io::{self, Read, Write};

use super::{LimitExceeded, read_some};
use crate::comp::written_while_ending;
use crate::ext::{ExtRead, ExtWrite};

/// A window's length on the wire: u32, little endian. Zero is the end mark.
const HEADER: usize = 4;

/// Bounds on what a reader of sized windows accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimits {
    /// The longest window, in bytes. Default 1 MiB.
    pub max_window: u32,
    /// The longest message (all its windows), in bytes. Default 16 MiB.
    pub max_total: u64,
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self {
            max_window: 1 << 20,
            max_total: 16 << 20,
        }
    }
}

/// Reads a message cut into windows: u32 little-endian length, that many bytes, and so on until a
/// length of zero.
///
/// A length is checked against the [`WindowLimits`] when it is read; nothing is ever allocated for
/// it.
#[derive(Clone, Debug, Default)]
pub struct SizedWindowsR {
    limits: WindowLimits,
    header: [u8; HEADER],
    /// Bytes of `header` that were read.
    have: usize,
    /// Bytes that are left of the open window.
    left: u32,
    total: u64,
    ended: bool,
    /// The wire is not understood any more: every later call says so again.
    failed: Option<LimitExceeded>,
}

impl SizedWindowsR {
    /// A reader that accepts at most `limits`.
    pub fn new(limits: WindowLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Opens the next window; false at the end mark.
    #[inline(never)]
    fn open<R: Read>(&mut self, r: &mut R) -> io::Result<bool> {
        if let Some(limit) = self.failed {
            return Err(limit.into());
        }
        if self.ended {
            return Ok(false);
        }
        // `have` outlives a `WouldBlock`, so the next call goes on inside of the header.
        while let Some(missing) = self.header.get_mut(self.have..).filter(|m| !m.is_empty()) {
            self.have += read_some(r, missing)?;
        }
        self.have = 0;
        let length = u32::from_le_bytes(self.header);
        if length == 0 {
            self.ended = true;
            return Ok(false);
        }
        let total = self.total + u64::from(length);
        let over = |limit, value, max| LimitExceeded { limit, value, max };
        if length > self.limits.max_window {
            let max = u64::from(self.limits.max_window);
            self.failed = Some(over("max_window", u64::from(length), max));
        } else if total > self.limits.max_total {
            self.failed = Some(over("max_total", total, self.limits.max_total));
        }
        if let Some(limit) = self.failed {
            return Err(limit.into());
        }
        self.total = total;
        self.left = length;
        Ok(true)
    }
}

impl ExtRead for SizedWindowsR {
    #[inline]
    fn read_header<R: Read>(&mut self, _: &mut R) -> io::Result<()> {
        Ok(())
    }

    // Always: this is all that a byte costs in the middle of a window.
    #[inline(always)]
    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || (self.left == 0 && !self.open(r)?) {
            return Ok(0);
        }
        let most = buf.len().min(self.left as usize);
        let n = read_some(r, &mut buf[..most])?;
        self.left -= n as u32;
        Ok(n)
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        let mut skipped = [0; 1024];
        while !self.ended && self.read_from(r, &mut skipped)? > 0 {}
        self.ended = false;
        self.total = 0;
        Ok(())
    }
}

/// Cuts a message into sized windows: see [`SizedWindowsR`] for the wire.
///
/// It holds back at most one window. A window is written when it is full, when the layer is flushed
/// and at the end; header, bytes and end mark leave in one write where the writer takes them.
/// Growing windows double from `first` to `max`, so that a small message needs little memory and a
/// large one few headers.
#[derive(Clone, Debug)]
pub struct SizedWindowsW {
    first: usize,
    max: usize,
    /// The length at which the open window is written.
    size: usize,
    /// Room for the header, then the window, then perhaps the end mark; empty if no window is open.
    buf: Vec<u8>,
    /// Bytes of `buf` that the writer took. Above zero, or with `closed`, nothing may be added to
    /// the window.
    sent: usize,
    closed: bool,
    ending: bool,
}

impl Default for SizedWindowsW {
    /// Growing from 4 KiB to 64 KiB.
    fn default() -> Self {
        Self::growing(4 << 10, 64 << 10)
    }
}

impl SizedWindowsW {
    /// Windows of `size` bytes (at least one).
    pub fn fixed(size: u32) -> Self {
        Self::growing(size, size)
    }

    /// Windows that double from `first` to `max` bytes within a message.
    pub fn growing(first: u32, max: u32) -> Self {
        let first = (first as usize).max(1);
        Self {
            first,
            max: (max as usize).max(first),
            size: first,
            buf: Vec::new(),
            sent: 0,
            closed: false,
            ending: false,
        }
    }

    fn close(&mut self) {
        if !self.closed && !self.buf.is_empty() {
            // A buffer that is not empty begins with the room for the header.
            let length = (self.buf.len() - HEADER) as u32;
            self.buf[..HEADER].copy_from_slice(&length.to_le_bytes());
            self.closed = true;
        }
    }

    /// Closes the window and writes all of it.
    fn drain<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.close();
        // What is left stays in registers.
        let mut rest = self.buf.get(self.sent..).unwrap_or_default();
        let result = loop {
            if rest.is_empty() {
                break Ok(());
            }
            match w.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        // After an error too: what the writer took must not be written twice.
        self.sent = self.buf.len() - rest.len();
        result?;
        if self.closed {
            self.size = self.size.saturating_mul(2).min(self.max);
        }
        self.buf.clear();
        self.sent = 0;
        self.closed = false;
        Ok(())
    }
}

impl ExtWrite for SizedWindowsW {
    #[inline]
    fn write_header<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if self.ending {
            return Err(written_while_ending());
        }
        if buf.is_empty() {
            return Ok(0);
        }
        // A window that is partly sent has its length on the wire already, so nothing may be added.
        if self.closed || self.buf.len() >= HEADER + self.size {
            self.drain(w)?;
        }
        if self.buf.is_empty() {
            self.buf.extend_from_slice(&[0; HEADER]);
        }
        // Never negative: a full window was drained above.
        let room = HEADER + self.size - self.buf.len();
        let taken = buf.len().min(room);
        self.buf.extend_from_slice(&buf[..taken]);
        Ok(taken)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.drain(w)?;
        w.flush()
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        if !self.ending {
            // Without an open window, `drain` closes the end mark like one of length zero: the same
            // bytes.
            self.close();
            self.buf.extend_from_slice(&[0; HEADER]);
            self.ending = true;
        }
        self.drain(w)?;
        self.size = self.first;
        self.ending = false;
        Ok(())
    }
}
