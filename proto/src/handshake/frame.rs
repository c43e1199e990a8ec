use std::io::{self, ErrorKind, Read};

use super::message::MAX_MESSAGE;

/// A message as it is sent: its length (u16, little-endian) and its bytes.
pub fn framed(message: &[u8]) -> Vec<u8> {
    // No handshake message exceeds `MAX_MESSAGE`, so its length fits into 16 bits.
    let [low, high] = (message.len() as u16).to_le_bytes();
    [&[low, high], message].concat()
}

/// A message on its way in: restartable at any byte, and it reads nothing behind the message.
#[derive(Clone, Debug)]
pub struct FrameIn {
    bytes: [u8; 2 + MAX_MESSAGE],
    have: usize,
}

impl Default for FrameIn {
    fn default() -> Self {
        FrameIn {
            bytes: [0; 2 + MAX_MESSAGE],
            have: 0,
        }
    }
}

impl FrameIn {
    /// Reads what is missing of a message and gives it; `None` if the stream ended before its first
    /// byte. Then the next message may be read.
    ///
    /// # Errors
    /// What the reader says; `UnexpectedEof` inside a message; `InvalidData` for an empty one, or
    /// one that is longer than [`MAX_MESSAGE`].
    pub fn read_from<R: Read>(&mut self, r: &mut R) -> io::Result<Option<Vec<u8>>> {
        loop {
            let whole = 2 + self.length()?;
            if self.have > 2 && self.have == whole {
                self.have = 0;
                return Ok(Some(self.bytes[2..whole].to_vec()));
            }
            let wanted = if self.have < 2 { 2 } else { whole };
            match r.read(&mut self.bytes[self.have..wanted]) {
                Ok(0) if self.have == 0 => return Ok(None),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.have += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The message's length, once it is known.
    fn length(&self) -> io::Result<usize> {
        let [low, high, ..] = self.bytes;
        let length = usize::from(u16::from_le_bytes([low, high]));
        // Checked before the body is read: the buffer has room for `MAX_MESSAGE` bytes only.
        if self.have >= 2 && !(1..=MAX_MESSAGE).contains(&length) {
            let why = "what came is no message of a handshake";
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        Ok(if self.have < 2 { 0 } else { length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use readwrite_comp::testing::Choppy;

    #[test]
    fn messages_are_read_across_any_split_and_nothing_behind_them() {
        let long = vec![7; MAX_MESSAGE];
        let wire = [framed(b"first"), framed(&long), b"rest".to_vec()].concat();
        for chunk in 1..wire.len() {
            let mut source = Choppy::every(&wire[..], chunk);
            let mut frame = FrameIn::default();
            let mut next = || loop {
                match frame.read_from(&mut source) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    other => return other.unwrap(),
                }
            };
            assert_eq!(next().as_deref(), Some(&b"first"[..]));
            assert_eq!(next().as_ref(), Some(&long));
            assert_eq!(*source.inner(), b"rest");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_at_once() {
        let error = |mut bytes: &[u8]| FrameIn::default().read_from(&mut bytes).unwrap_err();
        assert_eq!(error(&[0, 0, 1]).kind(), ErrorKind::InvalidData);
        assert_eq!(error(&[1, 1]).kind(), ErrorKind::InvalidData);
        assert_eq!(error(b"GET /").kind(), ErrorKind::InvalidData);
        assert_eq!(error(&[5]).kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error(&[2, 0, 1]).kind(), ErrorKind::UnexpectedEof);
        let nothing = FrameIn::default().read_from(&mut io::empty());
        assert!(nothing.unwrap().is_none());
    }
}
