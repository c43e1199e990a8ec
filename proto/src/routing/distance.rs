//! Distance of two ids.

use crate::id::Hash;

/// The XOR of two ids, read as a number of 256 bits: Kademlia's metric (Maymounkov and Mazières
/// 2002, §2.1). It is symmetric, and for any point and distance exactly one id lies that far away.
///
/// ```
/// use mydht_proto::Hash;
/// use mydht_proto::routing::Distance;
/// let (a, b) = (Hash::of(b"a"), Hash::of(b"b"));
/// assert_eq!(Distance::between(&a, &b), Distance::between(&b, &a));
/// assert_eq!(Distance::between(&a, &a).shared_bits(), 256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance([u8; 32]);

impl Distance {
    /// Returns the distance of `a` and `b`.
    pub fn between(a: &Hash, b: &Hash) -> Self {
        let mut xor = a.0;
        for (byte, other) in xor.iter_mut().zip(b.0) {
            *byte ^= other;
        }
        Distance(xor)
    }

    /// Returns the number of leading bits that the two ids share: 0 to 256.
    pub fn shared_bits(&self) -> usize {
        match self.0.iter().position(|byte| *byte != 0) {
            Some(at) => at * 8 + self.0[at].leading_zeros() as usize,
            None => 256,
        }
    }
}

/// The id that differs from `own` in bit number `shared` first, and is `random` from there on:
/// where a bucket is refreshed.
pub(super) fn within_bucket(own: &Hash, shared: usize, random: &Hash) -> Hash {
    let mut id = random.0;
    for (at, byte) in id.iter_mut().enumerate() {
        let first_bit = at * 8;
        let kept = shared.saturating_sub(first_bit).min(8);
        // The bits that are shared with `own`, then the one that differs.
        let mask = !(0xff_u16 >> kept) as u8;
        *byte = (own.0[at] & mask) | (*byte & !mask);
        if (first_bit..first_bit + 8).contains(&shared) {
            let bit = 0x80 >> (shared - first_bit);
            *byte = (*byte & !bit) | (!own.0[at] & bit);
        }
    }
    Hash(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_bits_are_counted_from_the_front() {
        let zero = Hash([0; 32]);
        for bit in 0..256 {
            let mut other = zero;
            other.0[bit / 8] = 0x80 >> (bit % 8);
            assert_eq!(Distance::between(&zero, &other).shared_bits(), bit);
        }
    }

    #[test]
    fn an_id_within_a_bucket_lies_in_that_bucket() {
        for seed in 0..64_u8 {
            let (own, random) = (Hash::of(&[seed]), Hash::of(&[seed, 1]));
            for bucket in 0..256 {
                let id = within_bucket(&own, bucket, &random);
                assert_eq!(Distance::between(&own, &id).shared_bits(), bucket);
            }
        }
    }

    #[test]
    fn nearer_is_smaller() {
        let target = Hash::of(b"target");
        let mut near = target;
        near.0[31] ^= 1;
        let mut far = target;
        far.0[0] ^= 0x80;
        assert!(Distance::between(&near, &target) < Distance::between(&far, &target));
    }
}
