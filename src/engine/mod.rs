//! What a node does with messages, requests and time: the protocol, without any I/O.
//!
//! Pure: [`Engine::handle`] is told what happened and when, and [`Engine::next_output`] says what to do. The
//! services around it carry it out. So every case of it is tested without a socket or a clock.
//!
//! Every request of the user ends in exactly one last [`Event`], whatever peers and the store do. The store must
//! answer in the order in which it was asked.

mod interface;
mod links;
mod lookup;
mod providers;
mod put;
mod republish;
mod requests;
mod search;
mod serve;
mod status;
mod transfer;

#[cfg(test)]
mod tests;

pub use interface::{
    Command, ConnId, Event, Input, Insight, Output, Owner, StoreOp, StoreReply, StoreTicket, Ticket,
};

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::time::Duration;

use crate::attachment::ReceivedPart;
use crate::id::{Key, PeerId};
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use crate::routing::Route;

use links::Links;
use put::Puts;
use republish::Republish;
use requests::{Request, Requests};
use search::Searches;
use transfer::Transfers;

/// What to do with an answer of the store.
#[derive(Debug)]
enum AfterStore {
    Nothing,
    LocalGet(Ticket, Key),
    PeerGet(ConnId, QueryId, Key, u8),
    LocalLink(Ticket, Record),
    LocalPut(Ticket, Record),
    PeerPut(ConnId, QueryId, Key),
    /// The attachment and the number of its download.
    Opened(AttachmentId, u64),
    /// The same, and the part.
    Written(AttachmentId, u64, u64),
    PeerRead(ConnId, QueryId, AttachmentId, u64),
    LocalRead(Ticket),
    NextKept,
    Republish,
    Insight(Ticket),
}

impl AfterStore {
    /// The peer that the store was asked for.
    fn peer(&self) -> Option<ConnId> {
        match self {
            AfterStore::PeerGet(conn, ..)
            | AfterStore::PeerPut(conn, ..)
            | AfterStore::PeerRead(conn, ..) => Some(*conn),
            _ => None,
        }
    }
}

/// A connected peer.
#[derive(Debug)]
struct Peer {
    id: PeerId,
    /// How good the path to it is.
    rank: u8,
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
}

