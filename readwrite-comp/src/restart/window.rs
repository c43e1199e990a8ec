use std::io::{self, Write};

use super::prefix::{BLOCK, Digest, hash};

/// What is kept of a message between attempts: the bytes that the sink did not take yet, and a hash of all that were
/// produced.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) bytes: Vec<u8>,
    /// How many of `bytes` the sink took.
    pub(super) sent: usize,
    /// Where in the message `bytes` starts: a multiple of `BLOCK`, at or before `digest.at`.
    pub(super) base: u64,
    /// The hash of whole blocks from the message's start.
    pub(super) digest: Digest,
    /// How much of the message earlier attempts produced, and the hash of what is behind `digest.at`.
    pub(super) produced: u64,
    pub(super) tail: u64,
    /// What the sink took of this message.
    pub(super) taken: u64,
}

impl Window {
    /// Gives the sink what it takes; `Ok` when nothing is left.
    pub(super) fn offer<W: Write + ?Sized>(&mut self, sink: &mut W) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match sink.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    let n = n.min(rest.len());
                    self.sent += n;
                    self.taken += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Frees the blocks that the sink has, hashing those that are not hashed yet.
    pub(super) fn release(&mut self, hashed: bool) {
        let blocks = self.sent - self.sent % BLOCK;
        if hashed {
            let done = (self.digest.at - self.base) as usize;
            if let Some(fresh) = self.bytes.get(done..blocks) {
                self.digest.add(fresh);
            }
        }
        self.bytes.drain(..blocks);
        self.base += blocks as u64;
        self.sent -= blocks;
    }

    /// The attempt is over and another will follow: hashes everything that was produced.
    pub(super) fn seal(&mut self, hashed: bool) {
        self.produced = self.base + self.bytes.len() as u64;
        if hashed {
            let done = (self.digest.at - self.base) as usize;
            let fresh = self.bytes.get(done..).unwrap_or_default();
            self.digest.add(fresh);
            let rest = fresh.chunks_exact(BLOCK).remainder();
            self.tail = hash(rest);
        }
    }

    /// Everything was sent: the bytes are free for the next attempt.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }
}
