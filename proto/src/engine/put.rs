//! Keeping a record: here, and a copy with the nodes nearest to its key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::requests::Request;
use super::search::{Goal, Question};
use super::transfer::OnArrival;
use super::{AfterStore, ConnId, Engine, Event, Owner, StoreOp, Ticket};
use crate::attachment::tree::{PART_LEN, Tree};
use crate::id::PeerId;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use crate::routing::Contact;
use mydht_small::{BTreeMap, BTreeSet};

/// For whom a record is copied to others.
#[derive(Clone, Copy, Debug)]
pub(super) enum For {
    /// The user, who waits.
    User(Ticket),
    /// A peer that cannot do it itself. It was told already that the record is kept here.
    Peer,
    /// Nobody: it is put again, and then the next one.
    Round,
}

#[derive(Debug)]
struct Put {
    whom: For,
    attachment: Option<AttachmentId>,
    /// Peers that were asked and have not answered.
    waiting: usize,
    /// Peers, not connections: one that is connected twice keeps one copy.
    kept_by: BTreeSet<PeerId>,
    refusal: Option<String>,
    /// By peer: it may take some over one connection, and some over another.
    sent: HashMap<PeerId, Sent>,
    /// What the user has heard of it.
    progress: u64,
}

/// What a peer has taken of a put's attachment.
#[derive(Debug, Default)]
struct Sent {
    bytes: u64,
    /// When it took what it had not taken: asking for the same again and again is no progress.
    moved: Duration,
}

/// The puts whose copies are under way.
#[derive(Debug, Default)]
pub(super) struct Puts {
    next: u64,
    open: BTreeMap<u64, Put>,
}

impl Puts {
    /// When `peer` last took a part for this put.
    pub(super) fn moved(&self, put: u64, peer: &PeerId) -> Option<Duration> {
        Some(self.open.get(&put)?.sent.get(peer)?.moved)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.open.len()
    }
}

impl Engine {
    pub(super) fn put(&mut self, ticket: Ticket, record: Record, tree: Option<Tree>) {
        if let Err(what) = self.check_own(&record) {
            return self.reply(ticket, Event::Failed(what));
        }
        match (tree, record.value.attachment()) {
            (None, None) => {}
            (Some(tree), Some(id)) if tree.id() == id => {
                let after = AfterStore::LocalLink(ticket, record);
                return self.store(StoreOp::Link(Arc::new(tree), ticket), after);
            }
            _ => {
                let what = "the content that was given is not the record's attachment";
                return self.reply(ticket, Event::Failed(what.into()));
            }
        }
        self.keep(ticket, record);
    }

    /// The user's put, of which the neighbours do the work.
    pub(super) fn put_by_proxy(&mut self, ticket: Ticket, record: Record) {
        if record.value.attachment().is_some() {
            let what = "a file is put by who has it: use Put";
            return self.reply(ticket, Event::Failed(what.into()));
        }
        if let Err(what) = self.check_own(&record) {
            return self.reply(ticket, Event::Failed(what));
        }
        let after = AfterStore::LocalPut(ticket, record.clone(), true);
        self.store(StoreOp::Put(record, Owner::Own), after);
    }

    fn check_own(&self, record: &Record) -> Result<(), String> {
        record.check(&self.limits)?;
        if record.is_expired(self.unix_millis()) {
            let what = "the record has expired already: give it a later time, or set this computer's clock";
            return Err(what.into());
        }
        Ok(())
    }

    /// The content can be given out: now the record.
    pub(super) fn keep(&mut self, ticket: Ticket, record: Record) {
        let after = AfterStore::LocalPut(ticket, record.clone(), false);
        self.store(StoreOp::Put(record, Owner::Own), after);
    }

    /// The record is kept here: now the nodes nearest to its key.
    pub(super) fn copy(&mut self, whom: For, record: Record) {
        let target = *record.key.hash();
        if self.stopping {
            let nearest = self.connected_near(&target);
            return self.send_copies(whom, record, nearest);
        }
        let goal = Goal::Copies(whom, record);
        self.search(target, Question::FindNode(target), goal);
    }

    /// They are found: those that are still connected get a copy.
    pub(super) fn send_copies(&mut self, whom: For, record: Record, nearest: Vec<Contact<String>>) {
        let store = |query, record| ProtoMessage::Store { query, record };
        self.send_to(whom, record, nearest, self.limits.copies, store);
    }

    /// The record is kept here, and the neighbours are to put it where it belongs.
    pub(super) fn propagate(&mut self, ticket: Ticket, record: Record) {
        let nearest = self.connected_near(record.key.hash());
        let few = self.limits.parallel.max(1);
        let message = |query, record| ProtoMessage::Propagate { query, record };
        self.send_to(For::User(ticket), record, nearest, few, message);
    }

