//! Attachments on their way here.

mod sources;

use std::collections::HashMap;
use std::time::Duration;

use super::providers::Providers;
use super::requests::Request;
use super::{AfterStore, ConnId, Engine, Event, Owner, StoreOp, Ticket};
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::{FetchPlan, PartSet};
use crate::attachment::tree::Node;
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use mydht_small::{BTreeMap, BTreeSet};

/// What waits for an attachment to be whole.
#[derive(Debug)]
pub(super) enum OnArrival {
    /// The user's get.
    Found(Ticket, Record),
    /// A peer's request to store.
    Stored(ConnId, QueryId, Record),
}

#[derive(Debug)]
struct Download {
    /// Tells this download from an earlier one of the same attachment, whose answers of the store are still to come.
    number: u64,
    /// `None` while the store looks for what is here already.
    plan: Option<FetchPlan<ConnId>>,
    /// Who may have it, as far as they did not fail.
    providers: Vec<ConnId>,
    then: Vec<OnArrival>,
    /// Peers that want parts which are not here yet.
    waiting: BTreeMap<u64, Vec<(ConnId, QueryId)>>,
    waiting_count: usize,
    /// Parts that peers asked for before there was a plan.
    wanted: BTreeSet<u64>,
    /// Parts that arrived, and that the store has not said it kept.
    writing: BTreeSet<u64>,
    /// Lookups which may still name somebody who has it.
    hopes: BTreeSet<u64>,
    /// It was asked who else has it.
    is_sought: bool,
    /// When a peer last asked for a part, or one was kept.
    touched: Duration,
}

impl Download {
    /// This node's user waits for it.
    fn is_for_the_user(&self) -> bool {
        let mut then = self.then.iter();
        then.any(|then| matches!(then, OnArrival::Found(..)))
    }

    /// Since when nobody waits for it.
    fn idle_since(&self) -> Option<Duration> {
        let wanted = !self.then.is_empty() || !self.waiting.is_empty();
        (self.plan.is_some() && !wanted).then_some(self.touched)
    }
}

/// The attachments on their way here.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    next: u64,
    downloads: HashMap<AttachmentId, Download>,
    providers: Providers,
}

const STORE_LOST_IT: &str =
    "the store of this node does not have all parts that it kept: get it again";
const TOO_MANY: &str = "too many attachments are on their way already (limit downloads): try again";
const TOO_MANY_WAIT: &str = "too many requests wait for this attachment (limit waiting_requests)";

impl Transfers {
    pub(super) fn count(&self) -> usize {
        self.downloads.len()
    }

    /// The connections that wait for a part, or for an attachment to be kept.
    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> {
        self.downloads.values().flat_map(|download| {
            let parts = download.waiting.values().flatten().map(|(conn, _)| *conn);
            let stored = download.then.iter().filter_map(|then| match then {
                OnArrival::Stored(conn, ..) => Some(*conn),
                OnArrival::Found(..) => None,
            });
            parts.chain(stored)
        })
    }

    /// When a download that nobody waits for is to be dropped.
    pub(super) fn next_deadline(&self, limits: &Limits) -> Option<Duration> {
        let idle = self.downloads.values().filter_map(Download::idle_since);
        idle.min()
            .map(|at| at.saturating_add(limits.request_timeout))
    }

    /// Lets a peer wait for a part.
    pub(super) fn wait(
        &mut self,
        id: &AttachmentId,
        part: u64,
        who: (ConnId, QueryId),
        limits: &Limits,
    ) -> Result<(), &'static str> {
        let Some(download) = self.downloads.get_mut(id) else {
            return Err("this part is not here");
        };
        let plan = download.plan.as_ref();
        if plan.is_some_and(|plan| plan.have().contains(part)) && !download.writing.contains(&part)
        {
            // It was kept, but the store cannot give it out yet: nothing would ever end the wait.
            return Err("this part cannot be given out yet");
        }
        if plan.is_some_and(|plan| plan.expects(who.0, part)) {
            // It would wait for itself.
            return Err("this part was asked of you");
        }
        if download.waiting_count >= limits.waiting_requests {
            return Err(TOO_MANY_WAIT);
        }
        download.waiting.entry(part).or_default().push(who);
        download.waiting_count += 1;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 2] {
        [self.downloads.len(), self.providers.held()]
    }
}

