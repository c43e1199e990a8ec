//! One part of an attachment on its way in or out.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;

use super::Attachment;
use super::tree::{Node, PART_LEN, PartHasher};

/// Bytes that are read at once: memory is claimed as bytes arrive, not as a peer announces them.
const READ_LEN: usize = 16 * 1024;

/// A part, in memory: at most [`PART_LEN`] bytes.
#[derive(Clone, Debug)]
pub struct Part {
    content: Content,
    len: usize,
    index: usize,
}

#[derive(Clone, Debug)]
enum Content {
    Outgoing(Bytes),
    /// What arrived, of the part with this number; and whether its attachment has no other.
    Incoming(Vec<u8>, u64, bool),
}

/// A part that arrived whole, and the node it hashes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedPart {
    /// The content.
    pub bytes: Bytes,
    /// Its node in the attachment's tree, still to be verified.
    pub node: Node,
}

impl Part {
    /// A part to be sent.
    pub fn outgoing(bytes: Bytes) -> Self {
        Part {
            len: bytes.len(),
            content: Content::Outgoing(bytes),
            index: 0,
        }
    }

    /// A part to be received: number `index` of its attachment, `len` bytes; `only` if it is the
    /// only one.
    ///
    /// # Errors
    /// `InvalidData` if no part has so many bytes.
    pub fn incoming(index: u64, len: u32, only: bool) -> io::Result<Self> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > PART_LEN {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("the peer announced a part of {len} bytes: {PART_LEN} is the most"),
            ));
        }
        Ok(Part {
            content: Content::Incoming(Vec::new(), index, only),
            len,
            index: 0,
        })
    }

    /// Returns the part that arrived, or `None` if it is not whole or was not incoming.
    pub fn into_received(self) -> Option<ReceivedPart> {
        match self.content {
            Content::Incoming(bytes, index, only) if self.index == self.len => {
                // All at once: pieces that do not end with BLAKE3's chunks would be hashed at a fraction of its speed.
                let node = PartHasher::node_of(index, only, &bytes);
                let bytes = bytes.into();
                Some(ReceivedPart { bytes, node })
            }
            _ => None,
        }
    }
}

impl Attachment for Part {
    fn len(&self) -> u64 {
        self.len as u64
    }

    fn index(&self) -> u64 {
        self.index as u64
    }

    fn read_from<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        let Content::Incoming(bytes, ..) = &mut self.content else {
            return Ok(());
        };
        while self.index < self.len {
            if self.index == bytes.len() {
                // When some of it came the rest is believed. Made of zeros at once: growing would set them one by one.
                let most = match self.index {
                    0 => self.len.min(READ_LEN),
                    _ => self.len,
                };
                let mut longer = vec![0; most];
                longer[..self.index].copy_from_slice(bytes);
                *bytes = longer;
            }
            let result = r.read(&mut bytes[self.index..]);
            self.index += result.as_ref().unwrap_or(&0);
            match result {
                Ok(0) => {
                    return Err(io::Error::new(
                        ErrorKind::UnexpectedEof,
                        format!(
                            "the peer left in the middle of an attachment ({} of {} bytes of a part)",
                            self.index, self.len
                        ),
                    ));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        let Content::Outgoing(bytes) = &self.content else {
            return Ok(());
        };
        while self.index < self.len {
            match w.write(&bytes[self.index..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.index += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Hash;

    /// Moves at most `step` bytes a call and blocks before each.
    struct Choppy<T> {
        inner: T,
        step: usize,
        block: bool,
    }

    impl<T> Choppy<T> {
        fn gate(&mut self) -> io::Result<()> {
            self.block = !self.block;
            if self.block {
                return Err(ErrorKind::WouldBlock.into());
            }
            Ok(())
        }
    }

    impl<T: Read> Read for Choppy<T> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.gate()?;
            let step = self.step.min(buf.len());
            self.inner.read(&mut buf[..step])
        }
    }

    impl<T: Write> Write for Choppy<T> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.gate()?;
            let step = self.step.min(buf.len());
            self.inner.write(&buf[..step])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn until_done(mut step: impl FnMut() -> io::Result<()>) -> usize {
        let mut blocked = 0;
        loop {
            match step() {
                Ok(()) => return blocked,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            blocked += 1;
        }
    }

    #[test]
    fn restarts_at_every_byte_without_losing_one() {
        let content: Vec<u8> = (0..1000u32).map(|i| i as u8).collect();
        for step in [1, 7, 1000] {
            let mut part = Part::outgoing(content.clone().into());
            let mut sink = Choppy {
                inner: Vec::new(),
                step,
                block: false,
            };
            let blocked = until_done(|| part.write_into(&mut sink));
            assert_eq!(blocked, 1000usize.div_ceil(step));
            assert_eq!(sink.inner, content);

            let mut part = Part::incoming(0, 1000, true).unwrap();
            let mut source = Choppy {
                inner: &content[..],
                step,
                block: false,
            };
            until_done(|| part.read_from(&mut source));
            let received = part.into_received().unwrap();
            assert_eq!(received.bytes, content);
            assert_eq!(Hash(received.node), Hash::of(&content));
        }
    }

    #[test]
    fn an_announced_part_claims_no_memory_before_it_arrives() {
        let mut part = Part::incoming(3, PART_LEN as u32, false).unwrap();
        let Content::Incoming(bytes, ..) = &part.content else {
            panic!("it is incoming");
        };
        assert_eq!(bytes.capacity(), 0);
        let mut silent = Choppy {
            inner: io::empty(),
            step: 1,
            block: false,
        };
        let error = part.read_from(&mut silent).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let Content::Incoming(bytes, ..) = &part.content else {
            panic!("it is incoming");
        };
        assert!(bytes.capacity() <= PART_LEN);
        assert_eq!(part.into_received(), None);
        assert!(Part::incoming(0, PART_LEN as u32 + 1, true).is_err());
        assert!(Part::incoming(0, u32::MAX, true).is_err());
    }

    #[test]
    fn an_empty_part_that_belongs_nowhere_is_no_panic() {
        for (index, only) in [(5, false), (u64::MAX, false), (u64::MAX, true), (0, true)] {
            let mut part = Part::incoming(index, 0, only).unwrap();
            part.read_from(&mut io::empty()).unwrap();
            assert!(part.into_received().is_some());
        }
        let mut part = Part::incoming(u64::MAX, 3, false).unwrap();
        part.read_from(&mut &b"abc"[..]).unwrap();
        assert!(part.into_received().is_some());
    }
}
