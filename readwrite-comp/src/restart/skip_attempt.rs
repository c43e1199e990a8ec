use std::io::{self, Write};

use super::prefix::{PrefixChanged, digest, mix};
use crate::limit::LimitExceeded;

/// What is known of the bytes that earlier attempts produced.
///
/// The first `mark` bytes are known by a hash over the encoder's writes, which is what is cheap to check. What the last
/// attempt added behind them is known by digests of pieces, because the bytes were not hashed when they were written:
/// a message that fits the window never pays for a hash. The next attempt collects those pieces again, compares, and
/// moves the mark behind them.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    pub(super) mark: u64,
    hash: u64,
    /// End and digest of each piece, in order.
    pieces: Vec<(u64, u64)>,
}

impl Prefix {
    /// How many bytes were produced.
    pub(super) fn produced(&self) -> u64 {
        self.pieces.last().map_or(self.mark, |(end, _)| *end)
    }
}

/// The bytes that the sink did not take yet.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) bytes: Vec<u8>,
    pub(super) sent: usize,
    /// What the sink took of this message.
    pub(super) taken: u64,
}

impl Window {
    /// Gives the sink what it takes; `Ok` when nothing is left.
    pub(super) fn drain<W: Write + ?Sized>(&mut self, sink: &mut W) -> io::Result<()> {
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
        self.bytes.clear();
        self.sent = 0;
        Ok(())
    }
}

/// Why an attempt's writer refused to go on.
#[derive(Debug)]
pub(super) enum Refused {
    No,
    /// The window is full and the sink blocked or failed, with this error.
    Sink(io::Error),
    Changed(PrefixChanged),
    Limit(LimitExceeded),
}

/// The writer that an encoder gets for one attempt at a message.
///
/// What earlier attempts produced is compared and dropped; the rest goes into the window and, when that is full, to the
/// sink. Once it has said `WouldBlock` it says so to every write of this attempt. `flush` does nothing: the message is
/// flushed at its end.
pub struct SkipAttempt<'a> {
    window: &'a mut Window,
    prefix: &'a mut Prefix,
    sink: &'a mut dyn Write,
    /// How many bytes the window takes without further thought; zero while earlier bytes are compared.
    room: usize,
    /// How many bytes before the mark, or zero.
    left: usize,
    hash: u64,
    /// Where this attempt is, except for what `room` and `left` count.
    base: u64,
    size: usize,
    max_message: u64,
    /// What earlier attempts produced.
    pub(super) known: u64,
    /// What the sink had when this attempt began.
    taken_before: u64,
    pub(super) refused: Refused,
}

impl<'a> SkipAttempt<'a> {
    pub(super) fn new(
        window: &'a mut Window,
        prefix: &'a mut Prefix,
        sink: &'a mut dyn Write,
        size: usize,
        max_message: u64,
    ) -> Self {
        let mut attempt = Self {
            known: prefix.produced(),
            taken_before: window.taken,
            window,
            prefix,
            sink,
            room: 0,
            left: 0,
            hash: 0,
            base: 0,
            size,
            max_message,
            refused: Refused::No,
        };
        attempt.left = usize::try_from(attempt.prefix.mark).unwrap_or(usize::MAX);
        attempt.base = attempt.left as u64;
        if attempt.prefix.produced() == 0 {
            attempt.open_room();
        }
        attempt
    }

    /// Where this attempt is in the message.
    pub fn position(&self) -> u64 {
        self.base - self.left as u64 - self.room as u64
    }

    /// The rest of the window may be filled, as far as the message's limit allows. The attempt must be behind
    /// everything that was produced.
    fn open_room(&mut self) {
        let position = self.position();
        let allowed = usize::try_from(self.max_message - position).unwrap_or(usize::MAX);
        self.room = allowed.min(self.size - self.window.bytes.len());
        self.base = position + self.room as u64;
    }

    /// What the sink took in this attempt.
    pub(super) fn taken(&self) -> u64 {
        self.window.taken - self.taken_before
    }

    /// The attempt stops here and another will follow: remembers what is in the window, unless that is known bytes
    /// which were being compared.
    pub(super) fn close_piece(&mut self) {
        let end = self.position();
        if end > self.prefix.produced() {
            self.prefix.pieces.push((end, digest(&self.window.bytes)));
        } else if end < self.known {
            self.window.bytes.clear();
        }
    }

