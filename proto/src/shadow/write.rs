use std::io::{self, ErrorKind, Write};

use readwrite_comp::ExtWrite;

use super::chain::{Chain, Secret};
use super::cipher::Cipher;
use super::{DATA, END, HEADER, RECORD};

/// Writes records: see [`RecordR`](super::RecordR).
///
/// It holds back at most one record, which leaves when it is full, when the layer is flushed, and
/// at the end.
pub struct RecordW {
    chain: Chain,
    /// The open record (header, plain bytes) or what is on its way out.
    buf: Vec<u8>,
    /// Bytes of `buf` that the writer took.
    sent: usize,
    /// Set when the bytes in `buf` are sealed: nothing may be added to them.
    sealed: bool,
    ending: bool,
}

impl RecordW {
    /// A layer that protects with `cipher`; `None` for [`Cipher::None`], which has no records.
    pub fn new(cipher: Cipher, secret: Secret) -> Option<Self> {
        Some(RecordW {
            chain: Chain::new(cipher, secret)?,
            buf: Vec::new(),
            sent: 0,
            sealed: false,
            ending: false,
        })
    }

    /// Seals what `buf` has from `start` on: a header's room and the plain bytes.
    fn seal(&mut self, kind: u8, start: usize) {
        let tag_start = self.buf.len();
        self.buf.resize(tag_start + self.chain.tag_len(), 0);
        let Some((header, rest)) = self
            .buf
            .get_mut(start..)
            .and_then(|record| record.split_at_mut_checked(HEADER))
        else {
            return;
        };
        let (body, tag) = rest.split_at_mut(tag_start - start - HEADER);
        // At most `RECORD` bytes, so the length fits into 16 bits.
        let [low, high] = (body.len() as u16).to_le_bytes();
        header.copy_from_slice(&[kind, low, high]);
        self.chain.seal(header, body, tag);
        self.sealed = true;
    }

    fn seal_open(&mut self) {
        if !self.sealed && !self.buf.is_empty() {
            self.seal(DATA, 0);
        }
    }

    fn drain<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.seal_open();
        while let Some(rest) = self.buf.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match w.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buf.clear();
        self.sent = 0;
        self.sealed = false;
        Ok(())
    }
}

impl ExtWrite for RecordW {
    fn write_header<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if self.ending {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "written to while its end is being written",
            ));
        }
        if buf.is_empty() {
            return Ok(0);
        }
        // A sealed record cannot grow, because its tag covers all of its bytes.
        if self.sealed || self.buf.len() == HEADER + RECORD {
            self.drain(w)?;
        }
        if self.buf.is_empty() {
            self.buf
                .reserve_exact(HEADER + RECORD + self.chain.tag_len());
            self.buf.extend_from_slice(&[0; HEADER]);
        }
        let taken = buf.len().min(HEADER + RECORD - self.buf.len());
        self.buf.extend_from_slice(&buf[..taken]);
        Ok(taken)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.drain(w)?;
        w.flush()
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        // Sealed only once: a restart after `WouldBlock` goes on sending.
        if !self.ending {
            self.seal_open();
            // Appended behind a sealed record that is not completely sent yet, if there is one.
            let start = self.buf.len();
            self.buf.extend_from_slice(&[0; HEADER]);
            self.seal(END, start);
            self.ending = true;
        }
        self.drain(w)?;
        self.ending = false;
        Ok(())
    }
}
