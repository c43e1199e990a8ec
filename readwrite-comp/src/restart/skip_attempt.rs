use std::io::{self, Write};

use super::limits::{PrefixCheck, SkipLimits};
use super::prefix::{BLOCK, Digest, PrefixChanged, hash};
use super::window::Window;
use crate::limit::LimitExceeded;

/// After how many bytes the sink is offered what there is.
const OFFER: usize = 64 << 10;
/// The smallest window's memory.
const FIRST: usize = 512;
/// How much is collected before it is compared.
const STAGE: usize = 4 * BLOCK;

/// Memory to collect `known` bytes in, or as many of them as are compared at a time. No more: what comes behind the
/// known bytes belongs to the window.
fn stage(known: u64) -> Vec<u8> {
    Vec::with_capacity(usize::try_from(known).map_or(STAGE, |known| known.min(STAGE)))
}

/// Why an attempt's writer refused to go on.
#[derive(Debug)]
pub(super) enum Refused {
    No,
    /// The window is full and the sink blocked, or the sink failed, with this error.
    Sink(io::Error),
    Changed(PrefixChanged),
    Limit(LimitExceeded),
}

/// What is done with the bytes that come.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// Earlier attempts produced them: they are collected for a few blocks, hashed and dropped.
    Compare(Digest),
    /// They are new: they are collected for the sink.
    Collect,
}

/// The writer that an encoder gets for one attempt at a message.
///
/// What earlier attempts produced is compared and dropped; the rest is held back for the sink. Once it has said
/// `WouldBlock` it says so to every write of this attempt. `flush` does nothing: the message is flushed at its end.
pub struct SkipAttempt<'a> {
    /// What was written and not looked at: in `Compare` from the digest's end, in `Collect` the window's bytes. Its
    /// capacity is how much may come before that, so that a write costs what it costs on a `Vec`. (A capacity beyond
    /// what was asked for does no harm: all limits are checked again by what came.)
    bytes: Vec<u8>,
    window: &'a mut Window,
    sink: &'a mut dyn Write,
    limits: &'a SkipLimits,
    mode: Mode,
    /// The sink blocked in this attempt: it is not asked again.
    blocked: bool,
    /// What earlier attempts produced.
    known: u64,
    /// What the sink had when this attempt began.
    taken_before: u64,
    refused: Refused,
}

impl<'a> SkipAttempt<'a> {
    /// An attempt over a window that is empty but for what it knows of earlier attempts.
    pub(super) fn new(
        window: &'a mut Window,
        sink: &'a mut dyn Write,
        limits: &'a SkipLimits,
    ) -> Self {
        let known = window.produced;
        let (mode, bytes) = match known {
            0 => (Mode::Collect, std::mem::take(&mut window.bytes)),
            _ => (Mode::Compare(Digest::default()), stage(known)),
        };
        Self {
            bytes,
            known,
            taken_before: window.taken,
            window,
            sink,
            limits,
            mode,
            blocked: false,
            refused: Refused::No,
        }
    }

    /// Where this attempt is in the message.
    pub fn position(&self) -> u64 {
        let held = self.bytes.len() as u64;
        match self.mode {
            Mode::Compare(digest) => digest.at + held,
            Mode::Collect => self.window.base + held,
        }
    }

    /// Refuses this write and all that follow in this attempt.
    fn refuse(&mut self, refused: Refused) -> io::Error {
        self.refused = refused;
        self.refusal()
            .unwrap_or_else(|| io::ErrorKind::Other.into())
    }

    fn refusal(&self) -> Option<io::Error> {
        match &self.refused {
            Refused::No => None,
            Refused::Sink(e) => Some(e.kind().into()),
            Refused::Changed(change) => Some((*change).into()),
            Refused::Limit(limit) => Some((*limit).into()),
        }
    }

    /// Writes the first `n` of the bytes of `few`.
    #[cold]
    #[inline(never)]
    fn slow_few(&mut self, few: u64, n: usize) -> io::Result<()> {
        let few = few.to_ne_bytes();
        self.slow(few.get(..n).unwrap_or(&few))
    }

    /// Writes what does not fit the capacity.
    #[cold]
    #[inline(never)]
    fn slow(&mut self, buf: &[u8]) -> io::Result<()> {
        let mut rest = buf;
        while !rest.is_empty() {
            if let Some(e) = self.refusal() {
                return Err(e);
            }
            let room = self.bytes.capacity() - self.bytes.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.bytes.extend_from_slice(now);
            rest = later;
            if room == 0 {
                match self.mode {
                    Mode::Compare(digest) => self.compare(digest)?,
                    Mode::Collect => self.collect()?,
                }
            }
        }
        Ok(())
    }

