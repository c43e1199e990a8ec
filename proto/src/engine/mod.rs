//! What a node does with messages, requests and time: the protocol, without any I/O.
//!
//! Pure: [`Engine::handle`] is told what happened and when, and [`Engine::next_output`] says what to do. The
//! services around it carry it out. So every case of it is tested without a socket or a clock.
//!
//! Every request of the user ends in exactly one last [`Event`], whatever peers and the store do. The store must
//! answer in the order in which it was asked.

mod cache;
mod counts;
mod interface;
mod links;
mod lookup;
mod messages;
mod provide;
mod provider_records;
mod providers;
mod put;
mod query;
mod quota;
mod republish;
mod requests;
mod search;
mod serve;
mod status;
mod stored;
mod transfer;

#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use interface::{
    Command, ConnId, Event, Input, Insight, Output, Owner, StoreOp, StoreReply, StoreTicket,
    Ticket, Usage,
};
pub use query::{Query, QueryMode, QueryPriority};

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::id::PeerId;
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::routing::Route;
use mydht_small::{BTreeMap, BTreeSet};

use cache::Cache;
use links::Links;
use provide::ToProvide;
use provider_records::ProviderRecords;
use put::Puts;
use quota::Quotas;
use republish::Republish;
use requests::{Request, Requests};
use search::Searches;
use stored::AfterStore;
use transfer::Transfers;

/// A connected peer.
#[derive(Debug)]
struct Peer {
    id: PeerId,
    /// Where it says it is found.
    address: Option<String>,
    /// When a message last came from it or went to it.
    used: Duration,
    /// When it last gave a part that it was asked for: what is slow is not dead.
    gave: Duration,
    /// What the store was asked for it and has not answered.
    at_store: usize,
    /// Times in a row that it did not answer in time.
    strikes: u32,
    /// Forged records that it gave.
    lies: u32,
}

/// The protocol of one node.
#[derive(Debug)]
pub struct Engine {
    own: PeerId,
    limits: Arc<Limits>,
    route: Box<dyn Route<String> + Send>,
    epoch: Duration,
    /// How often the route was refreshed.
    refreshes: u64,
    /// There is no time for searches any more.
    stopping: bool,
    now: Duration,
    peers: BTreeMap<ConnId, Peer>,
    requests: Requests,
    links: Links,
    searches: Searches,
    puts: Puts,
    republish: Republish,
    transfers: Transfers,
    provider_records: ProviderRecords,
    to_provide: ToProvide,
    cache: Cache,
    quotas: Quotas,
    /// Who waits for a first peer, and until when.
    awaiting_peer: Vec<(Ticket, Duration)>,
    next_store_ticket: StoreTicket,
    after_store: HashMap<StoreTicket, AfterStore>,
    outputs: VecDeque<Output>,
    counts: Counts,
}

/// A peer that so many times in a row did not answer in time is let go.
const MAX_STRIKES: u32 = 3;

/// Requests that were given up, beside those of downloads that ended, and that a peer may leave unanswered.
const MAX_OWED: usize = 1024;

