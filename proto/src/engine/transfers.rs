//! Transfers: attachments on their way here, and their parts on the way to peers.

mod download;
mod serve;
mod sources;

use std::collections::HashMap;
use std::time::Duration;

use super::after_store::AfterStore;
use super::context::Context;
use super::failure::Failure;
use super::interface::{ConnId, Event, Owner, StoreOp};
use super::known_providers::KnownProviders;
use super::named::Named;
use super::requests::{Request, SearchId};
use super::task::{OnArrival, Task};
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::{FetchPlan, PartSet};
use crate::attachment::tree::Node;
use crate::id::Hash;
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::AttachmentId;
use mydht_small::{BTreeMap, BTreeSet};

use download::{Download, TOO_MANY_WAIT};

/// A search for providers of an attachment.
#[derive(Debug)]
struct Seek {
    id: AttachmentId,
    named: Named,
}

/// The attachments on their way here.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    next: u64,
    downloads: HashMap<AttachmentId, Download>,
    /// The downloads that nobody waits for, with since when. As of the last change of each
    /// download, which calls [`note_idle`](Self::note_idle): so that neither the next deadline nor
    /// the oldest has to be looked for.
    idle: BTreeSet<(Duration, Hash, u64)>,
    providers: KnownProviders,
    /// Searches for providers.
    seeks: BTreeMap<SearchId, Seek>,
    /// Searches that connect with providers that were named.
    meets: BTreeMap<SearchId, AttachmentId>,
}

const STORE_LOST_IT: &str =
    "the store of this node does not have all parts that it kept: get it again";
const TOO_MANY: &str =
    "too many attachments are on their way already (limit transfers.downloads): try again";

impl Transfers {
    /// Returns the number of attachments on their way here.
    pub(super) fn count(&self) -> usize {
        self.downloads.len()
    }

    /// Returns the connections that wait for a part, or for an attachment to be kept.
    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> {
        self.downloads.values().flat_map(Download::conns)
    }

    /// Returns when a download that nobody waits for is to be dropped.
    pub(super) fn next_deadline(&self, limits: &Limits) -> Option<Duration> {
        let (since, ..) = self.idle.first()?;
        Some(since.saturating_add(limits.timeouts.request_timeout))
    }

    /// Updates `idle` after a change of a download.
    fn note_idle(&mut self, id: AttachmentId) {
        let Some(download) = self.downloads.get_mut(&id) else {
            return;
        };
        let since = download.idle_since();
        let before = std::mem::replace(&mut download.idle, since);
        if since == before {
            return;
        }
        if let Some(before) = before {
            self.idle.remove(&(before, id.hash, id.len));
        }
        if let Some(since) = since {
            self.idle.insert((since, id.hash, id.len));
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 3] {
        let idle = self.downloads.iter().filter_map(|(id, download)| {
            let since = download.idle_since()?;
            Some((since, id.hash, id.len))
        });
        assert_eq!(idle.collect::<BTreeSet<_>>(), self.idle, "out of step");
        let searches = self.seeks.len() + self.meets.len();
        [self.downloads.len(), self.providers.held(), searches]
    }

    /// Fetches an attachment from its known providers.
    pub(super) fn download(&mut self, cx: &mut Context, id: AttachmentId, then: OnArrival) {
        if self.downloads.contains_key(&id) {
            let stored = matches!(then, OnArrival::Stored(..));
            let Some(download) = self.downloads.get_mut(&id) else {
                return;
            };
            if stored && download.then.len() >= cx.limits.transfers.waiting_requests {
                return not_arrived(cx, then, TOO_MANY_WAIT, TOO_MANY_WAIT);
            }
            download.then.push(then);
            return self.pump(cx, id);
        }
        match self.begin(cx, id) {
            Ok(download) => download.then.push(then),
            Err(why) => not_arrived(cx, then, why, why),
        }
    }

    /// Fetches an attachment as far as peers ask for its parts.
    fn download_for_peers(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
    ) -> Result<(), &'static str> {
        match self.downloads.contains_key(&id) {
            true => Ok(()),
            false => self.begin(cx, id).map(|_| ()),
        }
    }

