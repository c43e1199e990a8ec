//! What others have looked for in vain here and found elsewhere: kept for a while, so that what many look for is found
//! sooner (Maymounkov and Mazières, *Kademlia* (2002), §2.3).

use std::collections::HashMap;
use std::time::Duration;

use super::{ConnId, Engine};
use crate::id::{Key, PeerId};
use crate::limits::Limits;
use crate::msg::ProtoMessage;
use crate::record::{Record, Value};
use crate::routing::Distance;
use mydht_small::BTreeSet;

/// One peer has at most this part of the cache.
const SHARES: usize = 8;

/// How long what is cached stays with a node that is among those that keep it; it halves with each node that is nearer.
const AMONG_KEEPERS: Duration = Duration::from_secs(3600);

#[derive(Debug)]
struct Cached {
    record: Record,
    until: Duration,
    from: PeerId,
}

/// Records apart from those that this node keeps: nothing here takes the place of one of those.
///
/// Only values under the hash of their content: they cannot be out of date.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kept: HashMap<Key, Cached>,
    /// The same: what is void first goes first.
    order: BTreeSet<(Duration, Key)>,
    bytes: usize,
    by_peer: HashMap<PeerId, usize>,
}

/// What an entry takes, about.
fn weight(record: &Record) -> usize {
    let value = match &record.value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Attachment { .. } => 0,
    };
    value + size_of::<Cached>() + 3 * size_of::<Key>()
}

impl Cache {
    /// Keeps a record that `from` gave until `until`, if there is room for it within `most` bytes: what is void sooner
    /// makes room.
    pub(super) fn put(&mut self, record: Record, from: PeerId, until: Duration, most: usize) {
        let (key, bytes) = (record.key, weight(&record));
        if self.kept.get(&key).is_some_and(|kept| kept.until >= until) {
            return;
        }
        self.remove(&key);
        let share = self.by_peer.get(&from).copied().unwrap_or_default();
        if bytes.saturating_add(share) > most / SHARES {
            return;
        }
        while self.bytes.saturating_add(bytes) > most {
            match self.order.first().copied() {
                Some((sooner, key)) if sooner < until => self.remove(&key),
                _ => return,
            }
        }
        self.bytes += bytes;
        *self.by_peer.entry(from).or_default() += bytes;
        self.order.insert((until, key));
        let cached = Cached {
            record,
            until,
            from,
        };
        self.kept.insert(key, cached);
    }

    fn remove(&mut self, key: &Key) {
        let Some(gone) = self.kept.remove(key) else {
            return;
        };
        let bytes = weight(&gone.record);
        self.bytes -= bytes;
        self.order.remove(&(gone.until, *key));
        if let Some(share) = self.by_peer.get_mut(&gone.from) {
            *share -= bytes;
            if *share == 0 {
                self.by_peer.remove(&gone.from);
            }
        }
    }

    /// The record under `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&Record> {
        self.kept.get(key).map(|cached| &cached.record)
    }

    /// Forgets what is void at `now`.
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some((until, key)) = self.order.first().copied()
            && until <= now
        {
            self.remove(&key);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        assert_eq!(self.kept.len(), self.order.len(), "out of step");
        let bytes: usize = self.kept.values().map(|kept| weight(&kept.record)).sum();
        assert_eq!(bytes, self.bytes, "out of step");
        assert_eq!(self.by_peer.values().sum::<usize>(), bytes, "out of step");
        self.kept.len()
    }
}

/// How long a node caches what `nearer` nodes are nearer to, of which `copies` keep it.
fn time(nearer: usize, copies: usize) -> Duration {
    let farther = u32::try_from(nearer.saturating_sub(copies)).unwrap_or(u32::MAX);
    AMONG_KEEPERS / 1_u32.checked_shl(farther).unwrap_or(u32::MAX)
}

/// It is cached if anything is.
fn can_be_cached(record: &Record, limits: &Limits) -> bool {
    let is_value = matches!(record.value, Value::Bytes(_));
    limits.cache_bytes > 0 && is_value && matches!(record.key, Key::Content(_))
}

