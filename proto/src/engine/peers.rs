//! Connected peers.

use std::cmp::Reverse;
use std::time::Duration;

use super::interface::ConnId;
use crate::address::Addresses;
use crate::id::{Hash, PeerId};
use crate::routing::{Contact, Distance};
use mydht_small::{BTreeMap, BTreeSet};

/// One connection with a peer that has proved its id.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    /// The addresses at which the peer says that it can be connected with.
    pub(super) addresses: Addresses,
    /// Time of the last message in either direction.
    pub(super) used: Duration,
    /// Time of the last part that the peer served: a slow peer is not a dead one.
    pub(super) gave: Duration,
    /// Requests to the store on behalf of this connection that are not answered yet.
    pub(super) at_store: usize,
    /// Requests in a row that were not answered in time.
    pub(super) strikes: u32,
    /// Forged records that came over this connection.
    pub(super) forged: u32,
}

impl Peer {
    /// Returns the peer with the addresses that it named of itself.
    pub(super) fn contact(&self) -> Contact {
        Contact {
            id: self.id,
            addresses: self.addresses.clone(),
        }
    }
}

/// The one place that knows which peer is connected, and by which connections.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_conn: BTreeMap<ConnId, Peer>,
    /// The connections of `by_conn`, by peer: the best first; of equally good ones, the oldest. No
    /// list is empty.
    by_id: BTreeMap<PeerId, Vec<(Reverse<u8>, ConnId)>>,
    /// Connections of peers that have a better one.
    worse: BTreeSet<ConnId>,
}

impl Peers {
    /// Adds a connection with `id`. Returns the connection that was the peer's best, if the new one
    /// is better.
    pub(super) fn add(
        &mut self,
        conn: ConnId,
        id: PeerId,
        rank: u8,
        now: Duration,
    ) -> Option<ConnId> {
        let peer = Peer {
            id,
            addresses: Addresses::default(),
            used: now,
            gave: now,
            at_store: 0,
            strikes: 0,
            forged: 0,
        };
        self.by_conn.insert(conn, peer);
        let before = self.best(&id);
        let conns = self.by_id.entry(id).or_default();
        // Connection numbers only grow, so the older one comes first among connections of equal
        // rank.
        let at = conns.partition_point(|other| *other < (Reverse(rank), conn));
        // Most peers have a single connection, and a plain insertion would allocate room for four.
        conns.reserve_exact(1);
        conns.insert(at, (Reverse(rank), conn));
        let best = conns.first().map_or(rank, |(Reverse(best), _)| *best);
        let worse = conns.iter().filter(|(Reverse(rank), _)| *rank < best);
        self.worse.extend(worse.map(|(_, conn)| *conn));
        before.filter(|conn| self.worse.contains(conn))
    }