/// The protocol of one node.
#[derive(Debug)]
pub struct Engine {
    own: PeerId,
    limits: Limits,
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
    /// Who waits for a first peer, and until when.
    awaiting_peer: Vec<(Ticket, Duration)>,
    next_store_ticket: StoreTicket,
    after_store: HashMap<StoreTicket, AfterStore>,
    outputs: VecDeque<Output>,
    /// Of what was found for the user and not counted yet.
    hops: Vec<u32>,
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
        limits: Limits,
        route: Box<dyn Route<String> + Send>,
        epoch: Duration,
    ) -> Self {
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
            awaiting_peer: Vec::new(),
            next_store_ticket: 0,
            after_store: HashMap::new(),
            outputs: VecDeque::new(),
            hops: Vec::new(),
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

    /// Of each record that was found for the user at another node since this was last asked: how many nodes were asked
    /// one after the other until there was one that had it.
    pub fn take_hops(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.hops)
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
            Command::Put { record, content } => self.put(ticket, record, content),
            Command::Get { key } => {
                self.store(StoreOp::Get(key), AfterStore::LocalGet(ticket, key))
            }
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

    fn message(&mut self, conn: ConnId, message: ProtoMessage, part: Option<ReceivedPart>) {
        // What was on its way from one that was let go.
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        peer.used = self.now;
        let name = message.name();
        match message {
            ProtoMessage::Find { query, .. }
            | ProtoMessage::Store { query, .. }
            | ProtoMessage::Fetch { query, .. }
                if peer.at_store >= self.limits.pending_messages =>
            {
                let why = "too many requests wait for the store (limit pending_messages)";
                self.refuse(conn, query, why);
            }
            ProtoMessage::Find { query, key, hops } => {
                let hops = hops.min(self.limits.hops);
                self.store(
                    StoreOp::Get(key),
                    AfterStore::PeerGet(conn, query, key, hops),
                );
            }
            ProtoMessage::Store { query, record } => self.asked_to_store(conn, query, record),
            ProtoMessage::Fetch { query, id, part } => self.asked_for_part(conn, query, id, part),
            ProtoMessage::FindNode { query, target } => self.asked_for_nodes(conn, query, target),
            ProtoMessage::Found { query, .. }
            | ProtoMessage::NotFound { query, .. }
            | ProtoMessage::Nodes { query, .. }
            | ProtoMessage::Stored { query }
            | ProtoMessage::Part { query, .. }
            | ProtoMessage::Refused { query, .. } => {
                let Some(request) = self.requests.answered(conn, query) else {
                    return self.violation(conn, format!("it sent {name} and was not asked"));
                };
                peer.strikes = 0;
                self.answer(conn, request, message, part);
            }
            ProtoMessage::Bye { reason } => self.disconnect(conn, format!("it left: {reason}")),
            // Not for the protocol: they go to the services of the user's, and to the transport.
            ProtoMessage::App { .. } | ProtoMessage::Signal { .. } => {}
            ProtoMessage::Hello { .. } => {
                self.violation(conn, format!("it sent {name} when it was not its turn"));
            }
        }
    }

    /// An answer to a request that was made. One that was given up is of no interest any more.
    fn answer(
        &mut self,
        conn: ConnId,
        request: Request,
        message: ProtoMessage,
        received: Option<ReceivedPart>,
    ) {
        use ProtoMessage as M;
        let name = message.name();
        match (request, message) {
            (Request::Search(search, peer), M::Found { record, .. }) => {
                self.found(conn, search, peer, record);
            }
            (Request::Search(search, peer), M::NotFound { nodes, .. } | M::Nodes { nodes, .. }) => {
                match self.check_nodes(&nodes) {
                    Ok(()) => self.search_answered(search, &peer, nodes),
                    Err(what) => {
                        self.search_failed(search, &peer);
                        self.violation(conn, what.into());
                    }
                }
            }
            (Request::Search(search, peer), M::Refused { .. }) => {
                self.search_failed(search, &peer);
            }
            (Request::Store(put), M::Stored { .. }) => self.copy_done(put, conn, None),
            (Request::Store(put), M::Refused { reason, .. }) => {
                self.copy_done(put, conn, Some(reason));
            }
            (
                Request::Fetch(id, index),
                M::Part {
                    hash, part, proof, ..
                },
            ) if hash == id.hash && part == index => match received {
                Some(received) => self.part_arrived(conn, id, part, received, proof),
                None => self.violation(conn, "its PART had no content".into()),
            },
            (Request::Fetch(id, _), M::Refused { reason, .. }) => {
                tracing::debug!(conn, %reason, "a peer gives no more of {}", id.hash);
                self.provider_gone(id, conn);
            }
            (Request::Abandoned, _) => {}
            _ => {
                // It is not among the open requests any more, of which the end of the connection takes care.
                self.unanswered(conn, request, "the peer broke the protocol");
                self.violation(
                    conn,
                    format!("its {name} does not answer what it was asked"),
                );
            }
        }
    }

    fn stored(&mut self, after: AfterStore, result: io::Result<StoreReply>) {
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.store_failed(after, &error),
        };
        match (after, reply) {
            (AfterStore::LocalGet(ticket, key), StoreReply::Record(record)) => match record {
                Some(record) if record.seal.is_none() => {
                    self.reply(ticket, Event::Found(record));
                }
                here => self.look_up_for_user(ticket, key, here),
            },
            (AfterStore::PeerGet(conn, query, key, hops), StoreReply::Record(record)) => {
                match record {
                    Some(record) => self.send(conn, ProtoMessage::Found { query, record }),
                    None => self.look_up_for_peer(conn, query, key, hops),
                }
            }
            (AfterStore::LocalLink(ticket, record), StoreReply::Done) => self.keep(ticket, record),
            (AfterStore::LocalPut(ticket, record), StoreReply::Done) => {
                self.republish.note(record.key, self.now);
                self.copy(Some(ticket), record);
            }
            (AfterStore::LocalPut(ticket, _), StoreReply::Stale) => {
                let why =
                    "a newer record is kept under this key: sign it with a higher sequence number";
                self.reply(ticket, Event::Failed(why.into()));
            }
            (AfterStore::PeerPut(conn, query, _), StoreReply::Stale) => {
                self.refuse(conn, query, "a newer record is kept under this key");
            }
            (AfterStore::PeerPut(conn, query, key), StoreReply::Done) => {
                self.republish.note(key, self.now);
                self.send(conn, ProtoMessage::Stored { query });
            }
            (AfterStore::Opened(id, number), StoreReply::Whole) => self.arrived(id, number),
            (AfterStore::Opened(id, number), StoreReply::Partial(have)) => {
                self.opened(id, number, have);
            }
            (AfterStore::Written(id, number, part), StoreReply::Written(whole)) => {
                self.part_kept(id, number, part, whole);
            }
            (AfterStore::PeerRead(conn, query, id, part), StoreReply::Part(found)) => {
                self.part_read(conn, query, id, part, found);
            }
            (AfterStore::LocalRead(ticket), StoreReply::Part(found)) => {
                self.reply(ticket, Event::Part(found.map(|(bytes, _)| bytes)));
            }
            (AfterStore::NextKept, StoreReply::Key(key)) => self.kept(key),
            (AfterStore::Republish, StoreReply::Record(record)) => self.put_again(record),
            (AfterStore::Insight(ticket), StoreReply::Usage(usage)) => {
                let insight = self.insight(&usage);
                self.reply(ticket, Event::Insight(insight));
            }
            (AfterStore::Nothing, _) => {}
            (after, _) => {
                self.store_failed(after, &io::Error::other("it answered another request"));
            }
        }
    }

    /// The store is at fault, not the peer: the user hears why, a peer only that it will not be.
    fn store_failed(&mut self, after: AfterStore, error: &io::Error) {
        tracing::error!(%error, "the store failed");
        const HERE: &str = "the store of this node failed";
        match after {
            AfterStore::Nothing => {}
            AfterStore::NextKept | AfterStore::Republish => self.republish_failed(),
            AfterStore::LocalGet(ticket, _)
            | AfterStore::LocalLink(ticket, _)
            | AfterStore::LocalPut(ticket, _)
            | AfterStore::LocalRead(ticket)
            | AfterStore::Insight(ticket) => {
                self.reply(ticket, Event::Failed(format!("{HERE}: {error}")));
            }
            AfterStore::PeerGet(conn, query, ..)
            | AfterStore::PeerPut(conn, query, _)
            | AfterStore::PeerRead(conn, query, ..) => self.refuse(conn, query, HERE),
            AfterStore::Opened(id, number) | AfterStore::Written(id, number, _) => {
                self.download_not_kept(id, number, &format!("{HERE}: {error}"));
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
                Request::Search(..) | Request::Abandoned => return None,
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
                Request::Store(_) | Request::Abandoned => {}
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
            Request::Fetch(..) | Request::Abandoned => {}
        }
    }

    fn store(&mut self, op: StoreOp, after: AfterStore) {
        let ticket = self.next_store_ticket;
        self.next_store_ticket += 1;
        if let Some(peer) = after.peer().and_then(|conn| self.peers.get_mut(&conn)) {
            peer.at_store += 1;
        }
        self.after_store.insert(ticket, after);
        self.outputs.push_back(Output::Store(ticket, op));
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
        let [connected, dials, worse] = self.links.held();
        let [downloads, providers] = self.transfers.held();
        let all = [
            ("peers", self.peers.len()),
            ("requests", pending),
            ("owed", owed),
            ("debtors", debtors),
            ("connected", connected),
            ("dials", dials),
            ("worse", worse),
            ("searches", self.searches.count()),
            ("puts", self.puts.held()),
            ("downloads", downloads),
            ("providers", providers),
            ("awaiting_peer", self.awaiting_peer.len()),
            ("after_store", self.after_store.len()),
            ("outputs", self.outputs.len()),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
