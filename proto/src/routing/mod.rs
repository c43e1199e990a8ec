//! Contacts of a node: which it knows, asks, and stays connected with.
//!
//! Pure: no I/O, and time is an argument. A [`Route`] is what the node consults; [`Kademlia`] is
//! the one for large networks, [`Everyone`] (MyDHT's "inefficient map") for small ones. A third is
//! one more file that implements the trait. [`Search`] is the other half of Kademlia: the walk
//! towards a target by asking ever nearer contacts.

mod bucket;
mod distance;
mod everyone;
mod kademlia;
mod search;

pub use distance::Distance;
pub use everyone::Everyone;
pub use kademlia::{Kademlia, KademliaParams};
pub use search::{Search, SearchParams};

use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Addresses;
use crate::id::{Hash, PeerId};

/// Peer with its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact<A = Addresses> {
    /// Id of the peer.
    pub id: PeerId,
    /// Addresses at which it can be connected with, the best first.
    pub addresses: A,
}

/// Outcome of adding a contact to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The route knows it now, or still.
    Kept,
    /// There is no room beside contacts that are older and, as far as is known, alive. It takes the
    /// place of one that turns out to be gone.
    Waiting,
    /// There is no room; or it is this node itself.
    Ignored,
}

/// The table that a node has unless it chooses another.
pub fn kademlia(own: PeerId) -> Box<dyn Route + Send> {
    Box::new(Kademlia::new(own, KademliaParams::default()))
}

/// The contacts of a node.
///
/// A contact is `seen` when it has spoken itself, on a connection that proved who it is. What
/// others say of a contact only makes it a candidate for a [`Search`]: so nobody can fill a table
/// with names that do not answer.
pub trait Route<A = Addresses>: Debug {
    /// The contact has spoken.
    fn seen(&mut self, contact: Contact<A>, now: Duration) -> Noted;

    /// The contact could not be reached, or did not answer.
    fn failed(&mut self, id: &PeerId);

    /// The contacts nearest to `target`, nearest first, `count` at most.
    fn closest(&self, target: &Hash, count: usize) -> Vec<Contact<A>>;

    /// `target` is being searched for, for whatever reason: what lies around it needs no refresh.
    fn searched(&mut self, target: &Hash, now: Duration);

    /// Returns the target to search for now, so that the route stays complete. `random` chooses a
    /// place in the part of the network that needs a refresh, which counts as refreshed from now
    /// on.
    fn refresh(&mut self, now: Duration, random: &Hash) -> Option<Hash>;

    /// When `refresh` has something to give.
    fn next_refresh(&self) -> Option<Duration>;

    /// Returns the number of contacts.
    fn len(&self) -> usize;

    /// Returns the numbers of contacts at each distance, the furthest first; for a route that has
    /// no such order, all in one.
    fn buckets(&self) -> Vec<usize> {
        vec![self.len()]
    }

    /// Returns true if there are no contacts.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the connected peer whose connection the route can best do without. `None` if it
    /// needs all of them.
    fn least_useful(&self, connected: &[PeerId]) -> Option<PeerId>;
}
