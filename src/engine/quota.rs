//! What one signer may have kept here, and what one peer may put here.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::{ConnId, Engine};
use crate::id::{Hash, Key};
use crate::record::{Record, Value};

/// What somebody may have.
#[derive(Clone, Copy, Debug)]
struct Quota {
    records: usize,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Share {
    /// Each record's bytes, and until when it counts.
    records: HashMap<Key, (u64, Duration)>,
    bytes: u64,
}

/// Who has how much, of all that is remembered of it. In memory: it begins anew when the node is started again, and what is
/// kept is bounded by the store's own limits all the same.
#[derive(Debug, Default)]
struct Ledger {
    shares: HashMap<Hash, Share>,
    /// What counts for the shortest time first.
    order: BTreeSet<(Duration, Hash, Key)>,
}

/// Records that are remembered for all peers, and for all signers, at most: of more the one that would be forgotten first.
const REMEMBERED: usize = 1 << 17;

/// What a peer has put counts so long.
const COUNTS: Duration = Duration::from_secs(24 * 3600);

impl Ledger {
    /// Counts a record of `who`, in the place of an earlier one under its key. False, and nothing is counted, if that is over
    /// the quota.
    fn take(&mut self, who: Hash, key: Key, bytes: u64, until: Duration, quota: Quota) -> bool {
        let share = self.shares.get(&who);
        let before = share.and_then(|share| share.records.get(&key).copied());
        let (records, all) = share.map_or((0, 0), |share| (share.records.len(), share.bytes));
        let all = all - before.map_or(0, |(bytes, _)| bytes);
        let records = records + usize::from(before.is_none());
        if records > quota.records || all.saturating_add(bytes) > quota.bytes {
            return false;
        }
        if let Some((_, until)) = before {
            self.forget(until, who, key);
        }
        let share = self.shares.entry(who).or_default();
        share.records.insert(key, (bytes, until));
        share.bytes += bytes;
        self.order.insert((until, who, key));
        if self.order.len() > REMEMBERED
            && let Some((until, who, key)) = self.order.first().copied()
        {
            self.forget(until, who, key);
        }
        true
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

    fn expire(&mut self, now: Duration) {
        while let Some((until, who, key)) = self.order.first().copied()
            && until <= now
        {
            self.forget(until, who, key);
        }
    }
}

/// The quotas of all.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    /// By public key.
    signers: Ledger,
    /// By id.
    peers: Ledger,
}

impl Quotas {
    /// Forgets what does not count any more at `now`.
    pub(super) fn expire(&mut self, now: Duration) {
        self.signers.expire(now);
        self.peers.expire(now);
    }
}

/// What a record takes: its value and its attachment.
fn size(record: &Record) -> u64 {
    match &record.value {
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::Attachment { id, .. } => id.len,
    }
}

impl Engine {
    /// Counts a record that `conn` is about to put here.
    ///
    /// # Errors
    /// Whose quota it is over, by the names of the limits.
    pub(super) fn count(&mut self, conn: ConnId, record: &Record) -> Result<(), &'static str> {
        let Some(peer) = self.peers.get(&conn).map(|peer| peer.id.0) else {
            return Ok(());
        };
        let (key, bytes, now) = (record.key, size(record), self.now);
        let until = now.saturating_add(COUNTS);
        let of_peer = Quota {
            records: self.limits.records_per_peer,
            bytes: self.limits.bytes_per_peer,
        };
        if !self.quotas.peers.take(peer, key, bytes, until, of_peer) {
            return Err(
                "you have put too much here in a day (limits records_per_peer, bytes_per_peer)",
            );
        }
        let Some(seal) = &record.seal else {
            return Ok(());
        };
        let left = seal.expires.saturating_sub(self.unix_millis());
        let until = now.saturating_add(Duration::from_millis(left));
        let of_signer = Quota {
            records: self.limits.records_per_signer,
            bytes: self.limits.bytes_per_signer,
        };
        match self
            .quotas
            .signers
            .take(seal.signer, key, bytes, until, of_signer)
        {
            true => Ok(()),
            false => {
                Err("its signer has too much here (limits records_per_signer, bytes_per_signer)")
            }
        }
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

    #[test]
    fn records_and_bytes_are_counted_once_for_each_key_until_they_do_not_count() {
        let mut ledger = Ledger::default();
        let at = Duration::from_secs;
        assert!(ledger.take(Hash([b'a'; 32]), key(1), 60, at(10), QUOTA));
        assert!(
            !ledger.take(Hash([b'a'; 32]), key(2), 41, at(10), QUOTA),
            "bytes"
        );
        assert!(ledger.take(Hash([b'a'; 32]), key(2), 40, at(20), QUOTA));
        assert!(
            ledger.take(Hash([b'b'; 32]), key(2), 100, at(20), QUOTA),
            "another's"
        );
        // A new version counts in the place of the old one.
        assert!(ledger.take(Hash([b'a'; 32]), key(1), 10, at(10), QUOTA));
        assert!(ledger.take(Hash([b'a'; 32]), key(3), 0, at(20), QUOTA));
        assert!(
            !ledger.take(Hash([b'a'; 32]), key(4), 0, at(20), QUOTA),
            "records"
        );
        ledger.expire(at(10));
        assert!(ledger.take(Hash([b'a'; 32]), key(4), 60, at(20), QUOTA));
        ledger.expire(at(20));
        assert!(ledger.shares.is_empty() && ledger.order.is_empty());
    }

    proptest! {
        #[test]
        fn nobody_is_ever_over_a_quota(
            takes in prop::collection::vec((0_u8..3, 0_u8..8, 0_u64..120, 0_u64..50), 0..200),
        ) {
            let mut ledger = Ledger::default();
            for (who, number, bytes, time) in takes {
                ledger.expire(Duration::from_secs(time / 2));
                ledger.take(Hash([who; 32]), key(number), bytes, Duration::from_secs(time), QUOTA);
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
