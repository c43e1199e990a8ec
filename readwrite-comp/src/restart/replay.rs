use std::io::{self, Read};

use super::ahead::{Ahead, Refused};
use super::attempt::{ReplayAttempt, Rest};
use super::framed::Body;
use super::limits::{ReplayLimits, RetryPolicy};
use super::scan::Scan;
use super::shape::Shape;
use crate::ext::ExtRead;
use crate::limit::LimitExceeded;

/// Most unspent budget that a message leaves to the next one: enough that small messages in a few
/// pieces are tried at once.
const CARRIED: u64 = 16 << 10;

/// Work of a [`Replay`] since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayStats {
    /// Messages that were decoded.
    pub messages: u64,
    /// Times a decoder ran.
    pub attempts: u64,
    /// Plain bytes received: those of the bodies of messages with frames, when whole, and
    /// everything that was read for messages without.
    pub bytes_received: u64,
    /// Bytes that a decoder read more than once, counted each time but the first.
    pub bytes_replayed: u64,
}

/// The reading half of restart: keeps the message in flight between the calls of a service.
///
/// With frames ([`read_framed`](Self::read_framed)) a message is collected through a limiter and
/// decoded once, when it is whole. Without ([`read`](Self::read)) it is decoded, and decoded again
/// from its first byte when the decoder ran out of bytes; see [`RetryPolicy`] for when.
///
/// ```
/// use readwrite_comp::testing::Choppy;
/// use readwrite_comp::{Replay, SizedWindowsR};
/// use std::io::{ErrorKind, Read};
///
/// let wire = b"\x05\0\0\0plain\0\0\0\0";
/// let mut source = Choppy::every(&wire[..], 3); // blocks after each 3 bytes
/// let mut limiter = SizedWindowsR::default();
/// let mut replay = Replay::default();
/// let message = loop {
///     let read = replay.read_framed(&mut limiter, &mut source, |body| {
///         let mut text = String::new();
///         body.read_to_string(&mut text)?;
///         Ok(text)
///     });
///     match read {
///         Err(e) if e.kind() == ErrorKind::WouldBlock => continue, // a service would yield here
///         other => break other?,
///     }
/// };
/// assert_eq!(message.as_deref(), Some("plain"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Replay {
    limits: ReplayLimits,
    policy: RetryPolicy,
    /// Tells how many bytes a message without frames has at least.
    scan: Option<Scan>,
    body: Body,
    ahead: Ahead,
    /// Furthest position that any attempt at this message has read.
    seen: usize,
    /// Bytes that were there at the last attempt.
    tried: usize,
    /// With this much or less, another attempt would come to nothing: it was tried, or less than
    /// was asked for.
    hopeless: usize,
    /// Bytes that must be there for the next attempt, without a quiet period.
    due: usize,
    /// Hundredths of bytes that may be decoded again.
    budget: u64,
    /// Bytes of this message that were decoded again.
    replayed: u64,
    deferred: bool,
    /// Bytes that had been received when the source blocked the last time.
    blocked_at: u64,
    /// Received bytes that are in the budget.
    booked: u64,
    stats: ReplayStats,
}

impl Replay {
    /// With these limits and the default policy.
    pub fn new(limits: ReplayLimits) -> Self {
        Self::with_policy(limits, RetryPolicy::default())
    }

    /// With these limits and this policy for messages without frames.
    pub fn with_policy(limits: ReplayLimits, policy: RetryPolicy) -> Self {
        Self {
            limits,
            policy,
            ..Self::default()
        }
    }

    /// With these limits, the default policy, and the shape of the messages without frames: such a
    /// message is decoded when the shape says that it is whole. Where the shape says nothing or was
    /// wrong, the policy decides.
    pub fn with_shape(limits: ReplayLimits, shape: Shape) -> Self {
        Self {
            limits,
            scan: Some(Scan::new(shape)),
            ..Self::default()
        }
    }

    /// Returns counts of the work until now.
    pub const fn stats(&self) -> ReplayStats {
        let mut stats = self.stats;
        stats.bytes_received += self.ahead.received();
        stats
    }

    /// True if a part of a message was received.
    pub fn in_flight(&self) -> bool {
        self.body.in_flight() || !self.ahead.is_empty()
    }

    /// True if the last [`read`](Self::read) blocked although there are bytes that no attempt has
    /// seen, because the [`RetryPolicy`] found it too early. Call it again when the loop has
    /// nothing else to do, even if the source did not become ready: if nothing came by then the
    /// message is tried.
    pub const fn deferred(&self) -> bool {
        self.deferred
    }

    /// Forgets the message in flight and everything that was read ahead: the connection is gone.
    pub fn reset(&mut self) {
        let mut scan = self.scan.take();
        if let Some(scan) = &mut scan {
            scan.restart();
        }
        *self = Self {
            limits: self.limits,
            policy: self.policy,
            scan,
            stats: self.stats(),
            ..Self::default()
        };
    }

