//! Slices of a file, each of several parts.

use std::ops::Range;

use mydht_proto::attachment::tree::PART_LEN;
use mydht_proto::record::AttachmentId;

/// Parts in a slice.
const PARTS: u64 = 16;

/// Bytes of a slice: a mebibyte.
pub(super) const SLICE: u64 = PARTS * PART_LEN as u64;

/// One slice of an attachment; the last may be shorter than [`SLICE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    id: AttachmentId,
    number: u64,
}

impl Slice {
    /// Returns the attachment of the slice.
    pub(super) fn of(&self) -> &AttachmentId {
        &self.id
    }

    /// Returns the offset of the slice in the attachment.
    pub(super) fn start(&self) -> u64 {
        self.number * SLICE
    }

    /// Returns the slice after this one.
    pub(super) fn next(&self) -> Option<Self> {
        let next = Slice {
            number: self.number + 1,
            ..*self
        };
        (next.start() < self.id.len).then_some(next)
    }
}

/// Returns the slice with a part, and the part's offset in it. `None` if there is no such part.
pub(super) fn place(id: &AttachmentId, part: u64) -> Option<(Slice, Range<usize>)> {
    let len = id.part_len(part)?;
    let number = part / PARTS;
    let at = usize::try_from(part % PARTS).ok()? * PART_LEN;
    Some((Slice { id: *id, number }, at..at + len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mydht_proto::id::Hash;

    #[test]
    fn each_part_has_its_place_in_one_slice() {
        let id = AttachmentId {
            hash: Hash([7; 32]),
            len: 2 * SLICE + PART_LEN as u64 + 10,
        };
        let mut at = 0;
        for part in 0..id.parts() {
            let (slice, range) = place(&id, part).unwrap();
            assert_eq!(slice.start() + range.start as u64, at, "part {part}");
            assert!(range.end as u64 <= SLICE);
            assert_eq!(*slice.of(), id);
            at += range.len() as u64;
        }
        assert_eq!(at, id.len);
        assert!(place(&id, id.parts()).is_none());
        assert!(place(&id, u64::MAX).is_none());
    }

    #[test]
    fn slices_follow_each_other_to_the_end() {
        for (len, slices) in [(0, 1), (1, 1), (SLICE, 1), (SLICE + 1, 2), (3 * SLICE, 3)] {
            let id = AttachmentId {
                hash: Hash([7; 32]),
                len,
            };
            let (first, _) = place(&id, 0).unwrap();
            let all = std::iter::successors(Some(first), Slice::next);
            assert_eq!(all.count(), slices, "{len} bytes");
        }
    }
}
