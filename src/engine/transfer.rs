//! Attachments on their way here, and parts on their way to peers.

use std::collections::{HashMap, VecDeque};

use super::requests::Request;
use super::{AfterStore, ConnId, Engine, Event, StoreOp, Ticket};
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::{FetchPlan, PartSet};
use crate::attachment::tree::Node;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};

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
    /// `None` while the store looks for what is here already.
    plan: Option<FetchPlan<ConnId>>,
    /// Found before there was a plan.
    providers: Vec<ConnId>,
    then: Vec<OnArrival>,
    /// Peers that want parts which are not here yet.
    waiting: HashMap<u64, Vec<(ConnId, QueryId)>>,
    waiting_count: usize,
    /// Where only peers want it, no part is fetched much before one of them asks: nobody can make this node fetch
    /// what they do not take.
    demand: u64,
}

/// The attachments on their way here.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    downloads: HashMap<AttachmentId, Download>,
    /// Who was seen to have what, oldest first.
    providers: HashMap<AttachmentId, Vec<ConnId>>,
    noted: VecDeque<AttachmentId>,
}

impl Transfers {
    pub(super) fn count(&self) -> usize {
        self.downloads.len()
    }
}

impl Engine {
    /// Brings an attachment here, from `provider` and from whoever else is known to have it.
    pub(super) fn download(
        &mut self,
        id: AttachmentId,
        provider: Option<ConnId>,
        then: Option<OnArrival>,
    ) {
        if let Some(conn) = provider {
            self.note_provider(id, conn);
        }
        if let Some(download) = self.transfers.downloads.get_mut(&id) {
            download.then.extend(then);
            return self.pump(id);
        }
        if self.transfers.downloads.len() >= self.limits.downloads && !self.drop_idle_download() {
            let why = "too many attachments are on their way already (limit downloads): try again";
            return then
                .into_iter()
                .for_each(|then| self.not_arrived(then, why));
        }
        let download = Download {
            plan: None,
            providers: self
                .transfers
                .providers
                .get(&id)
                .cloned()
                .unwrap_or_default(),
            then: then.into_iter().collect(),
            waiting: HashMap::new(),
            waiting_count: 0,
            demand: 0,
        };
        self.transfers.downloads.insert(id, download);
        self.store(StoreOp::Open(id), AfterStore::Opened(id));
    }

    /// Makes room by dropping a download that only peers wanted, and no more.
    fn drop_idle_download(&mut self) -> bool {
        let mut idle = self.transfers.downloads.iter().filter(|(_, download)| {
            download.plan.is_some() && download.then.is_empty() && download.waiting.is_empty()
        });
        let Some((&id, _)) = idle.next() else {
            return false;
        };
        self.transfers.downloads.remove(&id);
        self.requests
            .abandon(|request| matches!(request, Request::Fetch(of, _) if of == id));
        self.store(StoreOp::Close(id), AfterStore::Nothing);
        true
    }

    pub(super) fn opened(&mut self, id: AttachmentId, have: PartSet) {
        let Some(download) = self.transfers.downloads.get_mut(&id) else {
            return;
        };
        let done = have.bytes(&id);
        let mut plan = FetchPlan::new(id, have);
        for conn in download.providers.drain(..) {
            plan.add_provider(conn);
        }
        download.plan = Some(plan);
        if done > 0 {
            self.progress(id, done);
        }
        self.pump(id);
    }

    /// Asks for as much as may be asked for now.
    fn pump(&mut self, id: AttachmentId) {
        loop {
            let Some(download) = self.transfers.downloads.get_mut(&id) else {
                return;
            };
            let Some(plan) = &mut download.plan else {
                return;
            };
            if plan.is_stuck() {
                let (here, parts) = (plan.have().count(), id.parts());
                let why = format!(
                    "nobody gives out the rest of the attachment now: {here} of {parts} parts are kept, get it \
                     again to go on"
                );
                return self.download_failed(id, &why);
            }
            let ahead = self.limits.parts_in_flight as u64;
            let below = match download.then.is_empty() {
                true => download.demand.saturating_add(ahead),
                false => u64::MAX,
            };
            let Some((conn, part)) = plan.next_request(self.limits.parts_in_flight, below) else {
                return;
            };
            let deadline = self.now + self.limits.request_timeout;
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
            peer.progress = self.now;
        }
        if self.transfers.downloads.contains_key(&id) {
            let after = AfterStore::Written(id, conn, part);
            self.store(StoreOp::Write(id, part, received, proof), after);
        }
    }

    pub(super) fn part_kept(&mut self, id: AttachmentId, conn: ConnId, part: u64, whole: bool) {
        let Some(download) = self.transfers.downloads.get_mut(&id) else {
            return;
        };
        let Some(plan) = &mut download.plan else {
            return;
        };
        plan.received(conn, part);
        let done = plan.have().bytes(&id);
        let waiting = download.waiting.remove(&part).unwrap_or_default();
        download.waiting_count -= waiting.len();
        for (conn, query) in waiting {
            self.read_for_peer(conn, query, id, part);
        }
        self.progress(id, done);
        if whole {
            self.arrived(id);
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

    /// The attachment is here as a whole.
    pub(super) fn arrived(&mut self, id: AttachmentId) {
        let Some(download) = self.transfers.downloads.remove(&id) else {
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
                    self.store(StoreOp::Put(record.clone()), AfterStore::Nothing);
                    self.reply(ticket, Event::Found(record));
                }
                OnArrival::Stored(conn, query, record) => {
                    self.store(StoreOp::Put(record), AfterStore::PeerPut(conn, query));
                }
            }
        }
    }

