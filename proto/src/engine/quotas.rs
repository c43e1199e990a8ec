//! Quotas of records and bytes, by signer and by the peer that puts.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::context::Context;
use super::interface::ConnId;
use crate::id::{Hash, Key};
use crate::record::{Record, Value};

/// Upper bounds of one share.
#[derive(Clone, Copy, Debug)]
struct Quota {
    records: usize,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Share {
    /// Bytes of each record, and until when it counts.
    records: HashMap<Key, (u64, Duration)>,
    bytes: u64,
}

/// Shares by holder. In memory only: a restart begins anew, and the store's own limits bound what
/// is kept all the same.
#[derive(Debug, Default)]
struct Ledger {
    shares: HashMap<Hash, Share>,
    /// Records of all shares, the first to expire first.
    order: BTreeSet<(Duration, Hash, Key)>,
}

/// Maximum records that are remembered for all peers, and for all signers. Past it the first to
/// expire is evicted.
const REMEMBERED: usize = 1 << 17;

/// Time for which a record counts against the peer that put it.
const COUNTS: Duration = Duration::from_secs(24 * 3600);

impl Ledger {
    /// Returns true if a record of `who`, in the place of an earlier one under its key, is within
    /// the quota.
    fn has_room(&self, who: &Hash, key: &Key, bytes: u64, quota: Quota) -> bool {
        let Some(share) = self.shares.get(who) else {
            return quota.records > 0 && bytes <= quota.bytes;
        };
        let before = share.records.get(key);
        // Cannot underflow: `share.bytes` includes the earlier record.
        let all = share.bytes - before.map_or(0, |(bytes, _)| *bytes);
        let records = share.records.len() + usize::from(before.is_none());
        records <= quota.records && all.saturating_add(bytes) <= quota.bytes
    }

    /// Counts a record of `who`, in the place of an earlier one under its key.
    fn take(&mut self, who: Hash, key: Key, bytes: u64, until: Duration) {
        let before = self.shares.get(&who);
        // `order` is keyed by the expiry, so the earlier entry must be removed under its own
        // expiry.
        if let Some((_, until)) = before.and_then(|share| share.records.get(&key).copied()) {
            self.forget(until, who, key);
        }
        let share = self.shares.entry(who).or_default();
        share.records.insert(key, (bytes, until));
        share.bytes += bytes;
        self.order.insert((until, who, key));
        // One entry was added, so evicting one is enough.
        if self.order.len() > REMEMBERED
            && let Some((until, who, key)) = self.order.first().copied()
        {
            self.forget(until, who, key);
        }
    }

    fn forget(&mut self, until: Duration, who: Hash, key: Key) {
        self.order.remove(&(until, who, key));
        if let Some(share) = self.shares.get_mut(&who) {
            if let Some((bytes, _)) = share.records.remove(&key) {
                share.bytes -= bytes;
            }
            if share.records.is_empty() {
                self.shares.remove(&who);
            }
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        self.order.first().is_some_and(|(until, ..)| *until <= now)
    }

    fn expire(&mut self, now: Duration) {
        while let Some((until, who, key)) = self.order.first().copied()
            && until <= now
        {
            self.forget(until, who, key);
        }
    }
}

/// Shares of all signers and peers.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    /// By public key.
    signers: Ledger,
    /// By id.
    peers: Ledger,
}

impl Quotas {
    /// Returns true if a share counts no more at `now`.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.signers.is_due(now) || self.peers.is_due(now)
    }

    /// Forgets shares that count no more at `now`.
    pub(super) fn expire(&mut self, now: Duration) {
        self.signers.expire(now);
        self.peers.expire(now);
    }

