use std::io::{self, Write};

use super::limits::SkipLimits;
use super::skip_attempt::{Outcome, SkipAttempt};
use super::window::Window;
use crate::comp::{CompW, NoExt};
use crate::ext::ExtWrite;
use crate::limit::LimitExceeded;

/// Work of a [`Skip`] since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkipStats {
    /// Messages that were written to their end and flushed.
    pub messages: u64,
    /// Times an encoder ran.
    pub attempts: u64,
    /// Bytes of messages that the sinks (or their layers) took.
    pub bytes_written: u64,
    /// Bytes that an encoder produced again.
    pub bytes_skipped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// No message, or one that was not produced to its end.
    #[default]
    Encoding,
    /// All of the message is in the window or in the sink.
    Encoded,
    /// The layer's end is being written.
    Ending,
    Flushing,
    /// A message was cut off in the sink: only a reset helps.
    Broken,
}

/// The writing half of restart: keeps track of the message in flight between the calls of a
/// service.
///
/// An encoder writes into a window, which goes to the sink. When the window is full and the sink
/// blocks, the call gives `WouldBlock`; the next call empties the window, runs the encoder again,
/// compares and drops what it produced before, and goes on. A message that fits the window is
/// encoded once.
///
/// ```
/// use readwrite_comp::Skip;
/// use readwrite_comp::testing::Choppy;
/// use std::io::{ErrorKind, Write};
///
/// let mut sink = Choppy::every(Vec::new(), 3); // blocks after each 3 bytes
/// let mut skip = Skip::default();
/// while let Err(e) = skip.write(&mut sink, |w| write!(w, "hello {}", 42)) {
///     assert_eq!(e.kind(), ErrorKind::WouldBlock); // a service would yield here
/// }
/// assert_eq!(sink.into_inner(), b"hello 42");
/// assert_eq!(skip.stats().attempts, 1);
/// ```
#[derive(Debug, Default)]
pub struct Skip {
    limits: SkipLimits,
    window: Window,
    /// Bytes of this message that were produced again.
    skipped: u64,
    stage: Stage,
    stats: SkipStats,
}

impl Skip {
    /// With these limits.
    pub fn new(limits: SkipLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Returns counts of the work until now.
    pub const fn stats(&self) -> SkipStats {
        let mut stats = self.stats;
        stats.bytes_written += self.window.taken();
        stats
    }

    /// True once the whole message was produced: the encoder will not be run again, and the caller
    /// may drop the message and pass any closure until the call succeeds.
    pub const fn encoded(&self) -> bool {
        matches!(self.stage, Stage::Encoded | Stage::Ending | Stage::Flushing)
    }

    /// True if a message was begun and is not wholly written.
    pub fn in_flight(&self) -> bool {
        self.stage != Stage::Encoding || self.window.produced > 0
    }

    /// Forgets the message in flight: the connection is gone.
    pub fn reset(&mut self) {
        *self = Self {
            limits: self.limits,
            stats: self.stats(),
            ..Self::default()
        };
    }

    /// Writes a message as it is: its reader has to know where it ends. As
    /// [`write_framed`](Self::write_framed) otherwise.
    ///
    /// # Errors
    /// As [`write_framed`](Self::write_framed).
    #[inline]
    pub fn write<W: Write>(
        &mut self,
        sink: &mut W,
        encode: impl FnOnce(&mut SkipAttempt<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.write_framed(&mut NoExt, sink, encode)
    }

    /// Writes a message through `limiter`, ends it and flushes the sink.
    ///
    /// After `WouldBlock` call it again, with the same limiter and sink and an encoder of the same
    /// message. An encoder that ends with success although its writer blocked (a buffered writer
    /// that was dropped) is run again like one that gave the error back.
    ///
    /// # Errors
    /// What the sink and the limiter say. [`PrefixChanged`](super::PrefixChanged) if a later
    /// attempt gives other bytes or fewer; [`LimitExceeded`] `max_message` or `max_skipped`; what
    /// the encoder says. If the sink has a part of the message by then, every later call fails
    /// until [`reset`](Self::reset): what is in the sink cannot be taken back.
    #[inline]
    pub fn write_framed<L: ExtWrite, W: Write>(
        &mut self,
        limiter: &mut L,
        sink: &mut W,
        encode: impl FnOnce(&mut SkipAttempt<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.stage == Stage::Encoding {
            let mut coded = CompW::new(&mut *limiter, &mut *sink);
            // An attempt knows earlier bytes by their number and hash only, so they have to leave
            // the window before it starts.
            self.drain(&mut coded)?;
            self.check_work()?;
            // For an encoder that panics: what is in the sink by then cannot be taken back.
            self.stage = Stage::Broken;
            let mut attempt = SkipAttempt::new(&mut self.window, &mut coded, &self.limits);
            let result = encode(&mut attempt);
            let outcome = attempt.finish(result);
            self.settle(outcome)?;
        }
        self.finish(limiter, sink)
    }

    #[inline]
    fn drain<W: Write>(&mut self, sink: &mut W) -> io::Result<()> {
        self.window.offer(sink)?;
        self.window.clear();
        Ok(())
    }

    fn check_work(&mut self) -> io::Result<()> {
        // All of these bytes would be produced again, so they are counted before the encoder runs.
        let again = self.skipped + self.window.produced;
        if again > self.limits.max_skipped {
            self.stage = Stage::Broken;
            return Err(LimitExceeded {
                limit: "max_skipped",
                value: again,
                max: self.limits.max_skipped,
            }
            .into());
        }
        Ok(())
    }

    /// Books an attempt; `Ok` if the message was produced to its end.
    fn settle(&mut self, outcome: Outcome) -> io::Result<()> {
        self.stats.attempts += 1;
        self.stats.bytes_skipped += outcome.skipped;
        self.skipped += outcome.skipped;
        match outcome.result {
            Ok(()) => self.stage = Stage::Encoded,
            Err(e) if outcome.resumable => {
                self.stage = Stage::Encoding;
                return Err(e);
            }
            Err(e) => {
                // The sink has a part of the message, so the stage stays `Broken`.
                if self.window.taken() > 0 {
                    self.window.free();
                } else {
                    self.reset();
                }
                return Err(e);
            }
        }
        Ok(())
    }

    fn finish<L: ExtWrite, W: Write>(&mut self, limiter: &mut L, sink: &mut W) -> io::Result<()> {
        // A stage for each step, so that a restart ends no message twice.
        if self.stage == Stage::Encoded {
            self.drain(&mut CompW::new(&mut *limiter, &mut *sink))?;
            self.stage = Stage::Ending;
        }
        if self.stage == Stage::Ending {
            limiter.write_end(sink)?;
            self.stage = Stage::Flushing;
        }
        if self.stage == Stage::Broken {
            let what = "a message was cut off in this stream: close it, then reset";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        sink.flush()?;
        self.stats.messages += 1;
        let mut bytes = std::mem::take(&mut self.window.bytes);
        if bytes.capacity() > self.limits.retain {
            bytes = Vec::new();
        }
        self.reset();
        self.window.bytes = bytes;
        Ok(())
    }
}
