//! Kademlia's table: few contacts far away, many nearby.

use std::cmp::Reverse;
use std::fmt::Debug;
use std::time::Duration;

use super::bucket::Bucket;
use super::distance::within_bucket;
use super::{Contact, Distance, Noted, Route};
use crate::address::Addresses;
use crate::id::{Hash, PeerId};
use mydht_small::BTreeMap;

/// Parameters of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KademliaParams {
    /// Contacts in one bucket: the paper's k, so many that it is unlikely that all of them leave
    /// within an hour.
    pub bucket: usize,
    /// A range of distances in which nothing was looked for so long is searched.
    pub refresh: Duration,
}

impl Default for KademliaParams {
    /// k = 20 and one hour, as in the paper (§2.2, §2.3).
    fn default() -> Self {
        KademliaParams {
            bucket: 20,
            refresh: Duration::from_secs(3600),
        }
    }
}

/// The routing table of Kademlia (Maymounkov and Mazières, "Kademlia: A Peer-to-peer Information
/// System Based on the XOR Metric", 2002).
///
/// Bucket number i has contacts that share exactly i leading bits with this node's id: at most
/// [`KademliaParams::bucket`] of them, and half as large a part of the network as bucket i − 1. So
/// a network of n nodes takes about log2(n / k) full buckets.
///
/// ```
/// use std::time::Duration;
/// use mydht_proto::{Hash, PeerId};
/// use mydht_proto::routing::{Contact, Kademlia, KademliaParams, Route};
/// let own = PeerId(Hash::of(b"own"));
/// let mut table = Kademlia::new(own, KademliaParams::default());
/// for number in 0..1000_u32 {
///     let id = PeerId(Hash::of(&number.to_le_bytes()));
///     table.seen(Contact { id, addresses: number }, Duration::ZERO);
/// }
/// assert!(table.len() < 200);
/// assert_eq!(table.closest(&own.0, 20).len(), 20);
/// ```
#[derive(Clone, Debug)]
pub struct Kademlia<A = Addresses> {
    own: PeerId,
    params: KademliaParams,
    /// By the number of shared bits. It is as long as the deepest contact wants.
    buckets: Vec<Bucket<A>>,
}

impl<A: Clone> Kademlia<A> {
    /// The table of the node `own`, which knows nobody yet.
    pub fn new(own: PeerId, params: KademliaParams) -> Self {
        Kademlia {
            own,
            params,
            buckets: Vec::new(),
        }
    }

    fn shared(&self, id: &Hash) -> usize {
        Distance::between(&self.own.0, id).shared_bits()
    }

    /// The first of the buckets that have no more contacts than one has room for, all of them
    /// together: who searches this node's own id meets them all.
    fn near(&self) -> usize {
        let mut contacts = 0;
        let fits = |bucket: &&Bucket<A>| {
            contacts += bucket.len();
            contacts <= self.params.bucket
        };
        self.buckets.len() - self.buckets.iter().rev().take_while(fits).count()
    }

    /// The buckets in groups: every contact of a group is nearer to `target` than any of the next
    /// group.
    ///
    /// With c bits shared by this node and `target`: bucket c shares at least one bit more with
    /// `target`; the deeper ones share exactly c; and those before share the fewer the shallower
    /// they are.
    fn groups(&self, target: &Hash) -> impl Iterator<Item = &[Bucket<A>]> {
        let shared = self.shared(target).min(self.buckets.len());
        let (shallow, rest) = self.buckets.split_at(shared);
        // The bucket may not exist: the table is only as long as its deepest contact needs.
        let (same, deep) = rest.split_at(rest.len().min(1));
        [same, deep].into_iter().chain(shallow.chunks(1).rev())
    }
}

impl<A: Clone + Debug> Route<A> for Kademlia<A> {
    fn seen(&mut self, contact: Contact<A>, now: Duration) -> Noted {
        if contact.id == self.own {
            return Noted::Ignored;
        }
        let shared = self.shared(&contact.id.0);
        // At most 256 buckets: only the own id shares all 256 bits, and it was ignored above.
        while self.buckets.len() <= shared {
            self.buckets.push(Bucket::new(now));
        }
        self.buckets[shared].seen(contact, self.params.bucket)
    }

    fn failed(&mut self, id: &PeerId) {
        let shared = self.shared(&id.0);
        if let Some(bucket) = self.buckets.get_mut(shared) {
            bucket.failed(id);
        }
    }

    fn closest(&self, target: &Hash, count: usize) -> Vec<Contact<A>> {
        let mut found = Vec::new();
        for group in self.groups(target) {
            // Cannot underflow: each group adds at most `missing` contacts.
            let missing = count - found.len();
            if missing == 0 {
                break;
            }
            let mut more: Vec<_> = group.iter().flat_map(Bucket::contacts).collect();
            more.sort_unstable_by_key(|contact| Distance::between(&contact.id.0, target));
            found.extend(more.into_iter().take(missing).cloned());
        }
        found
    }

    fn searched(&mut self, target: &Hash, now: Duration) {
        let shared = self.shared(target);
        if let Some(bucket) = self.buckets.get_mut(shared) {
            bucket.searched = now;
        }
    }

    fn refresh(&mut self, now: Duration, random: &Hash) -> Option<Hash> {
        let due = |bucket: &Bucket<A>| bucket.searched + self.params.refresh <= now;
        let shared = self.buckets.iter().position(due)?;
        let near = self.near();
        if shared < near {
            self.buckets[shared].searched = now;
            return Some(within_bucket(&self.own.0, shared, random));
        }
        // A single search for the own id reaches the contacts of all these buckets.
        for bucket in &mut self.buckets[near..] {
            bucket.searched = now;
        }
        Some(self.own.0)
    }

