//! Commands from services to the main loop, and their queue.

use std::sync::Arc;

use mydht_evloop::traits::UserSources;
use mydht_spawner::channel::{MioSend, MpscSend};
use mydht_spawner::{Result, SpawnSend};

use super::flow::Flow;
use super::hosted::Way;
use super::{FromPeer, GlobalOut, LocalOut, ReadOut, Routed, StoreOut, Who, WriteOut};
use mydht_proto::Link;

use crate::attachment::tree::Tree;
use crate::conf::MyDHTConf;
use crate::engine::{Command, ConnId, Event};
use crate::id::PeerId;
use crate::policy::PeerPriority;
use crate::record::Record;
use crate::store::Content;

/// Hears what becomes of a request, on the node's thread. It must not block.
pub type Reply = Box<dyn FnMut(Event) + Send>;

/// Hears what the global service answers, on the node's thread. It must not block.
pub type Answer = Box<dyn FnMut(Vec<u8>) + Send>;

/// A request of the node's user: the command, and the content that goes with it.
///
/// The protocol never sees the content: it is handed to the store when the protocol tells the store
/// to link it.
#[derive(Debug)]
pub struct Request {
    /// The command.
    pub command: Command,
    /// The content of the record's attachment, for a put of one.
    pub content: Option<Content>,
}

impl Request {
    /// Puts a record. A record of an attachment needs its whole tree, and the content that it is
    /// read from.
    pub fn put(record: Record, content: Option<(Tree, Content)>) -> Self {
        let (tree, content) = content.unzip();
        Request {
            command: Command::Put { record, tree },
            content,
        }
    }
}

impl From<Command> for Request {
    fn from(command: Command) -> Self {
        Request {
            command,
            content: None,
        }
    }
}

/// Command to the main loop.
pub enum MainCommand {
    /// By the node's user.
    Request(Request, Reply),
    /// By the node's user, for the global service.
    Tell(Vec<u8>, Answer),
    /// By the node's user: what a peer is from now on.
    Priority(PeerId, PeerPriority),
    /// By the node's user: connect with whom is found at this address.
    Connect(crate::Address),
    /// By the node's user: which connections there are.
    Links(Box<dyn FnOnce(Vec<Link>) + Send>),
    /// By the node's user: leave the peers, keep what is to be kept, and end.
    Stop,
    /// By a reading service: a message, and what followed it.
    Message(ConnId, Routed<ReadOut>),
    /// The reader of a connection may go on: it has room now, or something may have come that no
    /// event tells of.
    Resume(ConnId),
    /// A service did as much as it may at once, and has more to do.
    GoOn(Who),
    /// By a writing service: it has written all that it was to write.
    Written(ConnId),
    /// By a service, at its end: why, if it did not end by itself. It waits behind what the service
    /// said before.
    Ended(Who, Option<String>),
    /// By the store: what it waited for has come.
    StoreReady,
    /// By the store.
    Stored(Routed<StoreOut>),
    /// By the global service.
    Global(Routed<GlobalOut>),
    /// By a peer's local service.
    Local(ConnId, Routed<LocalOut>),
}

/// The target of the `tracing` event for each command that passes through a queue.
pub(super) const QUEUE: &str = "mydht::queue";

/// The sending end of the main loop's queue: any thread may send, and a sleeping loop wakes.
pub struct MainSend<MC: MyDHTConf>(
    // Boxed: a queue keeps room for thirty commands, also while there is none.
    pub(super) MioSend<MpscSend<Box<MainCommand>>, <MC::Poll as UserSources>::Trigger>,
);

impl<MC: MyDHTConf> Clone for MainSend<MC> {
    fn clone(&self) -> Self {
        MainSend(self.0.clone())
    }
}

impl<MC: MyDHTConf, C: Into<MainCommand>> SpawnSend<C> for MainSend<MC> {
    const CAN_SEND: bool = true;

    fn send(&mut self, command: C) -> Result<()> {
        tracing::trace!(target: QUEUE, "to the main loop");
        self.0.send(Box::new(command.into()))
    }
}

impl From<Routed<StoreOut>> for MainCommand {
    fn from(out: Routed<StoreOut>) -> Self {
        MainCommand::Stored(out)
    }
}

impl From<Routed<GlobalOut>> for MainCommand {
    fn from(out: Routed<GlobalOut>) -> Self {
        MainCommand::Global(out)
    }
}

/// The sending end of the services of one connection.
pub struct FromConn<MC: MyDHTConf> {
    pub(super) conn: ConnId,
    pub(super) flow: Arc<Flow>,
    pub(super) main: MainSend<MC>,
}

impl<MC: MyDHTConf> SpawnSend<Routed<ReadOut>> for FromConn<MC> {
    const CAN_SEND: bool = true;

    /// From here the message has a span, and counts against its connection's flow.
    fn send(&mut self, read: Routed<ReadOut>) -> Result<()> {
        let out = read.command;
        let conn = self.conn;
        let (name, query) = match &*out.from_peer {
            FromPeer::Handshake(_) => ("HANDSHAKE", None),
            FromPeer::Message(message, _) => (message.name(), message.query()),
        };
        let span = tracing::debug_span!("message", conn, name, query);
        span.in_scope(|| tracing::trace!(bytes = out.bytes, "read"));
        // Counted before it is queued, so that the reader's next check sees it.
        let way = Way::new(conn, span, self.flow.received(out.bytes));
        let message = Routed::new(out, way);
        self.main.send(MainCommand::Message(conn, message))
    }
}

impl<MC: MyDHTConf> SpawnSend<Routed<WriteOut>> for FromConn<MC> {
    const CAN_SEND: bool = true;

    /// Counts what was written against the flow. A reader that was held back because its peer takes
    /// no answers is resumed.
    fn send(&mut self, written: Routed<WriteOut>) -> Result<()> {
        if let Some(conn) = written.way.done() {
            self.main.send(MainCommand::Resume(conn))?;
        }
        match written.command {
            WriteOut::Message => Ok(()),
            WriteOut::Last => self.main.send(MainCommand::Written(self.conn)),
        }
    }
}

impl<MC: MyDHTConf> SpawnSend<Routed<LocalOut>> for FromConn<MC> {
    const CAN_SEND: bool = true;

    fn send(&mut self, out: Routed<LocalOut>) -> Result<()> {
        self.main.send(MainCommand::Local(self.conn, out))
    }
}
