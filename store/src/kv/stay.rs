//! Expiry and ownership of an entry.

use super::Millis;

/// Set: the entry is the node's own.
const OWN: u64 = 1 << 63;

/// Expiry of an entry, and whether it is the node's own: such an entry is never evicted for a
/// peer's.
///
/// Encoded as one number, which is what a [`Backend`](super::Backend) keeps: 0 for what stays until
/// it is removed, otherwise the milliseconds since 1970 (UTC) when it is gone, and the highest bit
/// for what is the node's own.
///
/// ```
/// use mydht_store::Stay;
///
/// let stay = Stay::until(Some(1_000)).for_own();
/// assert_eq!((stay.expires(), stay.is_own()), (Some(1_000), true));
/// assert_eq!(Stay::from_bits(stay.bits()), stay);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stay(u64);

impl Stay {
    /// Expires at `expires`, or never if `None`. A time more than 292 million years away is capped
    /// at these.
    pub fn until(expires: Option<Millis>) -> Self {
        // 0 would mean that the entry never expires, and the highest bit that it is the node's own.
        Stay(expires.map_or(0, |at| at.clamp(1, OWN - 1)))
    }

    /// Marks the entry as the node's own.
    #[must_use]
    pub fn for_own(self) -> Self {
        Stay(self.0 | OWN)
    }

    /// Returns when the entry expires; `None` if it stays until it is removed.
    pub fn expires(self) -> Option<Millis> {
        let at = self.0 & !OWN;
        (at > 0).then_some(at)
    }

    /// Returns whether the entry is the node's own.
    pub fn is_own(self) -> bool {
        self.0 & OWN != 0
    }

    /// Encodes both as one number.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Decodes the number made by [`bits`](Self::bits).
    pub fn from_bits(bits: u64) -> Self {
        Stay(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_about_time_makes_nothing_the_nodes_own() {
        for at in [0, 1, OWN - 1, OWN, u64::MAX] {
            let stay = Stay::until(Some(at));
            assert!(!stay.is_own() && stay.expires().is_some(), "{at}");
            assert!(stay.for_own().is_own());
            assert_eq!(stay.for_own().expires(), stay.expires());
        }
        assert_eq!(Stay::until(None), Stay::default());
        assert_eq!(Stay::default().for_own().expires(), None);
    }
}
