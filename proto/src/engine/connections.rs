//! Connections that begin, end or fail, routed to every organ concerned.

use super::Engine;
use super::interface::{ConnId, Output};
use super::searches::Question;
use crate::address::Addresses;
use crate::id::PeerId;

impl Engine {
    /// Handles a new connection with a peer.
    pub(super) fn peer_up(&mut self, conn: ConnId, id: PeerId, rank: u8) {
        let is_first = self.cx.peers.is_empty();
        if let Some(before) = self.cx.peers.add(conn, id, rank, self.cx.now) {
            self.provider_moves(before, conn);
        }
        for ticket in self.awaiting.take() {
            self.status(ticket);
        }
        // Whichever side opened the connection, searches that wait for a dial to this peer can go
        // on.
        for search in self.cx.dials.ended(&id) {
            self.searches.ask(&mut self.cx, search, conn, id);
            self.run();
        }
        self.dial_queued();
        if is_first {
            // Joining: whoever is near this node is to know it, and it them (Kademlia §2.3).
            let own = self.cx.own.0;
            let question = Question::FindNode(own);
            self.searches.begin(&mut self.cx, own, question);
        }
    }

    /// Handles the end of a connection.
    pub(super) fn peer_down(&mut self, conn: ConnId) {
        // Removed first: the code below looks for connected peers and must not find this
        // connection.
        let peer = self.cx.peers.remove(conn).map(|peer| peer.id);
        if let Some(other) = peer.and_then(|peer| self.cx.peers.best(&peer)) {
            self.provider_moves(conn, other);
        }
        for request in self.cx.requests.lost(conn) {
            self.unanswered(conn, request, "the peer left");
            self.run();
        }
        for id in self.transfers.downloads() {
            self.transfers.conn_lost(&mut self.cx, id, conn);
            self.run();
        }
        self.transfers.forget_conn(conn);
    }

    /// Closes a connection, for a reason that its peer learns.
    pub(super) fn disconnect(&mut self, conn: ConnId, why: String) {
        // Several organs may request the same disconnection; only the first reason is reported.
        if self.cx.peers.has(conn) {
            // Emitted before the peer's requests fail, so that outputs come in the order of their
            // causes.
            self.cx.outputs.push_back(Output::Disconnect(conn, why));
            self.peer_down(conn);
        }
    }

    /// Handles the addresses at which a peer says that it can be connected with.
    pub(super) fn reachable(&mut self, conn: ConnId, addresses: Addresses) {
        let cx = &mut self.cx;
        if addresses.any_longer_than(cx.limits.sizes.address_bytes) {
            let what = "it gave too long an address of itself (limit sizes.address_bytes)";
            return cx.violation(conn, what.into());
        }
        let Some(peer) = cx.peers.get_mut(conn) else {
            return;
        };
        peer.addresses = addresses;
        let contact = peer.contact();
        cx.table.seen(contact, cx.now);
    }

    /// Handles a dial that has failed, or has reached another peer.
    pub(super) fn unreachable(&mut self, id: &PeerId) {
        let waiting = self.cx.dials.ended(id);
        // The peer may have connected by itself meanwhile, and this was a second connection.
        let conn = self.cx.peers.best(id);
        if conn.is_none() {
            self.cx.table.failed(id);
        }
        for search in waiting {
            match conn {
                Some(conn) => self.searches.ask(&mut self.cx, search, conn, *id),
                None => self.searches.failed(&mut self.cx, search, id),
            }
            self.run();
        }
        self.dial_queued();
    }

    /// Connects with queued peers, as far as the limit `peers.dials` allows.
    fn dial_queued(&mut self) {
        while let Some((contact, search)) = self.cx.dials.next_queued(self.cx.limits.peers.dials) {
            let cx = &mut self.cx;
            match cx.peers.best(&contact.id) {
                // The search is over but for this peer.
                _ if !self.searches.asks_more(search) => {
                    self.searches.failed(cx, search, &contact.id);
                }
                Some(conn) => self.searches.ask(cx, search, conn, contact.id),
                None => {
                    // Never `Impossible`: contacts without an address are not queued. So the search
                    // goes on counting this peer as waiting.
                    cx.dial(contact, search);
                }
            }
            self.run();
        }
    }

    /// Fetches over `to` what was fetched over `from`: another connection with the same peer.
    fn provider_moves(&mut self, from: ConnId, to: ConnId) {
        for id in self.transfers.provided_by(from) {
            self.transfers.provider_moves(&mut self.cx, id, from, to);
            self.run();
        }
    }
}