impl Engine {
    /// A search has found a record: of those that it asked in vain the nearest is to have it too.
    pub(super) fn cache_on_the_way(&mut self, search: u64, record: &Record) {
        if !can_be_cached(record, &self.limits) {
            return;
        }
        let nearest = self.searches.nearest(search);
        if let Some(conn) = nearest.and_then(|peer| self.links.conn(&peer)) {
            let record = record.clone();
            self.send(conn, ProtoMessage::Cache { record });
        }
    }

    /// What is cached under `key`.
    pub(super) fn cached(&mut self, key: &Key) -> Option<Record> {
        let record = self.cache.get(key)?.clone();
        self.counts.cache_hits += 1;
        Some(record)
    }

    /// A peer has found here in vain what it now gives.
    pub(super) fn asked_to_cache(&mut self, conn: ConnId, record: Record) {
        if record.is_forged() {
            return self.lied(conn, "a forged record to cache");
        }
        let fits = can_be_cached(&record, &self.limits) && record.check(&self.limits).is_ok();
        let Some(peer) = self.peers.get(&conn).filter(|_| fits) else {
            return;
        };
        let target = record.key.hash();
        let own = Distance::between(&self.own.0, target);
        let near = self.route.closest(target, self.limits.closest);
        let nearer = near
            .iter()
            .filter(|contact| Distance::between(&contact.id.0, target) < own)
            .count();
        let until = self.now.saturating_add(time(nearer, self.limits.copies));
        let from = peer.id;
        self.cache.put(record, from, until, self.limits.cache_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Hash;
    use proptest::prelude::*;

    fn record(number: u32, len: usize) -> Record {
        let mut bytes = vec![0; len];
        bytes.extend(number.to_le_bytes());
        Record::by_content(Value::Bytes(bytes))
    }

    fn peer(number: u8) -> PeerId {
        PeerId(Hash::of(&[number]))
    }

    #[test]
    fn it_stays_half_as_long_for_each_node_that_is_nearer() {
        assert_eq!(time(0, 8), AMONG_KEEPERS);
        assert_eq!(time(8, 8), AMONG_KEEPERS);
        assert_eq!(time(9, 8), AMONG_KEEPERS / 2);
        assert_eq!(time(20, 8), AMONG_KEEPERS / 4096);
        assert!(time(1000, 8) < Duration::from_millis(1));
    }

    #[test]
    fn what_is_void_sooner_makes_room_and_nothing_else_does() {
        let mut cache = Cache::default();
        let most = 8 * weight(&record(0, 0));
        let at = Duration::from_secs;
        for number in 0..8 {
            cache.put(
                record(number, 0),
                peer(number as u8),
                at(10 + u64::from(number)),
                most,
            );
        }
        cache.put(record(8, 0), peer(8), at(5), most);
        assert_eq!(cache.get(&record(8, 0).key), None);
        cache.put(record(8, 0), peer(8), at(15), most);
        assert!(cache.get(&record(8, 0).key).is_some());
        assert_eq!(cache.get(&record(0, 0).key), None);
        // It has its share already.
        cache.put(record(9, 0), peer(8), at(50), most);
        assert_eq!(cache.get(&record(9, 0).key), None);
        cache.expire(at(15));
        assert_eq!(cache.held(), 2);
    }

    proptest! {
        #[test]
        fn it_is_never_over_its_bound_nor_anybody_over_a_share(
            puts in prop::collection::vec((0_u32..40, 0_usize..500, 0_u8..20, 1_u64..100), 0..200),
        ) {
            const MOST: usize = 8192;
            let mut cache = Cache::default();
            for (number, len, from, until) in puts {
                cache.put(record(number, len), peer(from), Duration::from_secs(until), MOST);
                cache.held();
                prop_assert!(cache.bytes <= MOST);
                prop_assert!(cache.by_peer.values().all(|share| *share <= MOST / SHARES));
            }
        }
    }
}
