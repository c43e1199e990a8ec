use std::io::{self, Read, Write};

use super::{LimitExceeded, read_some};
use crate::comp::written_while_ending;
use crate::ext::{ExtRead, ExtWrite};

/// PPP in HDLC-like framing (RFC 1662, section 4.2): flag, control escape, and the bit that
/// escaping flips.
const TERMINATOR: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
const FLIP: u8 = 0x20;
/// Default for the longest message.
const MAX_TOTAL: u64 = 16 << 20;

/// Most coded bytes that the writer holds back.
const HELD: usize = 4 << 10;

fn check(terminator: u8, escape: u8) -> io::Result<()> {
    // Escaping flips one bit. If that turned one of them into the other, an escaped escape would
    // put the terminator inside of a body.
    if terminator == escape || terminator ^ FLIP == escape {
        let what = "terminator and escape must differ, and by more than the bit 0x20";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(())
}

/// Reads a message that ends at a terminator byte; in the body that byte is escaped (byte stuffing
/// as in RFC 1662).
///
/// Nothing may be read beyond the terminator, so the reader below is asked for one byte at a time:
/// put a buffered reader there.
#[derive(Clone, Debug)]
pub struct EscapedR {
    terminator: u8,
    escape: u8,
    max_total: u64,
    total: u64,
    escaped: bool,
    ended: bool,
    /// An error that came after bytes of the same call: given by the next call.
    postponed: Option<io::ErrorKind>,
}

impl Default for EscapedR {
    /// The bytes of PPP, and at most 16 MiB.
    fn default() -> Self {
        Self {
            terminator: TERMINATOR,
            escape: ESCAPE,
            max_total: MAX_TOTAL,
            total: 0,
            escaped: false,
            ended: false,
            postponed: None,
        }
    }
}

impl EscapedR {
    /// Ends messages with `terminator`.
    ///
    /// # Errors
    /// `InvalidInput` if the two cannot be told apart once escaped.
    pub fn new(terminator: u8, escape: u8) -> io::Result<Self> {
        check(terminator, escape)?;
        Ok(Self {
            terminator,
            escape,
            ..Self::default()
        })
    }

    /// Accepts messages of at most `max_total` plain bytes.
    #[must_use]
    pub const fn with_limit(mut self, max_total: u64) -> Self {
        self.max_total = max_total;
        self
    }

    /// The next plain byte, or none at the terminator.
    fn next<R: Read>(&mut self, r: &mut R) -> io::Result<Option<u8>> {
        let mut coded = [0];
        loop {
            read_some(r, &mut coded)?;
            let [byte] = coded;
            if self.escaped {
                let plain = byte ^ FLIP;
                // The writer escapes nothing else, so the stream is damaged.
                if plain != self.terminator && plain != self.escape {
                    let what = format!("byte {byte:#04x} may not follow the escape");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                self.escaped = false;
                return Ok(Some(plain));
            }
            if byte == self.terminator {
                return Ok(None);
            }
            if byte != self.escape {
                return Ok(Some(byte));
            }
            self.escaped = true;
        }
    }
}

impl ExtRead for EscapedR {
    fn read_header<R: Read>(&mut self, _: &mut R) -> io::Result<()> {
        Ok(())
    }

    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(kind) = self.postponed.take() {
            return Err(kind.into());
        }
        let mut n = 0;
        while n < buf.len() && !self.ended {
            match self.next(r) {
                Ok(Some(byte)) => {
                    self.total += 1;
                    if self.total > self.max_total {
                        let (limit, value, max) = ("max_total", self.total, self.max_total);
                        return Err(LimitExceeded { limit, value, max }.into());
                    }
                    if let Some(place) = buf.get_mut(n) {
                        *place = byte;
                    }
                    n += 1;
                }
                Ok(None) => self.ended = true,
                Err(e) if n == 0 => return Err(e),
                Err(e) => {
                    // A reader that only blocked says so again; other errors may be told only once.
                    if !matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) {
                        self.postponed = Some(e.kind());
                    }
                    break;
                }
            }
        }
        Ok(n)
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        let mut skipped = [0; 256];
        while self.read_from(r, &mut skipped)? > 0 {}
        self.ended = false;
        self.total = 0;
        Ok(())
    }
}

/// Writes a message that ends at a terminator byte: see [`EscapedR`].
#[derive(Clone, Debug)]
pub struct EscapedW {
    terminator: u8,
    escape: u8,
    coded: Vec<u8>,
    sent: usize,
    ending: bool,
}

impl Default for EscapedW {
    /// The bytes of PPP.
    fn default() -> Self {
        Self {
            terminator: TERMINATOR,
            escape: ESCAPE,
            coded: Vec::new(),
            sent: 0,
            ending: false,
        }
    }
}

impl EscapedW {
    /// Ends messages with `terminator`.
    ///
    /// # Errors
    /// `InvalidInput` if the two cannot be told apart once escaped.
    pub fn new(terminator: u8, escape: u8) -> io::Result<Self> {
        check(terminator, escape)?;
        Ok(Self {
            terminator,
            escape,
            ..Self::default()
        })
    }

    fn drain<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        while let Some(rest) = self.coded.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match w.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.coded.clear();
        self.sent = 0;
        Ok(())
    }
}

impl ExtWrite for EscapedW {
    fn write_header<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if self.ending {
            return Err(written_while_ending());
        }
        // One byte may become two coded ones, so two places have to be free.
        if self.coded.len() + 1 >= HELD && !buf.is_empty() {
            self.drain(w)?;
        }
        let mut taken = 0;
        for &byte in buf {
            if self.coded.len() + 1 >= HELD {
                break;
            }
            if byte == self.terminator || byte == self.escape {
                self.coded.extend_from_slice(&[self.escape, byte ^ FLIP]);
            } else {
                self.coded.push(byte);
            }
            taken += 1;
        }
        Ok(taken)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.drain(w)?;
        w.flush()
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        // Once: a restarted call must not write a second terminator.
        if !self.ending {
            self.coded.push(self.terminator);
            self.ending = true;
        }
        self.drain(w)?;
        self.ending = false;
        Ok(())
    }
}
