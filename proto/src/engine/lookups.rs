//! Lookups: finding a record here, then at the nodes nearest to its key.

use super::after_store::AfterStore;
use super::cache::offer_on_the_way;
use super::context::Context;
use super::failure::Failure;
use super::interface::{ConnId, Event, Owner, StoreOp, Ticket};
use super::named::Named;
use super::query::{Query, QueryMode};
use super::requests::SearchId;
use super::searches::{Question, Searches, params};
use super::task::{OnArrival, Task};
use crate::id::{Key, PeerId};
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use crate::routing::Contact;
use mydht_small::BTreeMap;

/// Requester of a record.
#[derive(Clone, Copy, Debug)]
enum Origin {
    User(Ticket),
    /// The user, who wants the record without its attachment.
    Curious(Ticket),
    Peer(ConnId, QueryId),
}

/// A record that is being searched for.
#[derive(Debug)]
struct Lookup {
    key: Key,
    /// `None` once the requester was answered: later answers only name more providers.
    origin: Option<Origin>,
    /// The newest signed record so far. A peer may have a newer one, so it is given when all have
    /// answered.
    newest: Option<Record>,
    /// Reason why a record that was found could not be taken.
    trouble: Option<Failure>,
    /// Set once providers of the key were searched for too.
    is_sought: bool,
    /// The download that may still gain providers from this lookup.
    feeds: Option<AttachmentId>,
}

/// A record that nobody near its key has, while providers of it are searched for.
#[derive(Debug)]
struct Holders {
    lookup: Lookup,
    named: Named,
    contacts: Vec<Contact>,
}

/// The lookups under way.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// Lookups by the search that asks for the record.
    open: BTreeMap<SearchId, Lookup>,
    /// Lookups by the search that asks for providers.
    holders: BTreeMap<SearchId, Box<Holders>>,
}

impl Lookups {
    /// Looks for a record that the user asks for.
    pub(super) fn query(&self, cx: &mut Context, ticket: Ticket, key: Key, query: Query) {
        cx.ask_store(StoreOp::Get(key), AfterStore::LocalGet(ticket, key, query));
    }

    /// Looks for a record in the network. `here` is the one that is kept here, of which a peer may
    /// have a newer version.
    pub(super) fn begin_for_user(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        ticket: Ticket,
        (key, query): (Key, Query),
        here: Option<Record>,
    ) {
        let origin = match query.record_only {
            true => Origin::Curious(ticket),
            false => Origin::User(ticket),
        };
        let target = *key.hash();
        let find = |hops| Question::Find(key, hops);
        let search = match query
            .mode
            .unwrap_or(QueryMode::AMix(cx.limits.routing.hops))
        {
            QueryMode::Asynch => searches.begin_at(cx, query.priority, target, find(0)),
            QueryMode::AMix(hops) => searches.begin_at(cx, query.priority, target, find(hops)),
            QueryMode::AProxy => {
                let few = params(cx, query.priority).parallel;
                let question = find(cx.limits.routing.hops);
                searches.begin_nearby(cx, target, question, cx.own, few)
            }
        };
        self.open.insert(search, Lookup::new(key, origin, here));
    }

    /// Looks for a record at the neighbours, for a peer that allows so many hops.
    pub(super) fn begin_for_peer(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        (conn, query): (ConnId, QueryId),
        key: Key,
        hops: u8,
    ) {
        // The peer may have disconnected while the store was asked.
        let Some(asker) = cx.peers.id(conn) else {
            return;
        };
        if hops == 0 {
            return tell_not_found(cx, conn, query, &key);
        }
        if searches.count() >= cx.limits.routing.lookups {
            return cx.refuse(
                conn,
                query,
                "too many lookups at once (limit routing.lookups)",
            );
        }
        // Decremented at each node, so that a query terminates even if the nodes form a cycle.
        let question = Question::Find(key, hops - 1);
        let few = cx.limits.routing.parallel.max(1);
        let search = searches.begin_nearby(cx, *key.hash(), question, asker, few);
        let origin = Origin::Peer(conn, query);
        self.open.insert(search, Lookup::new(key, origin, None));
    }

