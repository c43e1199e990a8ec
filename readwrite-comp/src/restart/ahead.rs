use std::io::{self, Read};

use super::limits::ReplayLimits;
use crate::limit::LimitExceeded;

/// Why an attempt's reader refused to go on.
#[derive(Debug, Default)]
pub(super) enum Refused {
    /// It did not.
    #[default]
    No,
    /// The source blocked.
    Blocked,
    /// The source ended.
    Ended,
    /// A limit was passed.
    Limit(LimitExceeded),
    /// The source failed. The decoder got an error of the same kind; this is the error itself.
    Failed(io::Error),
}

/// The bytes of the message in flight, and those that were read beyond it.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) bytes: Vec<u8>,
    /// Where the message starts.
    pub(super) start: usize,
    /// Where the attempt reads.
    pub(super) pos: usize,
    /// Where an attempt may read to: `filled`, or the message's limit. start <= pos <= end <= filled
    pub(super) end: usize,
    /// Where the bytes received end; all of `bytes` is initialised.
    filled: usize,
    /// How many bytes of the message the last failed attempt needs.
    pub(super) need: usize,
    pub(super) refused: Refused,
    /// What was received since this was last set to zero.
    pub(super) pulled: u64,
}

impl Ahead {
    /// Bytes of the message (and beyond) that are here.
    #[inline]
    pub(super) fn have(&self) -> usize {
        self.filled - self.start
    }

    /// True if nothing is here. (What was wholly released starts at zero again.)
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Bytes that the attempt has read.
    #[inline]
    pub(super) fn read(&self) -> usize {
        self.pos - self.start
    }

    /// The bytes that were not committed.
    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..self.filled).unwrap_or_default()
    }

    /// Lets the first `n` bytes go; the next message starts behind them.
    #[inline]
    pub(super) fn release(&mut self, n: usize, limits: &ReplayLimits) {
        self.start = (self.start + n).min(self.filled);
        if self.start == self.filled {
            self.start = 0;
            self.filled = 0;
            if self.bytes.len() > limits.retain {
                self.bytes = Vec::new();
            }
        }
        self.pos = self.start;
        self.need = 0;
        self.bound(limits);
    }

    #[inline]
    fn bound(&mut self, limits: &ReplayLimits) {
        let most = self.start.saturating_add(limits.max_message);
        self.end = self.filled.min(most);
    }

    /// Receives until `due` bytes are here; false if the source ended before.
    // Always: a turn of one byte is this and little else.
    #[inline(always)]
    pub(super) fn pull<R: Read>(
        &mut self,
        limits: &ReplayLimits,
        source: &mut R,
        due: usize,
    ) -> io::Result<bool> {
        let before = self.have();
        let chunk = limits.read_ahead.max(1);
        let result = loop {
            if self.have() >= due {
                break Ok(true);
            }
            if self.bytes.len() - self.filled < chunk {
                self.make_room(chunk);
            }
            let room = &mut self.bytes[self.filled..];
            match source.read(room) {
                Ok(0) => break Ok(false),
                Ok(n) => self.filled += n.min(room.len()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        self.pulled += (self.have() - before) as u64;
        self.bound(limits);
        result
    }

    /// Room for `chunk` more bytes: by moving the message to the front where that pays for the move, else by growing
    /// with what was received.
    #[cold]
    fn make_room(&mut self, chunk: usize) {
        let have = self.have();
        if self.start >= have {
            self.bytes.copy_within(self.start..self.filled, 0);
            self.pos -= self.start;
            self.start = 0;
            self.filled = have;
        }
        if self.bytes.len() - self.filled < chunk {
            let size = (self.filled + chunk).max(self.bytes.len() * 2);
            self.bytes.resize(size, 0);
        }
    }

    /// Makes sure that `n` bytes can be read at `pos`. What refuses is noted in `refused`.
    #[cold]
    pub(super) fn want<R: Read>(
        &mut self,
        limits: &ReplayLimits,
        source: &mut R,
        n: usize,
    ) -> io::Result<()> {
        match &self.refused {
            Refused::No => {}
            Refused::Blocked => return Err(io::ErrorKind::WouldBlock.into()),
            Refused::Ended => return Err(io::ErrorKind::UnexpectedEof.into()),
            Refused::Limit(limit) => return Err((*limit).into()),
            Refused::Failed(e) => return Err(e.kind().into()),
        }
        let need = self.read().saturating_add(n);
        if need > limits.max_message {
            let limit = LimitExceeded {
                limit: "max_message",
                value: need as u64,
                max: limits.max_message as u64,
            };
            self.refused = Refused::Limit(limit);
            return Err(limit.into());
        }
        match self.pull(limits, source, need) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.refused = Refused::Ended;
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.need = need;
                self.refused = Refused::Blocked;
                Err(e)
            }
            Err(e) => {
                let kind = e.kind();
                self.refused = Refused::Failed(e);
                Err(kind.into())
            }
        }
    }
}
