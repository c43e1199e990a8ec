//! One connection, as the main loop sees it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mydht_evloop::traits::{Ready, Registerable};
use mydht_proto::{Link, TokenBucket};
use mydht_spawner::{Result, SpawnSend, SpawnUnyield, Spawner};
use mydht_transports::Stream;
use tracing::Span;

use super::flow::Flow;
use super::hosted::{Hosted, Way};
use super::rest::Rest;
use super::route::QUEUE;
use super::{
    FromConn, LocalIn, MainSend, NextMessage, ReadService, Routed, Who, WriteIn, WriteService,
};
use crate::address::on_the_wire;
use crate::conf::{Address, Connection, MyDHTConf, Recv, Send, Spawners, new_channel};
use crate::engine::ConnId;
use crate::handshake::Channel;
use crate::id::PeerId;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::msg::{MsgEnc, ProtoMessage};
use crate::policy::PeerPriority;
use crate::shadow::Keys;
use mydht_proto::wire::preamble;

type ReadHandle<MC> = <<MC as MyDHTConf>::ReadSpawn as Spawner<
    Hosted<MC, ReadService<MC>>,
    FromConn<MC>,
    NextMessage,
>>::Handle;
type WriteHandle<MC> = <<MC as MyDHTConf>::WriteSpawn as Spawner<
    Hosted<MC, WriteService<MC>>,
    FromConn<MC>,
    Recv<MC, Routed<WriteIn>>,
>>::Handle;
type LocalHandle<MC> = <<MC as MyDHTConf>::LocalSpawn as Spawner<
    Hosted<MC, <MC as MyDHTConf>::Local>,
    FromConn<MC>,
    Recv<MC, Routed<LocalIn>>,
>>::Handle;

/// Purpose of a connection that this node opened. An accepted connection has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A peer that the node stays connected with, whoever it is: by its number.
    Bootstrap(usize),
    /// A peer that the protocol asked for.
    Peer(PeerId),
}

impl Wanted {
    pub(super) fn bootstrap(self) -> Option<usize> {
        match self {
            Wanted::Bootstrap(index) => Some(index),
            Wanted::Peer(_) => None,
        }
    }

    pub(super) fn peer(self) -> Option<PeerId> {
        match self {
            Wanted::Bootstrap(_) => None,
            Wanted::Peer(peer) => Some(peer),
        }
    }
}

/// State that all connections of a node share.
pub(super) struct Common<MC: MyDHTConf> {
    pub(super) poll: MC::Poll,
    pub(super) enc: MC::MsgEnc,
    pub(super) shadow: MC::Shadow,
    pub(super) local: Option<MC::Local>,
    pub(super) spawners: ConnSpawners<MC>,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Metrics,
    pub(super) main: MainSend<MC>,
}

/// The spawners of a connection's services.
pub(super) struct ConnSpawners<MC: MyDHTConf> {
    read: MC::ReadSpawn,
    write: MC::WriteSpawn,
    local: MC::LocalSpawn,
}

/// The spawners of the services of which a node has one.
pub(super) struct NodeSpawners<MC: MyDHTConf> {
    pub(super) store: MC::StoreSpawn,
    pub(super) global: MC::GlobalSpawn,
}

impl<MC: MyDHTConf> Spawners<MC> {
    pub(super) fn split(self) -> (ConnSpawners<MC>, NodeSpawners<MC>) {
        let conn = ConnSpawners {
            read: self.read,
            write: self.write,
            local: self.local,
        };
        let node = NodeSpawners {
            store: self.store,
            global: self.global,
        };
        (conn, node)
    }
}

/// Returns a bucket that holds what a second brings; 0: no bound.
fn a_second_at_once(per_second: u32) -> TokenBucket {
    match per_second {
        0 => TokenBucket::unlimited(),
        rate => TokenBucket::new(rate.into(), rate.into()),
    }
}

/// Messages that wait for a peer when no signals of others are added to them.
const SIGNALS_WAITING: usize = 64;

/// Phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its messages go to the peer management, one at a time.
    Authenticating,
    /// Connected with this peer, whose id is proved.
    Up(PeerId),
    /// Ending: closed as soon as what waits is written.
    Leaving,
}

/// A connection, and the services that read and write it.
pub(super) struct Conn<MC: MyDHTConf> {
    conn: ConnId,
    stream: Connection<MC>,
    pub(super) address: Address<MC>,
    pub(super) state: State,
    /// Priority of the peer, once it is known.
    pub(super) priority: PeerPriority,
    /// The handshake is done: messages can be written.
    has_keys: bool,
    /// Set when the peer has sent HELLO, which it may do once.
    pub(super) said_hello: bool,
    /// When the protocol was last told that the user's services use it.
    pub(super) told_used: Option<Duration>,
    /// The peer takes nothing more. What it still has to say is heard, by a reader that may be on
    /// another thread.
    pub(super) deaf: bool,
    /// `Some`: this node opened it, and opens it again if it is lost.
    pub(super) wanted: Option<Wanted>,
    read: ReadHandle<MC>,
    unread: Rest<MC>,
    write: WriteHandle<MC>,
    unwritten: Rest<MC>,
    outgoing: Send<MC, Routed<WriteIn>>,
    pub(super) flow: Arc<Flow>,
    rate: TokenBucket,
    /// Rate of the signals that the peer may send or have carried.
    signals: TokenBucket,
    /// Nothing is read until then.
    held_until: Duration,
    /// Messages written when it was last looked whether it takes any. `None`: nothing waited.
    stalled: Option<usize>,
    locals: VecDeque<Local<MC>>,
}

/// An instance of the local service.
struct Local<MC: MyDHTConf> {
    handle: LocalHandle<MC>,
    send: Send<MC, Routed<LocalIn>>,
    told: usize,
}

impl<MC: MyDHTConf> Conn<MC> {
    /// Registers `stream` and starts its services.
    pub(super) fn start(
        common: &mut Common<MC>,
        conn: ConnId,
        stream: Connection<MC>,
        address: Address<MC>,
        wanted: Option<Wanted>,
    ) -> Result<Self> {
        stream.register(&common.poll, conn, Ready::Both)?;
        let (limits, metrics) = (&common.limits, &common.metrics);
        let read = ReadService::new(
            stream.read_stream(),
            common.shadow.clone(),
            common.enc.clone(),
            limits,
            metrics.clone(),
        );
        let write = WriteService::new(
            stream.write_stream(),
            common.shadow.clone(),
            common.enc.clone(),
            limits,
            metrics.clone(),
        );
        let flow = Flow::new(conn, limits, metrics);
        let main = &common.main;
        let out = || FromConn {
            conn,
            flow: Arc::clone(&flow),
            main: main.clone(),
        };
        let spawners = &mut common.spawners;
        let (outgoing, recv) = new_channel::<MC, Routed<WriteIn>>()?;
        let read = Hosted::new(Who::Read(conn), read, main.clone());
        let next = NextMessage(Arc::clone(&flow));
        let read = spawners.read.spawn(read, out(), None, next, 0)?;
        let write = Hosted::new(Who::Write(conn), write, main.clone());
        let write = spawners.write.spawn(write, out(), None, recv, 0)?;
        Ok(Conn {
            conn,
            read,
            unread: Rest::new(Who::Read(conn), main),
            write,
            unwritten: Rest::new(Who::Write(conn), main),
            stream,
            address,
            state: State::Authenticating,
            priority: PeerPriority::default(),
            has_keys: false,
            said_hello: false,
            told_used: None,
            deaf: false,
            wanted,
            outgoing,
            rate: a_second_at_once(limits.flow.messages_per_second),
            signals: a_second_at_once(limits.flow.signals_per_second),
            held_until: Duration::ZERO,
            flow,
            stalled: None,
            locals: VecDeque::new(),
        })
    }

