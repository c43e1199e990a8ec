//! Finding a record: here, then at every known peer.

use std::collections::HashMap;

use super::requests::Request;
use super::transfer::OnArrival;
use super::{AfterStore, ConnId, Engine, Event, StoreOp, Ticket};
use crate::id::Key;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{Record, Value};

/// Who wants to know.
#[derive(Clone, Copy, Debug)]
enum Origin {
    User(Ticket),
    Peer(ConnId, QueryId),
}

#[derive(Debug)]
struct Lookup {
    key: Key,
    /// `None` once it was answered: later answers only tell of more providers.
    origin: Option<Origin>,
    /// Peers that were asked and have not answered.
    waiting: usize,
}

/// The lookups under way.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    next: u64,
    open: HashMap<u64, Lookup>,
}

impl Engine {
    pub(super) fn look_up_for_user(&mut self, ticket: Ticket, key: Key) {
        let hops = self.limits.hops;
        self.look_up(key, hops, Origin::User(ticket), None);
    }

    pub(super) fn look_up_for_peer(&mut self, conn: ConnId, query: QueryId, key: Key, hops: u8) {
        if hops == 0 {
            return self.send(conn, ProtoMessage::NotFound { query });
        }
        if self.lookups.open.len() >= self.limits.lookups {
            return self.refuse(conn, query, "too many lookups at once (limit lookups)");
        }
        self.look_up(key, hops - 1, Origin::Peer(conn, query), Some(conn));
    }

    /// Asks every peer but `except`, who asked.
    fn look_up(&mut self, key: Key, hops: u8, origin: Origin, except: Option<ConnId>) {
        let mut peers: Vec<ConnId> = self.peers.keys().copied().collect();
        peers.retain(|conn| Some(*conn) != except);
        peers.sort_unstable();
        let lookup = self.lookups.next;
        self.lookups.next += 1;
        // Who asks others in turn needs less time the fewer hops are left, so that an answer still finds a waiter.
        let share = (u32::from(hops) + 1) * self.limits.request_timeout;
        let deadline = self.now + share / (u32::from(self.limits.hops) + 1);
        for conn in &peers {
            let query = self.requests.add(*conn, Request::Find(lookup), deadline);
            self.send(*conn, ProtoMessage::Find { query, key, hops });
        }
        if peers.is_empty() {
            return self.answer_not_found(origin);
        }
        let open = Lookup {
            key,
            origin: Some(origin),
            waiting: peers.len(),
        };
        self.lookups.open.insert(lookup, open);
    }

    pub(super) fn found(&mut self, conn: ConnId, lookup: u64, record: Record) {
        let Some(open) = self.lookups.open.get_mut(&lookup) else {
            return;
        };
        let checked = if record.key == open.key {
            record.check(&self.limits)
        } else {
            Err("the record is another than was asked for".into())
        };
        if let Err(what) = checked {
            self.not_found(lookup);
            return self.violation(conn, what);
        }
        let origin = open.origin.take();
        self.not_found(lookup);
        let attachment = record.value.attachment();
        if let Some(id) = attachment {
            self.note_provider(id, conn);
        }
        match (origin, attachment) {
            (None, _) => {}
            (Some(Origin::Peer(conn, query)), _) => {
                self.send(conn, ProtoMessage::Found { query, record });
            }
            (Some(Origin::User(ticket)), Some(id)) => {
                self.download(id, None, Some(OnArrival::Found(ticket, record)));
            }
            (Some(Origin::User(ticket)), None) => {
                // A member keeps what it came across. Should its store fail, the user has the value all the same.
                if matches!(record.value, Value::Bytes(_)) {
                    self.store(StoreOp::Put(record.clone()), AfterStore::Nothing);
                }
                self.reply(ticket, Event::Found(record));
            }
        }
    }

    /// One of the asked peers has said all it will say.
    pub(super) fn not_found(&mut self, lookup: u64) {
        let Some(open) = self.lookups.open.get_mut(&lookup) else {
            return;
        };
        open.waiting -= 1;
        if open.waiting == 0
            && let Some(open) = self.lookups.open.remove(&lookup)
            && let Some(origin) = open.origin
        {
            self.answer_not_found(origin);
        }
    }

    fn answer_not_found(&mut self, origin: Origin) {
        match origin {
            Origin::User(ticket) => self.reply(ticket, Event::NotFound),
            Origin::Peer(conn, query) => self.send(conn, ProtoMessage::NotFound { query }),
        }
    }
}
