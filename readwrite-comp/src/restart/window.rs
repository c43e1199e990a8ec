use std::io::{self, Write};

use super::prefix::Digest;

/// State of a message between attempts: the bytes that the sink did not take yet, and a hash of all
/// that were produced.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Memory, all of it initialised, of which `from..to` are the bytes that the sink did not take.
    pub(super) bytes: Vec<u8>,
    pub(super) from: usize,
    pub(super) to: usize,
    /// The hash of what is before the start of `bytes`; between attempts, of all that was produced.
    pub(super) digest: Digest,
    /// Bytes of the message that earlier attempts produced.
    pub(super) produced: u64,
    /// Position in the message at which `bytes` starts.
    pub(super) base: u64,
}

impl Window {
    /// Returns the bytes of this message that the sink took.
    pub(super) const fn taken(&self) -> u64 {
        self.base + self.from as u64
    }

    /// Gives the sink what it takes; `Ok` when nothing is left.
    #[inline]
    pub(super) fn offer<W: Write + ?Sized>(&mut self, sink: &mut W) -> io::Result<()> {
        // What is left stays in registers.
        let mut waiting = self.bytes.get(self.from..self.to).unwrap_or_default();
        let result = loop {
            if waiting.is_empty() {
                break Ok(());
            }
            match sink.write(waiting) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => waiting = waiting.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        // After an error too: the sink has these bytes.
        self.from = self.to - waiting.len();
        result
    }

    /// Frees the memory of what the sink has, if that is as much as must be moved for it, and
    /// hashes it first.
    pub(super) fn release(&mut self, hashed: bool) {
        // The move below copies no more than was sent: O(1) for each byte.
        if self.from < self.to - self.from {
            return;
        }
        if hashed {
            self.digest
                .add(self.bytes.get(..self.from).unwrap_or_default());
        }
        self.bytes.copy_within(self.from..self.to, 0);
        self.base += self.from as u64;
        self.to -= self.from;
        self.from = 0;
    }

    /// An attempt produced `produced` bytes, and another will follow: hashes what is not hashed
    /// yet.
    pub(super) fn seal(&mut self, produced: u64, hashed: bool) {
        self.produced = produced;
        // From the start of `bytes`: `release` has hashed only what it moved out.
        if hashed {
            self.digest
                .add(self.bytes.get(..self.to).unwrap_or_default());
        }
    }

    /// Everything was sent: the memory is free for the next attempt.
    pub(super) fn clear(&mut self) {
        self.base += self.to as u64;
        self.from = 0;
        self.to = 0;
    }

    /// The rest of the message will not be sent.
    pub(super) fn free(&mut self) {
        self.bytes = Vec::new();
        self.to = self.from;
    }
}