    fn send_to(
        &mut self,
        whom: For,
        record: Record,
        nearest: Vec<Contact<String>>,
        most: usize,
        message: impl Fn(QueryId, Record) -> ProtoMessage,
    ) {
        let conns = nearest.iter().filter_map(|node| self.links.conn(&node.id));
        let peers: Vec<ConnId> = conns.take(most).collect();
        if peers.is_empty() {
            return self.copied(whom, Event::Stored { copies: 0 });
        }
        let put = self.puts.next;
        self.puts.next += 1;
        let open = Put {
            whom,
            attachment: record.value.attachment(),
            waiting: peers.len(),
            kept_by: BTreeSet::new(),
            refusal: None,
            sent: HashMap::new(),
            progress: 0,
        };
        self.puts.open.insert(put, open);
        for conn in peers {
            let deadline = self.now.saturating_add(self.limits.request_timeout);
            let query = self.requests.add(conn, Request::Store(put), deadline);
            let record = record.clone();
            self.send(conn, message(query, record));
        }
    }

    /// A peer keeps the record, or says why not.
    pub(super) fn copy_done(&mut self, put: u64, conn: ConnId, refusal: Option<String>) {
        let Some(open) = self.puts.open.get_mut(&put) else {
            return;
        };
        open.waiting -= 1;
        match refusal {
            None => open.kept_by.extend(self.peers.get(&conn).map(|p| p.id)),
            Some(reason) => open.refusal = Some(reason),
        }
        if open.waiting > 0 {
            return;
        }
        if let Some(open) = self.puts.open.remove(&put) {
            let copies = open.kept_by.len();
            let event = match open.refusal {
                Some(reason) if copies == 0 => {
                    Event::Failed(format!("kept here, but by no peer: {reason}"))
                }
                _ => Event::Stored { copies },
            };
            self.copied(open.whom, event);
        }
    }

    /// Copies are kept, or not.
    fn copied(&mut self, whom: For, event: Event) {
        match whom {
            For::User(ticket) => self.reply(ticket, event),
            For::Peer => {}
            For::Round => self.next_kept(),
        }
    }

    /// A part of an attachment was given to `conn`: the puts that wait for it have moved.
    pub(super) fn copy_progress(&mut self, conn: ConnId, id: AttachmentId, part: u64) {
        let Some(peer) = self.peers.get(&conn).map(|peer| peer.id) else {
            return;
        };
        let mut moved = Vec::new();
        for put in self.puts.open.values_mut() {
            if put.attachment != Some(id) {
                continue;
            }
            let sent = put.sent.entry(peer).or_default();
            if sent.bytes >= id.len {
                continue;
            }
            let len = id.part_len(part).unwrap_or(PART_LEN) as u64;
            sent.bytes = sent.bytes.saturating_add(len).min(id.len);
            sent.moved = self.now;
            // That of the peer that is furthest: it never goes back.
            if sent.bytes > put.progress {
                put.progress = sent.bytes;
                let (done, total) = (put.progress, id.len);
                if let For::User(ticket) = put.whom {
                    moved.push((ticket, Event::Progress { done, total }));
                }
            }
        }
        for (ticket, event) in moved {
            self.reply(ticket, event);
        }
    }

    /// A peer asks this node to keep a record, and to put it where it belongs.
    pub(super) fn asked_to_propagate(&mut self, conn: ConnId, query: QueryId, record: Record) {
        if record.value.attachment().is_some() {
            return self.refuse(conn, query, "a file is put by who has it");
        }
        if self.searches.count() >= self.limits.lookups {
            return self.refuse(conn, query, "too many lookups at once (limit lookups)");
        }
        if self.takes(conn, query, &record) {
            let after = AfterStore::PeerPropagate(conn, query, record.clone());
            self.store(StoreOp::Put(record, Owner::Others), after);
        }
    }

    /// A peer asks this node to keep a record.
    pub(super) fn asked_to_store(&mut self, conn: ConnId, query: QueryId, record: Record) {
        if !self.takes(conn, query, &record) {
            return;
        }
        match record.value.attachment() {
            None => {
                let after = AfterStore::PeerPut(conn, query, record.key);
                self.store(StoreOp::Put(record, Owner::Others), after);
            }
            Some(id) => {
                self.note_provider(id, conn);
                self.download(id, OnArrival::Stored(conn, query, record));
            }
        }
    }

    /// Whether a peer's record may be kept here; if not, the peer is told why.
    fn takes(&mut self, conn: ConnId, query: QueryId, record: &Record) -> bool {
        if let Err(what) = record.check(&self.limits) {
            self.refuse(conn, query, &what);
            if record.is_forged() {
                self.lied(conn, "a forged record to keep");
            }
            return false;
        }
        if record.is_expired(self.unix_millis()) {
            self.refuse(conn, query, "the record has expired");
            return false;
        }
        if let Err(why) = self.count(conn, record) {
            self.counts.over_quota += 1;
            self.refuse(conn, query, why);
            return false;
        }
        true
    }
}