    /// Returns the bytes that identify this channel to both ends.
    pub(super) fn channel(&self) -> Channel {
        Channel {
            preamble: preamble(MC::MsgEnc::ID).to_vec(),
            binding: self.stream.channel_binding(),
        }
    }

    /// The handshake is done: from now on the services read and write with these keys.
    ///
    /// # Errors
    /// Why the connection is at its end.
    pub(super) fn use_keys(
        &mut self,
        send: Keys,
        receive: Keys,
    ) -> std::result::Result<(), String> {
        self.has_keys = true;
        // The reader gets the keys with its next command, which comes only after this message is
        // done.
        self.flow.read_with(receive);
        self.tell_writer(WriteIn::Keys(send).into())
            .map_err(|error| error.to_string())
    }

    /// The peer, once it is known.
    pub(super) fn peer(&self) -> Option<PeerId> {
        match self.state {
            State::Up(peer) => Some(peer),
            State::Authenticating | State::Leaving => None,
        }
    }

    /// As the node's user sees it, while it is not being left.
    pub(super) fn link(&self) -> Option<Link> {
        if self.state == State::Leaving {
            return None;
        }
        Some(Link {
            address: on_the_wire(&self.address)?,
            peer: self.peer(),
        })
    }

    /// Lets the services go on that `reported` concerns. Their end is told by
    /// [`MainCommand::Ended`](super::MainCommand).
    ///
    /// Reading comes first: what the peer said before it left is heard, although writing fails.
    pub(super) fn ready(&mut self, poll: &MC::Poll, reported: Ready) {
        let Some(ready) = self.stream.turn(poll, reported) else {
            return;
        };
        if ready.is_readable() && self.state != State::Leaving {
            self.unread.unyield(&mut self.read);
        }
        if ready.is_writable() {
            self.unwritten.unyield(&mut self.write);
        }
    }

    /// Lets the reader, or the writer, go on with the rest of what it has to do.
    pub(super) fn go_on(&mut self, poll: &MC::Poll, which: Ready) {
        if which.is_readable() {
            self.unread.comes();
        }
        if which.is_writable() {
            self.unwritten.comes();
        }
        self.ready(poll, which);
    }

    /// Sends a message of the handshake; the rest is as with [`send`](Self::send).
    ///
    /// # Errors
    /// Why the connection is at its end.
    pub(super) fn send_handshake(&mut self, bytes: Vec<u8>) -> std::result::Result<bool, String> {
        let weight = bytes.len();
        self.queue(WriteIn::Handshake(bytes), weight, &Span::none())
    }

    /// Sends a message, or keeps it until the transport takes it. True if it is the first that
    /// waits, so that somebody must look whether it is taken.
    ///
    /// # Errors
    /// Why the connection is at its end.
    pub(super) fn send(
        &mut self,
        message: ProtoMessage,
        part: Option<Bytes>,
        span: &Span,
    ) -> std::result::Result<bool, String> {
        // Without keys nothing can be sent to the peer, not even the reason of the end.
        if !self.has_keys {
            return Ok(false);
        }
        let weight = message.weight() + part.as_ref().map_or(0, Bytes::len);
        self.queue(WriteIn::Message(Box::new(message), part), weight, span)
    }

    fn queue(
        &mut self,
        command: WriteIn,
        weight: usize,
        span: &Span,
    ) -> std::result::Result<bool, String> {
        if self.state == State::Leaving || self.deaf {
            return Ok(false);
        }
        let way = Way::new(self.conn, span.clone(), self.flow.queue(weight)?);
        if self.tell_writer(Routed::new(command, way)).is_err() {
            // It has ended, and says so itself.
            self.deaf = true;
            return Ok(false);
        }
        let (waiting, written) = self.flow.outgoing();
        // A writer on its own thread may be done already; and one stall timer at a time is enough.
        if waiting == 0 || self.stalled.is_some() {
            return Ok(false);
        }
        self.stalled = Some(written);
        Ok(true)
    }

