//! What a node does with messages, requests and time: the protocol, without any I/O.
//!
//! Pure: [`Engine::handle`] is told what happened and when, and [`Engine::next_output`] says what to do. The
//! services around it carry it out. So every case of it is tested without a socket or a clock.

mod lookup;
mod put;
mod requests;
mod transfer;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::time::Duration;

use crate::attachment::ReceivedPart;
use crate::attachment::fetch::PartSet;
use crate::attachment::tree::{Node, Tree};
use crate::id::{Key, PeerId};
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::{AttachmentId, Record};
use crate::store::Content;

use lookup::Lookups;
use put::Puts;
use requests::{Request, Requests};
use transfer::Transfers;

/// Names a connection. Never used twice.
pub type ConnId = usize;

/// Names a request of this node's user.
pub type Ticket = u64;

/// What the node's user asks.
#[derive(Debug)]
pub enum Command {
    /// Keep a record here and with the peers this node knows.
    Put {
        /// The record.
        record: Record,
        /// Its attachment, if it has one: the whole tree, and where the content is.
        content: Option<(Tree, Content)>,
    },
    /// Find a record, here or at the peers, and bring its attachment here.
    Get {
        /// Its key.
        key: Key,
    },
    /// Give a part of an attachment that is here.
    Read {
        /// The attachment.
        id: AttachmentId,
        /// The part.
        part: u64,
    },
    /// Say how the node is.
    Status,
    /// Wait until a peer is there, for so long at most; then say how the node is.
    AwaitPeer(Duration),
}

/// What the node's user hears. All but `Progress` are the last that is heard of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many bytes of an attachment have moved.
    Progress {
        /// Bytes that moved, those of an earlier try included.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The record; its attachment is here as a whole.
    Found(Record),
    /// Neither this node nor any peer that it asked has such a record.
    NotFound,
    /// The record is kept, here and by so many peers.
    Stored {
        /// Peers that keep it.
        copies: usize,
    },
    /// The part that was asked for; `None` if it is not here.
    Part(Option<Vec<u8>>),
    /// How the node is.
    Status {
        /// The peers that it is connected with.
        peers: Vec<PeerId>,
        /// Attachments on their way here.
        downloads: usize,
    },
    /// The request failed, and why, for people.
    Failed(String),
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The user asked.
    Command(Ticket, Command),
    /// A peer is there and has said who it is.
    PeerUp(ConnId, PeerId),
    /// A connection is gone.
    PeerDown(ConnId),
    /// A peer that was to be connected with could not be: why, and whether no other is being tried now.
    ConnectFailed(String, bool),
    /// A message came, with what followed it.
    Message(ConnId, ProtoMessage, Option<ReceivedPart>),
    /// The store did what it was asked.
    Stored(StoreTicket, io::Result<StoreReply>),
    /// Time has passed: nothing else happened.
    Tick,
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Send a message, and these bytes after it.
    Send(ConnId, ProtoMessage, Option<Vec<u8>>),
    /// Close a connection, and why.
    Disconnect(ConnId, String),
    /// Ask the store.
    Store(StoreTicket, StoreOp),
    /// Tell the user.
    Reply(Ticket, Event),
}

/// Names a request to the store.
pub type StoreTicket = u64;

/// What the store is asked.
#[derive(Debug)]
pub enum StoreOp {
    /// The record under a key, if all of it is here.
    Get(Key),
    /// Keep a record, durably.
    Put(Record),
    /// Give out content that is elsewhere.
    Link(Tree, Content),
    /// Begin or go on with an attachment.
    Open(AttachmentId),
    /// Keep a verified part.
    Write(AttachmentId, u64, ReceivedPart, Vec<Node>),
    /// A part and its proof.
    Read(AttachmentId, u64),
    /// An attachment is not being written any more.
    Close(AttachmentId),
}

/// What the store answers.
#[derive(Debug)]
pub enum StoreReply {
    /// To `Get`.
    Record(Option<Record>),
    /// To `Put`, `Link` and `Close`.
    Done,
    /// To `Open`: nothing is missing.
    Whole,
    /// To `Open`: these parts are here.
    Partial(PartSet),
    /// To `Write`: whether the attachment is whole now.
    Written(bool),
    /// To `Read`.
    Part(Option<(Vec<u8>, Vec<Node>)>),
}

