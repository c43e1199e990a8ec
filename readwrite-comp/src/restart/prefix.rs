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

/// Odd, with its bits well spread: the golden ratio's fraction.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Adds one write of an encoder to a running hash.
///
/// The hash depends on how the encoder cuts its bytes into writes: an encoder that is run again on the same message
/// cuts them the same way, and a hash that does not care costs several times as much for writes of a few bytes. It
/// guards against mistakes, not against an adversary, who has no part in what is hashed here.
#[inline(always)]
pub(super) fn mix(mut hash: u64, written: &[u8]) -> u64 {
    let length = written.len();
    if length <= 8 {
        let mut word = [0; 8];
        word[..length].copy_from_slice(written);
        step(hash, u64::from_le_bytes(word), length)
    } else {
        hash = step(hash, digest(written), length);
        hash
    }
}

#[inline(always)]
fn step(hash: u64, word: u64, length: usize) -> u64 {
    // The length is in it, or "1, 0" in one byte and two would be like "1, 0" in two bytes and one.
    let word = word ^ (length as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (hash.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER)
}

/// The hash of a whole piece, four lanes wide for long ones.
#[inline(never)]
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let mut lanes = [1u64, 2, 3, 4];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let mut le = [0; 8];
            le.copy_from_slice(word);
            *lane = (lane.rotate_left(23) ^ u64::from_le_bytes(le)).wrapping_mul(MULTIPLIER);
        }
    }
    let mut hash = lanes
        .iter()
        .fold(0, |hash, lane| step(hash, *lane, bytes.len()));
    for word in blocks.remainder().chunks(8) {
        let mut le = [0; 8];
        le[..word.len()].copy_from_slice(word);
        hash = step(hash, u64::from_le_bytes(le), word.len());
    }
    hash
}
