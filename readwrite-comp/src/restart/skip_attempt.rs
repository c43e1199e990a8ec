use std::io::{self, Write};

use super::limits::{PrefixCheck, SkipLimits};
use super::prefix::{Digest, PrefixChanged};
use super::window::Window;
use crate::limit::LimitExceeded;

/// After how many bytes the sink is offered what there is.
const OFFER: usize = 64 << 10;
/// The smallest window's memory.
const FIRST: usize = 512;
/// Bytes that are collected before they are hashed: as many as stay in the processor's first cache.
const STAGE: usize = 16 << 10;
/// Bytes that are counted at a stretch.
const STRETCH: u64 = 1 << 30;

/// Why an attempt's writer refused to go on.
#[derive(Debug)]
enum Refused {
    No,
    /// The window is full and the sink blocked, or the sink failed, with this error.
    Sink(io::Error),
    Changed(PrefixChanged),
    Limit(LimitExceeded),
}

/// Treatment of the bytes that come.
#[derive(Clone, Debug)]
enum Mode {
    /// Earlier attempts produced them, and their number is all that is checked. So many were
    /// counted before `at`.
    Count(u64),
    /// Earlier attempts produced them: they are collected in a part of `bytes`, hashed and dropped.
    Compare(Digest),
    /// New bytes: they are collected for the sink.
    Collect,
}