    fn next_refresh(&self) -> Option<Duration> {
        let searched = self.buckets.iter().map(|bucket| bucket.searched);
        searched.min().map(|first| first + self.params.refresh)
    }

    fn len(&self) -> usize {
        self.buckets.iter().map(Bucket::len).sum()
    }

    fn buckets(&self) -> Vec<usize> {
        self.buckets.iter().map(Bucket::len).collect()
    }

    /// Returns the furthest peer of the bucket with the most connections (of several buckets, the
    /// furthest). So a node with few connections holds one at every distance, which is what a
    /// search needs, and its nearest neighbours, which share its records.
    fn least_useful(&self, connected: &[PeerId]) -> Option<PeerId> {
        let mut buckets: BTreeMap<usize, Vec<&PeerId>> = BTreeMap::new();
        for id in connected {
            buckets.entry(self.shared(&id.0)).or_default().push(id);
        }
        let (_, fullest) = buckets
            .into_iter()
            .max_by_key(|(shared, ids)| (ids.len(), Reverse(*shared)))?;
        fullest
            .into_iter()
            .max_by_key(|id| Distance::between(&id.0, &self.own.0))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(number: u32) -> PeerId {
        PeerId(Hash::of(&number.to_le_bytes()))
    }

    fn contact(number: u32) -> Contact<u32> {
        Contact {
            id: id(number),
            addresses: number,
        }
    }

    fn table(size: usize, others: u32) -> Kademlia<u32> {
        let params = KademliaParams {
            bucket: size,
            ..KademliaParams::default()
        };
        let mut table = Kademlia::new(id(0), params);
        for number in 1..=others {
            table.seen(contact(number), Duration::ZERO);
        }
        table
    }

    /// Compares `closest` with a sort of all contacts, wherever the target lies.
    #[test]
    fn the_closest_are_those_that_sorting_all_gives() {
        let table = table(8, 3000);
        let all: Vec<_> = table.buckets.iter().flat_map(Bucket::contacts).collect();
        let targets = (0..200).map(|seed| Hash::of(&[seed, 1]));
        for target in targets.chain([table.own.0, id(17).0]) {
            for count in [0, 1, 7, 20, 10_000] {
                let mut expected = all.clone();
                expected.sort_by_key(|contact| Distance::between(&contact.id.0, &target));
                expected.truncate(count);
                let found = table.closest(&target, count);
                assert!(found.iter().eq(expected), "{target} {count}");
            }
        }
    }

    #[test]
    fn a_table_of_a_large_network_is_small() {
        let table = table(20, 20_000);
        // log2(20,000 / 20) full buckets, and the few contacts nearer than that.
        assert!((180..=280).contains(&table.len()), "{}", table.len());
        assert!(table.buckets.iter().all(|bucket| bucket.len() <= 20));
    }

    #[test]
    fn a_node_does_not_know_itself() {
        let mut table = table(20, 0);
        assert_eq!(table.seen(contact(0), SECOND), Noted::Ignored);
        assert!(table.is_empty());
        table.failed(&id(0));
    }

    #[test]
    fn each_range_is_refreshed_once_when_it_is_due() {
        let mut table = table(20, 1000);
        let hour = table.params.refresh;
        assert_eq!(table.next_refresh(), Some(hour));
        let random = Hash::of(b"random");
        assert_eq!(table.refresh(hour - SECOND, &random), None);
        table.searched(&id(1).0, SECOND);
        let mut refreshed = Vec::new();
        let mut own = 0;
        while let Some(target) = table.refresh(hour, &random) {
            match target == table.own.0 {
                true => own += 1,
                false => refreshed.push(table.shared(&target)),
            }
        }
        let spared = table.shared(&id(1).0);
        let near = table.near();
        assert!(spared < near && near + 3 < table.buckets.len());
        let expected: Vec<_> = (0..near).filter(|b| *b != spared).collect();
        assert_eq!(refreshed, expected);
        assert_eq!(own, 1, "all that are near by one search");
        assert_eq!(table.next_refresh(), Some(hour + SECOND));
    }

    #[test]
    fn near_are_those_that_one_search_meets() {
        for (others, size) in [(0, 20), (3, 20), (20, 20), (1000, 20), (1000, 4), (1000, 1)] {
            let table = table(size, others);
            let near = table.near();
            let in_all = |from: usize| table.buckets[from..].iter().map(Bucket::len).sum::<usize>();
            assert!(in_all(near) <= size);
            assert!(near == 0 || in_all(near - 1) > size, "{others} {size}");
        }
    }

    #[test]
    fn connections_are_given_up_where_there_are_most() {
        let table = table(20, 0);
        let mut connected: Vec<_> = (1..200).map(id).collect();
        let mut per_bucket = BTreeMap::new();
        while connected.len() > 8 {
            let gone = table.least_useful(&connected).unwrap();
            connected.retain(|other| *other != gone);
        }
        for id in &connected {
            *per_bucket.entry(table.shared(&id.0)).or_insert(0) += 1;
        }
        assert!(
            per_bucket.values().all(|count| *count <= 2),
            "{per_bucket:?}"
        );
        let nearest = (1..200)
            .map(id)
            .min_by_key(|other| Distance::between(&other.0, &table.own.0));
        assert!(connected.contains(&nearest.unwrap()));
        assert_eq!(table.least_useful(&[]), None);
    }
}
