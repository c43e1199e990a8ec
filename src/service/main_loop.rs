//! The main loop: waits for the event loop, lets services go on, and routes what they say.

mod app;
mod dial;
mod failures;
mod links;
mod messages;
mod signals;
mod stop;
mod timers;
mod turns;

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mydht_evloop::traits::{Events, Poll, Ready, Registerable, UserSources};
use mydht_small::{BTreeMap, BTreeSet};
use mydht_spawner::channel::{MioChannel, MioRecv, MpscChannel, MpscRecv};
use mydht_spawner::{
    Error, Result, Service, ServiceRestartable, SpawnChannel, SpawnSend, SpawnerYield,
};

use self::links::{Bootstrap, End, OfHost};
use self::stop::Stopping;
use self::timers::Timer;
use super::connection::{Common, Conn, State};
use super::hosted::{Origin, Way};
use super::peers::{PeerMgmt, Verdict};
use super::protocol::{Handled, Protocol};
use super::slot::Slot;
use super::{
    Answer, Components, Global, MainCommand, MainSend, Reply, Routed, SignalPort, StoreIn,
    StoreOut, StoreService, UserId, Who,
};
use crate::conf::{Address, MyDHTConf};
use crate::engine::{ConnId, Engine, Event, Failure, Input, Output, StoreOp, StoreTicket, Ticket};
use crate::id::PeerId;
use crate::store::{AttachmentStore, Content, KVStore, Wake};

/// The receiving end of the main loop's queue.
type Queue<MC> =
    MioRecv<MpscRecv<Box<MainCommand>>, <<MC as MyDHTConf>::Poll as UserSources>::Registration>;

const QUEUE: usize = 0;
const TRANSPORT: usize = 1;
const FIRST_CONN: ConnId = 2;

/// Events taken from the event loop at once.
const EVENTS: usize = 256;

/// Outcome of a node's run, for whoever runs it on another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// This event loop does not wait: it must be given turns.
    ForTurns,
    /// The node has ended.
    Ended,
}

/// The service that runs the others.
pub struct MainLoop<MC: MyDHTConf> {
    common: Common<MC>,
    transport: MC::Transport,
    events: <MC::Poll as Poll>::Events,
    queue: Queue<MC>,
    /// There may be more in it.
    queue_left: bool,
    /// Work that waits for the rest of the queue: it could go on for ever.
    later: VecDeque<Box<MainCommand>>,
    /// Events were taken and not handled yet.
    events_left: bool,
    /// In the order in which they began, also where all of them are gone through: the same seed is
    /// the same run.
    conns: BTreeMap<ConnId, Box<Conn<MC>>>,
    next_conn: ConnId,
    /// The connections of each peer, the newest last.
    peers: BTreeMap<PeerId, Vec<ConnId>>,
    /// Connections of each host.
    hosts: HashMap<String, OfHost>,
    /// Connections that are not authenticated yet.
    handshakes: usize,
    bootstrap: Vec<Bootstrap<Address<MC>>>,
    own: PeerId,
    signal_port: Option<Box<dyn SignalPort>>,
    /// Peers that the protocol looks for, and where each may be found besides where it is being
    /// looked for.
    dialing: BTreeMap<PeerId, VecDeque<crate::Address>>,
    store: Slot<MC, StoreService<MC>, MC::StoreSpawn>,
    protocol: Protocol,
    peer_mgmt: PeerMgmt,
    global: Option<Slot<MC, Global<MC::Global>, MC::GlobalSpawn>>,
    replies: HashMap<Ticket, Reply>,
    /// The content that users gave with their requests, until the store is told to link it.
    contents: HashMap<Ticket, Content>,
    /// Requests of the global service, by the number that the service gave each.
    wishes: HashMap<Ticket, u64>,
    next_ticket: Ticket,
    answers: HashMap<UserId, Answer>,
    next_user: UserId,
    timers: BTreeSet<(Duration, Timer)>,
    /// Requests that the store has not answered.
    at_store: usize,
    stopping: Option<Stopping>,
    waiting: Option<mpsc::Sender<Waiting>>,
}

