//! Finding a record: here, then at the nodes nearest to its key.

use super::provide::Named;
use super::search::{Goal, Holders, Question};
use super::transfer::OnArrival;
use super::{AfterStore, ConnId, Engine, Event, Owner, Query, QueryMode, StoreOp, Ticket};
use crate::id::{Key, PeerId};
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};

/// Who wants to know.
#[derive(Clone, Copy, Debug)]
enum Origin {
    User(Ticket),
    /// The user, who does not want the attachment.
    Curious(Ticket),
    Peer(ConnId, QueryId),
}

/// A record that somebody wants, while it is searched.
#[derive(Debug)]
pub(super) struct Lookup {
    key: Key,
    /// `None` once it was answered: later answers only tell of more providers.
    origin: Option<Origin>,
    /// The newest signed record so far. Somebody may have a newer one, so it is given when all have answered.
    newest: Option<Record>,
    /// Why a record that was found could not be taken.
    trouble: Option<String>,
    /// Whoever is said to have it was looked for too.
    is_sought: bool,
    /// The download that may still gain providers from this lookup.
    feeds: Option<AttachmentId>,
}

impl Lookup {
    fn goal(key: Key, origin: Origin, newest: Option<Record>) -> Goal {
        Goal::Lookup(Lookup {
            key,
            origin: Some(origin),
            newest,
            trouble: None,
            is_sought: false,
            feeds: None,
        })
    }
}

impl Engine {
    /// The user asks for a record.
    pub(super) fn query(&mut self, ticket: Ticket, key: Key, query: Query) {
        self.store(StoreOp::Get(key), AfterStore::LocalGet(ticket, key, query));
    }

    /// Looks for a record. `here` is the one that is kept here, where somebody may have a newer one.
    pub(super) fn look_up_for_user(
        &mut self,
        ticket: Ticket,
        key: Key,
        query: Query,
        here: Option<Record>,
    ) {
        let origin = match query.record_only {
            true => Origin::Curious(ticket),
            false => Origin::User(ticket),
        };
        let goal = Lookup::goal(key, origin, here);
        let target = *key.hash();
        let find = |hops| Question::Find(key, hops);
        match query.mode.unwrap_or(QueryMode::AMix(self.limits.hops)) {
            QueryMode::Asynch => self.search_at(query.priority, target, find(0), goal),
            QueryMode::AMix(hops) => self.search_at(query.priority, target, find(hops), goal),
            QueryMode::AProxy => {
                let few = self.params(query.priority).parallel;
                self.search_neighbours(target, find(self.limits.hops), goal, self.own, few);
            }
        }
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
        let goal = Lookup::goal(key, Origin::Peer(conn, query), None);
        let few = self.limits.parallel.max(1);
        self.search_neighbours(*key.hash(), question, goal, asker, few);
    }

    /// The record is not here: those who may have it are.
    fn tell_not_found(&mut self, conn: ConnId, query: QueryId, key: &Key) {
        let nodes = self.nodes_near(key.hash(), conn);
        self.send(conn, ProtoMessage::NotFound { query, nodes });
    }

    pub(super) fn found(&mut self, conn: ConnId, search: u64, peer: PeerId, record: Record) {
        let unix = self.unix_millis();
        let hops = self.searches.hops(search, &peer);
        let Some(Goal::Lookup(lookup)) = self.searches.goal(search) else {
            self.search_failed(search, &peer);
            return self.violation(conn, "it answered FOUND and was asked who is near".into());
        };
        if record.key != lookup.key || record.is_forged() {
            self.counts.records_forged += u64::from(record.is_forged());
            self.search_failed(search, &peer);
            return self.violation(conn, "it answered with another record".into());
        }
        if let Err(what) = record.check(&self.limits) {
            // The peer takes more than this node does, which is no lie.
            lookup.trouble.get_or_insert(what);
            return self.search_answered(search, &peer, Vec::new());
        }
        let attachment = record.value.attachment();
        if record.seal.is_some() {
            let newest = lookup.newest.as_ref();
            if !record.is_expired(unix) && newest.is_none_or(|newest| record.is_newer_than(newest))
            {
                lookup.newest = Some(record);
            }
        } else if let Some(origin) = lookup.origin.take() {
            if !matches!(origin, Origin::Peer(..)) {
                self.counts.hops.extend(hops);
            }
            // Whoever else has an attachment that this node fetches is worth knowing.
            match (origin, attachment) {
                (Origin::User(_), Some(_)) => lookup.feeds = attachment,
                _ => self.search_stops(search),
            }
            if !matches!(origin, Origin::Peer(..)) {
                self.cache_on_the_way(search, &record);
            }
            self.give(origin, record, Some(search));
        }
        if let Some(id) = attachment {
            self.note_provider(id, conn);
        }
        self.search_answered(search, &peer, Vec::new());
    }

    /// Gives a record to whoever wanted it. While `search` goes on, more may be heard of who has its attachment.
    fn give(&mut self, origin: Origin, record: Record, search: Option<u64>) {
        match (origin, record.value.attachment()) {
            (Origin::Peer(conn, query), _) => {
                self.send(conn, ProtoMessage::Found { query, record });
            }
            (Origin::User(ticket), Some(id)) => {
                self.download(id, OnArrival::Found(ticket, record));
                if let Some(search) = search {
                    self.hope(id, search);
                }
                // Those that keep its record are enough for a few parts.
                if id.parts() > self.limits.parts_in_flight as u64 {
                    self.seek_providers(id);
                }
            }
            (Origin::Curious(ticket), Some(_)) => self.reply(ticket, Event::Found(record)),
            (Origin::User(ticket) | Origin::Curious(ticket), None) => {
                // A member keeps what it came across. Should its store fail, the user has the value all the same.
                let keep = StoreOp::Put(record.clone(), Owner::Others);
                self.store(keep, AfterStore::Nothing);
                self.reply(ticket, Event::Found(record));
            }
        }
    }

    /// Those that are said to have what nobody else has are asked for it.
    pub(super) fn holders_named(&mut self, holders: Holders) {
        let Holders {
            lookup, contacts, ..
        } = holders;
        let (key, goal) = (lookup.key, Goal::Lookup(lookup));
        self.ask_only(*key.hash(), contacts, Question::Find(key, 0), goal);
    }

    /// All that were asked have said what they will say.
    pub(super) fn lookup_done(&mut self, search: u64, mut lookup: Lookup) {
        if let Some(id) = lookup.feeds {
            self.hope_gone(id, search);
        }
        let Some(origin) = lookup.origin else {
            return;
        };
        if let Some(newest) = lookup.newest {
            return self.give(origin, newest, None);
        }
        if let (Key::Content(hash), None) = (lookup.key, &lookup.trouble)
            && !matches!(origin, Origin::Peer(..))
            && !std::mem::replace(&mut lookup.is_sought, true)
        {
            // An attachment that nobody near its key would keep may be where it was put.
            let holders = Box::new(Holders {
                lookup,
                named: Named::default(),
                contacts: Vec::new(),
            });
            return self.search(hash, Question::Providers(hash), Goal::Holders(holders));
        }
        match (origin, lookup.trouble) {
            (Origin::User(ticket) | Origin::Curious(ticket), trouble) => {
                let event = trouble.map_or(Event::NotFound, Event::Failed);
                self.reply(ticket, event);
            }
            (Origin::Peer(conn, query), None) => self.tell_not_found(conn, query, &lookup.key),
            (Origin::Peer(conn, query), Some(what)) => self.refuse(conn, query, &what),
        }
    }
}