/// What to do with an answer of the store.
#[derive(Debug)]
enum AfterStore {
    Nothing,
    LocalGet(Ticket, Key),
    PeerGet(ConnId, QueryId, Key, u8),
    LocalPut(Ticket, Record),
    PeerPut(ConnId, QueryId),
    Opened(AttachmentId),
    Written(AttachmentId, ConnId, u64),
    PeerRead(ConnId, QueryId, AttachmentId, u64),
    LocalRead(Ticket),
}

/// A connected peer.
#[derive(Debug)]
struct Peer {
    id: PeerId,
    /// When it last gave or asked for a part: what is slow is not dead.
    progress: Duration,
    /// Times in a row that it did not answer in time.
    strikes: u32,
}

/// The protocol of one node.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    now: Duration,
    peers: HashMap<ConnId, Peer>,
    requests: Requests,
    lookups: Lookups,
    puts: Puts,
    transfers: Transfers,
    /// Who waits for a first peer, and until when.
    awaiting_peer: Vec<(Ticket, Duration)>,
    next_store_ticket: StoreTicket,
    after_store: HashMap<StoreTicket, AfterStore>,
    outputs: VecDeque<Output>,
}

/// A peer that so many times in a row did not answer in time is let go.
const MAX_STRIKES: u32 = 3;

