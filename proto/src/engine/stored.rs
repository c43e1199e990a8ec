//! What the store was asked, and what is done with its answers.

use std::io;

use super::put::For;
use super::{ConnId, Engine, Event, Output, Query, StoreOp, StoreReply, Ticket};
use crate::id::Key;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};

/// What to do with an answer of the store.
#[derive(Debug)]
pub(super) enum AfterStore {
    Nothing,
    LocalGet(Ticket, Key, Query),
    PeerGet(ConnId, QueryId, Key, u8),
    LocalLink(Ticket, Record),
    /// Whether the neighbours do the rest of it.
    LocalPut(Ticket, Record, bool),
    PeerPut(ConnId, QueryId, Key),
    PeerPropagate(ConnId, QueryId, Record),
    /// The attachment and the number of its download.
    Opened(AttachmentId, u64),
    /// The same, and the part.
    Written(AttachmentId, u64, u64),
    PeerRead(ConnId, QueryId, AttachmentId, u64),
    LocalRead(Ticket),
    NextKept,
    Republish,
    Insight(Ticket),
}

impl AfterStore {
    /// The peer that the store was asked for.
    pub(super) fn peer(&self) -> Option<ConnId> {
        match self {
            AfterStore::PeerGet(conn, ..)
            | AfterStore::PeerPut(conn, ..)
            | AfterStore::PeerPropagate(conn, ..)
            | AfterStore::PeerRead(conn, ..) => Some(*conn),
            _ => None,
        }
    }
}

impl Engine {
    pub(super) fn stored(&mut self, after: AfterStore, result: io::Result<StoreReply>) {
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.store_failed(after, &error),
        };
        match (after, reply) {
            (AfterStore::LocalGet(ticket, key, query), StoreReply::Record(record)) => {
                match record.or_else(|| self.cached(&key)) {
                    Some(record) if record.seal.is_none() => {
                        self.reply(ticket, Event::Found(record));
                    }
                    here => self.look_up_for_user(ticket, key, query, here),
                }
            }
            (AfterStore::PeerGet(conn, query, key, hops), StoreReply::Record(record)) => {
                match record.or_else(|| self.cached(&key)) {
                    Some(record) => self.send(conn, ProtoMessage::Found { query, record }),
                    None => self.look_up_for_peer(conn, query, key, hops),
                }
            }
            (AfterStore::LocalLink(ticket, record), StoreReply::Done) => self.keep(ticket, record),
            (AfterStore::LocalPut(ticket, record, by_proxy), StoreReply::Done) => {
                self.republish.note(record.key, self.now);
                if let Some(id) = record.value.attachment() {
                    self.provide_soon(id);
                }
                match by_proxy {
                    true => self.propagate(ticket, record),
                    false => self.copy(For::User(ticket), record),
                }
            }
            (AfterStore::LocalPut(ticket, ..), StoreReply::Stale) => {
                let why =
                    "a newer record is kept under this key: sign it with a higher sequence number";
                self.reply(ticket, Event::Failed(why.into()));
            }
            (
                AfterStore::PeerPut(conn, query, _) | AfterStore::PeerPropagate(conn, query, _),
                StoreReply::Stale,
            ) => {
                self.counts.records_stale += 1;
                self.refuse(conn, query, "a newer record is kept under this key");
            }
            (AfterStore::PeerPut(conn, query, key), StoreReply::Done) => {
                self.republish.note(key, self.now);
                self.send(conn, ProtoMessage::Stored { query });
            }
            (AfterStore::PeerPropagate(conn, query, record), StoreReply::Done) => {
                self.republish.note(record.key, self.now);
                self.send(conn, ProtoMessage::Stored { query });
                self.copy(For::Peer, record);
            }
            (AfterStore::Opened(id, number), StoreReply::Whole) => self.arrived(id, number),
            (AfterStore::Opened(id, number), StoreReply::Partial(have)) => {
                self.opened(id, number, have);
            }
            (AfterStore::Written(id, number, part), StoreReply::Written(whole)) => {
                self.part_kept(id, number, part, whole);
            }
            (AfterStore::PeerRead(conn, query, id, part), StoreReply::Part(found)) => {
                self.part_read(conn, query, id, part, found);
            }
            (AfterStore::LocalRead(ticket), StoreReply::Part(found)) => {
                self.reply(ticket, Event::Part(found.map(|(bytes, _)| bytes)));
            }
            (AfterStore::NextKept, StoreReply::Key(key)) => self.kept(key),
            (AfterStore::Republish, StoreReply::Record(record)) => self.put_again(record),
            (AfterStore::Insight(ticket), StoreReply::Usage(usage)) => {
                let insight = self.insight(&usage);
                self.reply(ticket, Event::Insight(insight));
            }
            (AfterStore::Nothing, _) => {}
            (after, _) => {
                self.store_failed(after, &io::Error::other("it answered another request"));
            }
        }
    }

    /// The store is at fault, not the peer: the user hears why, a peer only that it will not be.
    fn store_failed(&mut self, after: AfterStore, error: &io::Error) {
        tracing::error!(%error, "the store failed");
        const HERE: &str = "the store of this node failed";
        match after {
            AfterStore::Nothing => {}
            AfterStore::NextKept | AfterStore::Republish => self.republish_failed(),
            AfterStore::LocalGet(ticket, ..)
            | AfterStore::LocalLink(ticket, _)
            | AfterStore::LocalPut(ticket, ..)
            | AfterStore::LocalRead(ticket)
            | AfterStore::Insight(ticket) => {
                self.reply(ticket, Event::Failed(format!("{HERE}: {error}")));
            }
            AfterStore::PeerGet(conn, query, ..)
            | AfterStore::PeerPut(conn, query, _)
            | AfterStore::PeerPropagate(conn, query, _)
            | AfterStore::PeerRead(conn, query, ..) => self.refuse(conn, query, HERE),
            AfterStore::Opened(id, number) | AfterStore::Written(id, number, _) => {
                self.download_not_kept(id, number, &format!("{HERE}: {error}"));
            }
        }
    }

    pub(super) fn store(&mut self, op: StoreOp, after: AfterStore) {
        let ticket = self.next_store_ticket;
        self.next_store_ticket += 1;
        if let Some(peer) = after.peer().and_then(|conn| self.peers.get_mut(&conn)) {
            peer.at_store += 1;
        }
        self.after_store.insert(ticket, after);
        self.outputs.push_back(Output::Store(ticket, op));
    }
}