    /// Removes a connection that has ended.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Peer> {
        let peer = self.by_conn.remove(&conn)?;
        if let Some(conns) = self.by_id.get_mut(&peer.id) {
            conns.retain(|(_, other)| *other != conn);
            match conns.first() {
                // A worse connection may be the best that is left.
                Some((Reverse(best), _)) => {
                    let best = conns.iter().filter(|(Reverse(rank), _)| rank == best);
                    for (_, conn) in best {
                        self.worse.remove(conn);
                    }
                }
                None => {
                    self.by_id.remove(&peer.id);
                }
            }
        }
        self.worse.remove(&conn);
        Some(peer)
    }

    /// Returns true if nobody is connected.
    pub(super) fn is_empty(&self) -> bool {
        self.by_conn.is_empty()
    }

    /// Returns the number of connections.
    pub(super) fn len(&self) -> usize {
        self.by_conn.len()
    }

    /// Returns the number of connected peers.
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Returns the ids of all connected peers, in order.
    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.by_id.keys().copied().collect()
    }

    /// Returns all connections.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ConnId, &Peer)> {
        self.by_conn.iter()
    }

    /// Returns the peer at the other end of `conn`.
    pub(super) fn get(&self, conn: ConnId) -> Option<&Peer> {
        self.by_conn.get(&conn)
    }

    /// Returns the peer at the other end of `conn`.
    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Peer> {
        self.by_conn.get_mut(&conn)
    }

    /// Returns the id of the peer at the other end of `conn`.
    pub(super) fn id(&self, conn: ConnId) -> Option<PeerId> {
        self.get(conn).map(|peer| peer.id)
    }

    /// Returns true if `conn` is connected.
    pub(super) fn has(&self, conn: ConnId) -> bool {
        self.by_conn.contains_key(&conn)
    }

    /// Returns true if the peer `id` is connected.
    pub(super) fn has_id(&self, id: &PeerId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Returns the best connection with the peer `id`.
    pub(super) fn best(&self, id: &PeerId) -> Option<ConnId> {
        Some(self.by_id.get(id)?.first()?.1)
    }

    /// Returns the best connections with at most `most` of these contacts.
    pub(super) fn best_of(&self, contacts: &[Contact], most: usize) -> Vec<ConnId> {
        let conns = contacts.iter().filter_map(|contact| self.best(&contact.id));
        conns.take(most).collect()
    }

    /// Returns the connections of peers that have a better one.
    pub(super) fn worse(&self) -> impl Iterator<Item = (ConnId, &Peer)> {
        let peer = |conn: &ConnId| Some((*conn, self.by_conn.get(conn)?));
        self.worse.iter().filter_map(peer)
    }

    /// Returns the connected peers, nearest to `target` first. A peer that named no address has
    /// none.
    pub(super) fn near(&self, target: &Hash) -> Vec<Contact> {
        let contact = |conns: &Vec<(_, ConnId)>| {
            let peer = self.by_conn.get(&conns.first()?.1)?;
            Some(peer.contact())
        };
        let mut all: Vec<_> = self.by_id.values().filter_map(contact).collect();
        all.sort_by_cached_key(|contact| Distance::between(&contact.id.0, target));
        all
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 3] {
        let listed: usize = self.by_id.values().map(Vec::len).sum();
        assert_eq!(listed, self.by_conn.len(), "out of step");
        [self.by_conn.len(), self.by_id.len(), self.worse.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    const NOW: Duration = Duration::ZERO;

    fn id(number: u8) -> PeerId {
        PeerId(Hash([number; 32]))
    }

    #[test]
    fn a_better_connection_replaces_a_worse_one_until_it_ends() {
        let mut peers = Peers::default();
        let worse =
            |peers: &Peers| -> Vec<ConnId> { peers.worse().map(|(conn, _)| conn).collect() };
        assert_eq!(peers.add(1, id(7), 1, NOW), None);
        assert_eq!(peers.add(2, id(7), 1, NOW), None, "as good as the first");
        assert_eq!((peers.best(&id(7)), worse(&peers)), (Some(1), vec![]));
        assert_eq!(peers.add(3, id(7), 2, NOW), Some(1));
        assert_eq!((peers.best(&id(7)), worse(&peers)), (Some(3), vec![1, 2]));
        assert_eq!(peers.add(4, id(7), 0, NOW), None, "worse than the best");
        assert_eq!((peers.len(), peers.count()), (4, 1));
        assert_eq!(peers.remove(3).map(|peer| peer.id), Some(id(7)));
        assert_eq!((peers.best(&id(7)), worse(&peers)), (Some(1), vec![4]));
        for conn in [1, 2, 4] {
            assert!(peers.remove(conn).is_some());
            assert!(peers.remove(conn).is_none());
        }
        assert_eq!(peers.held(), [0, 0, 0]);
    }

    #[test]
    fn near_names_each_peer_once_with_the_address_of_its_best_connection() {
        let mut peers = Peers::default();
        peers.add(1, id(1), 1, NOW);
        peers.add(2, id(3), 1, NOW);
        peers.add(3, id(1), 2, NOW);
        peers.get_mut(3).unwrap().addresses = Address::Memory(7).into();
        let near = peers.near(&id(1).0);
        let names: Vec<_> = near
            .iter()
            .map(|c| (c.id, c.addresses.to_string()))
            .collect();
        let expected = [(id(1), "mem:7"), (id(3), "")];
        assert_eq!(names, expected.map(|(id, text)| (id, text.to_owned())));
        assert_eq!(peers.best_of(&near, 1), [3]);
    }
}
