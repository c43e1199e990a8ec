use std::collections::VecDeque;
use std::io::{self, Read};

/// Readers in a row: each is read to its end, then the next one.
///
/// Unlike [`Read::chain`] their number is known at run time only and more can be added while
/// reading. A reader that blocks or fails stays in front.
///
/// ```
/// use readwrite_comp::ChainR;
/// use std::io::Read;
///
/// let mut parts = ChainR::new([&b"head "[..], &b"body"[..]]);
/// parts.push(&b" end"[..]);
/// let mut all = String::new();
/// parts.read_to_string(&mut all)?;
/// assert_eq!(all, "head body end");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChainR<R> {
    readers: VecDeque<R>,
}

impl<R: Read> ChainR<R> {
    /// Reads `readers` in their order.
    pub fn new(readers: impl IntoIterator<Item = R>) -> Self {
        Self {
            readers: readers.into_iter().collect(),
        }
    }

    /// Adds a reader behind the others.
    pub fn push(&mut self, reader: R) {
        self.readers.push_back(reader);
    }

    /// Returns the number of readers that are not at their end.
    pub fn remaining(&self) -> usize {
        self.readers.len()
    }
}

impl<R: Read> Read for ChainR<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // A read of nothing gives `Ok(0)`, which would be taken for the end of the front reader.
        if buf.is_empty() {
            return Ok(0);
        }
        while let Some(reader) = self.readers.front_mut() {
            match reader.read(buf)? {
                0 => self.readers.pop_front(),
                n => return Ok(n),
            };
        }
        Ok(0)
    }
}