    /// Reads a message with `limiter`, and decodes it when it is whole. `None`: the source ended
    /// before the first byte of a message.
    ///
    /// Call it again after `WouldBlock`, with the same limiter and source; nothing was decoded yet.
    /// After any other error of `decode` the stream stands at the next message.
    ///
    /// # Errors
    /// What the source and the limiter say. [`LimitExceeded`] `max_message` for a body that is too
    /// long. `InvalidData` if the decoder leaves bytes of the message or wants more than it has.
    /// `UnexpectedEof` if the source ended inside the message.
    #[inline]
    pub fn read_framed<L: ExtRead, R: Read, T>(
        &mut self,
        limiter: &mut L,
        source: &mut R,
        decode: impl FnOnce(&mut &[u8]) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let whole = if self.ahead.is_empty() {
            self.body.fill(&self.limits, limiter, source)?
        } else {
            let mut rest = Rest {
                ahead: &mut self.ahead,
                limits: &self.limits,
                source,
            };
            self.body.fill(&self.limits, limiter, &mut rest)?
        };
        if !whole {
            return Ok(None);
        }
        self.stats.attempts += 1;
        let received = &mut self.stats.bytes_received;
        let value = self.body.decode(self.limits.retain, received, decode)?;
        self.stats.messages += 1;
        Ok(Some(value))
    }

    /// Decodes a message from a stream that has no frames. `None`: the source ended before the
    /// first byte of one.
    ///
    /// `decode` runs from the message's first byte each time, so it must do nothing but decode. An
    /// error it gives after its reader blocked counts as blocked, whatever it looks like, and so
    /// does a success. What it consumed is the message; bytes that were read beyond it stay here
    /// for the next `read`, for [`read_framed`](Self::read_framed) or for [`rest`](Self::rest).
    ///
    /// Call it again after `WouldBlock`; see [`deferred`](Self::deferred) for when.
    ///
    /// # Errors
    /// What the source says, what the decoder says of a message that it could read, `UnexpectedEof`
    /// if the source ended inside a message, [`LimitExceeded`] `max_message` or `max_replayed`. The
    /// stream cannot be used after an error: where the next message starts is not known.
    #[inline]
    pub fn read<R: Read, T>(
        &mut self,
        source: &mut R,
        mut decode: impl FnMut(&mut ReplayAttempt<'_, R>) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        if !self.wait(source)? {
            return Ok(None);
        }
        self.try_once(source, &mut decode).map(Some)
    }