    fn refuse(&mut self, refused: Refused) -> io::Error {
        self.base = self.position();
        self.room = 0;
        self.left = 0;
        let error = match &refused {
            Refused::Sink(e) => e.kind().into(),
            Refused::Changed(change) => (*change).into(),
            Refused::Limit(limit) => (*limit).into(),
            Refused::No => io::ErrorKind::Other.into(),
        };
        self.refused = refused;
        error
    }

    /// What the fast paths do not do: the ends of the known bytes and of the window. Takes some of `buf`, which is not
    /// empty; all of it unless something refuses.
    #[inline(never)]
    fn slow(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &self.refused {
            Refused::No => {}
            Refused::Sink(e) => return Err(e.kind().into()),
            Refused::Changed(change) => return Err((*change).into()),
            Refused::Limit(limit) => return Err((*limit).into()),
        }
        let known = self.skip_known(buf)?;
        let mut taken = known;
        while taken < buf.len() {
            if self.room == 0
                && let Err(e) = self.next_window()
            {
                return if taken > 0 { Ok(taken) } else { Err(e) };
            }
            let n = self.room.min(buf.len() - taken);
            self.window.bytes.extend_from_slice(&buf[taken..taken + n]);
            self.room -= n;
            taken += n;
        }
        Ok(taken)
    }

    /// Empties the full window into the sink and opens the next one.
    fn next_window(&mut self) -> io::Result<()> {
        let position = self.position();
        if position >= self.max_message {
            let limit = LimitExceeded {
                limit: "max_message",
                value: position + 1,
                max: self.max_message,
            };
            return Err(self.refuse(Refused::Limit(limit)));
        }
        if self.window.bytes.len() >= self.size {
            self.close_piece();
            if let Err(e) = self.window.drain(self.sink) {
                return Err(self.refuse(Refused::Sink(e)));
            }
        }
        self.open_room();
        Ok(())
    }

    /// Compares the part of `buf` that earlier attempts produced; gives its length.
    fn skip_known(&mut self, buf: &[u8]) -> io::Result<usize> {
        let position = self.position();
        let produced = self.prefix.produced();
        if position >= produced {
            return Ok(0);
        }
        let end = position + buf.len() as u64;
        let before = self.hash;
        let mut at = position;
        if position < self.prefix.mark {
            let mark = self.prefix.mark;
            if end < mark {
                // Only when the mark is too far for `left` to count.
                self.hash = mix(before, buf);
                self.base += buf.len() as u64;
                return Ok(buf.len());
            }
            let part = (mark - position) as usize;
            if mix(before, &buf[..part]) != self.prefix.hash {
                return Err(self.refuse(Refused::Changed(PrefixChanged { before: mark })));
            }
            at = mark;
        }
        // The pieces are collected in the window, which is empty while known bytes are skipped.
        self.left = 0;
        self.base = at;
        while let Some((piece_end, expected)) = self.piece(at) {
            let from = (at - position) as usize;
            let to = (piece_end.min(end) - position) as usize;
            self.window.bytes.extend_from_slice(&buf[from..to]);
            at = position + to as u64;
            self.base = at;
            if at < piece_end {
                break;
            }
            if digest(&self.window.bytes) != expected {
                self.window.bytes.clear();
                let change = PrefixChanged { before: piece_end };
                return Err(self.refuse(Refused::Changed(change)));
            }
            self.window.bytes.clear();
            if at == end {
                break;
            }
        }
        let known = (at - position) as usize;
        if at == produced {
            self.prefix.hash = mix(before, &buf[..known]);
            self.prefix.mark = produced;
            self.prefix.pieces.clear();
            self.open_room();
        } else {
            self.hash = mix(before, buf);
        }
        Ok(known)
    }

    /// The piece that the byte `at` is in.
    fn piece(&self, at: u64) -> Option<(u64, u64)> {
        let pieces = &self.prefix.pieces;
        let next = pieces.partition_point(|(end, _)| *end <= at);
        pieces.get(next).copied()
    }
}

impl Write for SkipAttempt<'_> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len();
        if n <= self.room {
            self.window.bytes.extend_from_slice(buf);
            self.room -= n;
            Ok(n)
        } else if n < self.left {
            self.left -= n;
            self.hash = mix(self.hash, buf);
            Ok(n)
        } else {
            self.slow(buf)
        }
    }

    #[inline]
    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        let mut written = self.write(buf)?;
        while written < buf.len() {
            written += self.write(&buf[written..])?;
        }
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
