//! Messages of peers: requests go to the organ that answers them, answers to the one that asked.

use super::Engine;
use super::after_store::AfterStore;
use super::interface::{ConnId, StoreOp};
use super::requests::{Request, SearchId};
use super::task::Task;
use crate::attachment::ReceivedPart;
use crate::id::PeerId;
use crate::msg::ProtoMessage;
use crate::routing::Contact;

impl Engine {
    /// Routes a message of a peer.
    pub(super) fn message(
        &mut self,
        conn: ConnId,
        message: ProtoMessage,
        part: Option<ReceivedPart>,
    ) {
        use ProtoMessage as M;
        let cx = &mut self.cx;
        // The message was on its way when the peer was disconnected.
        let Some(peer) = cx.peers.get_mut(conn) else {
            return;
        };
        peer.used = cx.now;
        let name = message.name();
        match message {
            M::Find { query, .. }
            | M::Store { query, .. }
            | M::Propagate { query, .. }
            | M::Fetch { query, .. }
                if peer.at_store >= cx.limits.flow.pending_messages =>
            {
                let why = "too many requests wait for the store (limit flow.pending_messages)";
                cx.refuse(conn, query, why);
            }
            M::Find { query, key, hops } => {
                // The number of hops is the peer's claim: the work of this node is bounded by its
                // own limit.
                let hops = hops.min(cx.limits.routing.hops);
                let after = AfterStore::PeerGet(conn, query, key, hops);
                cx.ask_store(StoreOp::Get(key), after);
            }
            M::Store { query, record } => self.admission.store(cx, conn, query, record),
            M::Propagate { query, record } => {
                let searches = self.searches.count();
                self.admission
                    .propagate(cx, (conn, query), record, searches);
            }
            M::Fetch { query, id, part } => self.transfers.asked(cx, conn, query, id, part),
            M::FindNode { query, target } => {
                let nodes = cx.nodes_near(&target, conn);
                cx.send(conn, M::Nodes { query, nodes });
            }
            M::Provide { query, hash } => self.provider_records.announced(cx, conn, query, hash),
            M::FindProviders { query, target } => {
                self.provider_records.asked(cx, conn, query, target);
            }
            M::Cache { record } => self.cache.offered(cx, conn, record),
            M::Found { query, .. }
            | M::NotFound { query, .. }
            | M::Nodes { query, .. }
            | M::Providers { query, .. }
            | M::Stored { query }
            | M::Part { query, .. }
            | M::Refused { query, .. } => match cx.requests.answered(conn, query) {
                Some(request) => {
                    peer.strikes = 0;
                    self.answer(conn, request, message, part);
                }
                None => cx.violation(conn, format!("it sent {name} and was not asked")),
            },
            M::Bye { reason } => {
                cx.leave(Task::Disconnect(conn, format!("it left: {reason}")));
            }
            // The user's services and the transport take these, not the protocol.
            M::App { .. } | M::Signal { .. } => {}
            M::Hello { .. } => {
                cx.violation(conn, format!("it sent {name} when it was not its turn"));
            }
        }
    }

    /// Routes an answer to the organ that made the request. The answer to an abandoned request is
    /// ignored.
    fn answer(
        &mut self,
        conn: ConnId,
        request: Request,
        message: ProtoMessage,
        received: Option<ReceivedPart>,
    ) {
        use ProtoMessage as M;
        let cx = &mut self.cx;
        let name = message.name();
        match (request, message) {
            (Request::Search(search, peer), M::Found { record, .. }) => {
                let asked = (search, peer);
                let taken = self
                    .lookups
                    .found(cx, &mut self.searches, conn, asked, record);
                self.search_goes_on(conn, asked, taken, Vec::new());
            }
            (Request::Search(search, peer), M::NotFound { nodes, .. } | M::Nodes { nodes, .. }) => {
                let valid = cx.check_nodes(&nodes);
                self.search_goes_on(conn, (search, peer), valid, nodes);
            }
            (
                Request::Search(search, peer),
                M::Providers {
                    providers, nodes, ..
                },
            ) => {
                let valid = cx.check_nodes(&providers);
                let valid = valid.and_then(|()| cx.check_nodes(&nodes));
                if valid.is_ok()
                    && let Some(providers) = self.lookups.named(cx, search, providers)
                {
                    let searches = &mut self.searches;
                    self.transfers.named(cx, searches, search, providers);
                }
                self.search_goes_on(conn, (search, peer), valid, nodes);
            }
            (Request::Search(search, peer), M::Refused { .. }) => {
                self.searches.failed(cx, search, &peer);
            }
            (Request::Provide, M::Stored { .. }) => {}
            (Request::Provide, M::Refused { reason, .. }) => {
                tracing::debug!(conn, %reason, "a peer does not keep an announcement");
            }
            (Request::Store(put), M::Stored { .. }) => self.puts.answered(cx, put, conn, None),
            (Request::Store(put), M::Refused { reason, .. }) => {
                self.puts.answered(cx, put, conn, Some(reason));
            }
            (
                Request::Fetch(id, index),
                M::Part {
                    hash, part, proof, ..
                },
            ) if hash == id.hash && part == index => match received {
                Some(received) => {
                    self.transfers
                        .part_arrived(cx, conn, (id, part), received, proof);
                }
                None => cx.violation(conn, "its PART had no content".into()),
            },
            (Request::Fetch(id, _), M::Refused { reason, .. }) => {
                tracing::debug!(conn, %reason, "a peer serves no more of {}", id.hash);
                self.transfers.provider_gone(cx, id, conn);
            }
            (Request::Abandoned, _) => {}
            _ => {
                // The request is not open any more, so the end of the connection does not take care of it.
                self.unanswered(conn, request, "the peer broke the protocol");
                let what = format!("its {name} does not answer what it was asked");
                self.cx.violation(conn, what);
            }
        }
    }

    /// Goes on with a search after a queried peer has answered, and has named these nodes. An
    /// invalid answer disconnects the peer.
    fn search_goes_on(
        &mut self,
        conn: ConnId,
        (search, peer): (SearchId, PeerId),
        valid: Result<(), &'static str>,
        nodes: Vec<Contact>,
    ) {
        self.run();
        match valid {
            Ok(()) => self.searches.answered(&mut self.cx, search, &peer, nodes),
            Err(what) => {
                self.searches.failed(&mut self.cx, search, &peer);
                self.cx.violation(conn, what.into());
            }
        }
    }

    /// Goes on without the answer to a request.
    pub(super) fn unanswered(&mut self, conn: ConnId, request: Request, why: &str) {
        let cx = &mut self.cx;
        match request {
            Request::Search(search, peer) => self.searches.failed(cx, search, &peer),
            Request::Store(put) => self.puts.answered(cx, put, conn, Some(why.into())),
            // The provider is dealt with as a whole.
            Request::Fetch(..) | Request::Provide | Request::Abandoned => {}
        }
    }
}