    fn begin(&mut self, cx: &mut Context, id: AttachmentId) -> Result<&mut Download, &'static str> {
        if self.downloads.len() >= cx.limits.transfers.downloads && !self.drop_idle(cx, None) {
            return Err(TOO_MANY);
        }
        let number = self.next;
        self.next += 1;
        cx.ask_store(StoreOp::Open(id), AfterStore::Opened(id, number));
        let providers = self.providers.of(&id).to_vec();
        let download = Download::new(number, providers, cx.now);
        // Callers have checked that there is no such download, so this inserts the new one.
        Ok(self.downloads.entry(id).or_insert(download))
    }

    /// Drops the download that nobody has waited for the longest: any, or only one idle since
    /// `before`. Returns false if there is none.
    fn drop_idle(&mut self, cx: &mut Context, before: Option<Duration>) -> bool {
        let Some((since, hash, len)) = self.idle.first().copied() else {
            return false;
        };
        if before.is_some_and(|before| since > before) {
            return false;
        }
        let id = AttachmentId { hash, len };
        self.download_failed(cx, id, "nobody waits for it", "nobody waits for it");
        true
    }

    /// Drops the downloads that nobody has waited for in a long time.
    pub(super) fn expire(&mut self, cx: &mut Context) {
        if let Some(before) = cx.now.checked_sub(cx.limits.timeouts.request_timeout) {
            // Terminates, because each round removes a download together with its entry in `idle`.
            while self.drop_idle(cx, Some(before)) {}
        }
    }

    /// Goes on with a download once the store has said which parts are here.
    pub(super) fn opened(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        number: u64,
        have: PartSet,
    ) {
        let Some(download) = self.current(id, number) else {
            return;
        };
        let done = have.bytes(&id);
        let mut plan = FetchPlan::new(id, have);
        for conn in &download.providers {
            plan.add_provider(*conn);
        }
        for part in std::mem::take(&mut download.wanted) {
            plan.want(part);
        }
        download.plan = Some(plan);
        if done > 0 {
            self.progress(cx, id, done);
        }
        self.pump(cx, id);
    }

    /// Returns the download that an answer of the store is about, if it is not over.
    fn current(&mut self, id: AttachmentId, number: u64) -> Option<&mut Download> {
        let download = self.downloads.get_mut(&id);
        download.filter(|download| download.number == number)
    }

    /// Asks for as much as may be asked for now.
    fn pump(&mut self, cx: &mut Context, id: AttachmentId) {
        self.note_idle(id);
        // With none at all it would wait forever.
        let in_flight = cx.limits.transfers.parts_in_flight.max(1);
        loop {
            let Some(download) = self.downloads.get_mut(&id) else {
                return;
            };
            let may_seek = !download.is_sought && download.is_for_the_user();
            let Some(plan) = &mut download.plan else {
                return;
            };
            let settled = download.writing.is_empty();
            if settled && plan.is_complete() {
                // All parts were written, yet the store never said that the attachment is whole.
                return self.download_failed(cx, id, STORE_LOST_IT, "the attachment was not kept");
            }
            if settled && plan.is_stuck() && download.hopes.is_empty() {
                if may_seek {
                    return cx.leave(Task::Seek(id));
                }
                let (here, parts) = (plan.have().count(), id.parts());
                let why = format!(
                    "no peer serves the rest of the attachment now: {here} of {parts} parts are kept, get it \
                     again to resume"
                );
                return self.download_failed(cx, id, &why, "the attachment did not arrive");
            }
            // What the store has still to write is in memory.
            if download.writing.len() >= in_flight {
                return;
            }
            // Where only peers want it, what they want is fetched, and a little ahead: nobody can make this node
            // fetch what they do not take.
            let below = match download.then.is_empty() {
                true => 0,
                false => u64::MAX,
            };
            let Some((conn, part)) = plan.next_request(in_flight, below) else {
                return;
            };
            let (request, patience) =
                (Request::Fetch(id, part), cx.limits.timeouts.request_timeout);
            cx.request(conn, request, patience, |query| ProtoMessage::Fetch {
                query,
                id,
                part,
            });
        }
    }

    /// Takes a part that a peer serves.
    pub(super) fn part_arrived(
        &mut self,
        cx: &mut Context,
        conn: ConnId,
        (id, part): (AttachmentId, u64),
        received: ReceivedPart,
        proof: Vec<Node>,
    ) {
        let right = id.part_len(part) == Some(received.bytes.len())
            && id.verify(part, &received.node, &proof);
        if !right {
            // The part stays assigned to this peer until the disconnection returns it to the plan.
            return cx.violation(conn, format!("it sent a wrong part of {}", id.hash));
        }
        if let Some(peer) = cx.peers.get_mut(conn) {
            peer.gave = cx.now;
        }
        let Some(download) = self.downloads.get_mut(&id) else {
            return;
        };
        // From here on the part is not asked for again: it must not depend on its giver staying until it is written.
        if !(download.plan.as_mut()).is_some_and(|plan| plan.received(conn, part)) {
            return;
        }
        download.writing.insert(part);
        let after = AfterStore::Written(id, download.number, part);
        cx.ask_store(StoreOp::Write(id, part, received, proof), after);
        self.pump(cx, id);
    }

    /// Goes on with a download once the store has kept a part.
    pub(super) fn part_kept(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        number: u64,
        part: u64,
        whole: bool,
    ) {
        let now = cx.now;
        let Some(download) = self.current(id, number) else {
            return;
        };
        download.writing.remove(&part);
        download.touched = now;
        let done = download.plan.as_ref().map(|plan| plan.have().bytes(&id));
        for (conn, query) in download.take_waiting(part) {
            read_for_peer(cx, conn, query, id, part);
        }
        // Reported before `arrived`: no event may follow the last one of a request.
        self.progress(cx, id, done.unwrap_or_default());
        if whole {
            self.arrived(cx, id, number);
        } else {
            self.pump(cx, id);
        }
    }

    fn progress(&mut self, cx: &mut Context, id: AttachmentId, done: u64) {
        let total = id.len;
        let then = self.downloads.get(&id).map(|download| &download.then[..]);
        for then in then.unwrap_or_default() {
            if let OnArrival::Found(ticket, _) = then {
                cx.reply(*ticket, Event::Progress { done, total });
            }
        }
    }

    /// Notes that a peer takes `part`, or waits for it: the following parts may be fetched too.
    pub(super) fn demand(&mut self, cx: &mut Context, id: AttachmentId, part: u64) {
        if let Some(download) = self.downloads.get_mut(&id) {
            download.touched = cx.now;
            let ahead = cx.limits.transfers.parts_in_flight as u64;
            let wanted = part..=part.saturating_add(ahead);
            match &mut download.plan {
                Some(plan) => wanted.for_each(|part| plan.want(part)),
                None => download.wanted.extend(wanted),
            }
            self.pump(cx, id);
        }
    }

    /// Removes a download and gives up its open requests.
    fn end(&mut self, cx: &mut Context, id: AttachmentId) -> Option<Download> {
        let download = self.downloads.remove(&id)?;
        if let Some(since) = download.idle {
            self.idle.remove(&(since, id.hash, id.len));
        }
        // Abandoned, not removed: a part that still arrives must not count as a violation.
        cx.requests
            .abandon(|_, request| matches!(request, Request::Fetch(of, _) if of == id));
        Some(download)
    }

    /// Ends a download whose attachment is here as a whole.
    pub(super) fn arrived(&mut self, cx: &mut Context, id: AttachmentId, number: u64) {
        if self.current(id, number).is_none() {
            return;
        }
        let Some(download) = self.end(cx, id) else {
            return;
        };
        for (part, peers) in download.waiting {
            for (conn, query) in peers {
                read_for_peer(cx, conn, query, id, part);
            }
        }
        for then in download.then {
            match then {
                OnArrival::Found(ticket, record) => {
                    let keep = StoreOp::Put(record.clone(), Owner::Others);
                    cx.ask_store(keep, AfterStore::Nothing);
                    cx.leave(Task::Announce(id));
                    cx.reply(ticket, Event::Found(record));
                }
                OnArrival::Stored(conn, query, record) => {
                    let after = AfterStore::PeerPut(conn, query, record.key);
                    cx.ask_store(StoreOp::Put(record, Owner::Others), after);
                }
            }
        }
    }

    /// Ends a download at which the store failed.
    pub(super) fn not_kept(&mut self, cx: &mut Context, id: AttachmentId, number: u64, why: &str) {
        if self.current(id, number).is_some() {
            self.download_failed(cx, id, why, "the store of this node failed");
        }
    }

    /// Ends a download whose attachment is not whole. The parts that are here stay for the next
    /// time.
    fn download_failed(&mut self, cx: &mut Context, id: AttachmentId, why: &str, for_peers: &str) {
        let Some(download) = self.end(cx, id) else {
            return;
        };
        cx.ask_store(StoreOp::Close(id), AfterStore::Nothing);
        for (conn, query) in download.waiting.into_values().flatten() {
            cx.refuse(conn, query, "the part is not to be had now");
        }
        for then in download.then {
            not_arrived(cx, then, why, for_peers);
        }
    }
}

/// Fails an act that waited for an attachment.
fn not_arrived(cx: &mut Context, then: OnArrival, why: &str, for_peers: &str) {
    match then {
        OnArrival::Found(ticket, _) => {
            let reason = why.to_owned();
            cx.reply(ticket, Event::Failed(Failure::NotFetched { reason }));
        }
        OnArrival::Stored(conn, query, _) => cx.refuse(conn, query, for_peers),
    }
}

/// Reads a part from the store for a peer.
fn read_for_peer(cx: &mut Context, conn: ConnId, query: QueryId, id: AttachmentId, part: u64) {
    let after = AfterStore::PeerRead(conn, query, id, part);
    cx.ask_store(StoreOp::Read(id, part), after);
}
