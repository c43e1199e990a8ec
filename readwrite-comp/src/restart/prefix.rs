use std::{error, fmt, io};

/// A restarted encode gave other bytes than the ones that its sink already has: the message changed
/// in between, or its encoding has no fixed order.
///
/// It travels inside an `io::Error` of kind `InvalidData`. No byte of the changed encoding reached
/// the sink, but the message there is incomplete: close the connection.
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

/// Bytes that are hashed at a time: a word for each lane.
const BLOCK: usize = 64;

/// Odd, with its bits well spread: the golden ratio's fraction.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of the bytes of a message so far.
///
/// It guards against mistakes, not against an adversary, who has no part in what is hashed here:
/// every message is our own. So it is a multiplicative hash that runs at about the speed of a copy,
/// in eight lanes because one multiplication waits for the other; two are compared by all their
/// lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    lanes: [u64; 8],
    at: u64,
    /// The bytes behind the last whole block, then zeros.
    rest: Rest,
}

/// A block that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest([u8; BLOCK]);

impl Default for Rest {
    fn default() -> Self {
        Self([0; BLOCK])
    }
}

impl Digest {
    /// Returns the number of bytes in the prefix.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Adds the bytes that follow.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let have = (self.at % BLOCK as u64) as usize;
        self.at += bytes.len() as u64;
        let mut bytes = bytes;
        if have > 0 {
            let room = &mut self.rest.0[have..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            if now.len() < room.len() {
                return;
            }
            bytes = later;
            // `rest` has to be zero behind its bytes, because digests are compared with it.
            let whole = std::mem::take(&mut self.rest);
            add(&mut self.lanes, &[whole.0]);
        }
        let (blocks, rest) = bytes.as_chunks();
        add(&mut self.lanes, blocks);
        self.rest.0[..rest.len()].copy_from_slice(rest);
    }
}

fn add(lanes: &mut [u64; 8], blocks: &[[u8; BLOCK]]) {
    // A copy, which stays in registers.
    let mut now = *lanes;
    for block in blocks {
        for (lane, word) in now.iter_mut().zip(block.as_chunks().0) {
            let word = u64::from_le_bytes(*word);
            // A multiplication moves bits upwards only; the rotation brings the high ones down
            // again.
            *lane = (lane.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
        }
    }
    *lanes = now;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(bytes: &[u8]) -> Digest {
        let mut digest = Digest::default();
        digest.add(bytes);
        digest
    }

    #[test]
    fn every_changed_bit_and_every_swap_is_seen() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i * i) as u8).collect();
        for length in [1, 7, 8, 63, 64, 65, 200, 300] {
            let bytes = &bytes[..length];
            for bit in 0..length * 8 {
                let mut changed = bytes.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(digest(&changed), digest(bytes));
            }
        }
        // Signs of floating point numbers: only the highest bits differ.
        let numbers: Vec<f64> = (0..40)
            .map(|i| if i % 3 == 0 { -1.0 } else { 1.0 })
            .collect();
        let bytes =
            |numbers: &[f64]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_le_bytes()).collect() };
        for a in 0..numbers.len() {
            for b in 0..a {
                let mut swapped = numbers.clone();
                swapped.swap(a, b);
                let same = digest(&bytes(&swapped)) == digest(&bytes(&numbers));
                assert_eq!(same, swapped == numbers);
            }
        }
    }

    #[test]
    fn zeros_at_the_end_are_bytes_too() {
        for length in 0..130 {
            assert_ne!(digest(&vec![0; length]), digest(&vec![0; length + 1]));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_does_not_depend_on_how_it_is_fed(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            pieces in prop::collection::vec(0usize..100, 0..20),
        ) {
            let mut fed = Digest::default();
            let mut rest = bytes.as_slice();
            for piece in pieces {
                let (now, later) = rest.split_at(piece.min(rest.len()));
                fed.add(now);
                rest = later;
            }
            fed.add(rest);
            prop_assert_eq!(fed, digest(&bytes));
        }
    }
}
