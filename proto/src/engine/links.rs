//! Connections: which peer has which, which are being opened, and which are given up.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::search::{Goal, Question};
use super::{ConnId, Engine, Output, Peer};
use crate::id::PeerId;
use crate::routing::Contact;
use mydht_small::{BTreeMap, BTreeSet};

/// Which peer has which connections, and which searches wait for one.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// The best first; of equally good ones, that which came first.
    conns: BTreeMap<PeerId, Vec<(Reverse<u8>, ConnId)>>,
    /// Connections with peers that have a better one: given up when nothing is under way on them.
    worse: BTreeSet<ConnId>,
    /// Being opened, and the searches that want to ask there.
    dials: HashMap<PeerId, Vec<u64>>,
    /// Those that a search wants to ask when fewer are being opened, the first that wanted to first. No more than searches
    /// may ask at once.
    queue: VecDeque<(Contact<String>, u64)>,
    /// When connections are next given up, while there are too many.
    trim_at: Option<Duration>,
}

/// How often connections are looked through while there are too many.
const TRIM_EVERY: Duration = Duration::from_secs(1);

impl Links {
    /// Each connected peer, with the best of its connections.
    pub(super) fn conns(&self) -> impl Iterator<Item = (&PeerId, ConnId)> {
        let first = |(id, conns): (_, &Vec<(_, ConnId)>)| Some((id, conns.first()?.1));
        self.conns.iter().filter_map(first)
    }

    /// The best connection with `id`.
    pub(super) fn conn(&self, id: &PeerId) -> Option<ConnId> {
        Some(self.conns.get(id)?.first()?.1)
    }

    /// `id` is connected.
    pub(super) fn has(&self, id: &PeerId) -> bool {
        self.conns.contains_key(id)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 4] {
        let queued = self.queue.len();
        [self.conns.len(), self.dials.len(), queued, self.worse.len()]
    }
}

impl Engine {
    /// A peer is there.
    pub(super) fn peer_up(&mut self, conn: ConnId, id: PeerId, rank: u8) {
        let first = self.peers.is_empty();
        let peer = Peer {
            id,
            address: None,
            used: self.now,
            gave: self.now,
            at_store: 0,
            strikes: 0,
            lies: 0,
        };
        self.peers.insert(conn, peer);
        let before = self.links.conn(&id);
        let of_peer = self.links.conns.entry(id).or_default();
        let at = of_peer.partition_point(|other| *other < (Reverse(rank), conn));
        of_peer.reserve_exact(1);
        of_peer.insert(at, (Reverse(rank), conn));
        let best = of_peer.first().map_or(rank, |(Reverse(best), _)| *best);
        let worse = of_peer.iter().filter(|(Reverse(rank), _)| *rank < best);
        self.links.worse.extend(worse.map(|(_, conn)| *conn));
        if let Some(before) = before.filter(|conn| self.links.worse.contains(conn)) {
            self.provider_moves(before, conn);
        }
        for (ticket, _) in std::mem::take(&mut self.awaiting_peer) {
            self.status(ticket);
        }
        for search in self.links.dials.remove(&id).unwrap_or_default() {
            self.question(search, conn, id);
        }
        self.dial_queued();
        if first {
            // Joining: whoever is near this node is to know it, and it them (Kademlia §2.3).
            let own = self.own.0;
            self.search(own, Question::FindNode(own), Goal::Table);
        }
    }

    /// A connection is no more.
    pub(super) fn unlink(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.remove(&conn) else {
            return;
        };
        if let Some(conns) = self.links.conns.get_mut(&peer.id) {
            conns.retain(|(_, other)| *other != conn);
            match conns.first() {
                // What was worse may be the best that is left.
                Some((Reverse(best), _)) => {
                    let best = conns.iter().filter(|(Reverse(rank), _)| rank == best);
                    for (_, conn) in best {
                        self.links.worse.remove(conn);
                    }
                }
                None => {
                    self.links.conns.remove(&peer.id);
                }
            }
        }
        self.links.worse.remove(&conn);
    }

    /// A peer says where it can be connected with.
    pub(super) fn reachable(&mut self, conn: ConnId, address: String) {
        if address.len() > self.limits.address_bytes {
            let what = "it gave too long an address of itself (limit address_bytes)";
            return self.violation(conn, what.into());
        }
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        peer.address = Some(address.clone());
        let contact = Contact {
            id: peer.id,
            address,
        };
        self.route.seen(contact, self.now);
    }

    /// Where a connected peer said it is found.
    pub(super) fn address(&self, conn: ConnId) -> Option<&str> {
        self.peers.get(&conn)?.address.as_deref()
    }