    /// Looks again after a while whether what waits is being taken. `None`: nothing waits.
    /// `Some(false)`: it is not.
    pub(super) fn is_taking(&mut self) -> Option<bool> {
        let (waiting, written) = self.flow.outgoing();
        if waiting == 0 {
            self.stalled = None;
            return None;
        }
        self.stalled
            .replace(written)
            .map(|before| before != written)
    }

    fn tell_writer(&mut self, command: Routed<WriteIn>) -> Result<()> {
        tracing::trace!(target: QUEUE, "to a writer");
        self.outgoing.send(command)?;
        self.unwritten.unyield(&mut self.write);
        Ok(())
    }

    /// Reads no more, and asks to be told when everything is written.
    pub(super) fn leave(&mut self) {
        if self.state != State::Leaving {
            self.state = State::Leaving;
            // Answers of local services could not be sent any more.
            self.locals.clear();
            // It fails only if the writer has ended, and that is told.
            let _ = self.tell_writer(WriteIn::Last.into());
        }
    }

    /// Gives a message to the peer's local service: to this instance or, when it has had its
    /// number, to a new one.
    pub(super) fn tell_local(
        &mut self,
        common: &mut Common<MC>,
        prototype: MC::Local,
        message: Routed<LocalIn>,
    ) -> Result<()> {
        let is_done = |told| MC::LOCAL_NB_LOOP != 0 && told >= MC::LOCAL_NB_LOOP;
        if self.locals.back().is_none_or(|local| is_done(local.told)) {
            self.locals.retain_mut(|local| !local.handle.is_finished());
            let (send, recv) = new_channel::<MC, Routed<LocalIn>>()?;
            let out = FromConn {
                conn: self.conn,
                flow: Arc::clone(&self.flow),
                main: common.main.clone(),
            };
            let service = Hosted::new(Who::Local(self.conn), prototype, common.main.clone());
            let spawner = &mut common.spawners.local;
            let handle = spawner.spawn(service, out, None, recv, MC::LOCAL_NB_LOOP)?;
            self.locals.push_back(Local {
                handle,
                send,
                told: 0,
            });
        }
        if let Some(local) = self.locals.back_mut() {
            local.told += 1;
            tracing::trace!(target: QUEUE, "to a local service");
            local.send.send(message)?;
            // That it failed is told by `MainCommand::Ended`.
            let _ = local.handle.unyield();
        }
        Ok(())
    }

    /// Counts a signal of the peer: false if it is one too many.
    pub(super) fn may_signal(&mut self, now: Duration) -> bool {
        self.signals.charge(now, 1).is_zero()
    }

    /// Whether a signal of somebody else may be given to the peer: what is to be lost when it takes
    /// too little is this, not the peer.
    pub(super) fn has_room(&self) -> bool {
        self.flow.outgoing().0 < SIGNALS_WAITING
    }

    /// Counts a message against the peer's rate: past it, nothing is read until the time that this
    /// gives.
    pub(super) fn count(&mut self, now: Duration) -> Option<Duration> {
        // `charge` and not `take`: the message has been read already, so only the next ones can
        // wait.
        let wait = self.rate.charge(now, 1);
        if wait.is_zero() {
            return None;
        }
        let until = now.saturating_add(wait);
        self.flow.pause(true);
        self.held_until = until;
        Some(until)
    }

    /// Goes on with reading what was held back by its rate, if it is time.
    pub(super) fn let_go_on(&mut self, poll: &MC::Poll, now: Duration) {
        // A later message may have postponed the time; an earlier timer then does nothing.
        if self.held_until <= now {
            self.flow.pause(false);
            if self.flow.resume() {
                self.ready(poll, Ready::Readable);
            }
        }
    }

    /// Ends it. What could not be written is lost.
    pub(super) fn close(self, poll: &MC::Poll) -> io::Result<()> {
        // Disconnects even if the stream cannot be deregistered.
        let result = self.stream.deregister(poll);
        self.stream.disconnect();
        result
    }
}
