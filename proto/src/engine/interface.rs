//! Inputs and outputs of the engine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::query::Query;
use crate::address::Addresses;
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::PartSet;
use crate::attachment::tree::{Node, Tree};
use crate::id::{Key, PeerId};
use crate::msg::ProtoMessage;
use crate::record::{AttachmentId, Record};

/// Number of a connection. Never used twice.
pub type ConnId = usize;

/// Number of a request of this node's user.
pub type Ticket = u64;

/// Request of the node's user.
#[derive(Debug)]
pub enum Command {
    /// Keep a record here, and copies of it at the nodes nearest to its key.
    Put {
        /// The record.
        record: Record,
        /// The whole tree of its attachment, if it has one. The content stays with whoever asks the
        /// engine: the store is told to link it by [`StoreOp::Link`], which carries this command's
        /// ticket.
        tree: Option<Tree>,
    },
    /// Keep a record here, and have the nearest neighbours store the copies, each in its own name:
    /// for a node that can open no connections. Not for attachments.
    Propagate {
        /// The record.
        record: Record,
    },
    /// Find a record, here or at peers, and fetch its attachment.
    Get {
        /// Its key.
        key: Key,
    },
    /// Find a record with other options than `Get`.
    Query {
        /// Its key.
        key: Key,
        /// Options of the lookup.
        query: Query,
    },
    /// Read a part of an attachment that is here.
    Read {
        /// The attachment.
        id: AttachmentId,
        /// The part.
        part: u64,
    },
    /// Report the connected peers and the downloads.
    Status,
    /// Report counts of everything that the node holds.
    Insight,
    /// Wait for a first peer, for so long at most, then report like `Status`.
    AwaitPeer(Duration),
}

/// Answer to the node's user. Every variant but `Progress` is the last event of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes of an attachment have moved.
    Progress {
        /// Bytes that moved, those of an earlier try included.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The record; its attachment is here as a whole, unless [only the record](Query::record_only)
    /// was asked for.
    Found(Record),
    /// Neither this node nor any peer that it asked has such a record.
    NotFound,
    /// The record is kept here, and copies of it by peers.
    Stored {
        /// Peers that keep it.
        copies: usize,
    },
    /// The part that was asked for; `None` if it is not here.
    Part(Option<Bytes>),
    /// State of the node's connections and downloads.
    Status {
        /// Ids of the connected peers.
        peers: Vec<PeerId>,
        /// Attachments on their way here.
        downloads: usize,
    },
    /// Counts of everything that the node holds.
    Insight(Insight),
    /// The request failed, for this reason.
    Failed(Failure),
}

/// Counts of everything that a node holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insight {
    /// Connected peers.
    pub peers: usize,
    /// Contacts in each bucket of the routing table, the furthest first.
    pub buckets: Vec<usize>,
    /// Searches under way.
    pub searches: usize,
    /// Attachments on their way here.
    pub downloads: usize,
    /// Records in the store.
    pub records: usize,
    /// Bytes of the records in the store.
    pub record_bytes: u64,
}

/// Event that the engine takes in.
#[derive(Debug)]
pub enum Input {
    /// The user has asked.
    Command(Ticket, Command),
    /// A peer is connected and has proved its id, over a path of this rank (`Transport::rank`).
    PeerUp(ConnId, PeerId, u8),
    /// A connection has ended.
    PeerDown(ConnId),
    /// A dial of the node itself has failed, for this reason. The flag is set if no other is under
    /// way.
    ConnectFailed(String, bool),
    /// A dial of `Connect` has failed, or has reached another peer.
    Unreachable(PeerId),
    /// A peer says that it can be connected with at these addresses.
    Reachable(ConnId, Addresses),
    /// A message has arrived, with the part that followed it.
    Message(ConnId, ProtoMessage, Option<ReceivedPart>),
    /// A connection is in use by others than the protocol.
    Used(ConnId),
    /// The store has answered a request.
    Stored(StoreTicket, io::Result<StoreReply>),
    /// Time has passed, and nothing else happened.
    Tick,
    /// The node is about to stop: copies are stored at connected peers at once.
    Stop,
}

/// Act that the engine asks for.
#[derive(Debug)]
pub enum Output {
    /// Send a message, and these bytes after it.
    Send(ConnId, ProtoMessage, Option<Bytes>),
    /// Close a connection, for this reason.
    Disconnect(ConnId, String),
    /// Close a connection that is not needed any more.
    Leave(ConnId),
    /// Connect with a peer at one of its addresses, the first that leads to it. Answered by
    /// `PeerUp` or, whatever goes wrong, by `Unreachable`.
    Connect(PeerId, Addresses),
    /// Ask the store.
    Store(StoreTicket, StoreOp),
    /// Answer the user.
    Reply(Ticket, Event),
}

/// Number of a request to the store.
pub type StoreTicket = u64;

/// Owner of a record, by whom the store decides what to evict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This node's user: the record is not evicted for others.
    Own,
    /// A peer: the record was put by it, or fetched from it.
    Others,
}

/// Usage of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries, including those that have expired and are not removed yet.
    pub entries: usize,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Request to the store.
#[derive(Debug)]
pub enum StoreOp {
    /// Read the record under a key, if all of it is here.
    Get(Key),
    /// Read the key of the next record after this one, in the order of keys, or of the first.
    Next(Option<Key>),
    /// Keep a record of this owner durably, unless a newer one is there.
    Put(Record, Owner),
    /// Serve the content that the user gave with this request from where it is.
    Link(Arc<Tree>, Ticket),
    /// Begin or go on with an attachment.
    Open(AttachmentId),
    /// Keep a verified part.
    Write(AttachmentId, u64, ReceivedPart, Vec<Node>),
    /// Read a part and its proof.
    Read(AttachmentId, u64),
    /// End the writing of an attachment.
    Close(AttachmentId),
    /// Read the number and the size of records.
    Usage,
}

/// Answer of the store.
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