    /// Connects with a peer so that `search` can ask it, as soon as no more are being opened than may be. False if that
    /// will not be.
    pub(super) fn dial(&mut self, contact: Contact<String>, search: u64) -> bool {
        if let Some(waiting) = self.links.dials.get_mut(&contact.id) {
            waiting.push(search);
            return true;
        }
        if contact.address.is_empty() || self.limits.dials == 0 {
            return false;
        }
        if self.links.dials.len() < self.limits.dials {
            self.links.dials.insert(contact.id, vec![search]);
            let Contact { id, address } = contact;
            self.outputs.push_back(Output::Connect(id, address));
        } else {
            self.links.queue.push_back((contact, search));
        }
        true
    }

    /// Goes on with those that wait to be connected with.
    fn dial_queued(&mut self) {
        while self.links.dials.len() < self.limits.dials
            && let Some((contact, search)) = self.links.queue.pop_front()
        {
            match self.links.conn(&contact.id) {
                // It has what it looked for.
                _ if !self.searches.asks_more(search) => self.search_failed(search, &contact.id),
                Some(conn) => self.question(search, conn, contact.id),
                None => {
                    self.dial(contact, search);
                }
            }
        }
    }

    /// A peer could not be connected with, or somebody else was there.
    pub(super) fn unreachable(&mut self, id: &PeerId) {
        let waiting = self.links.dials.remove(id).unwrap_or_default();
        match self.links.conn(id) {
            // It came by itself meanwhile, and this was a second connection.
            Some(conn) => waiting
                .into_iter()
                .for_each(|search| self.question(search, conn, *id)),
            None => {
                self.route.failed(id);
                waiting
                    .into_iter()
                    .for_each(|search| self.search_failed(search, id));
            }
        }
        self.dial_queued();
    }

    /// A connection is in use, and not given up for some time.
    pub(super) fn used(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.used = self.now;
        }
    }

    /// Gives up connections that were not used for long, while there are more than the limit `links`.
    pub(super) fn trim_links(&mut self) {
        if self.peers.len() <= self.limits.links {
            self.links.trim_at = None;
            return;
        }
        let due = self.links.trim_at.get_or_insert(self.now);
        if *due > self.now {
            return;
        }
        *due = self.now.saturating_add(TRIM_EVERY);
        let mut spare = self.spare();
        let mut ids: Vec<PeerId> = spare.keys().copied().collect();
        while self.peers.len() > self.limits.links
            && let Some(id) = self.route.least_useful(&ids)
            && let Some(conn) = spare.remove(&id)
        {
            ids.retain(|other| *other != id);
            self.outputs.push_back(Output::Leave(conn));
            self.peer_down(conn);
        }
    }

    /// Gives up the worse connections of peers that have a better one, on which nothing is under way in either direction.
    pub(super) fn leave_worse(&mut self) {
        let quiet = self.quiet();
        let is_quiet = |conn: &ConnId| {
            let peer = self.peers.get(conn);
            peer.is_some_and(|peer| {
                peer.at_store == 0 && peer.used.saturating_add(quiet) <= self.now
            })
        };
        let mut over: Vec<ConnId> = self.links.worse.iter().copied().filter(is_quiet).collect();
        if over.is_empty() {
            return;
        }
        let busy = self.busy();
        over.retain(|conn| !busy.contains(conn));
        for conn in over {
            self.outputs.push_back(Output::Leave(conn));
            self.peer_down(conn);
        }
    }

    /// What a peer was asked is answered or given up within this, whatever it asks others for it.
    fn quiet(&self) -> Duration {
        let hops = u32::from(self.limits.hops).saturating_add(1);
        self.limits.find_timeout.saturating_mul(hops)
    }

    /// When `leave_worse` may have something to do. What is under way on a connection says so when it ends.
    pub(super) fn worse_deadline(&self) -> Option<Duration> {
        let quiet = self.quiet();
        let peers = self
            .links
            .worse
            .iter()
            .filter_map(|conn| self.peers.get(conn));
        let due = peers.map(|peer| peer.used.saturating_add(quiet));
        due.filter(|at| *at > self.now).min()
    }

    /// Connections whose end would lose an answer: of the peer, or to it.
    fn busy(&self) -> BTreeSet<ConnId> {
        let asked = self.requests.conns();
        asked.chain(self.transfers.conns()).collect()
    }

    /// Connections that were not used for long, one a peer.
    fn spare(&self) -> BTreeMap<PeerId, ConnId> {
        let busy = self.busy();
        // A put's copies go to those that its search has met: a search that meets many who are gone takes long.
        let wanted = self.searches.to_be_copied_to();
        let unused = |peer: &Peer| peer.used.saturating_add(self.limits.link_idle) <= self.now;
        self.peers
            .iter()
            .filter(|(conn, peer)| peer.at_store == 0 && unused(peer) && !busy.contains(conn))
            .filter(|(_, peer)| !wanted.contains(&peer.id))
            .map(|(conn, peer)| (peer.id, *conn))
            .collect()
    }

    /// When `trim_links` may have something to do.
    pub(super) fn trim_deadline(&self) -> Option<Duration> {
        self.links.trim_at
    }
}
