//! The leaves of a hash tree, as content streams by.

use std::io;

use super::tree::{Node, PART_LEN, PartHasher, Tree};

/// The leaves of content of which no more than a part is in memory.
#[derive(Debug)]
pub struct Leaves {
    leaves: Vec<Node>,
    /// Leaf of the first part, in case it is the only one: that shows later.
    alone: PartHasher,
    len: u64,
}

impl Default for Leaves {
    fn default() -> Self {
        Leaves {
            leaves: Vec::new(),
            alone: PartHasher::new(0, true),
            len: 0,
        }
    }
}

impl Leaves {
    /// Takes the next part: [`PART_LEN`] bytes, fewer only of the last. Gives the bytes taken so
    /// far.
    pub fn push(&mut self, part: &[u8]) -> u64 {
        if self.leaves.is_empty() {
            // BLAKE3 hashes a lone part as the root of the tree, and the first of several as an
            // inner node. Only the next part shows which of the two this is, so both hashes are
            // computed.
            // Which of the two it is shows only with the next part, so both are computed.
            self.alone.update(part);
        }
        let mut hasher = PartHasher::new(self.leaves.len() as u64, false);
        hasher.update(part);
        self.leaves.push(hasher.finish());
        self.len += part.len() as u64;
        self.len
    }

    /// The tree of all that was taken.
    pub fn finish(mut self) -> Tree {
        if self.leaves.len() <= 1 {
            // Covers empty content as well: it has one part, which is empty.
            self.leaves = vec![self.alone.finish()];
        }
        Tree::from_leaves(self.len, self.leaves)
    }
}

/// Fills `part` unless the reader ends first.
fn read_part(reader: &mut impl io::Read, part: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < part.len() {
        match reader.read(&mut part[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Tree {
    /// Reads content to its end and gives its tree; `progress` hears the bytes read so far.
    ///
    /// # Errors
    /// What the reader says.
    pub fn of_reader(mut reader: impl io::Read, mut progress: impl FnMut(u64)) -> io::Result<Self> {
        let mut part = vec![0; PART_LEN];
        let mut leaves = Leaves::default();
        loop {
            let filled = read_part(&mut reader, &mut part)?;
            if filled > 0 {
                progress(leaves.push(&part[..filled]));
            }
            if filled < PART_LEN {
                return Ok(leaves.finish());
            }
        }
    }
}
