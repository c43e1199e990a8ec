//! What peers say: questions go where they are answered, answers to what had asked.

use super::requests::Request;
use super::stored::AfterStore;
use super::{ConnId, Engine, StoreOp};
use crate::attachment::ReceivedPart;
use crate::msg::ProtoMessage;

impl Engine {
    pub(super) fn message(
        &mut self,
        conn: ConnId,
        message: ProtoMessage,
        part: Option<ReceivedPart>,
    ) {
        // What was on its way from one that was let go.
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        peer.used = self.now;
        let name = message.name();
        match message {
            ProtoMessage::Find { query, .. }
            | ProtoMessage::Store { query, .. }
            | ProtoMessage::Propagate { query, .. }
            | ProtoMessage::Fetch { query, .. }
                if peer.at_store >= self.limits.pending_messages =>
            {
                let why = "too many requests wait for the store (limit pending_messages)";
                self.refuse(conn, query, why);
            }
            ProtoMessage::Find { query, key, hops } => {
                let hops = hops.min(self.limits.hops);
                self.store(
                    StoreOp::Get(key),
                    AfterStore::PeerGet(conn, query, key, hops),
                );
            }
            ProtoMessage::Store { query, record } => self.asked_to_store(conn, query, record),
            ProtoMessage::Propagate { query, record } => {
                self.asked_to_propagate(conn, query, record);
            }
            ProtoMessage::Fetch { query, id, part } => self.asked_for_part(conn, query, id, part),
            ProtoMessage::FindNode { query, target } => self.asked_for_nodes(conn, query, target),
            ProtoMessage::Provide { query, hash } => self.asked_to_provide(conn, query, hash),
            ProtoMessage::FindProviders { query, target } => {
                self.asked_for_providers(conn, query, target);
            }
            ProtoMessage::Cache { record } => self.asked_to_cache(conn, record),
            ProtoMessage::Found { query, .. }
            | ProtoMessage::NotFound { query, .. }
            | ProtoMessage::Nodes { query, .. }
            | ProtoMessage::Providers { query, .. }
            | ProtoMessage::Stored { query }
            | ProtoMessage::Part { query, .. }
            | ProtoMessage::Refused { query, .. } => {
                let Some(request) = self.requests.answered(conn, query) else {
                    return self.violation(conn, format!("it sent {name} and was not asked"));
                };
                peer.strikes = 0;
                self.answer(conn, request, message, part);
            }
            ProtoMessage::Bye { reason } => self.disconnect(conn, format!("it left: {reason}")),
            // Not for the protocol: they go to the services of the user's, and to the transport.
            ProtoMessage::App { .. } | ProtoMessage::Signal { .. } => {}
            ProtoMessage::Hello { .. } => {
                self.violation(conn, format!("it sent {name} when it was not its turn"));
            }
        }
    }

    /// An answer to a request that was made. One that was given up is of no interest any more.
    fn answer(
        &mut self,
        conn: ConnId,
        request: Request,
        message: ProtoMessage,
        received: Option<ReceivedPart>,
    ) {
        use ProtoMessage as M;
        let name = message.name();
        match (request, message) {
            (Request::Search(search, peer), M::Found { record, .. }) => {
                self.found(conn, search, peer, record);
            }
            (Request::Search(search, peer), M::NotFound { nodes, .. } | M::Nodes { nodes, .. }) => {
                match self.check_nodes(&nodes) {
                    Ok(()) => self.search_answered(search, &peer, nodes),
                    Err(what) => {
                        self.search_failed(search, &peer);
                        self.violation(conn, what.into());
                    }
                }
            }
            (
                Request::Search(search, peer),
                M::Providers {
                    providers, nodes, ..
                },
            ) => match self
                .check_nodes(&providers)
                .and_then(|()| self.check_nodes(&nodes))
            {
                Ok(()) => {
                    self.providers_named(search, providers);
                    self.search_answered(search, &peer, nodes);
                }
                Err(what) => {
                    self.search_failed(search, &peer);
                    self.violation(conn, what.into());
                }
            },
            (Request::Provide, M::Stored { .. }) => {}
            (Request::Provide, M::Refused { reason, .. }) => {
                tracing::debug!(conn, %reason, "a peer does not say what is provided here");
            }
            (Request::Search(search, peer), M::Refused { .. }) => {
                self.search_failed(search, &peer);
            }
            (Request::Store(put), M::Stored { .. }) => self.copy_done(put, conn, None),
            (Request::Store(put), M::Refused { reason, .. }) => {
                self.copy_done(put, conn, Some(reason));
            }
            (
                Request::Fetch(id, index),
                M::Part {
                    hash, part, proof, ..
                },
            ) if hash == id.hash && part == index => match received {
                Some(received) => self.part_arrived(conn, id, part, received, proof),
                None => self.violation(conn, "its PART had no content".into()),
            },
            (Request::Fetch(id, _), M::Refused { reason, .. }) => {
                tracing::debug!(conn, %reason, "a peer gives no more of {}", id.hash);
                self.provider_gone(id, conn);
            }
            (Request::Abandoned, _) => {}
            _ => {
                // It is not among the open requests any more, of which the end of the connection takes care.
                self.unanswered(conn, request, "the peer broke the protocol");
                self.violation(
                    conn,
                    format!("its {name} does not answer what it was asked"),
                );
            }
        }
    }
}