    /// Hashes the known bytes that are here; when all of them were, decides.
    fn compare(&mut self, mut digest: Digest) -> io::Result<()> {
        let known = usize::try_from(self.known - digest.at).unwrap_or(usize::MAX);
        let here = known.min(self.bytes.len());
        let before = digest.at;
        if self.hashed() {
            digest.add(&self.bytes[..here]);
        } else {
            digest.skip(here);
        }
        let done = (digest.at - before) as usize;
        if here < known {
            self.bytes.drain(..done);
            self.mode = Mode::Compare(digest);
            if known - done < STAGE {
                let mut last = stage((known - done) as u64);
                last.extend_from_slice(&self.bytes);
                self.bytes = last;
            }
            return Ok(());
        }
        let tail = &self.bytes[done..here];
        if self.hashed() && (digest != self.window.digest || hash(tail) != self.window.tail) {
            let change = PrefixChanged { before: self.known };
            return Err(self.refuse(Refused::Changed(change)));
        }
        // The tail stays, as sent: the block that it is in is not hashed yet.
        self.window.base = digest.at;
        self.window.sent = tail.len();
        std::mem::swap(&mut self.bytes, &mut self.window.bytes);
        self.bytes.clear();
        self.bytes.extend_from_slice(&self.window.bytes[done..]);
        self.window.bytes = Vec::new();
        self.mode = Mode::Collect;
        self.trim();
        Ok(())
    }

    /// Gives the window more room, after offering the sink what there is.
    fn collect(&mut self) -> io::Result<()> {
        self.check_length()?;
        let window = self.limits.window.max(1);
        let held = self.bytes.len() - self.window.sent;
        if held >= OFFER.min(window) && !self.blocked {
            std::mem::swap(&mut self.bytes, &mut self.window.bytes);
            let offered = self.window.offer(self.sink);
            self.window.release(self.hashed());
            std::mem::swap(&mut self.bytes, &mut self.window.bytes);
            self.trim();
            match offered {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(e) => return Err(self.refuse(Refused::Sink(e))),
                Ok(()) => {}
            }
        }
        if self.bytes.capacity() > self.bytes.len() {
            return Ok(());
        }
        let free = window.saturating_sub(self.bytes.len() - self.window.sent);
        if free == 0 {
            let blocked = io::ErrorKind::WouldBlock.into();
            return Err(self.refuse(Refused::Sink(blocked)));
        }
        let more = self.bytes.len().max(FIRST);
        self.bytes.reserve_exact(more.min(free));
        Ok(())
    }

    /// The capacity is the room: memory that an earlier state of the window needed must not let it grow.
    fn trim(&mut self) {
        let window = self.limits.window.max(1);
        self.bytes
            .shrink_to(self.window.sent.saturating_add(window));
    }

    fn check_length(&mut self) -> io::Result<()> {
        let here = self.position();
        if here > self.limits.max_message {
            let limit = LimitExceeded {
                limit: "max_message",
                value: here,
                max: self.limits.max_message,
            };
            return Err(self.refuse(Refused::Limit(limit)));
        }
        Ok(())
    }

    fn hashed(&self) -> bool {
        self.limits.check == PrefixCheck::Bytes
    }

    /// Closes the attempt, of which the encoder said `result`.
    pub(super) fn finish(mut self, mut result: io::Result<()>) -> Outcome {
        let produced_again = self.position().min(self.known);
        if result.is_ok() && matches!(self.refused, Refused::No) {
            result = self.whole();
        }
        if let Mode::Collect = self.mode {
            self.window.bytes = std::mem::take(&mut self.bytes);
        }
        let (result, resumable) = match (self.refused, result) {
            // Whatever the encoder made of it.
            (Refused::Sink(e), _) => (Err(e), true),
            (Refused::Changed(change), _) => (Err(change.into()), false),
            (Refused::Limit(limit), _) => (Err(limit.into()), false),
            // The encoder waits for something else than the sink.
            (Refused::No, Err(e)) if e.kind() == io::ErrorKind::WouldBlock => (Err(e), true),
            (Refused::No, result) => (result, false),
        };
        if resumable && let Mode::Collect = self.mode {
            self.window.seal(self.limits.check == PrefixCheck::Bytes);
        }
        Outcome {
            result,
            resumable,
            skipped: produced_again,
            taken: self.window.taken - self.taken_before,
        }
    }

    /// The encoder is done: were the known bytes all there, and are there not too many?
    fn whole(&mut self) -> io::Result<()> {
        if self.position() < self.known {
            return Err(PrefixChanged { before: self.known }.into());
        }
        while let Mode::Compare(digest) = self.mode {
            self.compare(digest)?;
        }
        self.check_length()
    }
}

/// What an attempt came to.
pub(super) struct Outcome {
    pub(super) result: io::Result<()>,
    /// The same message may be tried again.
    pub(super) resumable: bool,
    /// Bytes that were produced again.
    pub(super) skipped: u64,
    /// Bytes that the sink took.
    pub(super) taken: u64,
}

impl Write for SkipAttempt<'_> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_all(buf).map(|()| buf.len())
    }

    // Always: an encoder's writes are a few bytes each, and of a length that is known where they are made.
    #[inline(always)]
    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        if buf.len() <= self.bytes.capacity() - self.bytes.len() {
            self.bytes.extend_from_slice(buf);
            Ok(())
        } else if buf.len() <= 8 {
            // By value: a pointer here would make the caller keep every number in memory for it.
            let mut few = [0; 8];
            few[..buf.len()].copy_from_slice(buf);
            self.slow_few(u64::from_ne_bytes(few), buf.len())
        } else {
            self.slow(buf)
        }
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
