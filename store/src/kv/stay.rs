//! How long an entry stays, and for whom.

use super::Millis;

/// Set: the entry is the node's own.
const OWN: u64 = 1 << 63;

/// When an entry is gone, and whether it is the node's own: then nothing of its peers' takes its room.
///
/// As one number, which is what a [`Backend`](super::Backend) keeps: 0 for what stays until it is removed, otherwise the
/// milliseconds since 1970 (UTC) when it is gone, and the highest bit for what is the node's own.
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
    /// Until then; `None`: until it is removed. What is to stay for 292 million years or more stays for these.
    pub fn until(expires: Option<Millis>) -> Self {
        Stay(expires.map_or(0, |at| at.clamp(1, OWN - 1)))
    }

    /// The same for what is the node's own.
    #[must_use]
    pub fn for_own(self) -> Self {
        Stay(self.0 | OWN)
    }

    /// When it is gone; `None`: it stays until it is removed.
    pub fn expires(self) -> Option<Millis> {
        let at = self.0 & !OWN;
        (at > 0).then_some(at)
    }

    /// It is the node's own.
    pub fn is_own(self) -> bool {
        self.0 & OWN != 0
    }

    /// As one number.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// What was such a number.
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