    /// Runs an attempt.
    // Not inlined: a decoder would take the registers that a turn of one byte lives in.
    #[inline(never)]
    fn try_once<R: Read, T>(
        &mut self,
        source: &mut R,
        decode: &mut impl FnMut(&mut ReplayAttempt<'_, R>) -> io::Result<T>,
    ) -> io::Result<T> {
        // Reckoned with all that was seen, so that the bound holds before the work is done.
        let again = self.replayed + self.seen as u64;
        if again > self.limits.max_replayed {
            return Err(LimitExceeded {
                limit: "max_replayed",
                value: again,
                max: self.limits.max_replayed,
            }
            .into());
        }
        let mut attempt = ReplayAttempt::new(&mut self.ahead, &self.limits, source);
        let result = decode(&mut attempt);
        self.account();
        match result {
            // At the end of the source a decoder may well look beyond its message. But one that was refused bytes and
            // goes on as if it had not needed them would leave the stream at a wrong place.
            Ok(value) if matches!(self.ahead.refused, Refused::No | Refused::Ended) => {
                self.commit();
                Ok(value)
            }
            Ok(_) => Err(self.failed(io::ErrorKind::WouldBlock.into())),
            Err(e) => Err(self.failed(e)),
        }
    }

    /// Receives until an attempt can pay; false if the source ended between messages.
    #[inline]
    fn wait<R: Read>(&mut self, source: &mut R) -> io::Result<bool> {
        self.deferred = false;
        match self.receive(source) {
            Ok(true) => Ok(true),
            // An end inside of a message is for the decoder to find.
            Ok(false) => Ok(!self.ahead.is_empty()),
            Err(e) => {
                if self.ahead.have() <= self.hopeless || e.kind() != io::ErrorKind::WouldBlock {
                    return Err(e);
                }
                if self.silent() {
                    return Ok(true);
                }
                self.deferred = true;
                Err(e)
            }
        }
    }

    /// The source blocked: true if it gave nothing since it did so the last time.
    fn silent(&mut self) -> bool {
        let received = self.ahead.received();
        std::mem::replace(&mut self.blocked_at, received) == received
    }

    /// Receives until an attempt can pay; false if the source ended before.
    #[inline]
    fn receive<R: Read>(&mut self, source: &mut R) -> io::Result<bool> {
        loop {
            if !self.ahead.pull(&self.limits, source, self.due)? {
                return Ok(false);
            }
            if !self.scanned() {
                return Ok(true);
            }
        }
    }

    /// True if the scan says that more bytes are needed.
    #[inline]
    fn scanned(&mut self) -> bool {
        match &mut self.scan {
            Some(scan) if scan.known().is_some() => match scan.least(self.ahead.waiting()) {
                Some(least) if least > self.due && least <= self.limits.max_message => {
                    self.due = least;
                    true
                }
                // Whole, or not to be told, or too long, which is for the decoder to refuse.
                _ => false,
            },
            _ => false,
        }
    }

    /// Returns the bytes that must be here before the next attempt without a quiet period: those
    /// that the last one asked for, and as many as pay for decoding again what it read.
    fn next_due(&self) -> usize {
        let paid = match self.policy {
            RetryPolicy::Always => 0,
            RetryPolicy::Budgeted { percent } => {
                match (self.seen as u64 * 100).saturating_sub(self.budget) {
                    0 => 0,
                    // Nothing ever pays: the attempt comes with a quiet period.
                    _ if percent == 0 => usize::MAX,
                    short => {
                        let bytes = short.div_ceil(u64::from(percent));
                        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                        self.ahead.have().saturating_add(bytes)
                    }
                }
            }
        };
        // Never more than a message may have, or its attempt would never come.
        paid.min(self.limits.max_message).max(self.ahead.need)
    }

    /// When the next attempt will be, after this one.
    fn plan(&mut self) {
        self.ahead.aim_again();
        self.hopeless = self.tried.max(self.ahead.need.saturating_sub(1));
        self.due = self.next_due();
        let waiting = self.ahead.waiting();
        if let Some(scan) = &mut self.scan
            && let Some(least) = scan.least(waiting)
        {
            if least <= waiting.len() {
                // Whole, it said.
                scan.give_up();
            } else if least <= self.limits.max_message {
                self.due = least;
            }
        }
    }

    /// Books the bytes that were received.
    fn received(&mut self) {
        let n = self.ahead.received() - self.booked;
        self.booked += n;
        if let RetryPolicy::Budgeted { percent } = self.policy {
            self.budget = self.budget.saturating_add(n * u64::from(percent));
        }
    }

    /// Books an attempt.
    fn account(&mut self) {
        self.received();
        // Only what an earlier attempt has read as well is read again.
        let again = self.ahead.read().min(self.seen) as u64;
        self.stats.attempts += 1;
        self.stats.bytes_replayed += again;
        self.replayed += again;
        // An attempt in a quiet period may cost more than there is.
        self.budget = self.budget.saturating_sub(again * 100);
        self.seen = self.seen.max(self.ahead.read());
        self.tried = self.ahead.have();
    }

    /// Judges a failed attempt.
    fn failed(&mut self, error: io::Error) -> io::Error {
        self.ahead.pos = self.ahead.start;
        let error = match std::mem::take(&mut self.ahead.refused) {
            Refused::Blocked => io::ErrorKind::WouldBlock.into(),
            Refused::Ended => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            Refused::Limit(limit) => limit.into(),
            Refused::Failed(original) => original,
            Refused::No => {
                // The decoder waits for something else than this source: the same bytes may do next time.
                if error.kind() == io::ErrorKind::WouldBlock {
                    self.ahead.need = 0;
                    self.tried = 0;
                }
                error
            }
        };
        self.plan();
        error
    }

    /// The reader of an attempt by hand: it starts at the first byte that was not committed.
    ///
    /// It reads the source whenever it has nothing left; there is no [`RetryPolicy`].
    pub fn attempt<'a, R: Read>(&'a mut self, source: &'a mut R) -> ReplayAttempt<'a, R> {
        self.rewind();
        self.stats.attempts += 1;
        ReplayAttempt::new(&mut self.ahead, &self.limits, source)
    }

    /// Goes back to the first byte that was not committed.
    pub fn rewind(&mut self) {
        self.account_by_hand();
        self.ahead.rewind(&self.limits);
        self.plan();
    }

    /// Drops the bytes that the attempt has read: the next one starts behind them.
    #[inline]
    pub fn commit(&mut self) {
        let read = self.ahead.read();
        self.received();
        self.ahead.release(read, &self.limits);
        self.ahead.refused = Refused::No;
        self.begin();
        self.replayed = 0;
        // One long message must not pay for endless attempts at the next.
        self.budget = self.budget.min(CARRIED * 100);
        self.stats.messages += 1;
    }

    /// The next message begins here.
    fn begin(&mut self) {
        self.seen = 0;
        self.tried = 0;
        self.hopeless = 0;
        self.due = 0;
        self.ahead.aim_again();
        if let Some(scan) = &mut self.scan {
            scan.restart();
        }
    }

    fn account_by_hand(&mut self) {
        let again = self.ahead.read().min(self.seen) as u64;
        self.stats.bytes_replayed += again;
        self.seen = self.seen.max(self.ahead.read());
        self.received();
    }

    /// A reader of what follows the last message: what was read ahead, then the source.
    pub fn rest<'a, R: Read>(&'a mut self, source: &'a mut R) -> Rest<'a, R> {
        self.begin();
        Rest {
            ahead: &mut self.ahead,
            limits: &self.limits,
            source,
        }
    }
}
