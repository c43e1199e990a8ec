//! Keeping a record: here, and a copy with every known peer.

use std::collections::HashMap;

use super::requests::Request;
use super::transfer::OnArrival;
use super::{AfterStore, ConnId, Engine, Event, StoreOp, Ticket};
use crate::attachment::tree::{PART_LEN, Tree};
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use crate::store::Content;

#[derive(Debug)]
struct Put {
    ticket: Ticket,
    attachment: Option<AttachmentId>,
    /// Peers that were asked and have not answered.
    waiting: usize,
    copies: usize,
    refusal: Option<String>,
    /// Bytes of the attachment that each peer has asked for.
    sent: HashMap<ConnId, u64>,
}

/// The puts whose copies are under way.
#[derive(Debug, Default)]
pub(super) struct Puts {
    next: u64,
    open: HashMap<u64, Put>,
}

impl Engine {
    pub(super) fn put(&mut self, ticket: Ticket, record: Record, content: Option<(Tree, Content)>) {
        if let Err(what) = record.check(&self.limits) {
            return self.reply(ticket, Event::Failed(what));
        }
        match (content, record.value.attachment()) {
            (None, None) => {}
            (Some((tree, content)), Some(id)) if tree.id() == id => {
                self.store(StoreOp::Link(tree, content), AfterStore::Nothing);
            }
            _ => {
                let what = "the content that was given is not the record's attachment";
                return self.reply(ticket, Event::Failed(what.into()));
            }
        }
        let after = AfterStore::LocalPut(ticket, record.clone());
        self.store(StoreOp::Put(record), after);
    }

    /// The record is kept here: now the peers.
    pub(super) fn send_copies(&mut self, ticket: Ticket, record: Record) {
        let mut peers: Vec<ConnId> = self.peers.keys().copied().collect();
        peers.sort_unstable();
        if peers.is_empty() {
            return self.reply(ticket, Event::Stored { copies: 0 });
        }
        let put = self.puts.next;
        self.puts.next += 1;
        let open = Put {
            ticket,
            attachment: record.value.attachment(),
            waiting: peers.len(),
            copies: 0,
            refusal: None,
            sent: HashMap::new(),
        };
        self.puts.open.insert(put, open);
        for conn in peers {
            let deadline = self.now + self.limits.request_timeout;
            let query = self.requests.add(conn, Request::Store(put), deadline);
            let record = record.clone();
            self.send(conn, ProtoMessage::Store { query, record });
        }
    }

    /// A peer keeps the record, or says why not.
    pub(super) fn copy_done(&mut self, put: u64, refusal: Option<String>) {
        let Some(open) = self.puts.open.get_mut(&put) else {
            return;
        };
        open.waiting -= 1;
        match refusal {
            None => open.copies += 1,
            Some(reason) => open.refusal = Some(reason),
        }
        if open.waiting > 0 {
            return;
        }
        if let Some(Put {
            ticket,
            copies,
            refusal,
            ..
        }) = self.puts.open.remove(&put)
        {
            let event = match refusal {
                Some(reason) if copies == 0 => {
                    Event::Failed(format!("kept here, but by no peer: {reason}"))
                }
                _ => Event::Stored { copies },
            };
            self.reply(ticket, event);
        }
    }

    /// A part of an attachment was given to `conn`: the puts that wait for it have moved.
    pub(super) fn copy_progress(&mut self, conn: ConnId, id: AttachmentId, part: u64) {
        let mut moved = Vec::new();
        for put in self.puts.open.values_mut() {
            if put.attachment == Some(id) {
                let sent = put.sent.entry(conn).or_default();
                *sent += id.part_len(part).unwrap_or(PART_LEN) as u64;
                let done = (*sent).min(id.len);
                let total = id.len;
                moved.push((put.ticket, Event::Progress { done, total }));
            }
        }
        for (ticket, event) in moved {
            self.reply(ticket, event);
        }
    }

    /// A peer asks this node to keep a record.
    pub(super) fn asked_to_store(&mut self, conn: ConnId, query: QueryId, record: Record) {
        if let Err(what) = record.check(&self.limits) {
            return self.refuse(conn, query, &what);
        }
        match record.value.attachment() {
            None => self.store(StoreOp::Put(record), AfterStore::PeerPut(conn, query)),
            Some(id) => {
                let then = OnArrival::Stored(conn, query, record);
                self.download(id, Some(conn), Some(then));
            }
        }
    }
}