impl<MC: MyDHTConf> MainLoop<MC> {
    /// A node that is registered on its loop and has started the services of which there is one,
    /// and the sending end of its queue.
    pub(crate) fn new(parts: Components<MC>) -> Result<(Self, MainSend<MC>)> {
        let channel = MpscChannel::unbounded();
        let (send, queue) = MioChannel::<_, MC::Poll>::new(channel).new_channel()?;
        let main = MainSend(send);
        let (poll, transport) = (parts.poll, parts.transport);
        queue.register(&poll, QUEUE, Ready::Readable)?;
        transport.register(&poll, TRANSPORT, Ready::Readable)?;
        let limits = Arc::new(parts.limits);
        let (conn_spawners, spawners) = MC::spawners(&limits).split();
        let longest = limits.timeouts.service_timeout;
        let (mut records, mut attachments) = (parts.records, parts.attachments);
        let ready = Arc::new(AtomicBool::new(false));
        let wake = store_ready(&main, Arc::clone(&ready));
        records.on_ready(wake.clone());
        attachments.on_ready(wake);
        let store = StoreService::new(records, attachments, ready);
        let credentials = parts.credentials.known_to(&parts.shadow);
        let own = credentials.id();
        let engine = Engine::new(own, Arc::clone(&limits), parts.route, parts.epoch);
        let timeout = limits.timeouts.handshake_timeout;
        let peer_mgmt = PeerMgmt::new(credentials, parts.policy, timeout);
        let global = match parts.global {
            Some(global) => {
                let global = Global(global);
                Some(Slot::start(
                    spawners.global,
                    Who::Global,
                    global,
                    &main,
                    longest,
                )?)
            }
            None => None,
        };
        let now = poll.now();
        let main_loop = MainLoop {
            events: Events::with_capacity(EVENTS),
            transport,
            queue,
            queue_left: false,
            later: VecDeque::new(),
            events_left: false,
            conns: BTreeMap::new(),
            next_conn: FIRST_CONN,
            peers: BTreeMap::new(),
            hosts: HashMap::new(),
            handshakes: 0,
            // Expired timers, so that the peers are dialled in the first turn and not while the
            // node is built.
            timers: (0..parts.bootstrap.len())
                .map(|index| (now, Timer::Reconnect(index)))
                .collect(),
            bootstrap: parts
                .bootstrap
                .into_iter()
                .map(|address| Bootstrap::new(address, &limits))
                .collect(),
            dialing: BTreeMap::new(),
            own,
            signal_port: parts.signal_port,
            store: Slot::start(spawners.store, Who::Store, store, &main, longest)?,
            protocol: Protocol::new(engine),
            peer_mgmt,
            global,
            replies: HashMap::new(),
            contents: HashMap::new(),
            wishes: HashMap::new(),
            next_ticket: 0,
            answers: HashMap::new(),
            next_user: 0,
            at_store: 0,
            stopping: None,
            waiting: None,
            common: Common {
                poll,
                enc: parts.enc,
                shadow: parts.shadow,
                local: parts.local,
                spawners: conn_spawners,
                limits,
                metrics: parts.metrics,
                main: main.clone(),
            },
        };
        Ok((main_loop, main))
    }

    /// Tells `waiting` when the node has ended, or cannot go on without being given turns.
    pub(crate) fn tell_who_waits(&mut self, waiting: mpsc::Sender<Waiting>) {
        self.waiting = Some(waiting);
    }

    fn now(&self) -> Duration {
        self.common.poll.now()
    }

    /// Does what a command says, and then what the protocol makes of it.
    fn command(&mut self, command: MainCommand) -> Result<()> {
        self.route(command)?;
        self.run_protocol()
    }