impl Engine {
    /// The node `own`, without peers; it will know those that `route` keeps. `epoch` is when its time began, since 1970
    /// (UTC): records expire by the clock that everybody has.
    pub fn new(
        own: PeerId,
        limits: impl Into<Arc<Limits>>,
        route: Box<dyn Route<String> + Send>,
        epoch: Duration,
    ) -> Self {
        let limits = limits.into();
        let of_downloads = limits.downloads.saturating_mul(limits.parts_in_flight);
        Engine {
            own,
            limits,
            route,
            epoch,
            refreshes: 0,
            stopping: false,
            now: Duration::ZERO,
            peers: BTreeMap::new(),
            requests: Requests::new(of_downloads.saturating_add(MAX_OWED)),
            links: Links::default(),
            searches: Searches::default(),
            puts: Puts::default(),
            republish: Republish::default(),
            transfers: Transfers::default(),
            provider_records: ProviderRecords::default(),
            to_provide: ToProvide::default(),
            cache: Cache::default(),
            quotas: Quotas::default(),
            awaiting_peer: Vec::new(),
            next_store_ticket: 0,
            after_store: HashMap::new(),
            outputs: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Takes in what happened at `now` (time since any fixed moment; never goes back).
    pub fn handle(&mut self, now: Duration, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Command(ticket, command) => self.command(ticket, command),
            Input::PeerUp(conn, id, rank) => self.peer_up(conn, id, rank),
            Input::PeerDown(conn) => self.peer_down(conn),
            Input::ConnectFailed(why, hopeless) if hopeless => {
                for (ticket, _) in std::mem::take(&mut self.awaiting_peer) {
                    self.reply(ticket, Event::Failed(why.clone()));
                }
            }
            Input::ConnectFailed(..) => {}
            Input::Unreachable(id) => self.unreachable(&id),
            Input::Reachable(conn, address) => self.reachable(conn, address),
            Input::Message(conn, message, part) => self.message(conn, message, part),
            Input::Used(conn) => self.used(conn),
            Input::Stored(ticket, result) => {
                let after = self.after_store.remove(&ticket);
                let after = after.unwrap_or(AfterStore::Nothing);
                if let Some(peer) = after.peer().and_then(|conn| self.peers.get_mut(&conn)) {
                    peer.at_store = peer.at_store.saturating_sub(1);
                }
                self.stored(after, result);
            }
            Input::Tick => {}
            Input::Stop => self.stop(),
        }
        self.expire();
    }

    /// What is to be done next; `None` when all is done.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle` wants to be called, even if nothing happened.
    pub fn next_deadline(&self) -> Option<Duration> {
        let awaiting = self.awaiting_peer.iter().map(|(_, until)| *until);
        let requests = self.requests.next_deadline();
        let transfers = self.transfers.next_deadline(&self.limits);
        let refresh = self.route.next_refresh().filter(|_| !self.peers.is_empty());
        awaiting
            .chain(requests)
            .chain(transfers)
            .chain(refresh)
            .chain(self.republish_deadline())
            .chain(
                self.to_provide
                    .deadline()
                    .filter(|_| !self.peers.is_empty()),
            )
            .chain(self.trim_deadline())
            .chain(self.worse_deadline())
            .min()
    }

    /// Milliseconds since 1970 (UTC).
    fn unix_millis(&self) -> u64 {
        u64::try_from(self.epoch.saturating_add(self.now).as_millis()).unwrap_or(u64::MAX)
    }

    fn command(&mut self, ticket: Ticket, command: Command) {
        match command {
            Command::Put { record, tree } => self.put(ticket, record, tree),
            Command::Propagate { record } => self.put_by_proxy(ticket, record),
            Command::Get { key } => self.query(ticket, key, Query::default()),
            Command::Query { key, query } => self.query(ticket, key, query),
            Command::Read { id, part } => {
                self.store(StoreOp::Read(id, part), AfterStore::LocalRead(ticket));
            }
            Command::Status => self.status(ticket),
            Command::Insight => self.store(StoreOp::Usage, AfterStore::Insight(ticket)),
            Command::AwaitPeer(_) if !self.peers.is_empty() => self.status(ticket),
            Command::AwaitPeer(wait) => {
                let until = self.now.saturating_add(wait);
                self.awaiting_peer.push((ticket, until));
            }
        }
    }

    fn peer_down(&mut self, conn: ConnId) {
        let peer = self.peers.get(&conn).map(|peer| peer.id);
        self.unlink(conn);
        if let Some(other) = peer.and_then(|peer| self.links.conn(&peer)) {
            self.provider_moves(conn, other);
        }
        for request in self.requests.lost(conn) {
            self.unanswered(conn, request, "the peer left");
        }
        self.provider_lost(conn);
    }

    /// Gives up on what did not come in time.
    fn expire(&mut self) {
        let now = self.now;
        let late = self
            .awaiting_peer
            .extract_if(.., |(_, until)| *until <= now);
        for (ticket, _) in late.collect::<Vec<_>>() {
            self.reply(ticket, Event::Failed("no peer answered in time".into()));
        }
        let Engine {
            requests,
            peers,
            puts,
            limits,
            ..
        } = self;
        let expired = requests.expired(now, |conn, request| {
            let progress = match request {
                Request::Fetch(..) => peers.get(&conn)?.gave,
                Request::Store(put) => puts.moved(put, &peers.get(&conn)?.id)?,
                Request::Search(..) | Request::Provide | Request::Abandoned => return None,
            };
            Some(progress.saturating_add(limits.request_timeout))
        });
        let mut silent = BTreeSet::new();
        for (conn, request) in expired {
            silent.insert(conn);
            self.unanswered(conn, request, "the peer did not answer in time");
            match request {
                Request::Fetch(id, _) => self.provider_gone(id, conn),
                Request::Search(_, peer) => self.route.failed(&peer),
                Request::Store(_) | Request::Provide | Request::Abandoned => {}
            }
        }
        for conn in silent {
            let Some(peer) = self.peers.get_mut(&conn) else {
                continue;
            };
            peer.strikes += 1;
            if peer.strikes == MAX_STRIKES {
                self.disconnect(conn, "it does not answer".into());
            }
        }
        self.expire_downloads();
        self.refresh();
        self.republish();
        self.provide_due();
        self.provider_records.expire(now);
        self.cache.expire(now);
        self.quotas.expire(now);
        self.leave_worse();
        self.trim_links();
        while let Some(conn) = self.requests.next_debtor() {
            self.disconnect(conn, "it leaves too many requests unanswered".into());
        }
    }

    /// A request will have no answer.
    fn unanswered(&mut self, conn: ConnId, request: Request, why: &str) {
        match request {
            Request::Search(search, peer) => self.search_failed(search, &peer),
            Request::Store(put) => self.copy_done(put, conn, Some(why.into())),
            // The provider is dealt with as a whole.
            Request::Fetch(..) | Request::Provide | Request::Abandoned => {}
        }
    }

    fn send(&mut self, conn: ConnId, message: ProtoMessage) {
        // An answer to someone who left meanwhile.
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.used = self.now;
            self.outputs.push_back(Output::Send(conn, message, None));
        }
    }

