use std::io::{self, ErrorKind, Read};

use mydht_cipher::InOutBuf;
use readwrite_comp::ExtRead;

use super::chain::{Chain, Secret};
use super::cipher::Cipher;
use super::{DATA, END, HEADER, RECORD};

/// Reads records: header (kind u8; plain length u16, little-endian), as many encrypted bytes, tag.
///
/// No plain byte of a record is returned before all of it has been proved to be what the peer
/// sealed at this place in the stream. A record that was forged, changed, repeated, moved or left
/// out is an error, and stays one: nothing that follows it is read. A stream that is over without
/// its end record was cut, which is an error too.
///
/// ```
/// use mydht_proto::shadow::{Cipher, RecordR, RecordW, Secret};
/// use readwrite_comp::{CompR, CompW};
/// use std::io::{Read, Write};
///
/// let layer = RecordW::new(Cipher::ChaCha20Poly1305, Secret::new([7; 32])).ok_or("no cipher")?;
/// let mut wire = Vec::new();
/// let mut writer = CompW::new(layer, &mut wire);
/// writer.write_all(b"plain")?;
/// writer.write_end()?;
///
/// let layer = RecordR::new(Cipher::ChaCha20Poly1305, Secret::new([7; 32])).ok_or("no cipher")?;
/// let mut plain = String::new();
/// CompR::new(layer, wire.as_slice()).read_to_string(&mut plain)?;
/// assert_eq!(plain, "plain");
///
/// wire[4] ^= 1;
/// let layer = RecordR::new(Cipher::ChaCha20Poly1305, Secret::new([7; 32])).ok_or("no cipher")?;
/// assert!(CompR::new(layer, wire.as_slice()).read(&mut [0; 5]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordR {
    chain: Chain,
    header: [u8; HEADER],
    /// A record's encrypted bytes and tag, then its plain bytes.
    buf: Vec<u8>,
    /// Bytes of header and buffer that were read.
    have: usize,
    state: State,
}

enum State {
    /// Header, bytes and tag of a record are on their way.
    Sealed,
    /// Plain bytes of `buf` that may be returned, one at least.
    Plain { at: usize, end: usize },
    /// The end record was read.
    Ended,
    /// Why nothing more is read.
    Failed(&'static str),
}

impl RecordR {
    /// A layer that reads what [`RecordW`](super::RecordW) wrote under the same secret; `None` for
    /// [`Cipher::None`], which has no records.
    pub fn new(cipher: Cipher, secret: Secret) -> Option<Self> {
        Some(RecordR {
            chain: Chain::new(cipher, secret)?,
            header: [0; HEADER],
            buf: Vec::new(),
            have: 0,
            state: State::Sealed,
        })
    }

    /// Reads a record and proves it. If all of it has room in `out` it is decrypted there, and this
    /// gives its length.
    fn open<R: Read>(&mut self, r: &mut R, out: &mut [u8]) -> io::Result<Option<usize>> {
        while self.have < HEADER {
            self.have += some(r, &mut self.header[self.have..])?;
        }
        let [kind, low, high] = self.header;
        let len = usize::from(u16::from_le_bytes([low, high]));
        let is_one = match kind {
            // An empty record would only cost time.
            DATA => (1..=RECORD).contains(&len),
            END => len == 0,
            _ => false,
        };
        if !is_one {
            return self
                .fail("what came is no record: the bytes were forged or damaged on their way");
        }
        let whole = len + self.chain.tag_len();
        // At most `RECORD` bytes and a tag: the length that the peer claims was checked above.
        if self.buf.len() < whole {
            self.buf.resize(whole, 0);
        }
        while self.have < HEADER + whole {
            self.have += some(r, &mut self.buf[self.have - HEADER..whole])?;
        }
        let (body, tag) = self.buf[..whole].split_at_mut(len);
        // `out` is written only if the record is authentic: see `Keyed::open`.
        let at_once = match out.get_mut(..len) {
            Some(out) if kind == DATA => InOutBuf::new(&*body, out).ok(),
            _ => None,
        };
        let given = at_once.is_some().then_some(len);
        let opened = match at_once {
            Some(both) => self.chain.open(&self.header, both, tag),
            None => self.chain.open(&self.header, body.into(), tag),
        };
        if opened.is_err() {
            return self
                .fail("a record is not authentic: it was forged, damaged, repeated or moved");
        }
        self.have = 0;
        self.state = match (kind, given) {
            (END, _) => State::Ended,
            (_, Some(_)) => State::Sealed,
            (_, None) => State::Plain { at: 0, end: len },
        };
        Ok(given)
    }

    fn fail(&mut self, why: &'static str) -> io::Result<Option<usize>> {
        self.state = State::Failed(why);
        Err(io::Error::new(ErrorKind::InvalidData, why))
    }
}

/// At least one byte.
fn some<R: Read>(r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match r.read(buf) {
            Ok(0) => {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "the stream was cut: it has no authentic end",
                ));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

impl ExtRead for RecordR {
    fn read_header<R: Read>(&mut self, _: &mut R) -> io::Result<()> {
        Ok(())
    }

    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Plain { at, end } => {
                    let most = buf.len().min(end - at);
                    buf[..most].copy_from_slice(&self.buf[at..at + most]);
                    self.state = match at + most {
                        at if at < end => State::Plain { at, end },
                        _ => State::Sealed,
                    };
                    return Ok(most);
                }
                State::Sealed => {
                    if let Some(given) = self.open(r, buf)? {
                        return Ok(given);
                    }
                }
                State::Ended => return Ok(0),
                State::Failed(why) => return Err(io::Error::new(ErrorKind::InvalidData, why)),
            }
        }
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        let mut skipped = [0; 1024];
        while self.read_from(r, &mut skipped)? > 0 {}
        self.state = State::Sealed;
        Ok(())
    }
}