    fn route(&mut self, command: MainCommand) -> Result<()> {
        match command {
            MainCommand::Request(request, mut reply) => {
                if self.stopping.is_some() {
                    reply(Event::Failed(Failure::Stopping));
                    return Ok(());
                }
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                self.replies.insert(ticket, reply);
                if let Some(content) = request.content {
                    self.contents.insert(ticket, content);
                }
                let input = Input::Command(ticket, request.command);
                self.protocol.tell(input, Way::of_user(ticket));
                Ok(())
            }
            MainCommand::Tell(body, answer) => self.user_asks(body, answer),
            MainCommand::Priority(peer, priority) => self.set_priority(peer, priority),
            MainCommand::Connect(address) => self.connect_to(&address),
            MainCommand::Links(reply) => {
                reply(self.conns.values().filter_map(|conn| conn.link()).collect());
                Ok(())
            }
            MainCommand::Stop => self.stop(),
            MainCommand::Message(conn, read) => self.message(conn, read),
            MainCommand::Resume(conn) => {
                self.ready(conn, Ready::Readable);
                Ok(())
            }
            MainCommand::GoOn(who) => {
                self.go_on(who);
                Ok(())
            }
            MainCommand::Written(conn) => {
                self.closed(conn);
                Ok(())
            }
            MainCommand::Ended(who, why) => self.ended(who, why),
            MainCommand::Stored(out) => self.stored(out),
            MainCommand::StoreReady => {
                self.store.unyield();
                Ok(())
            }
            MainCommand::Global(out) => self.global_said(out),
            MainCommand::Local(conn, out) => self.local_said(conn, out),
        }
    }

    /// All that was to be done for a message is done: its connection may be read further.
    fn done(&mut self, way: Way) -> Result<()> {
        match way.done() {
            // Sent through the queue, so that a peer which always has more to say cannot monopolize
            // the loop.
            Some(conn) => self.common.main.send(MainCommand::Resume(conn)),
            None => Ok(()),
        }
    }

    /// Lets the protocol handle everything that it was told, and does what it says.
    pub(super) fn run_protocol(&mut self) -> Result<()> {
        while let Some(handled) = self.protocol.handle_next(self.common.poll.now()) {
            let span = handled.way.span.clone();
            span.in_scope(|| self.do_outputs(handled))?;
        }
        if let Some(counts) = self.protocol.refresh() {
            self.common.metrics.protocol(&counts);
        }
        Ok(())
    }

    fn do_outputs(&mut self, handled: Handled) -> Result<()> {
        let Handled {
            way,
            is_stop,
            failure,
        } = handled;
        // Also after a panic: outputs that the engine had already decided on are carried out.
        while let Some(output) = self.protocol.next_output() {
            self.output(output, &way)?;
        }
        if let Some(why) = failure {
            self.protocol_failed(way.origin, &why)?;
        }
        if is_stop {
            self.protocol_stopped()?;
        }
        self.done(way)
    }

    /// Ends that for which the protocol panicked: a peer's connection, or a user's request.
    fn protocol_failed(&mut self, origin: Origin, why: &str) -> Result<()> {
        tracing::error!(?origin, %why, "the protocol failed");
        self.common.metrics.services_restarted(1);
        match origin {
            Origin::Peer(conn) => {
                self.disconnect(conn, End::Refused("handling its message failed"))
            }
            Origin::User(ticket) => {
                let event = Event::Failed(Failure::Panicked);
                self.output(Output::Reply(ticket, event), &Way::none())
            }
            Origin::Node => Ok(()),
        }
    }

    fn output(&mut self, output: Output, way: &Way) -> Result<()> {
        match output {
            Output::Send(conn, message, part) => self.send(conn, message, part, &way.span),
            Output::Disconnect(conn, why) => {
                self.common.metrics.peers_refused(1);
                self.disconnect(conn, End::ByProtocol(&why))
            }
            Output::Leave(conn) => {
                self.disconnect(conn, End::ByProtocol("this connection is not needed now"))
            }
            Output::Connect(peer, addresses) => self.dial(peer, &addresses),
            Output::Store(ticket, op) => {
                self.at_store += 1;
                let op = self.with_content(ticket, op);
                self.store.tell(Routed::new(op, way.branch()))
            }
            Output::Reply(ticket, event @ Event::Progress { .. }) => {
                if let Some(reply) = self.replies.get_mut(&ticket) {
                    reply(event);
                }
                Ok(())
            }
            Output::Reply(ticket, event) => {
                if let Some(number) = self.wishes.remove(&ticket) {
                    return self.wish_done(number, event);
                }
                // Still present if the put failed before the store was asked to link the content.
                self.contents.remove(&ticket);
                if let Some(mut reply) = self.replies.remove(&ticket) {
                    reply(event);
                }
                Ok(())
            }
        }
    }