    /// Takes the record with which a peer answers.
    ///
    /// # Errors
    /// The rule that the answer breaks.
    pub(super) fn found(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        conn: ConnId,
        (search, peer): (SearchId, PeerId),
        record: Record,
    ) -> Result<(), &'static str> {
        let hops = searches.hops(search, &peer);
        let Some(lookup) = self.open.get_mut(&search) else {
            return Err("it answered FOUND and was asked who is near");
        };
        if record.key != lookup.key || record.is_forged() {
            cx.counts.records_forged += u64::from(record.is_forged());
            return Err("it answered with another record");
        }
        if let Err(invalid) = record.validate(&cx.limits) {
            // The limits of the peer are wider than those of this node, which is no violation.
            lookup.trouble.get_or_insert(invalid.into());
            return Ok(());
        }
        let attachment = record.value.attachment();
        if record.seal.is_some() {
            lookup.note_version(record, cx.unix_millis());
        // The first unsigned record is final: nothing tells which of two is the newer one.
        } else if let Some(origin) = lookup.origin.take() {
            // Further providers of an attachment that this node fetches are worth knowing.
            match (origin, attachment) {
                (Origin::User(_), Some(_)) => lookup.feeds = attachment,
                _ => searches.stop(search),
            }
            if !matches!(origin, Origin::Peer(..)) {
                cx.counts.hops.extend(hops);
                offer_on_the_way(cx, searches, search, &record);
            }
            give(cx, origin, record, Some(search));
        }
        if let Some(id) = attachment {
            cx.leave(Task::Provider(id, conn));
        }
        Ok(())
    }

    /// Takes the providers that a peer names. Returns them if the search is not one of a lookup.
    pub(super) fn named(
        &mut self,
        cx: &Context,
        search: SearchId,
        contacts: Vec<Contact>,
    ) -> Option<Vec<Contact>> {
        let Some(holders) = self.holders.get_mut(&search) else {
            return Some(contacts);
        };
        let new = holders.named.add(
            contacts,
            &cx.own,
            cx.limits.providers.providers_per_attachment,
        );
        holders.contacts.extend(new);
        None
    }

    /// Goes on with the lookup whose search is done. Returns false if there is none.
    pub(super) fn done(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        search: SearchId,
    ) -> bool {
        if let Some(lookup) = self.open.remove(&search) {
            self.all_answered(cx, searches, search, lookup);
        } else if let Some(holders) = self.holders.remove(&search) {
            let Holders {
                lookup, contacts, ..
            } = *holders;
            let key = lookup.key;
            let question = Question::Find(key, 0);
            let search = searches.begin_among(cx, *key.hash(), contacts, question);
            self.open.insert(search, lookup);
        } else {
            return false;
        }
        true
    }

    fn all_answered(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        search: SearchId,
        mut lookup: Lookup,
    ) {
        if let Some(id) = lookup.feeds {
            cx.leave(Task::HopeOver(id, search));
        }
        let Some(origin) = lookup.origin else {
            return;
        };
        if let Some(newest) = lookup.newest {
            return give(cx, origin, newest, None);
        }
        if let (Key::Content(hash), None) = (lookup.key, &lookup.trouble)
            && !matches!(origin, Origin::Peer(..))
            // Only once: the lookup returns here after the providers have been queried.
            && !std::mem::replace(&mut lookup.is_sought, true)
        {
            // An attachment that nobody near its key would keep may be where it was put.
            let search = searches.begin(cx, hash, Question::Providers(hash));
            let holders = Box::new(Holders {
                lookup,
                named: Named::default(),
                contacts: Vec::new(),
            });
            self.holders.insert(search, holders);
            return;
        }
        match (origin, lookup.trouble) {
            (Origin::User(ticket) | Origin::Curious(ticket), trouble) => {
                let event = trouble.map_or(Event::NotFound, Event::Failed);
                cx.reply(ticket, event);
            }
            (Origin::Peer(conn, query), None) => tell_not_found(cx, conn, query, &lookup.key),
            (Origin::Peer(conn, query), Some(failure)) => {
                cx.refuse(conn, query, &failure.to_string());
            }
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.open.len() + self.holders.len()
    }
}

impl Lookup {
    fn new(key: Key, origin: Origin, newest: Option<Record>) -> Self {
        Lookup {
            key,
            origin: Some(origin),
            newest,
            trouble: None,
            is_sought: false,
            feeds: None,
        }
    }

    /// Keeps a signed record if it is the newest so far.
    fn note_version(&mut self, record: Record, unix_millis: u64) {
        let newest = self.newest.as_ref();
        let is_newest = newest.is_none_or(|newest| record.is_newer_than(newest));
        if is_newest && !record.is_expired(unix_millis) {
            self.newest = Some(record);
        }
    }
}

/// Gives a record to its requester. While `search` goes on, it may name more providers of the
/// attachment.
fn give(cx: &mut Context, origin: Origin, record: Record, search: Option<SearchId>) {
    match (origin, record.value.attachment()) {
        (Origin::Peer(conn, query), _) => {
            cx.send(conn, ProtoMessage::Found { query, record });
        }
        (Origin::User(ticket), Some(id)) => {
            // Must come first: the tasks below look up the download, and do nothing without it.
            cx.leave(Task::Download(id, OnArrival::Found(ticket, record)));
            if let Some(search) = search {
                cx.leave(Task::Hope(id, search));
            }
            // The peers that keep the record are enough for a few parts.
            if id.parts() > cx.limits.transfers.parts_in_flight as u64 {
                cx.leave(Task::Seek(id));
            }
        }
        (Origin::Curious(ticket), Some(_)) => cx.reply(ticket, Event::Found(record)),
        (Origin::User(ticket) | Origin::Curious(ticket), None) => {
            // A member keeps records that it came across. If its store fails, the user has the value all the same.
            let keep = StoreOp::Put(record.clone(), Owner::Others);
            cx.ask_store(keep, AfterStore::Nothing);
            cx.reply(ticket, Event::Found(record));
        }
    }
}

/// Answers that the record is not here, and names nodes nearer to it.
fn tell_not_found(cx: &mut Context, conn: ConnId, query: QueryId, key: &Key) {
    let nodes = cx.nodes_near(key.hash(), conn);
    cx.send(conn, ProtoMessage::NotFound { query, nodes });
}