impl Engine {
    /// A node without peers.
    pub fn new(limits: Limits) -> Self {
        Engine {
            limits,
            now: Duration::ZERO,
            peers: HashMap::new(),
            requests: Requests::default(),
            lookups: Lookups::default(),
            puts: Puts::default(),
            transfers: Transfers::default(),
            awaiting_peer: Vec::new(),
            next_store_ticket: 0,
            after_store: HashMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now` (time since any fixed moment; never goes back).
    pub fn handle(&mut self, now: Duration, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Command(ticket, command) => self.command(ticket, command),
            Input::PeerUp(conn, id) => {
                let peer = Peer {
                    id,
                    progress: self.now,
                    strikes: 0,
                };
                self.peers.insert(conn, peer);
                for (ticket, _) in std::mem::take(&mut self.awaiting_peer) {
                    self.status(ticket);
                }
            }
            Input::PeerDown(conn) => self.peer_down(conn),
            Input::ConnectFailed(why, hopeless) if hopeless => {
                for (ticket, _) in std::mem::take(&mut self.awaiting_peer) {
                    self.reply(ticket, Event::Failed(why.clone()));
                }
            }
            Input::ConnectFailed(..) => {}
            Input::Message(conn, message, part) => self.message(conn, message, part),
            Input::Stored(ticket, result) => {
                let after = self.after_store.remove(&ticket);
                self.stored(after.unwrap_or(AfterStore::Nothing), result);
            }
            Input::Tick => {}
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
        awaiting.chain(self.requests.next_deadline()).min()
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
            Command::AwaitPeer(_) if !self.peers.is_empty() => self.status(ticket),
            Command::AwaitPeer(wait) => self.awaiting_peer.push((ticket, self.now + wait)),
        }
    }

    fn status(&mut self, ticket: Ticket) {
        let mut peers: Vec<PeerId> = self.peers.values().map(|peer| peer.id).collect();
        peers.sort_unstable();
        let downloads = self.transfers.count();
        self.reply(ticket, Event::Status { peers, downloads });
    }

    fn message(&mut self, conn: ConnId, message: ProtoMessage, part: Option<ReceivedPart>) {
        let name = message.name();
        match message {
            ProtoMessage::Find { query, key, hops } => {
                let hops = hops.min(self.limits.hops);
                self.store(
                    StoreOp::Get(key),
                    AfterStore::PeerGet(conn, query, key, hops),
                );
            }
            ProtoMessage::Store { query, record } => self.asked_to_store(conn, query, record),
            ProtoMessage::Fetch { query, id, part } => self.asked_for_part(conn, query, id, part),
            ProtoMessage::Found { query, .. }
            | ProtoMessage::NotFound { query }
            | ProtoMessage::Stored { query }
            | ProtoMessage::Part { query, .. }
            | ProtoMessage::Refused { query, .. } => {
                let Some(request) = self.requests.answered(conn, query) else {
                    return self.violation(conn, format!("it sent {name} and was not asked"));
                };
                if let Some(peer) = self.peers.get_mut(&conn) {
                    peer.strikes = 0;
                }
                self.answer(conn, request, message, part);
            }
            ProtoMessage::Bye { reason } => self.disconnect(conn, format!("it left: {reason}")),
            ProtoMessage::Ping { .. }
            | ProtoMessage::Pong { .. }
            | ProtoMessage::PongReply { .. } => {
                self.violation(conn, format!("it sent {name} after the authentication"));
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
            (Request::Find(lookup), M::Found { record, .. }) => self.found(conn, lookup, record),
            (Request::Find(lookup), M::NotFound { .. } | M::Refused { .. }) => {
                self.not_found(lookup);
            }
            (Request::Store(put), M::Stored { .. }) => self.copy_done(put, None),
            (Request::Store(put), M::Refused { reason, .. }) => self.copy_done(put, Some(reason)),
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
            _ => self.violation(
                conn,
                format!("its {name} does not answer what it was asked"),
            ),
        }
    }

    fn stored(&mut self, after: AfterStore, result: io::Result<StoreReply>) {
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.store_failed(after, &error),
        };
        match (after, reply) {
            (AfterStore::LocalGet(ticket, key), StoreReply::Record(record)) => match record {
                Some(record) => self.reply(ticket, Event::Found(record)),
                None => self.look_up_for_user(ticket, key),
            },
            (AfterStore::PeerGet(conn, query, key, hops), StoreReply::Record(record)) => {
                match record {
                    Some(record) => self.send(conn, ProtoMessage::Found { query, record }),
                    None => self.look_up_for_peer(conn, query, key, hops),
                }
            }
            (AfterStore::LocalPut(ticket, record), StoreReply::Done) => {
                self.send_copies(ticket, record);
            }
            (AfterStore::PeerPut(conn, query), StoreReply::Done) => {
                self.send(conn, ProtoMessage::Stored { query });
            }
            (AfterStore::Opened(id), StoreReply::Whole) => self.arrived(id),
            (AfterStore::Opened(id), StoreReply::Partial(have)) => self.opened(id, have),
            (AfterStore::Written(id, conn, part), StoreReply::Written(whole)) => {
                self.part_kept(id, conn, part, whole);
            }
            (AfterStore::PeerRead(conn, query, id, part), StoreReply::Part(found)) => {
                self.part_read(conn, query, id, part, found);
            }
            (AfterStore::LocalRead(ticket), StoreReply::Part(found)) => {
                self.reply(ticket, Event::Part(found.map(|(bytes, _)| bytes)));
            }
            (AfterStore::Nothing, _) => {}
            (after, reply) => tracing::error!(?after, ?reply, "the store answered another request"),
        }
    }

    /// The store is at fault, not the peer: the user hears why, a peer only that it will not be.
    fn store_failed(&mut self, after: AfterStore, error: &io::Error) {
        tracing::error!(%error, "the store failed");
        const HERE: &str = "the store of this node failed";
        match after {
            AfterStore::Nothing => {}
            AfterStore::LocalGet(ticket, _)
            | AfterStore::LocalPut(ticket, _)
            | AfterStore::LocalRead(ticket) => {
                self.reply(ticket, Event::Failed(format!("{HERE}: {error}")));
            }
            AfterStore::PeerGet(conn, query, ..)
            | AfterStore::PeerPut(conn, query)
            | AfterStore::PeerRead(conn, query, ..) => self.refuse(conn, query, HERE),
            AfterStore::Opened(id) | AfterStore::Written(id, ..) => {
                self.download_failed(id, &format!("{HERE}: {error}"));
            }
        }
    }

    fn peer_down(&mut self, conn: ConnId) {
        self.peers.remove(&conn);
        for request in self.requests.lost(conn) {
            self.unanswered(request, "the peer left");
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
            limits,
            ..
        } = self;
        let patience = limits.request_timeout;
        let expired = requests.expired(now, |conn| {
            peers.get(&conn).map(|peer| peer.progress + patience)
        });
        let mut silent = BTreeSet::new();
        for (conn, request) in expired {
            silent.insert(conn);
            self.unanswered(request, "the peer did not answer in time");
            if let Request::Fetch(id, _) = request {
                self.provider_gone(id, conn);
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
    }

    /// A request will have no answer.
    fn unanswered(&mut self, request: Request, why: &str) {
        match request {
            Request::Find(lookup) => self.not_found(lookup),
            Request::Store(put) => self.copy_done(put, Some(why.into())),
            // The provider is dealt with as a whole.
            Request::Fetch(..) | Request::Abandoned => {}
        }
    }

    fn store(&mut self, op: StoreOp, after: AfterStore) {
        let ticket = self.next_store_ticket;
        self.next_store_ticket += 1;
        self.after_store.insert(ticket, after);
        self.outputs.push_back(Output::Store(ticket, op));
    }

    fn send(&mut self, conn: ConnId, message: ProtoMessage) {
        // An answer to someone who left meanwhile.
        if self.peers.contains_key(&conn) {
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
}
