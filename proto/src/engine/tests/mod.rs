//! The protocol, case by case. Every test ends with the check of [`Bench`]: each request of the
//! user had exactly one last event, and with the peers gone nothing is left in memory.

mod cache;
mod chaos;
mod limits;
mod lookup;
mod network;
mod node;
mod paths;
mod provide;
mod put;
mod quota;
mod republish;
mod search;
mod serve;
mod signed;
mod store;
mod transfer;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::time::Duration;

use super::context::MAX_OWED;
use super::*;
use crate::address::{Address, Addresses};
use crate::attachment::ReceivedPart;
use crate::attachment::tree::{Node, PART_LEN, PartHasher, Tree};
use crate::id::{Hash, Key};
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record, Value};
use crate::routing::{Contact, Kademlia, KademliaParams};
use store::ModelStore;

/// An attachment to play with.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) content: Vec<u8>,
    pub(super) tree: Tree,
}

impl Sample {
    pub(super) fn new(len: usize, seed: u8) -> Self {
        let content: Vec<u8> = (0..len).map(|i| (i / 3) as u8 ^ seed).collect();
        let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
        Sample { content, tree }
    }

    /// One of so many parts, the last of them short.
    pub(super) fn parts(parts: usize) -> Self {
        Sample::new(parts * PART_LEN - 9, 0)
    }

    pub(super) fn id(&self) -> AttachmentId {
        self.tree.id()
    }

    pub(super) fn record(&self) -> Record {
        Record::by_content(Value::Attachment {
            id: self.id(),
            name: "sample".into(),
        })
    }

    pub(super) fn put(&self) -> Command {
        store::give(self.id(), &self.content);
        Command::Put {
            record: self.record(),
            tree: Some(self.tree.clone()),
        }
    }

    /// A part as it arrives, with the message that announces it.
    pub(super) fn message(&self, query: QueryId, part: u64) -> (ProtoMessage, ReceivedPart) {
        let start = part as usize * PART_LEN;
        let end = self.content.len().min(start + PART_LEN);
        let message = ProtoMessage::Part {
            query,
            hash: self.id().hash,
            part,
            len: (end - start) as u32,
            proof: self.tree.proof(part).unwrap(),
        };
        let bytes = self.content[start..end].to_vec();
        let received = received(&message, bytes);
        (message, received)
    }
}

/// Returns the part that a reader makes of a PART message and the bytes after it.
pub(super) fn received(message: &ProtoMessage, bytes: impl Into<bytes::Bytes>) -> ReceivedPart {
    let ProtoMessage::Part { part, proof, .. } = message else {
        panic!("only a part has content");
    };
    let bytes = bytes.into();
    let mut hasher = PartHasher::new(*part, proof.is_empty());
    hasher.update(&bytes);
    let node = hasher.finish();
    ReceivedPart { bytes, node }
}

pub(super) fn value(bytes: &[u8]) -> Record {
    Record::by_content(Value::Bytes(bytes.to_vec()))
}

pub(super) fn peer_id(conn: ConnId) -> PeerId {
    PeerId(Hash::of(&conn.to_le_bytes()))
}

/// The addresses of a node by its number.
pub(super) fn at(number: usize) -> Addresses {
    Address::Memory(number as u64).into()
}

/// A node by its number, which is also its address.
pub(super) fn contact(number: usize) -> Contact {
    Contact {
        id: peer_id(number),
        addresses: at(number),
    }
}

/// One node, its store, and the hands of everybody around it.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Duration,
    pub(super) store: ModelStore,
    /// Requests to the store that are not answered: empty while `answers` is set.
    pub(super) asked: VecDeque<(StoreTicket, StoreOp)>,
    /// The store answers at once.
    pub(super) answers: bool,
    /// Names a kind of request to the store that fails.
    pub(super) broken: Option<fn(&StoreOp) -> bool>,
    pub(super) sent: Vec<(ConnId, ProtoMessage, Option<bytes::Bytes>)>,
    pub(super) events: Vec<(Ticket, Event)>,
    pub(super) closed: Vec<(ConnId, String)>,
    /// Set if peers answer at once that nobody is near and nobody provides, and keep nothing that
    /// is to be cached.
    pub(super) quiet: bool,
    /// Peers to be connected with.
    pub(super) dialed: Vec<(PeerId, Addresses)>,
    conns: BTreeSet<ConnId>,
    open: BTreeSet<Ticket>,
    next_ticket: Ticket,
}

pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// Time that a peer has for a question about which it may ask others in turn.
pub(super) const FIND_TIMEOUT: Duration = Duration::from_secs(10);

/// When its time began.
pub(super) const EPOCH: Duration = Duration::from_secs(1_000_000);

/// The node itself.
pub(super) const OWN: PeerId = PeerId(Hash([0xee; 32]));

impl Bench {
    pub(super) fn new(limits: Limits) -> Self {
        Bench::of(OWN, limits)
    }

