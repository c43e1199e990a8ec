//! The contacts at one range of distances.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Contact, Noted};
use crate::id::PeerId;

#[derive(Clone, Debug)]
pub(super) struct Entry<A> {
    pub(super) contact: Contact<A>,
    /// Times in a row that it was not there.
    failures: u32,
}

/// At most `size` contacts, and as many that wait for a place.
///
/// Old contacts stay: the longer a peer has been there, the longer it will be (Kademlia §2.2, after
/// Saroiu et al. 2002; it also keeps a flood of new ids from pushing the known ones out). A
/// newcomer to a full bucket waits (§4.1, the replacement cache), and takes the place of a contact
/// that fails.
#[derive(Clone, Debug)]
pub(super) struct Bucket<A> {
    /// The one that was heard of longest ago comes first.
    entries: Vec<Entry<A>>,
    /// The one that was heard of last comes last.
    waiting: VecDeque<Contact<A>>,
    /// When something in this range was last looked for.
    pub(super) searched: Duration,
}

/// A contact that failed so often is dropped even if nothing takes its place: §4.1 keeps it until
/// then, since what fails may be one's own network.
const MAX_FAILURES: u32 = 5;

impl<A: Clone> Bucket<A> {
    pub(super) fn new(now: Duration) -> Self {
        Bucket {
            entries: Vec::new(),
            waiting: VecDeque::new(),
            searched: now,
        }
    }

    pub(super) fn contacts(&self) -> impl Iterator<Item = &Contact<A>> {
        self.entries.iter().map(|entry| &entry.contact)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn seen(&mut self, contact: Contact<A>, size: usize) -> Noted {
        if let Some(at) = self.position(&contact.id) {
            // It moves to the end, and where it is reached now is what counts.
            self.entries.remove(at);
            self.entries.push(Entry {
                contact,
                failures: 0,
            });
            return Noted::Kept;
        }
        self.waiting.retain(|other| other.id != contact.id);
        if self.entries.len() < size {
            // Most of an idle node is its table: no room is kept for those that may never come.
            self.entries.reserve_exact(1);
            self.entries.push(Entry {
                contact,
                failures: 0,
            });
            return Noted::Kept;
        }
        if let Some(at) = self.entries.iter().position(|entry| entry.failures > 0) {
            self.entries.remove(at);
            self.entries.push(Entry {
                contact,
                failures: 0,
            });
            return Noted::Kept;
        }
        if self.waiting.len() == size {
            // §4.1: the most recently seen contact is promoted first, so the oldest one is dropped.
            self.waiting.pop_front();
        }
        self.waiting.reserve_exact(1);
        self.waiting.push_back(contact);
        Noted::Waiting
    }

    pub(super) fn failed(&mut self, id: &PeerId) {
        self.waiting.retain(|other| other.id != *id);
        let Some(at) = self.position(id) else {
            return;
        };
        if let Some(contact) = self.waiting.pop_back() {
            self.entries.remove(at);
            self.entries.push(Entry {
                contact,
                failures: 0,
            });
            return;
        }
        let entry = &mut self.entries[at];
        entry.failures += 1;
        if entry.failures >= MAX_FAILURES {
            self.entries.remove(at);
        }
    }

    fn position(&self, id: &PeerId) -> Option<usize> {
        self.entries.iter().position(|e| e.contact.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Hash;

    fn contact(number: u8) -> Contact<u8> {
        Contact {
            id: PeerId(Hash([number; 32])),
            addresses: number,
        }
    }

    fn bucket(numbers: impl IntoIterator<Item = u8>) -> Bucket<u8> {
        let mut bucket = Bucket::new(Duration::ZERO);
        for number in numbers {
            bucket.seen(contact(number), 3);
        }
        bucket
    }

    fn addresses(bucket: &Bucket<u8>) -> Vec<u8> {
        bucket.contacts().map(|contact| contact.addresses).collect()
    }

    #[test]
    fn a_flood_of_new_contacts_displaces_nobody() {
        let mut full = bucket(1..=3);
        for number in 4..=250 {
            assert_eq!(full.seen(contact(number), 3), Noted::Waiting);
        }
        assert_eq!(addresses(&full), [1, 2, 3]);
        assert_eq!(full.waiting.len(), 3);
    }

    #[test]
    fn who_speaks_again_is_the_youngest_and_is_reached_where_it_spoke_from() {
        let mut full = bucket(1..=3);
        let mut moved = contact(1);
        moved.addresses = 9;
        assert_eq!(full.seen(moved, 3), Noted::Kept);
        assert_eq!(addresses(&full), [2, 3, 9]);
    }

    #[test]
    fn the_last_that_waits_takes_the_place_of_one_that_failed() {
        let mut full = bucket(1..=5);
        full.failed(&contact(2).id);
        assert_eq!(addresses(&full), [1, 3, 5]);
        full.failed(&contact(1).id);
        assert_eq!(addresses(&full), [3, 5, 4]);
    }

    #[test]
    fn with_nobody_waiting_a_failure_is_forgiven_a_few_times() {
        let mut full = bucket(1..=3);
        for _ in 1..MAX_FAILURES {
            full.failed(&contact(1).id);
            assert_eq!(full.len(), 3);
        }
        full.failed(&contact(1).id);
        assert_eq!(addresses(&full), [2, 3]);
    }

    #[test]
    fn a_newcomer_replaces_one_that_failed_before() {
        let mut full = bucket(1..=3);
        full.failed(&contact(2).id);
        assert_eq!(full.seen(contact(4), 3), Noted::Kept);
        assert_eq!(addresses(&full), [1, 3, 4]);
    }

    #[test]
    fn who_answered_after_a_failure_is_not_doubted_any_more() {
        let mut full = bucket(1..=3);
        full.failed(&contact(2).id);
        full.seen(contact(2), 3);
        assert_eq!(full.seen(contact(4), 3), Noted::Waiting);
    }

    #[test]
    fn one_that_waits_and_fails_waits_no_more() {
        let mut full = bucket(1..=4);
        full.failed(&contact(4).id);
        full.failed(&contact(1).id);
        assert_eq!(addresses(&full), [1, 2, 3]);
    }
}
