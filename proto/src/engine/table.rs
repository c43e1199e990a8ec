//! The routing table, with what the engine remembers of it.

use std::time::Duration;

use crate::id::{Hash, PeerId};
use crate::routing::{Contact, Route};

/// The routing table of the node.
#[derive(Debug)]
pub(super) struct Table {
    route: Box<dyn Route + Send>,
    /// [`Route::next_refresh`] as of the last change of `route`: it looks at every bucket, and is
    /// asked after each message.
    next_refresh: Option<Duration>,
    /// Number of refreshes so far.
    refreshes: u64,
}

impl Table {
    /// Creates the table of a node from its route.
    pub(super) fn new(route: Box<dyn Route + Send>) -> Self {
        Table {
            next_refresh: route.next_refresh(),
            route,
            refreshes: 0,
        }
    }

    /// Notes a contact that has spoken itself.
    pub(super) fn seen(&mut self, contact: Contact, now: Duration) {
        self.route.seen(contact, now);
        self.next_refresh = self.route.next_refresh();
    }

    /// Notes that a contact was not reached, did not answer, or gave what was forged.
    pub(super) fn failed(&mut self, id: &PeerId) {
        self.route.failed(id);
        self.next_refresh = self.route.next_refresh();
    }

    /// Notes a search, after which the surroundings of its target need no refresh.
    pub(super) fn searched(&mut self, target: &Hash, now: Duration) {
        self.route.searched(target, now);
        self.next_refresh = self.route.next_refresh();
    }

    /// Returns the contacts nearest to `target`, nearest first, `count` at most.
    pub(super) fn closest(&self, target: &Hash, count: usize) -> Vec<Contact> {
        self.route.closest(target, count)
    }

    /// Returns the number of contacts in each bucket, the furthest first.
    pub(super) fn buckets(&self) -> Vec<usize> {
        self.route.buckets()
    }

    /// Returns the peer whose connection the route can best do without.
    pub(super) fn least_useful(&self, connected: &[PeerId]) -> Option<PeerId> {
        self.route.least_useful(connected)
    }

    /// Returns the deadline of the next refresh.
    pub(super) fn next_refresh(&self) -> Option<Duration> {
        self.next_refresh
    }

    /// Returns the target to search for so that the table stays complete.
    pub(super) fn refresh(&mut self, own: &PeerId, now: Duration) -> Option<Hash> {
        self.refreshes += 1;
        // The place within the range is of no matter, as long as it is not always the same.
        let mut seed = own.0.0.to_vec();
        seed.extend(self.refreshes.to_le_bytes());
        let target = self.route.refresh(now, &Hash::of(&seed));
        self.next_refresh = self.route.next_refresh();
        target
    }
}