/// The writer that an encoder gets for one attempt at a message.
///
/// What earlier attempts produced is checked, as [`PrefixCheck`] says, and dropped; the rest is
/// held back for the sink. Once it has said `WouldBlock` it says so to every write of this attempt.
/// `flush` does nothing: the message is flushed at its end.
pub struct SkipAttempt<'a> {
    /// Position of the next byte in `bytes`; or the number of counted bytes, while that is below
    /// `pass`. Not a usize: so the compiler knows that adding a number's length to it does not
    /// overflow, and an encoder stays small enough to be inlined.
    at: u32,
    /// Bytes up to here are counted and nothing else. Zero if they are collected.
    pass: usize,
    /// The window's memory, all of it initialised. Its length is the limit of what may come before
    /// somebody looks at it, so that a write costs what it costs on a `Vec`.
    bytes: Vec<u8>,
    /// Start of the collected bytes in `bytes`.
    from: usize,
    window: &'a mut Window,
    sink: &'a mut dyn Write,
    limits: &'a SkipLimits,
    mode: Mode,
    /// The sink blocked in this attempt: it is not asked again.
    blocked: bool,
    /// Bytes that earlier attempts produced.
    known: u64,
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
        let mut attempt = Self {
            at: 0,
            pass: 0,
            bytes: std::mem::take(&mut window.bytes),
            from: 0,
            known,
            window,
            sink,
            limits,
            mode: Mode::Collect,
            blocked: false,
            refused: Refused::No,
        };
        if known > 0 {
            match limits.check {
                PrefixCheck::Length => attempt.count(0),
                PrefixCheck::Bytes => attempt.stage(Digest::default()),
            }
        }
        attempt
    }

    /// Returns the position of this attempt in the message, in bytes.
    pub fn position(&self) -> u64 {
        let here = u64::from(self.at);
        match &self.mode {
            Mode::Count(before) => before + here,
            Mode::Compare(digest) => digest.at() + here - self.from as u64,
            Mode::Collect => self.window.base + here,
        }
    }

    /// The most that is held back.
    fn most(&self) -> usize {
        self.limits.window.clamp(1, u32::MAX as usize)
    }

    fn set_at(&mut self, at: usize) {
        self.at = u32::try_from(at).unwrap_or(u32::MAX);
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

    /// Writes what there is no room for.
    #[cold]
    #[inline(never)]
    fn slow(&mut self, buf: &[u8]) -> io::Result<()> {
        let mut rest = buf;
        while !rest.is_empty() {
            // An encoder that ignored the refusal must not leave a gap in the message.
            if let Some(e) = self.refusal() {
                return Err(e);
            }
            let at = self.at as usize;
            let n = match &mut self.mode {
                Mode::Count(_) => rest.len().min(self.pass - at),
                // What would fill the stage need not go through it.
                Mode::Compare(digest) if at == self.from && rest.len() >= self.bytes.len() - at => {
                    let known = usize::try_from(self.known - digest.at()).unwrap_or(usize::MAX);
                    let n = rest.len().min(known);
                    digest.add(&rest[..n]);
                    rest = &rest[n..];
                    self.from = self.bytes.len();
                    self.set_at(self.from);
                    0
                }
                Mode::Compare(_) | Mode::Collect => {
                    let n = rest.len().min(self.bytes.len() - at);
                    self.bytes[at..at + n].copy_from_slice(&rest[..n]);
                    n
                }
            };
            rest = &rest[n..];
            self.set_at(self.at as usize + n);
            if !rest.is_empty() || n == 0 {
                self.full()?;
            }
        }
        Ok(())
    }

    /// Frees space in the buffer.
    fn full(&mut self) -> io::Result<()> {
        match &mut self.mode {
            Mode::Count(before) => {
                let counted = *before + u64::from(self.at);
                self.count(counted);
                Ok(())
            }
            Mode::Compare(digest) => {
                digest.add(&self.bytes[self.from..]);
                let digest = digest.clone();
                self.compare(digest)
            }
            Mode::Collect => self.collect(),
        }
    }

    /// Goes on counting, or begins to collect.
    fn count(&mut self, counted: u64) {
        let known = self.known - counted;
        if known == 0 {
            return self.begin();
        }
        self.mode = Mode::Count(counted);
        self.at = 0;
        // In stretches, because `at` has 32 bits only.
        self.pass = known.min(STRETCH) as usize;
    }

    /// Goes on comparing. When all the known bytes were hashed, decides.
    fn compare(&mut self, digest: Digest) -> io::Result<()> {
        if digest.at() < self.known {
            self.stage(digest);
            return Ok(());
        }
        if digest != self.window.digest {
            let change = PrefixChanged { before: self.known };
            return Err(self.refuse(Refused::Changed(change)));
        }
        self.begin();
        Ok(())
    }

    /// Lets the next known bytes come, at the end of the memory, so that no byte behind them is
    /// collected with them.
    fn stage(&mut self, digest: Digest) {
        let known = usize::try_from(self.known - digest.at()).unwrap_or(usize::MAX);
        if self.bytes.is_empty() {
            self.bytes.resize(self.most().min(STAGE), 0);
        }
        self.from = self.bytes.len() - self.bytes.len().min(STAGE).min(known);
        self.set_at(self.from);
        self.mode = Mode::Compare(digest);
    }

    /// The known bytes were there: what follows is new.
    fn begin(&mut self) {
        self.mode = Mode::Collect;
        self.pass = 0;
        self.from = 0;
        self.at = 0;
    }

    /// Gives the window more room, after offering the sink what there is.
    fn collect(&mut self) -> io::Result<()> {
        self.check_length()?;
        let most = self.most();
        if self.bytes.len() >= OFFER.min(most) && !self.blocked {
            match self.offer() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(e) => return Err(self.refuse(Refused::Sink(e))),
                Ok(()) => {}
            }
        }
        let length = self.bytes.len();
        if (self.at as usize) < length {
            return Ok(());
        }
        if length >= most {
            let blocked = io::ErrorKind::WouldBlock.into();
            return Err(self.refuse(Refused::Sink(blocked)));
        }
        // Doubled with what was encoded; `length` is below `most`, as checked above.
        let more = length.max(FIRST).min(most - length);
        self.bytes.reserve_exact(more);
        self.bytes.resize(length + more, 0);
        Ok(())
    }

    /// Gives the sink what it takes.
    fn offer(&mut self) -> io::Result<()> {
        self.give_back();
        let offered = self.window.offer(self.sink);
        self.window.release(self.hashed());
        self.bytes = std::mem::take(&mut self.window.bytes);
        self.from = self.window.from;
        self.set_at(self.window.to);
        offered
    }

    /// Returns the collected bytes to the window.
    fn give_back(&mut self) {
        self.window.bytes = std::mem::take(&mut self.bytes);
        if let Mode::Collect = self.mode {
            self.window.from = self.from;
            self.window.to = self.at as usize;
        }
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
        let skipped = self.position().min(self.known);
        if result.is_ok() && matches!(self.refused, Refused::No) {
            result = self.whole();
        }
        let produced = self.position();
        self.give_back();
        let (hashed, collected) = (self.hashed(), matches!(self.mode, Mode::Collect));
        let (result, resumable) = match (self.refused, result) {
            // Whatever the encoder made of it.
            (Refused::Sink(e), _) => (Err(e), true),
            (Refused::Changed(change), _) => (Err(change.into()), false),
            (Refused::Limit(limit), _) => (Err(limit.into()), false),
            // The encoder waits for something else than the sink.
            (Refused::No, Err(e)) if e.kind() == io::ErrorKind::WouldBlock => (Err(e), true),
            (Refused::No, result) => (result, false),
        };
        if resumable && collected {
            self.window.seal(produced, hashed);
        }
        Outcome {
            result,
            resumable,
            skipped,
        }
    }

    /// The encoder is done: were the known bytes all there, and are there not too many?
    fn whole(&mut self) -> io::Result<()> {
        if self.position() < self.known {
            return Err(PrefixChanged { before: self.known }.into());
        }
        // The last known bytes may have come, and none behind them that would have shown it.
        if !matches!(self.mode, Mode::Collect) {
            self.full()?;
        }
        self.check_length()
    }
}

/// Outcome of an attempt.
pub(super) struct Outcome {
    pub(super) result: io::Result<()>,
    /// Set if the same message may be tried again.
    pub(super) resumable: bool,
    /// Bytes that were produced again.
    pub(super) skipped: u64,
}

impl Write for SkipAttempt<'_> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_all(buf).map(|()| buf.len())
    }

    // Always: an encoder's writes are a few bytes each, and of a length that is known where they are made.
    #[inline(always)]
    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        let (at, n) = (self.at as usize, buf.len());
        let end = at + n;
        if end <= self.pass {
            self.at = end as u32;
            Ok(())
        } else if let Some(place) = self.bytes.get_mut(at..end) {
            place.copy_from_slice(buf);
            self.at = end as u32;
            Ok(())
        } else if n <= 8 {
            // By value: a pointer here would make the caller keep every number in memory for it.
            let mut few = [0; 8];
            few[..n].copy_from_slice(buf);
            self.slow_few(u64::from_ne_bytes(few), n)
        } else {
            self.slow(buf)
        }
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
