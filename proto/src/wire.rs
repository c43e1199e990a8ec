//! Preamble, which each side sends before its first message: see docs/wire.md.

use std::io::{self, ErrorKind, Read, Write};

use crate::msg::WIRE_VERSION;

/// `MYDHT`, the encoding's number, and the version (u16, little-endian).
pub const PREAMBLE_LEN: usize = 8;

const MAGIC: &[u8; 5] = b"MYDHT";

/// Returns the preamble that both sides send.
pub fn preamble(encoding: u8) -> [u8; PREAMBLE_LEN] {
    let [low, high] = WIRE_VERSION.to_le_bytes();
    let [m, y, d, h, t] = *MAGIC;
    [m, y, d, h, t, encoding, low, high]
}

/// The preamble on its way out: restartable at any byte.
#[derive(Debug)]
pub struct PreambleOut {
    bytes: [u8; PREAMBLE_LEN],
    written: usize,
}

impl PreambleOut {
    /// Prepares the preamble for an encoding of this number.
    pub fn new(encoding: u8) -> Self {
        PreambleOut {
            bytes: preamble(encoding),
            written: 0,
        }
    }

    /// Writes what is left of the preamble.
    ///
    /// # Errors
    /// Returns what the writer returns; `WriteZero` if it takes nothing. Call again after
    /// `WouldBlock`.
    pub fn write_into(&mut self, w: &mut (impl Write + ?Sized)) -> io::Result<()> {
        while self.written < PREAMBLE_LEN {
            match w.write(&self.bytes[self.written..])? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => self.written += count,
            }
        }
        Ok(())
    }
}

/// The preamble on its way in: restartable at any byte.
#[derive(Debug)]
pub struct PreambleIn {
    expected: [u8; PREAMBLE_LEN],
    bytes: [u8; PREAMBLE_LEN],
    read: usize,
}

impl PreambleIn {
    /// Expects the preamble of an encoding of this number.
    pub fn new(encoding: u8) -> Self {
        PreambleIn {
            expected: preamble(encoding),
            bytes: [0; PREAMBLE_LEN],
            read: 0,
        }
    }

    /// Reads what is missing. False if the stream ended before its first byte.
    ///
    /// # Errors
    /// What the reader says; `InvalidData` as soon as the peer cannot be understood.
    pub fn read_from(&mut self, r: &mut impl Read) -> io::Result<bool> {
        while self.read < PREAMBLE_LEN {
            match r.read(&mut self.bytes[self.read..])? {
                0 if self.read == 0 => return Ok(false),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.read += count,
            }
            // Checked after each read: a peer of another protocol that waits for a reply is
            // detected at once, and not at the deadline of the handshake.
            self.check()?;
        }
        Ok(true)
    }

    fn check(&self) -> io::Result<()> {
        let refuse = |why| Err(io::Error::new(ErrorKind::InvalidData, why));
        let magic = self.read.min(MAGIC.len());
        if self.bytes[..magic] != MAGIC[..magic] {
            return refuse("what connected does not speak MyDHT".to_owned());
        }
        if self.read == PREAMBLE_LEN {
            let [.., theirs, low, high] = self.bytes;
            let [.., ours, _, _] = self.expected;
            let version = u16::from_le_bytes([low, high]);
            // Compared first, because another version may number its encodings differently.
            if version != WIRE_VERSION {
                return refuse(format!(
                    "the peer speaks version {version} of the wire, this node {WIRE_VERSION}: update the older one"
                ));
            }
            if theirs != ours {
                return refuse(format!(
                    "the peer encodes messages in encoding {theirs}, this node in {ours}: use the same on both"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_docs_wire_says() {
        let mut bytes = Vec::new();
        PreambleOut::new(1).write_into(&mut bytes).unwrap();
        assert_eq!(bytes, b"MYDHT\x01\x02\x00");
        assert!(PreambleIn::new(1).read_from(&mut &bytes[..]).unwrap());
        assert!(!PreambleIn::new(1).read_from(&mut io::empty()).unwrap());
    }

    #[test]
    fn what_differs_is_said() {
        let check = |bytes: &[u8]| {
            let error = PreambleIn::new(1).read_from(&mut &bytes[..]).unwrap_err();
            (error.kind(), error.to_string())
        };
        assert!(check(b"GET / HTTP/1.1").1.contains("does not speak"));
        // No need to wait for eight bytes of something else.
        assert!(check(b"X").1.contains("does not speak"));
        assert!(check(b"MYDHT\x01\x01\x00").1.contains("version 1"));
        assert!(check(b"MYDHT\x01\x03\x00").1.contains("version 3"));
        assert!(check(b"MYDHT\x02\x02\x00").1.contains("encoding 2"));
        assert_eq!(check(b"MYD").0, ErrorKind::UnexpectedEof);
    }
}