impl Engine {
    /// Brings an attachment here, from whoever is known to have it.
    pub(super) fn download(&mut self, id: AttachmentId, then: OnArrival) {
        if self.transfers.downloads.contains_key(&id) {
            let stored = matches!(then, OnArrival::Stored(..));
            let Some(download) = self.transfers.downloads.get_mut(&id) else {
                return;
            };
            if stored && download.then.len() >= self.limits.waiting_requests {
                return self.not_arrived(then, TOO_MANY_WAIT, TOO_MANY_WAIT);
            }
            download.then.push(then);
            return self.pump(id);
        }
        match self.begin(id) {
            Ok(download) => download.then.push(then),
            Err(why) => self.not_arrived(then, why, why),
        }
    }

    /// Brings an attachment here as far as peers ask for its parts.
    pub(super) fn download_for_peers(&mut self, id: AttachmentId) -> Result<(), &'static str> {
        match self.transfers.downloads.contains_key(&id) {
            true => Ok(()),
            false => self.begin(id).map(|_| ()),
        }
    }

    fn begin(&mut self, id: AttachmentId) -> Result<&mut Download, &'static str> {
        if self.transfers.downloads.len() >= self.limits.downloads && !self.drop_idle(None) {
            return Err(TOO_MANY);
        }
        let number = self.transfers.next;
        self.transfers.next += 1;
        self.store(StoreOp::Open(id), AfterStore::Opened(id, number));
        let providers = self.transfers.providers.of(&id).to_vec();
        Ok(self.transfers.downloads.entry(id).or_insert(Download {
            number,
            plan: None,
            providers,
            then: Vec::new(),
            waiting: BTreeMap::new(),
            waiting_count: 0,
            wanted: BTreeSet::new(),
            writing: BTreeSet::new(),
            hopes: BTreeSet::new(),
            is_sought: false,
            touched: self.now,
        }))
    }

    /// Drops the download that nobody has waited for the longest: any, or only one idle since `before`.
    fn drop_idle(&mut self, before: Option<Duration>) -> bool {
        let downloads = self.transfers.downloads.iter();
        let idle = downloads.filter_map(|(id, download)| {
            let since = download.idle_since()?;
            (before.is_none_or(|before| since <= before)).then_some((since, id.hash, id.len, *id))
        });
        let Some((.., id)) = idle.min_by_key(|(since, hash, len, _)| (*since, *hash, *len)) else {
            return false;
        };
        self.download_failed(id, "nobody waits for it", "nobody waits for it");
        true
    }

    /// Drops the downloads that nobody has waited for in a long time.
    pub(super) fn expire_downloads(&mut self) {
        if let Some(before) = self.now.checked_sub(self.limits.request_timeout) {
            while self.drop_idle(Some(before)) {}
        }
    }

    pub(super) fn opened(&mut self, id: AttachmentId, number: u64, have: PartSet) {
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
            self.progress(id, done);
        }
        self.pump(id);
    }

    /// The download that an answer of the store is about, if it is not over.
    fn current(&mut self, id: AttachmentId, number: u64) -> Option<&mut Download> {
        let download = self.transfers.downloads.get_mut(&id);
        download.filter(|download| download.number == number)
    }

    /// Asks for as much as may be asked for now.
    fn pump(&mut self, id: AttachmentId) {
        // With none at all it would wait forever.
        let in_flight = self.limits.parts_in_flight.max(1);
        loop {
            let Some(download) = self.transfers.downloads.get_mut(&id) else {
                return;
            };
            let may_seek = !download.is_sought && download.is_for_the_user();
            let Some(plan) = &mut download.plan else {
                return;
            };
            let settled = download.writing.is_empty();
            if settled && plan.is_complete() {
                return self.download_failed(id, STORE_LOST_IT, "the attachment was not kept");
            }
            if settled && plan.is_stuck() && download.hopes.is_empty() {
                if may_seek {
                    return self.seek_providers(id);
                }
                let (here, parts) = (plan.have().count(), id.parts());
                let why = format!(
                    "nobody gives out the rest of the attachment now: {here} of {parts} parts are kept, get it \
                     again to go on"
                );
                return self.download_failed(id, &why, "the attachment did not arrive");
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
            let deadline = self.now.saturating_add(self.limits.request_timeout);
            let query = self.requests.add(conn, Request::Fetch(id, part), deadline);
            self.send(conn, ProtoMessage::Fetch { query, id, part });
        }
    }

    pub(super) fn part_arrived(
        &mut self,
        conn: ConnId,
        id: AttachmentId,
        part: u64,
        received: ReceivedPart,
        proof: Vec<Node>,
    ) {
        let right = id.part_len(part) == Some(received.bytes.len())
            && id.verify(part, &received.node, &proof);
        if !right {
            return self.violation(conn, format!("it sent a wrong part of {}", id.hash));
        }
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.gave = self.now;
        }
        let Some(download) = self.transfers.downloads.get_mut(&id) else {
            return;
        };
        // From here on the part is not asked for again: it must not depend on its giver staying until it is written.
        if !(download.plan.as_mut()).is_some_and(|plan| plan.received(conn, part)) {
            return;
        }
        download.writing.insert(part);
        let after = AfterStore::Written(id, download.number, part);
        self.store(StoreOp::Write(id, part, received, proof), after);
        self.pump(id);
    }

    pub(super) fn part_kept(&mut self, id: AttachmentId, number: u64, part: u64, whole: bool) {
        let now = self.now;
        let Some(download) = self.current(id, number) else {
            return;
        };
        download.writing.remove(&part);
        download.touched = now;
        let done = download.plan.as_ref().map(|plan| plan.have().bytes(&id));
        let waiting = download.waiting.remove(&part).unwrap_or_default();
        download.waiting_count -= waiting.len();
        for (conn, query) in waiting {
            self.read_for_peer(conn, query, id, part);
        }
        self.progress(id, done.unwrap_or_default());
        if whole {
            self.arrived(id, number);
        } else {
            self.pump(id);
        }
    }

    fn progress(&mut self, id: AttachmentId, done: u64) {
        let total = id.len;
        let then = self.transfers.downloads.get(&id).map(|d| &d.then[..]);
        for then in then.unwrap_or_default() {
            if let OnArrival::Found(ticket, _) = then {
                let event = Event::Progress { done, total };
                self.outputs.push_back(super::Output::Reply(*ticket, event));
            }
        }
    }

    /// A peer takes `part`, or waits for it: what follows may be fetched too.
    pub(super) fn demand(&mut self, id: AttachmentId, part: u64) {
        if let Some(download) = self.transfers.downloads.get_mut(&id) {
            download.touched = self.now;
            let ahead = self.limits.parts_in_flight as u64;
            let wanted = part..=part.saturating_add(ahead);
            match &mut download.plan {
                Some(plan) => wanted.for_each(|part| plan.want(part)),
                None => download.wanted.extend(wanted),
            }
            self.pump(id);
        }
    }

    /// Ends a download: nothing is asked for it any more.
    fn end(&mut self, id: AttachmentId) -> Option<Download> {
        let download = self.transfers.downloads.remove(&id)?;
        self.requests
            .abandon(|_, request| matches!(request, Request::Fetch(of, _) if of == id));
        Some(download)
    }

    /// The attachment is here as a whole.
    pub(super) fn arrived(&mut self, id: AttachmentId, number: u64) {
        if self.current(id, number).is_none() {
            return;
        }
        let Some(download) = self.end(id) else {
            return;
        };
        for (part, peers) in download.waiting {
            for (conn, query) in peers {
                self.read_for_peer(conn, query, id, part);
            }
        }
        for then in download.then {
            match then {
                OnArrival::Found(ticket, record) => {
                    let keep = StoreOp::Put(record.clone(), Owner::Others);
                    self.store(keep, AfterStore::Nothing);
                    self.provide_soon(id);
                    self.reply(ticket, Event::Found(record));
                }
                OnArrival::Stored(conn, query, record) => {
                    let after = AfterStore::PeerPut(conn, query, record.key);
                    self.store(StoreOp::Put(record, Owner::Others), after);
                }
            }
        }
    }

    /// The store failed at a download.
    pub(super) fn download_not_kept(&mut self, id: AttachmentId, number: u64, why: &str) {
        if self.current(id, number).is_some() {
            self.download_failed(id, why, "the store of this node failed");
        }
    }

    /// The attachment will not be whole; what is here of it stays for the next time.
    fn download_failed(&mut self, id: AttachmentId, why: &str, for_peers: &str) {
        let Some(download) = self.end(id) else {
            return;
        };
        self.store(StoreOp::Close(id), AfterStore::Nothing);
        for (conn, query) in download.waiting.into_values().flatten() {
            self.refuse(conn, query, "the part is not to be had now");
        }
        for then in download.then {
            self.not_arrived(then, why, for_peers);
        }
    }

    fn not_arrived(&mut self, then: OnArrival, why: &str, for_peers: &str) {
        match then {
            OnArrival::Found(ticket, _) => self.reply(ticket, Event::Failed(why.into())),
            OnArrival::Stored(conn, query, _) => self.refuse(conn, query, for_peers),
        }
    }
}
