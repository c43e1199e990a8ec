//! Puts: keeping a record here, and a copy at the nodes nearest to its key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::after_store::AfterStore;
use super::context::Context;
use super::failure::Failure;
use super::interface::{ConnId, Event, Owner, StoreOp, Ticket};
use super::requests::{PutId, Request, SearchId};
use super::searches::{Question, Searches};
use super::task::Task;
use crate::attachment::tree::{PART_LEN, Tree};
use crate::id::PeerId;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use crate::routing::Contact;
use mydht_small::{BTreeMap, BTreeSet};

/// Publisher for whom copies of a record are stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Publisher {
    /// The user, who waits.
    User(Ticket),
    /// A peer that cannot do it itself. It was told already that the record is kept here.
    Peer,
    /// This node, which republishes the record, and then the next one.
    Republish,
}

/// A record whose copies are under way.
#[derive(Debug)]
struct Put {
    publisher: Publisher,
    attachment: Option<AttachmentId>,
    /// Peers that were asked and have not answered.
    waiting: usize,
    /// Peers, not connections: one that is connected twice keeps one copy.
    kept_by: BTreeSet<PeerId>,
    refusal: Option<String>,
    /// Transfers by peer: one may take some parts over one connection, and some over another.
    sent: HashMap<PeerId, Sent>,
    /// Bytes that the user last heard of.
    progress: u64,
}

/// The part of a put's attachment that a peer has taken.
#[derive(Debug, Default)]
struct Sent {
    bytes: u64,
    /// Time of the last new part: taking the same one again and again is no progress.
    moved: Duration,
}

/// A record for which the nearest nodes were found.
#[derive(Debug)]
pub(super) struct Located {
    publisher: Publisher,
    record: Record,
}

/// The puts whose copies are under way.
#[derive(Debug, Default)]
pub(super) struct Puts {
    next: PutId,
    /// Puts that wait for answers of peers.
    open: BTreeMap<PutId, Put>,
    /// Puts by the search for the nodes nearest to the key.
    searches: BTreeMap<SearchId, Located>,
}

impl Puts {
    /// Returns when `peer` last took a new part for this put.
    pub(super) fn moved(&self, put: PutId, peer: &PeerId) -> Option<Duration> {
        Some(self.open.get(&put)?.sent.get(peer)?.moved)
    }

    /// Returns the peers that the searches of puts have found until now.
    pub(super) fn candidates(&self, searches: &Searches) -> BTreeSet<PeerId> {
        let closest = self.searches.keys().flat_map(|id| searches.closest(*id));
        closest.map(|contact| contact.id).collect()
    }

    /// Puts a record for the user, with the tree of its attachment if it has one.
    pub(super) fn put(&self, cx: &mut Context, ticket: Ticket, record: Record, tree: Option<Tree>) {
        if let Err(failure) = check_own(cx, &record) {
            return cx.reply(ticket, Event::Failed(failure));
        }
        match (tree, record.value.attachment()) {
            (None, None) => {}
            (Some(tree), Some(id)) if tree.id() == id => {
                let after = AfterStore::LocalLink(ticket, record);
                // Links the content before it stores the record: whoever finds the record may fetch
                // parts at once.
                return cx.ask_store(StoreOp::Link(Arc::new(tree), ticket), after);
            }
            _ => return cx.reply(ticket, Event::Failed(Failure::OtherContent)),
        }
        self.keep(cx, ticket, record);
    }

    /// Puts a record for the user, and has the neighbours store the copies.
    pub(super) fn put_by_proxy(&self, cx: &mut Context, ticket: Ticket, record: Record) {
        if record.value.attachment().is_some() {
            return cx.reply(ticket, Event::Failed(Failure::PropagatedAttachment));
        }
        if let Err(failure) = check_own(cx, &record) {
            return cx.reply(ticket, Event::Failed(failure));
        }
        let after = AfterStore::LocalPut(ticket, record.clone(), true);
        cx.ask_store(StoreOp::Put(record, Owner::Own), after);
    }

    /// Keeps the user's record here. Its attachment can be served already.
    pub(super) fn keep(&self, cx: &mut Context, ticket: Ticket, record: Record) {
        let after = AfterStore::LocalPut(ticket, record.clone(), false);
        cx.ask_store(StoreOp::Put(record, Owner::Own), after);
    }

    /// Stores copies of a record at the nodes nearest to its key.
    pub(super) fn replicate(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        publisher: Publisher,
        record: Record,
    ) {
        let target = *record.key.hash();
        let located = Located { publisher, record };
        if cx.stopping {
            let nearest = cx.peers.near(&target);
            return self.send_copies(cx, located, &nearest);
        }
        let search = searches.begin(cx, target, Question::FindNode(target));
        self.searches.insert(search, located);
    }

    /// Takes the put whose search is done.
    pub(super) fn located(&mut self, search: SearchId) -> Option<Located> {
        self.searches.remove(&search)
    }

    /// Sends a copy to each of the nearest peers that is still connected.
    pub(super) fn send_copies(&mut self, cx: &mut Context, located: Located, nearest: &[Contact]) {
        let conns = cx.peers.best_of(nearest, cx.limits.routing.copies);
        let store = |query, record| ProtoMessage::Store { query, record };
        self.send_to(cx, located, conns, store);
    }