    /// The node `own`.
    pub(super) fn of(own: PeerId, limits: Limits) -> Self {
        let route = Kademlia::new(own, KademliaParams::default());
        Bench {
            engine: Engine::new(own, limits, Box::new(route), EPOCH),
            quiet: true,
            dialed: Vec::new(),
            now: Duration::from_secs(1),
            store: ModelStore::default(),
            asked: VecDeque::new(),
            answers: true,
            broken: None,
            sent: Vec::new(),
            events: Vec::new(),
            closed: Vec::new(),
            conns: BTreeSet::new(),
            open: BTreeSet::new(),
            next_ticket: 0,
        }
    }

    /// A node with the peers 1 to `peers`.
    pub(super) fn with_peers(peers: ConnId) -> Self {
        Bench::limited(peers, Limits::default())
    }

    pub(super) fn limited(peers: ConnId, limits: Limits) -> Self {
        let mut bench = Bench::new(limits);
        (1..=peers).for_each(|conn| bench.up(conn));
        bench
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        loop {
            while let Some(output) = self.engine.next_output() {
                self.take(output);
            }
            if !self.answers || !self.store_answers() {
                return;
            }
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Send(conn, ProtoMessage::FindNode { query, .. }, _) if self.quiet => {
                let nodes = Vec::new();
                self.hears(conn, ProtoMessage::Nodes { query, nodes });
            }
            Output::Send(conn, ProtoMessage::FindProviders { query, .. }, _) if self.quiet => {
                let (providers, nodes) = (Vec::new(), Vec::new());
                let nobody = ProtoMessage::Providers {
                    query,
                    providers,
                    nodes,
                };
                self.hears(conn, nobody);
            }
            Output::Send(conn, ProtoMessage::Provide { query, .. }, _) if self.quiet => {
                self.hears(conn, ProtoMessage::Stored { query });
            }
            Output::Send(_, ProtoMessage::Cache { .. }, _) if self.quiet => {}
            Output::Send(conn, message, part) => {
                assert!(self.conns.contains(&conn), "{message:?} to nobody");
                self.sent.push((conn, message, part));
            }
            Output::Connect(id, address) => self.dialed.push((id, address)),
            Output::Leave(conn) => {
                assert!(self.conns.remove(&conn), "{conn} closed twice");
                self.closed.push((conn, String::new()));
            }
            Output::Disconnect(conn, why) => {
                assert!(self.conns.remove(&conn), "{conn} closed twice");
                self.closed.push((conn, why));
            }
            Output::Store(ticket, op) => self.asked.push_back((ticket, op)),
            Output::Reply(ticket, event) => {
                assert!(self.open.contains(&ticket), "{event:?} after the last");
                if !matches!(event, Event::Progress { .. }) {
                    self.open.remove(&ticket);
                }
                self.events.push((ticket, event));
            }
        }
    }

    /// The store does the first thing that it was asked. False if there was none.
    pub(super) fn store_answers(&mut self) -> bool {
        let Some((ticket, op)) = self.asked.pop_front() else {
            return false;
        };
        let result = match self.broken {
            Some(broken) if broken(&op) => Err(io::Error::other("disk full")),
            _ => self.store.run(op),
        };
        self.engine.handle(self.now, Input::Stored(ticket, result));
        while let Some(output) = self.engine.next_output() {
            self.take(output);
        }
        true
    }

    pub(super) fn up(&mut self, conn: ConnId) {
        self.up_as(conn, peer_id(conn));
    }

    pub(super) fn up_as(&mut self, conn: ConnId, id: PeerId) {
        self.up_by(conn, id, 1);
    }

    /// The peer is there by a path of this rank.
    pub(super) fn up_by(&mut self, conn: ConnId, id: PeerId, rank: u8) {
        self.conns.insert(conn);
        self.handle(Input::PeerUp(conn, id, rank));
    }

    pub(super) fn down(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
        self.handle(Input::PeerDown(conn));
    }

