//! Cache of records that others have looked for in vain here and found elsewhere: kept for a while,
//! so that popular records are found sooner (Maymounkov and Mazières, *Kademlia* (2002), §2.3).

use std::collections::HashMap;
use std::time::Duration;

use super::context::Context;
use super::interface::ConnId;
use super::requests::SearchId;
use super::searches::Searches;
use crate::id::{Key, PeerId};
use crate::limits::Limits;
use crate::msg::ProtoMessage;
use crate::record::{Record, Value};
use crate::routing::Distance;
use mydht_small::BTreeSet;

/// Divisor of the cache's bytes that gives the maximum of one peer.
const SHARES: usize = 8;

/// Time for which a node caches a record if it is among those that keep it; half of it for each
/// node that is nearer.
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
    /// Keys of `kept`, the first to expire first.
    order: BTreeSet<(Duration, Key)>,
    bytes: usize,
    by_peer: HashMap<PeerId, usize>,
}

/// Returns the approximate size of an entry.
fn weight(record: &Record) -> usize {
    let value = match &record.value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Attachment { .. } => 0,
    };
    value + size_of::<Cached>() + 3 * size_of::<Key>()
}

impl Cache {
    /// Keeps a record that `from` gave until `until`, within `most` bytes. Records that expire
    /// sooner are evicted for it.
    fn put(&mut self, record: Record, from: PeerId, until: Duration, most: usize) {
        let (key, bytes) = (record.key, weight(&record));
        if self.kept.get(&key).is_some_and(|kept| kept.until >= until) {
            return;
        }
        // Removed before the bounds are checked: the replaced entry must not count against its peer
        // or against the total.
        self.remove(&key);
        let share = self.by_peer.get(&from).copied().unwrap_or_default();
        // One peer alone cannot push out what the others have offered.
        if bytes.saturating_add(share) > most / SHARES {
            return;
        }
        while self.bytes.saturating_add(bytes) > most {
            match self.order.first().copied() {
                Some((sooner, key)) if sooner < until => self.remove(&key),
                // All remaining entries expire later than the new one, so none of them is evicted
                // for it.
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
        // Cached records are immutable, so this is the weight that `put` has added.
        self.bytes -= bytes;
        self.order.remove(&(gone.until, *key));
        if let Some(share) = self.by_peer.get_mut(&gone.from) {
            *share -= bytes;
            if *share == 0 {
                self.by_peer.remove(&gone.from);
            }
        }
    }

    /// Takes a record that a peer has found here in vain and now offers.
    pub(super) fn offered(&mut self, cx: &mut Context, conn: ConnId, record: Record) {
        if record.is_forged() {
            return cx.forged(conn, "a forged record to cache");
        }
        // CACHE has no answer, so an unsuitable record is silently ignored.
        let fits = can_be_cached(&record, &cx.limits) && record.validate(&cx.limits).is_ok();
        let Some(from) = cx.peers.id(conn).filter(|_| fits) else {
            return;
        };
        let target = record.key.hash();
        let own = Distance::between(&cx.own.0, target);
        let near = cx.table.closest(target, cx.limits.routing.closest);
        let nearer = near
            .iter()
            .filter(|contact| Distance::between(&contact.id.0, target) < own)
            .count();
        let until = cx
            .now
            .saturating_add(time(nearer, cx.limits.routing.copies));
        self.put(record, from, until, cx.limits.storage.cache_bytes);
    }

    /// Returns the record under `key`, and counts the hit.
    pub(super) fn hit(&self, cx: &mut Context, key: &Key) -> Option<Record> {
        let record = self.get(key)?.clone();
        cx.counts.cache_hits += 1;
        Some(record)
    }

    /// Returns the record under `key`.
    fn get(&self, key: &Key) -> Option<&Record> {
        self.kept.get(key).map(|cached| &cached.record)
    }

    /// Returns true if a record has expired at `now`.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.order.first().is_some_and(|(until, _)| *until <= now)
    }

    /// Forgets records that have expired at `now`.
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

/// Returns for how long a node caches a record that `nearer` nodes are nearer to, of which `copies`
/// keep it.
fn time(nearer: usize, copies: usize) -> Duration {
    let farther = u32::try_from(nearer.saturating_sub(copies)).unwrap_or(u32::MAX);
    // A shift by 32 or more would overflow; an hour that is halved 32 times is less than a
    // microsecond.
    AMONG_KEEPERS / 1_u32.checked_shl(farther).unwrap_or(u32::MAX)
}

/// Returns true if a cache may keep the record.
fn can_be_cached(record: &Record, limits: &Limits) -> bool {
    let is_value = matches!(record.value, Value::Bytes(_));
    limits.storage.cache_bytes > 0 && is_value && matches!(record.key, Key::Content(_))
}

/// Offers a record that a search has found to the nearest of the peers that it asked in vain.
pub(super) fn offer_on_the_way(
    cx: &mut Context,
    searches: &Searches,
    search: SearchId,
    record: &Record,
) {
    if !can_be_cached(record, &cx.limits) {
        return;
    }
    let closest = searches.closest(search);
    let nearest = closest.first().map(|contact| contact.id);
    if let Some(conn) = nearest.and_then(|peer| cx.peers.best(&peer)) {
        let record = record.clone();
        cx.send(conn, ProtoMessage::Cache { record });
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
