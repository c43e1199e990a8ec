use std::io::{self, Read};

use super::limits::ReplayLimits;
use crate::limit::LimitExceeded;

/// Why an attempt's reader refused to go on.
#[derive(Debug, Default)]
pub(super) enum Refused {
    /// The reader did not refuse.
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
    /// Start of the message.
    pub(super) start: usize,
    /// Position at which the attempt reads.
    pub(super) pos: usize,
    /// Position up to which an attempt may read: `filled`, or the message's limit. start <= pos <=
    /// end <= filled
    pub(super) end: usize,
    /// End of the received bytes; all of `bytes` is initialised.
    filled: usize,
    /// Bytes of the message that the last failed attempt needs.
    pub(super) need: usize,
    pub(super) refused: Refused,
    /// Bytes that were received before the first of `bytes`.
    gone: u64,
    /// While more than this is left behind `filled`, less is here than is needed and there is room
    /// for another chunk. Above the memory's length when what is needed is another number than it
    /// was.
    least: usize,
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

    /// All bytes that were received.
    #[inline]
    pub(super) const fn received(&self) -> u64 {
        self.gone + self.filled as u64
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
            self.gone += self.filled as u64;
            self.start = 0;
            self.filled = 0;
            if self.bytes.len() > limits.retain {
                self.bytes = Vec::new();
            }
        }
        self.need = 0;
        self.aim_again();
        self.rewind(limits);
    }

    /// Adapts to a new number of bytes that the next attempt needs.
    #[inline]
    pub(super) fn aim_again(&mut self) {
        self.least = usize::MAX;
    }

    /// Goes back to the begin of an attempt: the first byte that was not committed.
    #[inline]
    pub(super) fn rewind(&mut self, limits: &ReplayLimits) {
        self.pos = self.start;
        self.bound(limits);
    }

    #[inline]
    fn bound(&mut self, limits: &ReplayLimits) {
        let most = self.start.saturating_add(limits.max_message);
        self.end = self.filled.min(most);
    }

    /// Receives until `due` bytes are here (one at least); false if the source ended before.
    // Always: a turn of one byte is this and little else.
    #[inline(always)]
    pub(super) fn pull<R: Read>(
        &mut self,
        limits: &ReplayLimits,
        source: &mut R,
        due: usize,
    ) -> io::Result<bool> {
        loop {
            // What is left stays in registers, so that a turn of one byte costs little else.
            let mut room = self.bytes.get_mut(self.filled..).unwrap_or_default();
            if room.len() <= self.least {
                if self.aim(limits, due) {
                    return Ok(true);
                }
                continue;
            }
            let result = loop {
                match source.read(room) {
                    Ok(0) => break Ok(false),
                    Ok(n) => {
                        room = room.get_mut(n..).unwrap_or_default();
                        if room.len() <= self.least {
                            break Ok(true);
                        }
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => break Err(e),
                }
            };
            // After an error too: what came before it is kept for the next call.
            let left = room.len();
            self.filled = self.bytes.len() - left;
            if !matches!(result, Ok(true)) {
                return result;
            }
        }
    }

    /// Reserves space for a chunk and sets `least`; true if what is needed is here.
    #[cold]
    #[inline(never)]
    fn aim(&mut self, limits: &ReplayLimits, due: usize) -> bool {
        if self.have() >= due.max(1) {
            return true;
        }
        let chunk = limits.read_ahead.max(1);
        if self.bytes.len() - self.filled < chunk {
            self.make_room(chunk);
        }
        let due_at = self.start.saturating_add(due.max(1));
        // Reading stops when what is due is here, or when no whole chunk fits any more.
        self.least = self.bytes.len().saturating_sub(due_at).max(chunk - 1);
        false
    }

    /// Room for `chunk` more bytes: by moving the message to the front where that pays for the
    /// move, else by growing with what was received.
    fn make_room(&mut self, chunk: usize) {
        let have = self.have();
        // The move copies no more bytes than were consumed: O(1) for each of them.
        if self.start >= have {
            self.bytes.copy_within(self.start..self.filled, 0);
            self.pos -= self.start;
            self.gone += self.start as u64;
            self.start = 0;
            self.filled = have;
        }
        if self.bytes.len() - self.filled < chunk {
            // Doubled, so that a long message is not moved for each chunk.
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
        // A decoder that ignored the refusal must not go on as if it had those bytes.
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
        self.aim_again();
        let pulled = self.pull(limits, source, need);
        self.aim_again();
        self.bound(limits);
        match pulled {
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
