use std::io::{self, Read, Write};

use super::{LimitExceeded, read_some};
use crate::ext::{ExtRead, ExtWrite};

/// Reads a message whose length both sides know; nothing is on the wire but the body.
///
/// The next message has the same length unless [`set_length`](Self::set_length) says otherwise.
#[derive(Clone, Debug)]
pub struct KnownLengthR {
    length: u64,
    left: u64,
}

impl KnownLengthR {
    /// A message of `length` bytes.
    pub const fn new(length: u64) -> Self {
        Self {
            length,
            left: length,
        }
    }

    /// Starts a message of `length` bytes, forgetting the one in flight.
    pub const fn set_length(&mut self, length: u64) {
        self.length = length;
        self.left = length;
    }

    /// Returns the bytes of the message that were not read yet.
    pub const fn left(&self) -> u64 {
        self.left
    }
}

impl ExtRead for KnownLengthR {
    #[inline]
    fn read_header<R: Read>(&mut self, _: &mut R) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        // What is left may not fit into a `usize` of 32 bits; then the buffer is the bound.
        let most = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        if most == 0 {
            return Ok(0);
        }
        let n = read_some(r, &mut buf[..most])?;
        self.left -= n as u64;
        Ok(n)
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        let mut skipped = [0; 1024];
        while self.read_from(r, &mut skipped)? > 0 {}
        self.left = self.length;
        Ok(())
    }
}

/// Writes a message whose length both sides know; more or fewer bytes than that are an error.
#[derive(Clone, Debug)]
pub struct KnownLengthW {
    length: u64,
    left: u64,
}

impl KnownLengthW {
    /// A message of `length` bytes.
    pub const fn new(length: u64) -> Self {
        Self {
            length,
            left: length,
        }
    }

    /// Starts a message of `length` bytes, forgetting the one in flight.
    pub const fn set_length(&mut self, length: u64) {
        self.length = length;
        self.left = length;
    }
}

impl ExtWrite for KnownLengthW {
    #[inline]
    fn write_header<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    /// # Errors
    /// [`LimitExceeded`] `length` for the first byte too many.
    #[inline]
    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        if most == 0 {
            return Err(LimitExceeded {
                limit: "length",
                value: self.length + 1,
                max: self.length,
            }
            .into());
        }
        // A writer that claims more than it was given must not make `left` wrap.
        let n = w.write(&buf[..most])?.min(most);
        self.left -= n as u64;
        Ok(n)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.flush()
    }

    /// # Errors
    /// `InvalidInput` if the message is shorter than its length.
    fn write_end<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        if self.left > 0 {
            let what = format!("{} bytes of {} are missing", self.left, self.length);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        self.left = self.length;
        Ok(())
    }
}
