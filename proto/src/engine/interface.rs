//! What goes into the protocol and what comes out of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::query::Query;
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::PartSet;
use crate::attachment::tree::{Node, Tree};
use crate::id::{Key, PeerId};
use crate::msg::ProtoMessage;
use crate::record::{AttachmentId, Record};

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
        /// The whole tree of its attachment, if it has one. The content stays with whoever asks the engine: the store is
        /// told to link it by [`StoreOp::Link`], which carries this command's ticket.
        tree: Option<Tree>,
    },
    /// Keep a record here, and have the nearest neighbours put it where it belongs, each in its own name: for a node that can
    /// open no connections. Not for attachments.
    Propagate {
        /// The record.
        record: Record,
    },
    /// Find a record, here or at the peers, and bring its attachment here.
    Get {
        /// Its key.
        key: Key,
    },
    /// The same in one's own way.
    Query {
        /// Its key.
        key: Key,
        /// Which way.
        query: Query,
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
    /// Say what it holds, all of it counted.
    Insight,
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
    /// The record; its attachment is here as a whole, unless [only the record](Query::record_only) was asked for.
    Found(Record),
    /// Neither this node nor any peer that it asked has such a record.
    NotFound,
    /// The record is kept, here and by so many peers.
    Stored {
        /// Peers that keep it.
        copies: usize,
    },
    /// The part that was asked for; `None` if it is not here.
    Part(Option<Bytes>),
    /// How the node is.
    Status {
        /// The peers that it is connected with.
        peers: Vec<PeerId>,
        /// Attachments on their way here.
        downloads: usize,
    },
    /// What the node holds.
    Insight(Insight),
    /// The request failed, and why, for people.
    Failed(String),
}

/// What a node holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insight {
    /// Peers that it is connected with.
    pub peers: usize,
    /// Contacts in each bucket of its routing table, the furthest first.
    pub buckets: Vec<usize>,
    /// Searches under way.
    pub searches: usize,
    /// Attachments on their way here.
    pub downloads: usize,
    /// Records in its store.
    pub records: usize,
    /// Bytes of these.
    pub record_bytes: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The user asked.
    Command(Ticket, Command),
    /// A peer is there and has proved who it is, by a path of this rank
    /// (`Transport::rank`).
    PeerUp(ConnId, PeerId, u8),
    /// A connection is gone.
    PeerDown(ConnId),
    /// A peer that was to be connected with could not be: why, and whether no other is being tried now.
    ConnectFailed(String, bool),
    /// A peer that `Connect` named could not be connected with, or another one was there.
    Unreachable(PeerId),
    /// A peer says that it can be connected with at this address.
    Reachable(ConnId, String),
    /// A message came, with what followed it.
    Message(ConnId, ProtoMessage, Option<ReceivedPart>),
    /// A connection is in use by others than the protocol.
    Used(ConnId),
    /// The store did what it was asked.
    Stored(StoreTicket, io::Result<StoreReply>),
    /// Time has passed: nothing else happened.
    Tick,
    /// The node is about to leave: what is to be said is said now.
    Stop,
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Send a message, and these bytes after it.
    Send(ConnId, ProtoMessage, Option<Bytes>),
    /// Close a connection, and why.
    Disconnect(ConnId, String),
    /// Close a connection that is not needed any more.
    Leave(ConnId),
    /// Connect with a peer at an address. Answered by `PeerUp` or, whatever goes wrong, by `Unreachable`.
    Connect(PeerId, String),
    /// Ask the store.
    Store(StoreTicket, StoreOp),
    /// Tell the user.
    Reply(Ticket, Event),
}

/// Names a request to the store.
pub type StoreTicket = u64;

/// Whose a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This node's user put it: it does not go to make room for others.
    Own,
    /// A peer's, or one that was fetched.
    Others,
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries, including those that have expired and are not removed yet.
    pub entries: usize,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// What the store is asked.
#[derive(Debug)]
pub enum StoreOp {
    /// The record under a key, if all of it is here.
    Get(Key),
    /// The key after this one, in the order of keys, or the first, under which a record is kept.
    Next(Option<Key>),
    /// Keep a record, durably, unless a newer one is there; and whose it is.
    Put(Record, Owner),
    /// Serve the content that the user gave with this request from where it is.
    Link(Arc<Tree>, Ticket),
    /// Begin or go on with an attachment.
    Open(AttachmentId),
    /// Keep a verified part.
    Write(AttachmentId, u64, ReceivedPart, Vec<Node>),
    /// A part and its proof.
    Read(AttachmentId, u64),
    /// An attachment is not being written any more.
    Close(AttachmentId),
    /// How many records there are, and how large.
    Usage,
}

/// What the store answers.
#[derive(Debug)]
pub enum StoreReply {
    /// To `Get`.
    Record(Option<Record>),
    /// To `Next`.
    Key(Option<Key>),
    /// To `Put`, `Link` and `Close`.
    Done,
    /// To `Put`: a newer record is kept under this key.
    Stale,
    /// To `Open`: nothing is missing.
    Whole,
    /// To `Open`: these parts are here.
    Partial(PartSet),
    /// To `Write`: whether the attachment is whole now.
    Written(bool),
    /// To `Usage`.
    Usage(Usage),
    /// To `Read`.
    Part(Option<(Bytes, Vec<Node>)>),
}
