//! Buffers that are there only while there is something in them: of a node's connections most are
//! idle.

use std::cell::Cell;
use std::io::{self, Read, Write};

/// Bytes taken from the transport at once. What is longer passes the buffer by.
const SIZE: usize = 8 * 1024;

/// Size of the buffer after a read that filled it.
const BULK: usize = 64 * 1024;

/// Bytes collected before they are given to the transport: a part of an attachment with its
/// message, in records, goes at once.
const COLLECTED: usize = 80 * 1024;

/// Room for a message of the usual length, with what is around it: it comes in several pieces.
const MESSAGE: usize = 512;

thread_local! {
    /// Buffer that readers of this thread read into first. A buffer of their own would be zeroed
    /// for each read, which costs more than reading a message does.
    static SCRATCH: Cell<Option<Box<[u8; SIZE]>>> = const { Cell::new(None) };
}

/// Gives `read` this thread's scratch buffer. What is in it is left over from whoever had it
/// before.
fn with_scratch<T>(read: impl FnOnce(&mut [u8; SIZE]) -> T) -> T {
    // Taken and put back, not borrowed: a source that reads by another such reader finds none, and makes one.
    let mut scratch = SCRATCH.take().unwrap_or_else(|| Box::new([0; SIZE]));
    let result = read(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}

/// As [`std::io::BufReader`], but it holds memory only for what was taken from the source and not
/// read yet.
#[derive(Debug)]
pub(super) struct IdleReader<R> {
    inner: R,
    bytes: Vec<u8>,
    /// So many of them were read.
    read: usize,
    /// There was more than the buffer could take.
    bulk: bool,
}

/// Progress of a read into a chunk.
struct Filled {
    /// Bytes read from the source.
    taken: usize,
    /// Bytes of these that the caller has got.
    count: usize,
}

impl<R> IdleReader<R> {
    pub(super) fn new(inner: R) -> Self {
        IdleReader {
            inner,
            bytes: Vec::new(),
            read: 0,
            bulk: false,
        }
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }
}

impl<R: Read> IdleReader<R> {
    /// Reads into `chunk` and copies what `buf` takes of it.
    fn fill(&mut self, chunk: &mut [u8], buf: &mut [u8]) -> io::Result<Filled> {
        let taken = self.inner.read(chunk)?;
        let count = taken.min(buf.len());
        buf[..count].copy_from_slice(&chunk[..count]);
        self.bulk = taken == chunk.len();
        Ok(Filled { taken, count })
    }
}

impl<R: Read> Read for IdleReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.read..];
        if rest.is_empty() {
            if buf.len() >= SIZE {
                // The buffer is empty and would only add a copy.
                return self.inner.read(buf);
            }
            // The last read filled its buffer, so more data is likely: read more at once.
            if self.bulk {
                let mut chunk = vec![0; BULK];
                let Filled { taken, count } = self.fill(&mut chunk, buf)?;
                if count < taken {
                    chunk.truncate(taken);
                    self.bytes = chunk;
                    self.read = count;
                }
                return Ok(count);
            }
            return with_scratch(|chunk| {
                let Filled { taken, count } = self.fill(chunk, buf)?;
                if count < taken {
                    self.bytes = chunk[count..taken].to_vec();
                }
                Ok(count)
            });
        }
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        if self.read == self.bytes.len() {
            self.bytes = Vec::new();
            self.read = 0;
        }
        Ok(count)
    }
}

/// As [`std::io::BufWriter`], but it holds memory only for what was not given on yet, and what is
/// in it when it is dropped is lost.
#[derive(Debug)]
pub(super) struct IdleWriter<W> {
    inner: W,
    bytes: Vec<u8>,
}

impl<W: Write> IdleWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        IdleWriter {
            inner,
            bytes: Vec::new(),
        }
    }

    /// Gives on what is here; what was not taken stays.
    fn give(&mut self) -> io::Result<()> {
        let mut given = 0;
        let result = loop {
            if given == self.bytes.len() {
                self.bytes = Vec::new();
                return Ok(());
            }
            match self.inner.write(&self.bytes[given..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => given += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        // Also after an error: bytes that were accepted must not be written twice.
        self.bytes.drain(..given);
        result
    }
}

impl<W: Write> Write for IdleWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + buf.len() > COLLECTED {
            self.give()?;
        }
        if buf.len() >= COLLECTED {
            // All earlier bytes have been written, so the order holds.
            return self.inner.write(buf);
        }
        if buf.len() >= SIZE {
            // More like it follows.
            self.bytes.reserve_exact(COLLECTED - self.bytes.len());
        } else if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(MESSAGE.max(buf.len()));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.give()?;
        self.inner.flush()
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Moves as many bytes as the script says at each call; 0 is `WouldBlock`.
    struct Choppy<T> {
        inner: T,
        script: std::iter::Cycle<std::vec::IntoIter<usize>>,
    }

    impl<T> Choppy<T> {
        fn new(inner: T, mut script: Vec<usize>) -> Self {
            // However it goes, it goes on.
            script.push(1);
            let script = script.into_iter().cycle();
            Choppy { inner, script }
        }

        fn allowed(&mut self, wanted: usize) -> io::Result<usize> {
            match self.script.next() {
                Some(0) => Err(io::ErrorKind::WouldBlock.into()),
                allowed => Ok(allowed.unwrap_or(1).min(wanted)),
            }
        }
    }

    impl Read for Choppy<&[u8]> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let most = self.allowed(buf.len())?;
            self.inner.read(&mut buf[..most])
        }
    }

    impl Write for Choppy<Vec<u8>> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let most = self.allowed(buf.len())?;
            self.inner.write(&buf[..most])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_there(
            len in 0_usize..40_000,
            script in proptest::collection::vec(0_usize..12_000, 0..9),
            sizes in proptest::collection::vec(1_usize..12_000, 1..9),
        ) {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut reader = IdleReader::new(Choppy::new(&bytes[..], script));
            let mut got: Vec<u8> = Vec::new();
            for size in sizes.into_iter().cycle() {
                let mut buf = vec![0; size];
                match reader.read(&mut buf) {
                    Ok(0) => break,
                    Ok(count) => got.extend(&buf[..count]),
                    Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            prop_assert_eq!(&got, &bytes);
            prop_assert_eq!(reader.bytes.capacity(), 0);
        }

        #[test]
        fn what_is_written_arrives_once(
            script in proptest::collection::vec(0_usize..12_000, 0..9),
            pieces in proptest::collection::vec(1_usize..12_000, 0..9),
        ) {
            let mut writer = IdleWriter::new(Choppy::new(Vec::new(), script));
            let mut sent = Vec::new();
            for (at, len) in pieces.into_iter().enumerate() {
                let piece: Vec<u8> = (0..len).map(|i| (at * 7 + i) as u8).collect();
                let mut rest = &piece[..];
                while !rest.is_empty() {
                    match writer.write(rest) {
                        Ok(count) => rest = &rest[count..],
                        Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                }
                sent.extend(piece);
            }
            while let Err(error) = writer.flush() {
                prop_assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            }
            prop_assert_eq!(&writer.inner.inner, &sent);
            prop_assert_eq!(writer.bytes.capacity(), 0);
        }
    }
}
