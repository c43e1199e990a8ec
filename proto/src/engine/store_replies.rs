//! Answers of the store, which go to the organ that asked.

use std::io;

use super::Engine;
use super::after_store::AfterStore;
use super::announcements::announce;
use super::failure::Failure;
use super::interface::{Event, StoreReply, Ticket};
use super::puts::{Located, Publisher};
use crate::msg::ProtoMessage;
use crate::record::Record;
use crate::routing::Contact;

impl Engine {
    /// Routes an answer of the store.
    pub(super) fn stored(&mut self, after: AfterStore, result: io::Result<StoreReply>) {
        use AfterStore as A;
        use StoreReply as R;
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.store_failed(after, &error),
        };
        let cx = &mut self.cx;
        match (after, reply) {
            (A::LocalGet(ticket, key, query), R::Record(record)) => {
                match record.or_else(|| self.cache.hit(cx, &key)) {
                    // A signed record may have a newer version elsewhere, so the local one is only
                    // a candidate.
                    Some(record) if record.seal.is_none() => cx.reply(ticket, Event::Found(record)),
                    here => {
                        let searches = &mut self.searches;
                        let wish = (key, query);
                        self.lookups
                            .begin_for_user(cx, searches, ticket, wish, here);
                    }
                }
            }
            (A::PeerGet(conn, query, key, hops), R::Record(record)) => {
                match record.or_else(|| self.cache.hit(cx, &key)) {
                    Some(record) => cx.send(conn, ProtoMessage::Found { query, record }),
                    None => {
                        let (searches, asker) = (&mut self.searches, (conn, query));
                        self.lookups.begin_for_peer(cx, searches, asker, key, hops);
                    }
                }
            }
            (A::LocalLink(ticket, record), R::Done) => self.puts.keep(cx, ticket, record),
            (A::LocalPut(ticket, record, by_proxy), R::Done) => {
                self.record_kept(ticket, record, by_proxy);
            }
            (A::LocalPut(ticket, ..), R::Stale) => {
                cx.reply(ticket, Event::Failed(Failure::Stale));
            }
            (A::PeerPut(conn, query, _) | A::PeerPropagate(conn, query, _), R::Stale) => {
                cx.counts.records_stale += 1;
                cx.refuse(conn, query, "a newer record is kept under this key");
            }
            (A::PeerPut(conn, query, key), R::Done) => {
                self.republish.note(key, cx.now);
                cx.send(conn, ProtoMessage::Stored { query });
            }
            (A::PeerPropagate(conn, query, record), R::Done) => {
                self.republish.note(record.key, cx.now);
                cx.send(conn, ProtoMessage::Stored { query });
                // Replicated after the answer: STORED promises that the record is kept here, not
                // that there are copies.
                self.replicate(Publisher::Peer, record);
            }
            (A::Opened(id, number), R::Whole) => self.transfers.arrived(cx, id, number),
            (A::Opened(id, number), R::Partial(have)) => {
                self.transfers.opened(cx, id, number, have);
            }
            (A::Written(id, number, part), R::Written(whole)) => {
                self.transfers.part_kept(cx, id, number, part, whole);
            }
            (A::PeerRead(conn, query, id, part), R::Part(found)) => {
                let asker = (conn, query);
                self.transfers.part_read(cx, asker, id, part, found);
            }
            (A::LocalRead(ticket), R::Part(found)) => {
                cx.reply(ticket, Event::Part(found.map(|(bytes, _)| bytes)));
            }
            (A::NextKept, R::Key(key)) => self.republish.kept(cx, key),
            (A::Republish, R::Record(record)) => {
                if let Some(record) = self.republish.fetched(cx, record) {
                    self.replicate(Publisher::Republish, record);
                }
            }
            (A::Insight(ticket), R::Usage(usage)) => self.insight(ticket, &usage),
            (A::Nothing, _) => {}
            // A reply of the wrong kind: the requester must still get an answer.
            (after, _) => {
                self.store_failed(after, &io::Error::other("it answered another request"));
            }
        }
    }

    /// Stores copies of the user's record, which is kept here.
    fn record_kept(&mut self, ticket: Ticket, record: Record, by_proxy: bool) {
        let cx = &mut self.cx;
        self.republish.note(record.key, cx.now);
        if let Some(id) = record.value.attachment() {
            self.announcements.add(cx, id);
        }
        match by_proxy {
            true => self.puts.propagate(cx, ticket, record),
            false => self.replicate(Publisher::User(ticket), record),
        }
    }

    fn replicate(&mut self, publisher: Publisher, record: Record) {
        let searches = &mut self.searches;
        self.puts
            .replicate(&mut self.cx, searches, publisher, record);
    }

    /// Sends the copies of a record to the nearest nodes. An attachment that is republished is
    /// announced too.
    pub(super) fn send_copies(&mut self, located: Located, nearest: &[Contact]) {
        let cx = &mut self.cx;
        match located.republished_attachment() {
            Some(id) if located.is_keyed_by(id) => announce(cx, id.hash, nearest),
            Some(id) => self.announcements.add(cx, id),
            None => {}
        }
        self.puts.send_copies(cx, located, nearest);
    }

    /// Fails a request to the store. The user learns the reason; a peer only learns that its
    /// request failed.
    fn store_failed(&mut self, after: AfterStore, error: &io::Error) {
        use AfterStore as A;
        tracing::error!(%error, "the store failed");
        // The error may contain paths of this computer, so peers get this text only.
        const HERE: &str = "the store of this node failed";
        let cx = &mut self.cx;
        match after {
            A::Nothing => {}
            A::NextKept | A::Republish => self.republish.failed(),
            A::LocalGet(ticket, ..)
            | A::LocalLink(ticket, _)
            | A::LocalPut(ticket, ..)
            | A::LocalRead(ticket)
            | A::Insight(ticket) => {
                let reason = error.to_string();
                cx.reply(ticket, Event::Failed(Failure::Store { reason }));
            }
            A::PeerGet(conn, query, ..)
            | A::PeerPut(conn, query, _)
            | A::PeerPropagate(conn, query, _)
            | A::PeerRead(conn, query, ..) => cx.refuse(conn, query, HERE),
            A::Opened(id, number) | A::Written(id, number, _) => {
                let why = format!("{HERE}: {error}");
                self.transfers.not_kept(cx, id, number, &why);
            }
        }
    }
}
