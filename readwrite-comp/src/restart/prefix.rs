use std::{error, fmt, io};

/// A restarted encode gave other bytes than the ones that its sink already has: the message changed in between, or its
/// encoding has no fixed order.
///
/// It travels inside an `io::Error` of kind `InvalidData`. No byte of the changed encoding reached the sink, but the
/// message there is incomplete: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixChanged {
    /// The difference is before this byte of the message.
    pub before: u64,
}

impl PrefixChanged {
    /// The change that `error` is about, if it is about one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for PrefixChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.before;
        write!(
            f,
            "the message changed while it was written, within its first {before} bytes"
        )
    }
}

impl error::Error for PrefixChanged {}

impl From<PrefixChanged> for io::Error {
    fn from(error: PrefixChanged) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// What the message's bytes are hashed in: small enough to stay in the processor's first cache.
pub(super) const BLOCK: usize = 4 << 10;

/// Odd, with its bits well spread: the golden ratio's fraction.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash over the first blocks of a message.
///
/// It guards against mistakes, not against an adversary, who has no part in what is hashed here: every message is our
/// own. So it is a multiplicative hash that runs at about the speed of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    hash: u64,
    /// How many bytes are in it: whole blocks.
    pub(super) at: u64,
}

impl Digest {
    /// Adds the whole blocks that `bytes` starts with.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for block in bytes.chunks_exact(BLOCK) {
            self.hash = step(self.hash, hash(block));
            self.at += BLOCK as u64;
        }
    }

    /// Goes over the whole blocks of `n` bytes without a look.
    pub(super) fn skip(&mut self, n: usize) {
        self.at += (n - n % BLOCK) as u64;
    }
}

#[inline(always)]
fn step(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER)
}

/// The hash of a piece: eight lanes, because one multiplication waits for the other.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut lanes = [1u64, 2, 3, 4, 5, 6, 7, 8];
    let (words, rest) = bytes.as_chunks::<8>();
    let (blocks, words) = words.as_chunks::<8>();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block) {
            *lane = step(*lane, u64::from_le_bytes(*word));
        }
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]);
    let words = words.map(|word| u64::from_le_bytes(*word));
    lanes
        .into_iter()
        .chain(words)
        .fold(bytes.len() as u64, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_and_every_swap_is_seen() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i * i) as u8).collect();
        for length in [1, 7, 8, 63, 64, 65, 200, 300] {
            let bytes = &bytes[..length];
            for bit in 0..length * 8 {
                let mut changed = bytes.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(hash(&changed), hash(bytes));
            }
        }
        // Signs of two floating point numbers: only the highest bits differ.
        let numbers: Vec<u8> = [1.0f64, -1.0, 2.0, 1.0, -1.0, 3.0, 4.0, 5.0, -2.0, 1.5]
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        for a in 0..10 {
            for b in 0..a {
                let mut swapped = numbers.clone();
                swapped[8 * a..8 * a + 8].copy_from_slice(&numbers[8 * b..8 * b + 8]);
                swapped[8 * b..8 * b + 8].copy_from_slice(&numbers[8 * a..8 * a + 8]);
                assert_eq!(hash(&swapped) == hash(&numbers), swapped == numbers);
            }
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_how_it_is_fed() {
        let bytes: Vec<u8> = (0..3 * BLOCK).map(|i| (i % 251) as u8).collect();
        let (mut whole, mut pieces) = (Digest::default(), Digest::default());
        whole.add(&bytes);
        pieces.add(&bytes[..BLOCK]);
        pieces.add(&bytes[BLOCK..]);
        assert_eq!(whole, pieces);
    }
}
