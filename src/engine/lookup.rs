//! Finding a record: here, then at the nodes nearest to its key.

use super::search::{Goal, Question};
use super::transfer::OnArrival;
use super::{AfterStore, ConnId, Engine, Event, StoreOp, Ticket};
use crate::id::{Key, PeerId};
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record, Value};

/// Who wants to know.
#[derive(Clone, Copy, Debug)]
enum Origin {
    User(Ticket),
    Peer(ConnId, QueryId),
}

/// A record that somebody wants, while it is searched.
#[derive(Debug)]
pub(super) struct Lookup {
    key: Key,
    /// `None` once it was answered: later answers only tell of more providers.
    origin: Option<Origin>,
    /// Why a record that was found could not be taken.
    trouble: Option<String>,
    /// The download that may still gain providers from this lookup.
    feeds: Option<AttachmentId>,
}

impl Lookup {
    fn new(key: Key, origin: Origin) -> Goal {
        Goal::Lookup(Lookup {
            key,
            origin: Some(origin),
            trouble: None,
            feeds: None,
        })
    }
}

impl Engine {
    pub(super) fn look_up_for_user(&mut self, ticket: Ticket, key: Key) {
        let question = Question::Find(key, self.limits.hops);
        let goal = Lookup::new(key, Origin::User(ticket));
        self.search(*key.hash(), question, goal);
    }

    pub(super) fn look_up_for_peer(&mut self, conn: ConnId, query: QueryId, key: Key, hops: u8) {
        // Nobody is asked for one who left meanwhile.
        let Some(asker) = self.peers.get(&conn).map(|peer| peer.id) else {
            return;
        };
        if hops == 0 {
            return self.tell_not_found(conn, query, &key);
        }
        if self.searches.count() >= self.limits.lookups {
            return self.refuse(conn, query, "too many lookups at once (limit lookups)");
        }
        let question = Question::Find(key, hops - 1);
        let goal = Lookup::new(key, Origin::Peer(conn, query));
        self.search_neighbours(*key.hash(), question, goal, asker);
    }

    /// The record is not here: those who may have it are.
    fn tell_not_found(&mut self, conn: ConnId, query: QueryId, key: &Key) {
        let nodes = self.nodes_near(key.hash(), conn);
        self.send(conn, ProtoMessage::NotFound { query, nodes });
    }

    pub(super) fn found(&mut self, conn: ConnId, search: u64, peer: PeerId, record: Record) {
        let Some(Goal::Lookup(lookup)) = self.searches.goal(search) else {
            self.search_failed(search, &peer);
            return self.violation(conn, "it answered FOUND and was asked who is near".into());
        };
        if record.key != lookup.key || is_forged(&record) {
            self.search_failed(search, &peer);
            return self.violation(conn, "it answered with another record".into());
        }
        if let Err(what) = record.check(&self.limits) {
            // The peer takes more than this node does, which is no lie.
            lookup.trouble.get_or_insert(what);
            return self.search_answered(search, &peer, Vec::new());
        }
        let origin = lookup.origin.take();
        let attachment = record.value.attachment();
        if let (Some(Origin::User(_)), Some(id)) = (origin, attachment) {
            lookup.feeds = Some(id);
        }
        // Whoever else has an attachment is worth knowing.
        if lookup.feeds.is_none() {
            self.search_stops(search);
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
                self.hope(id, search);
            }
            (Some(Origin::User(ticket)), None) => {
                // A member keeps what it came across. Should its store fail, the user has the value all the same.
                if matches!(record.value, Value::Bytes(_)) {
                    self.store(StoreOp::Put(record.clone()), AfterStore::Nothing);
                }
                self.reply(ticket, Event::Found(record));
            }
        }
        self.search_answered(search, &peer, Vec::new());
    }

    /// All that were asked have said what they will say.
    pub(super) fn lookup_done(&mut self, search: u64, lookup: Lookup) {
        if let Some(id) = lookup.feeds {
            self.hope_gone(id, search);
        }
        match (lookup.origin, lookup.trouble) {
            (None, _) => {}
            (Some(Origin::User(ticket)), None) => self.reply(ticket, Event::NotFound),
            (Some(Origin::User(ticket)), Some(what)) => self.reply(ticket, Event::Failed(what)),
            (Some(Origin::Peer(conn, query)), None) => {
                self.tell_not_found(conn, query, &lookup.key)
            }
            (Some(Origin::Peer(conn, query)), Some(what)) => self.refuse(conn, query, &what),
        }
    }
}

/// Whether the content of a record is not what its key names.
fn is_forged(record: &Record) -> bool {
    matches!(record.key, Key::Content(hash) if hash != record.value.hash())
}