    fn refuse(&mut self, conn: ConnId, query: QueryId, reason: &str) {
        let reason = reason.into();
        self.send(conn, ProtoMessage::Refused { query, reason });
    }

    fn reply(&mut self, ticket: Ticket, event: Event) {
        self.outputs.push_back(Output::Reply(ticket, event));
    }

    /// The peer does not follow the protocol: it goes, and what it was asked is asked of others.
    fn violation(&mut self, conn: ConnId, what: String) {
        tracing::warn!(conn, %what, "a peer broke the protocol");
        self.disconnect(conn, what);
    }

    fn disconnect(&mut self, conn: ConnId, why: String) {
        if self.peers.contains_key(&conn) {
            self.outputs.push_back(Output::Disconnect(conn, why));
            self.peer_down(conn);
        }
    }

    /// What is kept in memory, by name, where it is anything at all.
    #[cfg(test)]
    fn held(&self) -> Vec<(&'static str, usize)> {
        let [pending, owed, debtors] = self.requests.held();
        let [connected, dials, queued, worse] = self.links.held();
        let [downloads, providers] = self.transfers.held();
        let all = [
            ("peers", self.peers.len()),
            ("requests", pending),
            ("owed", owed),
            ("debtors", debtors),
            ("connected", connected),
            ("dials", dials),
            ("queued", queued),
            ("worse", worse),
            ("searches", self.searches.count()),
            ("puts", self.puts.held()),
            ("downloads", downloads),
            ("providers", providers),
            ("provider_records", self.provider_records.held()),
            ("to_provide", self.to_provide.held()),
            ("cached", self.cache.held()),
            ("awaiting_peer", self.awaiting_peer.len()),
            ("after_store", self.after_store.len()),
            ("outputs", self.outputs.len()),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
