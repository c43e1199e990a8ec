//! Finding a record: here, then at every known peer.

use std::collections::HashMap;

use super::requests::Request;
use super::transfer::OnArrival;
use super::{AfterStore, ConnId, Engine, Event, StoreOp, Ticket};
use crate::id::Key;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record, Value};

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
    /// Why a record that was found could not be taken.
    trouble: Option<String>,
    /// The download that may still gain providers from this lookup.
    feeds: Option<AttachmentId>,
}

/// The lookups under way.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    next: u64,
    open: HashMap<u64, Lookup>,
}

impl Lookups {
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.open.len()
    }
}

impl Engine {
    pub(super) fn look_up_for_user(&mut self, ticket: Ticket, key: Key) {
        let hops = self.limits.hops;
        self.look_up(key, hops, Origin::User(ticket), None);
    }

    pub(super) fn look_up_for_peer(&mut self, conn: ConnId, query: QueryId, key: Key, hops: u8) {
        // Nobody is asked for one who left meanwhile.
        if !self.peers.contains_key(&conn) {
            return;
        }
        if hops == 0 {
            return self.send(conn, ProtoMessage::NotFound { query });
        }
        if self.lookups.open.len() >= self.limits.lookups {
            return self.refuse(conn, query, "too many lookups at once (limit lookups)");
        }
        self.look_up(key, hops - 1, Origin::Peer(conn, query), Some(conn));
    }

    /// Asks every peer but the one that asked, on whatever connection.
    fn look_up(&mut self, key: Key, hops: u8, origin: Origin, asker: Option<ConnId>) {
        let asker = asker.and_then(|conn| self.peers.get(&conn)).map(|p| p.id);
        let others = self.peers.iter().filter(|(_, p)| Some(p.id) != asker);
        let mut peers: Vec<ConnId> = others.map(|(conn, _)| *conn).collect();
        peers.sort_unstable();
        let lookup = self.lookups.next;
        self.lookups.next += 1;
        // Who asks others in turn needs less time the fewer hops are left, so that an answer still finds a waiter.
        let steps = u32::from(self.limits.hops) + 1;
        let share = (self.limits.request_timeout / steps).saturating_mul(u32::from(hops) + 1);
        let deadline = self.now.saturating_add(share);
        for conn in &peers {
            let query = self.requests.add(*conn, Request::Find(lookup), deadline);
            self.send(*conn, ProtoMessage::Find { query, key, hops });
        }
        if peers.is_empty() {
            return self.answer_not_found(origin, None);
        }
        let open = Lookup {
            key,
            origin: Some(origin),
            waiting: peers.len(),
            trouble: None,
            feeds: None,
        };
        self.lookups.open.insert(lookup, open);
    }

    pub(super) fn found(&mut self, conn: ConnId, lookup: u64, record: Record) {
        let Some(open) = self.lookups.open.get_mut(&lookup) else {
            return;
        };
        if record.key != open.key || is_forged(&record) {
            self.not_found(lookup);
            return self.violation(conn, "it answered with another record".into());
        }
        if let Err(what) = record.check(&self.limits) {
            // The peer takes more than this node does, which is no lie.
            open.trouble.get_or_insert(what);
            return self.not_found(lookup);
        }
        let origin = open.origin.take();
        let attachment = record.value.attachment();
        if let (Some(Origin::User(_)), Some(id)) = (origin, attachment) {
            open.feeds = Some(id);
        }
        if let Some(id) = attachment {
            self.note_provider(id, conn);
        }
        match (origin, attachment) {
            (None, _) => {}
            (Some(Origin::Peer(conn, query)), _) => {
                self.send(conn, ProtoMessage::Found { query, record });
            }
            (Some(Origin::User(ticket)), Some(id)) => {
                self.download(id, OnArrival::Found(ticket, record));
                self.hope(id, lookup);
            }
            (Some(Origin::User(ticket)), None) => {
                // A member keeps what it came across. Should its store fail, the user has the value all the same.
                if matches!(record.value, Value::Bytes(_)) {
                    self.store(StoreOp::Put(record.clone()), AfterStore::Nothing);
                }
                self.reply(ticket, Event::Found(record));
            }
        }
        self.not_found(lookup);
    }

    /// One of the asked peers has said all it will say.
    pub(super) fn not_found(&mut self, lookup: u64) {
        let Some(open) = self.lookups.open.get_mut(&lookup) else {
            return;
        };
        open.waiting -= 1;
        if open.waiting > 0 {
            return;
        }
        let Some(open) = self.lookups.open.remove(&lookup) else {
            return;
        };
        if let Some(id) = open.feeds {
            self.hope_gone(id, lookup);
        }
        if let Some(origin) = open.origin {
            self.answer_not_found(origin, open.trouble);
        }
    }

    fn answer_not_found(&mut self, origin: Origin, trouble: Option<String>) {
        match (origin, trouble) {
            (Origin::User(ticket), None) => self.reply(ticket, Event::NotFound),
            (Origin::User(ticket), Some(what)) => self.reply(ticket, Event::Failed(what)),
            (Origin::Peer(conn, query), None) => {
                self.send(conn, ProtoMessage::NotFound { query });
            }
            (Origin::Peer(conn, query), Some(what)) => self.refuse(conn, query, &what),
        }
    }
}

/// Whether the content of a record is not what its key names.
fn is_forged(record: &Record) -> bool {
    matches!(record.key, Key::Content(hash) if hash != record.value.hash())
}
