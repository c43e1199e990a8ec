use std::io::{self, Read, Write};

use super::choppy::splitmix;
use crate::comp::written_while_ending;
use crate::ext::{ExtRead, ExtWrite};

const IV: usize = 8;
const SUM: usize = 4;
/// Coded bytes that the writer holds back at most; a record is at most 255 plain bytes.
const HELD: usize = 1 << 10;
const RECORD: usize = 255;

/// Keystream and checksum of one direction; both advance once per coded byte.
#[derive(Clone, Debug, Default)]
struct Stream {
    state: u64,
    word: [u8; 8],
    used: usize,
    sum: u32,
}

impl Stream {
    fn new(key: u64, iv: [u8; IV]) -> Self {
        Self {
            state: key ^ u64::from_le_bytes(iv),
            used: 8,
            ..Self::default()
        }
    }

    fn code(&mut self, byte: u8) -> u8 {
        if self.used == 8 {
            self.word = splitmix(&mut self.state).to_le_bytes();
            self.used = 0;
        }
        let key = self.word[self.used];
        self.used += 1;
        byte ^ key
    }

    /// FNV-1a over the plain bytes.
    fn add(&mut self, plain: u8) {
        self.sum = (self.sum ^ u32::from(plain)).wrapping_mul(0x0100_0193);
    }
}

/// Reads what [`XorW`] writes.
///
/// Header: 8 bytes of IV. Body: records of a coded length byte (1 to 255) and as many coded bytes.
/// End: a coded zero byte, then a coded FNV-1a sum of the plain bytes, 4 bytes little endian. It
/// protects nothing: it is there to show that a layer with state, header and end is restarted
/// right.
#[derive(Clone, Debug)]
pub struct XorR {
    key: u64,
    stream: Stream,
    fixed: [u8; IV],
    have: usize,
    header_read: bool,
    left: usize,
    ended: bool,
}

impl XorR {
    /// A layer that decodes with `key`.
    pub fn new(key: u64) -> Self {
        Self {
            key,
            stream: Stream::default(),
            fixed: [0; IV],
            have: 0,
            header_read: false,
            left: 0,
            ended: false,
        }
    }

    fn fixed<R: Read>(&mut self, r: &mut R, size: usize) -> io::Result<()> {
        while self.have < size {
            match r.read(&mut self.fixed[self.have..size]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.have += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.have = 0;
        Ok(())
    }
}

impl ExtRead for XorR {
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        if !self.header_read {
            self.fixed(r, IV)?;
            self.stream = Stream::new(self.key, self.fixed);
            self.header_read = true;
        }
        Ok(())
    }

    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        self.read_header(r)?;
        if buf.is_empty() || self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            self.fixed(r, 1)?;
            self.left = usize::from(self.stream.code(self.fixed[0]));
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = self.left.min(buf.len());
        loop {
            match r.read(&mut buf[..most]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    for byte in &mut buf[..n] {
                        *byte = self.stream.code(*byte);
                        self.stream.add(*byte);
                    }
                    self.left -= n;
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        let mut skipped = [0; RECORD];
        while self.read_from(r, &mut skipped)? > 0 {}
        self.fixed(r, SUM)?;
        let sum = self.stream.sum.to_le_bytes();
        let same = (0..SUM).all(|i| self.stream.code(self.fixed[i]) == sum[i]);
        // Before the verdict, so that the next message can be read either way.
        self.header_read = false;
        self.ended = false;
        if !same {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong checksum"));
        }
        Ok(())
    }
}

/// A test cipher: see [`XorR`].
#[derive(Clone, Debug)]
pub struct XorW {
    key: u64,
    iv: u64,
    stream: Stream,
    coded: Vec<u8>,
    sent: usize,
    header_made: bool,
    ending: bool,
}

impl XorW {
    /// A layer that codes with `key`; the first message has the IV `iv`, each next one another.
    pub fn new(key: u64, iv: u64) -> Self {
        Self {
            key,
            iv,
            stream: Stream::default(),
            coded: Vec::new(),
            sent: 0,
            header_made: false,
            ending: false,
        }
    }

    fn make_header(&mut self) {
        if !self.header_made {
            let iv = splitmix(&mut self.iv).to_le_bytes();
            self.stream = Stream::new(self.key, iv);
            self.coded.extend_from_slice(&iv);
            self.header_made = true;
        }
    }

    fn drain<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        while self.sent < self.coded.len() {
            match w.write(&self.coded[self.sent..]) {
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

impl ExtWrite for XorW {
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        if !self.header_made {
            self.make_header();
            return self.drain(w);
        }
        Ok(())
    }

    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if self.ending {
            return Err(written_while_ending());
        }
        if buf.is_empty() {
            return Ok(0);
        }
        if self.coded.len() >= HELD {
            self.drain(w)?;
        }
        self.make_header();
        let taken = buf.len().min(RECORD);
        let length = self.stream.code(taken as u8);
        self.coded.push(length);
        for &plain in &buf[..taken] {
            let byte = self.stream.code(plain);
            self.stream.add(plain);
            self.coded.push(byte);
        }
        Ok(taken)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.drain(w)?;
        w.flush()
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        if !self.ending {
            self.make_header();
            let zero = self.stream.code(0);
            self.coded.push(zero);
            for byte in self.stream.sum.to_le_bytes() {
                let byte = self.stream.code(byte);
                self.coded.push(byte);
            }
            self.ending = true;
        }
        self.drain(w)?;
        self.ending = false;
        self.header_made = false;
        Ok(())
    }
}