    /// The attachment will not be whole; what is here of it stays for the next time.
    pub(super) fn download_failed(&mut self, id: AttachmentId, why: &str) {
        let Some(download) = self.transfers.downloads.remove(&id) else {
            return;
        };
        self.requests
            .abandon(|request| matches!(request, Request::Fetch(of, _) if of == id));
        self.store(StoreOp::Close(id), AfterStore::Nothing);
        for (conn, query) in download.waiting.into_values().flatten() {
            self.refuse(conn, query, "the part is not to be had now");
        }
        for then in download.then {
            self.not_arrived(then, why);
        }
    }

    fn not_arrived(&mut self, then: OnArrival, why: &str) {
        match then {
            OnArrival::Found(ticket, _) => self.reply(ticket, Event::Failed(why.into())),
            OnArrival::Stored(conn, query, _) => {
                self.refuse(conn, query, "the attachment did not arrive");
            }
        }
    }

    /// A provider that will not give out this attachment, or not any more.
    pub(super) fn provider_gone(&mut self, id: AttachmentId, conn: ConnId) {
        if let Some(noted) = self.transfers.providers.get_mut(&id) {
            noted.retain(|other| *other != conn);
        }
        if let Some(download) = self.transfers.downloads.get_mut(&id) {
            download.providers.retain(|other| *other != conn);
            if let Some(plan) = &mut download.plan {
                plan.remove_provider(conn);
            }
            self.pump(id);
        }
    }

    /// A connection that is gone: as provider, and as one that waits.
    pub(super) fn provider_lost(&mut self, conn: ConnId) {
        let mut ids: Vec<AttachmentId> = self.transfers.downloads.keys().copied().collect();
        ids.sort_unstable_by_key(|id| id.hash);
        for id in ids {
            if let Some(download) = self.transfers.downloads.get_mut(&id) {
                download.waiting.retain(|_, peers| {
                    peers.retain(|(peer, _)| *peer != conn);
                    !peers.is_empty()
                });
                download.waiting_count = download.waiting.values().map(Vec::len).sum();
                download
                    .then
                    .retain(|then| !matches!(then, OnArrival::Stored(peer, ..) if *peer == conn));
            }
            self.provider_gone(id, conn);
        }
        self.transfers.providers.retain(|_, noted| {
            noted.retain(|other| *other != conn);
            !noted.is_empty()
        });
    }

    /// `conn` says that it has the attachment.
    pub(super) fn note_provider(&mut self, id: AttachmentId, conn: ConnId) {
        let transfers = &mut self.transfers;
        let noted = transfers.providers.entry(id).or_default();
        if noted.is_empty() {
            transfers.noted.push_back(id);
        }
        if !noted.contains(&conn) {
            noted.push(conn);
        }
        while transfers.noted.len() > self.limits.known_providers {
            if let Some(oldest) = transfers.noted.pop_front() {
                transfers.providers.remove(&oldest);
            }
        }
        if let Some(download) = transfers.downloads.get_mut(&id) {
            match &mut download.plan {
                Some(plan) => plan.add_provider(conn),
                None => download.providers.push(conn),
            }
            self.pump(id);
        }
    }

    /// A peer asks for a part.
    pub(super) fn asked_for_part(
        &mut self,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
    ) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.progress = self.now;
        }
        if id.len > self.limits.attachment_bytes || id.part_len(part).is_none() {
            return self.refuse(conn, query, "there is no such part");
        }
        self.read_for_peer(conn, query, id, part);
    }

    fn read_for_peer(&mut self, conn: ConnId, query: QueryId, id: AttachmentId, part: u64) {
        let after = AfterStore::PeerRead(conn, query, id, part);
        self.store(StoreOp::Read(id, part), after);
    }

    pub(super) fn part_read(
        &mut self,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
        found: Option<(Vec<u8>, Vec<Node>)>,
    ) {
        let Some((bytes, proof)) = found else {
            return self.wait_for_part(conn, query, id, part);
        };
        if !self.peers.contains_key(&conn) {
            return;
        }
        let message = ProtoMessage::Part {
            query,
            hash: id.hash,
            part,
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            proof,
        };
        self.outputs
            .push_back(super::Output::Send(conn, message, Some(bytes)));
        self.copy_progress(conn, id, part);
    }

    /// The part is not here. If somebody is known to have it, the peer waits while it is fetched.
    fn wait_for_part(&mut self, conn: ConnId, query: QueryId, id: AttachmentId, part: u64) {
        let known = self.transfers.providers.get(&id);
        let others = known.is_some_and(|noted| noted.iter().any(|other| *other != conn));
        if !others {
            return self.refuse(conn, query, "this part is not here");
        }
        if !self.transfers.downloads.contains_key(&id) {
            self.download(id, None, None);
        }
        let most = self.limits.waiting_requests;
        match self.transfers.downloads.get_mut(&id) {
            Some(download) if download.waiting_count < most => {
                download
                    .waiting
                    .entry(part)
                    .or_default()
                    .push((conn, query));
                download.waiting_count += 1;
                download.demand = download.demand.max(part + 1);
                self.pump(id);
            }
            _ => self.refuse(
                conn,
                query,
                "too many requests wait (limit waiting_requests)",
            ),
        }
    }
}