    /// Counts a record that `conn` is about to put here.
    ///
    /// # Errors
    /// The quota that is exhausted, by the names of the limits.
    pub(super) fn count(
        &mut self,
        cx: &Context,
        conn: ConnId,
        record: &Record,
    ) -> Result<(), &'static str> {
        let Some(peer) = cx.peers.id(conn).map(|id| id.0) else {
            return Ok(());
        };
        let (key, bytes, limits) = (record.key, size(record), &cx.limits);
        let of_peer = Quota {
            records: limits.storage.records_per_peer,
            bytes: limits.storage.bytes_per_peer,
        };
        if !self.peers.has_room(&peer, &key, bytes, of_peer) {
            return Err(
                "you have put too much here in a day (limits records_per_peer, bytes_per_peer)",
            );
        }
        // A record that is refused for its signer does not count against the peer that brought it.
        if let Some(seal) = &record.seal {
            let of_signer = Quota {
                records: limits.storage.records_per_signer,
                bytes: limits.storage.bytes_per_signer,
            };
            if !self.signers.has_room(&seal.signer, &key, bytes, of_signer) {
                return Err(
                    "its signer has too much here (limits records_per_signer, bytes_per_signer)",
                );
            }
            // Converts the expiry from the clock that everybody has into the engine's time.
            let left = seal.expires.saturating_sub(cx.unix_millis());
            let until = cx.now.saturating_add(Duration::from_millis(left));
            self.signers.take(seal.signer, key, bytes, until);
        }
        let until = cx.now.saturating_add(COUNTS);
        self.peers.take(peer, key, bytes, until);
        Ok(())
    }
}

/// Returns the size of a record: its value and its attachment.
fn size(record: &Record) -> u64 {
    match &record.value {
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::Attachment { id, .. } => id.len,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTA: Quota = Quota {
        records: 3,
        bytes: 100,
    };

    fn key(number: u8) -> Key {
        Key::of_content(&[number])
    }

    fn takes(ledger: &mut Ledger, who: u8, key: Key, bytes: u64, until: Duration) -> bool {
        let who = Hash([who; 32]);
        let has_room = ledger.has_room(&who, &key, bytes, QUOTA);
        if has_room {
            ledger.take(who, key, bytes, until);
        }
        has_room
    }

    #[test]
    fn records_and_bytes_are_counted_once_for_each_key_until_they_do_not_count() {
        let mut ledger = Ledger::default();
        let at = Duration::from_secs;
        assert!(takes(&mut ledger, b'a', key(1), 60, at(10)));
        assert!(!takes(&mut ledger, b'a', key(2), 41, at(10)), "bytes");
        assert!(takes(&mut ledger, b'a', key(2), 40, at(20)));
        assert!(takes(&mut ledger, b'b', key(2), 100, at(20)), "another's");
        // A new version counts in the place of the old one.
        assert!(takes(&mut ledger, b'a', key(1), 10, at(10)));
        assert!(takes(&mut ledger, b'a', key(3), 0, at(20)));
        assert!(!takes(&mut ledger, b'a', key(4), 0, at(20)), "records");
        ledger.expire(at(10));
        assert!(takes(&mut ledger, b'a', key(4), 60, at(20)));
        ledger.expire(at(20));
        assert!(ledger.shares.is_empty() && ledger.order.is_empty());
    }

    proptest! {
        #[test]
        fn nobody_is_ever_over_a_quota(
            steps in prop::collection::vec((0_u8..3, 0_u8..8, 0_u64..120, 0_u64..50), 0..200),
        ) {
            let mut ledger = Ledger::default();
            for (who, number, bytes, time) in steps {
                ledger.expire(Duration::from_secs(time / 2));
                takes(&mut ledger, who, key(number), bytes, Duration::from_secs(time));
                let counted: usize = ledger.shares.values().map(|share| share.records.len()).sum();
                prop_assert_eq!(counted, ledger.order.len());
                for share in ledger.shares.values() {
                    prop_assert!(share.records.len() <= QUOTA.records && share.bytes <= QUOTA.bytes);
                    let sum: u64 = share.records.values().map(|(bytes, _)| bytes).sum();
                    prop_assert_eq!(sum, share.bytes);
                }
            }
        }
    }
}