    /// Has the nearest neighbours store the copies of the user's record.
    pub(super) fn propagate(&mut self, cx: &mut Context, ticket: Ticket, record: Record) {
        let nearest = cx.peers.near(record.key.hash());
        let conns = cx
            .peers
            .best_of(&nearest, cx.limits.routing.parallel.max(1));
        let publisher = Publisher::User(ticket);
        let message = |query, record| ProtoMessage::Propagate { query, record };
        self.send_to(cx, Located { publisher, record }, conns, message);
    }

    fn send_to(
        &mut self,
        cx: &mut Context,
        Located { publisher, record }: Located,
        conns: Vec<ConnId>,
        message: impl Fn(QueryId, Record) -> ProtoMessage,
    ) {
        if conns.is_empty() {
            return done(cx, publisher, Event::Stored { copies: 0 });
        }
        let put = self.next;
        self.next += 1;
        let open = Put {
            publisher,
            attachment: record.value.attachment(),
            waiting: conns.len(),
            kept_by: BTreeSet::new(),
            refusal: None,
            sent: HashMap::new(),
            progress: 0,
        };
        self.open.insert(put, open);
        let patience = cx.limits.timeouts.request_timeout;
        for conn in conns {
            let record = record.clone();
            let message = |query| message(query, record);
            cx.request(conn, Request::Store(put), patience, message);
        }
    }

    /// Counts the answer of a peer that was asked to keep a copy.
    pub(super) fn answered(
        &mut self,
        cx: &mut Context,
        put: PutId,
        conn: ConnId,
        refusal: Option<String>,
    ) {
        let Some(open) = self.open.get_mut(&put) else {
            return;
        };
        // Cannot underflow: a request has been removed from `requests`, or abandoned, before it is
        // counted here.
        open.waiting -= 1;
        match refusal {
            None => open.kept_by.extend(cx.peers.id(conn)),
            Some(reason) => open.refusal = Some(reason),
        }
        if open.waiting > 0 {
            return;
        }
        if let Some(open) = self.open.remove(&put) {
            let copies = open.kept_by.len();
            let event = match open.refusal {
                Some(reason) if copies == 0 => Event::Failed(Failure::NotReplicated { reason }),
                _ => Event::Stored { copies },
            };
            done(cx, open.publisher, event);
        }
    }

    /// Counts a part that was sent to `conn` for the puts of its attachment.
    pub(super) fn part_sent(
        &mut self,
        cx: &mut Context,
        conn: ConnId,
        id: AttachmentId,
        part: u64,
    ) {
        let Some(peer) = cx.peers.id(conn) else {
            return;
        };
        for put in self.open.values_mut() {
            if put.attachment != Some(id) {
                continue;
            }
            let sent = put.sent.entry(peer).or_default();
            // Counts bytes and not distinct parts: a peer that fetches one part forever reaches the
            // total here, and its deadline is not extended any more.
            if sent.bytes >= id.len {
                continue;
            }
            let len = id.part_len(part).unwrap_or(PART_LEN) as u64;
            sent.bytes = sent.bytes.saturating_add(len).min(id.len);
            sent.moved = cx.now;
            // The progress is that of the peer that is furthest: it never goes back.
            if sent.bytes > put.progress {
                put.progress = sent.bytes;
                let (done, total) = (put.progress, id.len);
                if let Publisher::User(ticket) = put.publisher {
                    cx.reply(ticket, Event::Progress { done, total });
                }
            }
        }
    }

    /// Stores copies at connected peers instead of searching for the nearest ones: the node is
    /// about to stop.
    pub(super) fn stop(&mut self, cx: &mut Context, searches: &mut Searches) {
        for (search, located) in std::mem::take(&mut self.searches) {
            // A cancelled search never reports, so the copies are not sent twice.
            searches.cancel(search);
            if !located.is_republished() {
                self.replicate(cx, searches, located.publisher, located.record);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 2] {
        [self.open.len(), self.searches.len()]
    }
}

impl Located {
    /// Returns the attachment of the record, if this node republishes it: it is still here.
    pub(super) fn republished_attachment(&self) -> Option<AttachmentId> {
        let attachment = self.record.value.attachment();
        attachment.filter(|_| self.is_republished())
    }

    /// Returns true if the record is kept under the hash of its attachment.
    pub(super) fn is_keyed_by(&self, id: AttachmentId) -> bool {
        *self.record.key.hash() == id.hash
    }

    fn is_republished(&self) -> bool {
        matches!(self.publisher, Publisher::Republish)
    }
}

/// Checks a record of this node's user.
fn check_own(cx: &Context, record: &Record) -> Result<(), Failure> {
    record.validate(&cx.limits)?;
    match record.is_expired(cx.unix_millis()) {
        true => Err(Failure::Expired),
        false => Ok(()),
    }
}

/// Reports a put to its publisher.
fn done(cx: &mut Context, publisher: Publisher, event: Event) {
    match publisher {
        Publisher::User(ticket) => cx.reply(ticket, event),
        Publisher::Peer => {}
        Publisher::Republish => cx.leave(Task::RepublishNext),
    }
}