    /// Adds the user's content to what the protocol asks of the store.
    fn with_content(&mut self, ticket: StoreTicket, op: StoreOp) -> StoreIn {
        match op {
            StoreOp::Link(tree, request) => match self.contents.remove(&request) {
                Some(content) => StoreIn::Link(ticket, tree, content),
                None => StoreIn::Op(ticket, StoreOp::Link(tree, request)),
            },
            op => StoreIn::Op(ticket, op),
        }
    }

    fn stored(&mut self, stored: Routed<StoreOut>) -> Result<()> {
        match stored.command.0 {
            Some((ticket, result)) => {
                self.at_store -= 1;
                self.protocol
                    .tell(Input::Stored(ticket, result), stored.way);
                // Queued after the answer, because of which the protocol may ask the store again.
                self.store_answered();
                Ok(())
            }
            None => {
                self.flushed();
                self.done(stored.way)
            }
        }
    }

    /// Does what the peer management says of a connection.
    pub(super) fn authenticate(&mut self, conn: ConnId, verdict: Verdict) -> Result<()> {
        match verdict {
            Verdict::Wait => Ok(()),
            Verdict::Send(message) => self.send_handshake(conn, message),
            Verdict::Up {
                send,
                session,
                priority,
            } => {
                if let Some(message) = send {
                    self.send_handshake(conn, message)?;
                }
                self.up(conn, *session, priority)
            }
            Verdict::Refuse { why, send } => {
                self.common.metrics.peers_refused(1);
                let (why, last) = (why.as_str(), send);
                self.disconnect(conn, End::Handshake { why, last })
            }
        }
    }

    fn ready(&mut self, conn: ConnId, ready: Ready) {
        // One that was closed by an event before this one is not there any more.
        if let Some(found) = self.conns.get_mut(&conn) {
            found.ready(&self.common.poll, ready);
        }
    }
}

/// Returns the function that a waiting store calls when it can go on.
fn store_ready<MC: MyDHTConf>(main: &MainSend<MC>, ready: Arc<AtomicBool>) -> Wake {
    let main = main.clone();
    Rc::new(move || {
        // Set before the command is sent: the store checks the flag as soon as it goes on.
        ready.store(true, Ordering::Release);
        // The node may have ended meanwhile: then nobody waits any more.
        let _ = main.clone().send(MainCommand::StoreReady);
    })
}

/// Tells who waits that the node has ended, also if it panics.
struct Ending(Option<mpsc::Sender<Waiting>>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(send) = self.0.take() {
            // Whoever waited may have stopped.
            let _ = send.send(Waiting::Ended);
        }
    }
}

impl<MC: MyDHTConf> MainLoop<MC> {
    fn run_to_end<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<()> {
        let mut ending = Ending(self.waiting.clone());
        let result = self.run(y);
        if matches!(result, Err(Error::Yield)) {
            ending.0 = None;
        }
        result
    }
}

impl<MC: MyDHTConf> Service for MainLoop<MC> {
    type CommandIn = ();
    type CommandOut = ();

    fn call<Y: SpawnerYield>(&mut self, (): (), y: &mut Y) -> Result<()> {
        self.run_to_end(y)
    }
}

impl<MC: MyDHTConf> ServiceRestartable for MainLoop<MC> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<()>> {
        self.common.metrics.restarts(1);
        self.run_to_end(y).map(Some)
    }
}