    pub(super) fn ask(&mut self, command: Command) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.open.insert(ticket);
        self.handle(Input::Command(ticket, command));
        ticket
    }

    pub(super) fn get(&mut self, key: Key) -> Ticket {
        self.ask(Command::Get { key })
    }

    /// The user's get of an attachment that peer 1 says it has.
    pub(super) fn get_from_peer(&mut self, sample: &Sample) -> Ticket {
        let ticket = self.get(sample.record().key);
        for (conn, query, _) in self.finds() {
            match conn {
                1 => self.hears(
                    conn,
                    ProtoMessage::Found {
                        query,
                        record: sample.record(),
                    },
                ),
                _ => self.hears(
                    conn,
                    ProtoMessage::NotFound {
                        query,
                        nodes: Vec::new(),
                    },
                ),
            }
        }
        ticket
    }

    /// Tells the engine the address of a peer, by its number.
    pub(super) fn reachable(&mut self, conn: ConnId) {
        self.handle(Input::Reachable(conn, at(conn)));
    }

    /// Takes the questions who is near: to whom, their number, near what.
    pub(super) fn find_nodes(&mut self) -> Vec<(ConnId, QueryId, Hash)> {
        self.pick(|conn, message| match message {
            ProtoMessage::FindNode { query, target } => Some((conn, *query, *target)),
            _ => None,
        })
    }

    /// `conn` answers that these are near.
    pub(super) fn hears_nodes(&mut self, conn: ConnId, query: QueryId, nodes: &[ConnId]) {
        let nodes = nodes.iter().map(|node| contact(*node)).collect();
        self.hears(conn, ProtoMessage::Nodes { query, nodes });
    }

    pub(super) fn hears(&mut self, conn: ConnId, message: ProtoMessage) {
        self.handle(Input::Message(conn, message, None));
    }

    pub(super) fn hears_part(&mut self, conn: ConnId, query: QueryId, sample: &Sample, part: u64) {
        let (message, received) = sample.message(query, part);
        self.handle(Input::Message(conn, message, Some(received)));
    }

    pub(super) fn passes(&mut self, time: Duration) {
        self.now += time;
        self.handle(Input::Tick);
    }

    /// Takes what was sent and `pick` picks.
    fn pick<T>(&mut self, pick: impl Fn(ConnId, &ProtoMessage) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        self.sent
            .retain(|(conn, message, _)| match pick(*conn, message) {
                Some(what) => {
                    picked.push(what);
                    false
                }
                None => true,
            });
        picked
    }

    /// Takes the questions that were sent: to whom, their number, their hops.
    pub(super) fn finds(&mut self) -> Vec<(ConnId, QueryId, u8)> {
        let mut finds = self.pick(|conn, message| match message {
            ProtoMessage::Find { query, hops, .. } => Some((conn, *query, *hops)),
            _ => None,
        });
        // They are asked in the order of their distance, which is another for each key.
        finds.sort_unstable();
        finds
    }

    /// Takes the questions who has an attachment: to whom, and their number.
    pub(super) fn finds_providers(&mut self) -> Vec<(ConnId, QueryId)> {
        self.pick(|conn, message| match message {
            ProtoMessage::FindProviders { query, .. } => Some((conn, *query)),
            _ => None,
        })
    }

    /// `conn` answers that these have the attachment that it was asked for.
    pub(super) fn hears_providers(&mut self, conn: ConnId, query: QueryId, providers: &[ConnId]) {
        let providers = providers.iter().map(|node| contact(*node)).collect();
        let nodes = Vec::new();
        let answer = ProtoMessage::Providers {
            query,
            providers,
            nodes,
        };
        self.hears(conn, answer);
    }

    /// Takes the requests to store: to whom, and their number.
    pub(super) fn stores(&mut self) -> Vec<(ConnId, QueryId)> {
        self.pick(|conn, message| match message {
            ProtoMessage::Store { query, .. } => Some((conn, *query)),
            _ => None,
        })
    }

    /// Takes the requests for parts: to whom, their number, and the part.
    pub(super) fn fetches(&mut self) -> Vec<(ConnId, QueryId, u64)> {
        self.pick(|conn, message| match message {
            ProtoMessage::Fetch { query, part, .. } => Some((conn, *query, *part)),
            _ => None,
        })
    }

    /// Takes the parts that were served: to whom, for which request, and the part.
    pub(super) fn parts(&mut self) -> Vec<(ConnId, QueryId, u64)> {
        self.pick(|conn, message| match message {
            ProtoMessage::Part { query, part, .. } => Some((conn, *query, *part)),
            _ => None,
        })
    }

    /// Takes the refusals: to whom, of which request, and why.
    pub(super) fn refusals(&mut self) -> Vec<(ConnId, QueryId, String)> {
        self.pick(|conn, message| match message {
            ProtoMessage::Refused { query, reason } => Some((conn, *query, reason.clone())),
            _ => None,
        })
    }

    /// The peer that is asked gives every part that it is asked for, until no more is asked.
    pub(super) fn serve(&mut self, sample: &Sample) {
        loop {
            let fetches = self.fetches();
            if fetches.is_empty() {
                return;
            }
            for (conn, query, part) in fetches {
                self.hears_part(conn, query, sample, part);
            }
        }
    }

    /// Takes what the user heard, but not of progress.
    pub(super) fn last_events(&mut self) -> Vec<(Ticket, Event)> {
        let events = std::mem::take(&mut self.events);
        let last = |(_, event): &(Ticket, Event)| !matches!(event, Event::Progress { .. });
        events.into_iter().filter(last).collect()
    }

    /// Takes the only last event there is, a failure, and gives its reason.
    pub(super) fn failure(&mut self) -> String {
        match &self.last_events()[..] {
            [(_, Event::Failed(why))] => why.to_string(),
            other => panic!("not one failure: {other:?}"),
        }
    }

    /// The peers leave and time passes: nothing may be left over.
    fn settle(&mut self) {
        self.answers = true;
        self.quiet = true;
        self.passes(Duration::ZERO);
        while let Some(conn) = self.conns.pop_first() {
            self.handle(Input::PeerDown(conn));
        }
        while let Some((id, _)) = self.dialed.pop() {
            self.handle(Input::Unreachable(id));
        }
        self.passes(Duration::from_secs(10_000));
        assert_eq!(self.engine.held(), [], "left in memory");
        assert_eq!(self.engine.next_deadline(), None);
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.settle();
        }
    }
}

pub(super) fn a_node() -> Node {
    [7; 32]
}
