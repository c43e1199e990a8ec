//! Knowing everyone: for networks of a few dozen.

use std::fmt::Debug;
use std::time::Duration;

use super::{Contact, Distance, Noted, Route};
use crate::address::Addresses;
use crate::id::{Hash, PeerId};
use mydht_small::BTreeMap;

/// MyDHT's "inefficient map": every contact, up to a bound; nothing is refreshed and no connection
/// is given up.
///
/// ```
/// use std::time::Duration;
/// use mydht_proto::{Hash, PeerId};
/// use mydht_proto::routing::{Contact, Everyone, Route};
/// let mut route = Everyone::new(100);
/// let id = PeerId(Hash::of(b"peer"));
/// route.seen(Contact { id, addresses: 1 }, Duration::ZERO);
/// assert_eq!(route.closest(&Hash::of(b"anything"), 20)[0].id, id);
/// ```
#[derive(Clone, Debug)]
pub struct Everyone<A = Addresses> {
    contacts: BTreeMap<PeerId, A>,
    most: usize,
}

impl<A> Everyone<A> {
    /// Nobody yet, and `most` at most.
    pub fn new(most: usize) -> Self {
        Everyone {
            contacts: BTreeMap::new(),
            most,
        }
    }
}

impl<A: Clone + Debug> Route<A> for Everyone<A> {
    fn seen(&mut self, contact: Contact<A>, _: Duration) -> Noted {
        if !self.contacts.contains_key(&contact.id) && self.contacts.len() >= self.most {
            return Noted::Ignored;
        }
        self.contacts.insert(contact.id, contact.addresses);
        Noted::Kept
    }

    fn failed(&mut self, id: &PeerId) {
        self.contacts.remove(id);
    }

    fn closest(&self, target: &Hash, count: usize) -> Vec<Contact<A>> {
        let mut all: Vec<_> = self.contacts.iter().collect();
        all.sort_by_cached_key(|(id, _)| Distance::between(&id.0, target));
        all.truncate(count);
        all.into_iter()
            .map(|(id, addresses)| Contact {
                id: *id,
                addresses: addresses.clone(),
            })
            .collect()
    }

    fn searched(&mut self, _: &Hash, _: Duration) {}

    fn refresh(&mut self, _: Duration, _: &Hash) -> Option<Hash> {
        None
    }

    fn next_refresh(&self) -> Option<Duration> {
        None
    }

    fn len(&self) -> usize {
        self.contacts.len()
    }

    fn least_useful(&self, _: &[PeerId]) -> Option<PeerId> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_and_the_nearest_come_first() {
        let mut route = Everyone::new(3);
        for number in 0..5_u8 {
            let id = PeerId(Hash([number; 32]));
            let contact = Contact {
                id,
                addresses: number,
            };
            let noted = route.seen(contact, Duration::ZERO);
            assert_eq!(noted == Noted::Kept, number < 3);
        }
        let found = route.closest(&Hash([2; 32]), 2);
        assert_eq!(
            found.iter().map(|c| c.addresses).collect::<Vec<_>>(),
            [2, 0]
        );
        route.failed(&PeerId(Hash([2; 32])));
        assert_eq!(route.len(), 2);
    }
}
