//! The main loop: waits for the event loop, lets services go on, and routes what they say.

mod links;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use mydht_evloop::traits::{Events, Poll, Ready, Registerable, UserSources};
use mydht_spawner::channel::{
    LocalRcChannel, LocalRcRecv, LocalRcSend, MioChannel, MioRecv, MpscChannel, MpscRecv,
};
use mydht_spawner::{
    Error, Result, Service, ServiceRestartable, SpawnChannel, SpawnRecv, SpawnSend, SpawnUnyield,
    Spawner, SpawnerYield, YieldReturn,
};

use super::connection::{Conn, State};
use super::{ApiIn, ApiService, MainCommand, MainSend, Parts, Reply, StoreIn, StoreService};
use crate::attachment::ReceivedPart;
use crate::conf::{Address, MyDHTConf};
use crate::engine::{ConnId, Event, Input, Output, Ticket};
use crate::msg::{Challenge, ProtoMessage};
use crate::store::{AttachmentStore, KVStore, Wake};

/// The receiving end of the main loop's queue.
pub(crate) type Queue<MC> =
    MioRecv<MpscRecv<MainCommand>, <<MC as MyDHTConf>::Poll as UserSources>::Registration>;

type StoreHandle<MC> = <<MC as MyDHTConf>::StoreSpawn as Spawner<
    StoreService<MC>,
    MainSend<MC>,
    LocalRcRecv<StoreIn>,
>>::Handle;
type ApiHandle<MC> =
    <<MC as MyDHTConf>::ApiSpawn as Spawner<ApiService, MainSend<MC>, LocalRcRecv<ApiIn>>>::Handle;

const QUEUE: usize = 0;
const TRANSPORT: usize = 1;
const FIRST_CONN: ConnId = 2;

/// Events taken from the event loop at once.
const EVENTS: usize = 256;

/// First wait before a lost bootstrap peer is tried again.
const FIRST_RECONNECT: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Handshake(ConnId),
    Reconnect(usize),
    /// Connections may wait that could not be accepted.
    Accept,
    Stop,
}

/// A peer to be connected with.
struct Bootstrap<A> {
    address: A,
    wait: Duration,
}

/// The service that runs the others.
pub struct MainLoop<MC: MyDHTConf> {
    parts: Parts<MC>,
    events: <MC::Poll as Poll>::Events,
    queue: Queue<MC>,
    main: MainSend<MC>,
    conns: HashMap<ConnId, Conn<MC>>,
    next_conn: ConnId,
    bootstrap: Vec<Bootstrap<Address<MC>>>,
    store: StoreHandle<MC>,
    to_store: LocalRcSend<StoreIn>,
    api: ApiHandle<MC>,
    to_api: LocalRcSend<ApiIn>,
    replies: HashMap<Ticket, Reply>,
    next_ticket: Ticket,
    timers: BTreeSet<(Duration, Timer)>,
    api_deadline: Option<Duration>,
    stopping: bool,
    flushed: bool,
}

impl<MC: MyDHTConf> MainLoop<MC> {
    /// A node that is registered on its loop and has started its store and its protocol, and the sending end of its
    /// queue.
    pub(crate) fn new(
        mut parts: Parts<MC>,
        mut records: MC::Records,
        mut attachments: MC::Attachments,
    ) -> Result<(Self, MainSend<MC>)> {
        let channel = MpscChannel::unbounded();
        let (send, queue) = MioChannel::<_, MC::Poll>::new(channel).new_channel()?;
        let main = MainSend(send);
        queue.register(&parts.poll, QUEUE, Ready::Readable)?;
        parts
            .transport
            .register(&parts.poll, TRANSPORT, Ready::Readable)?;
        let (to_store, from_main) = LocalRcChannel::unbounded().new_channel()?;
        let wake = store_ready(&main);
        records.on_ready(wake.clone());
        attachments.on_ready(wake);
        let store = MC::store_spawn(&parts.limits).spawn(
            StoreService::new(records, attachments),
            main.clone(),
            None,
            from_main,
            0,
        )?;
        let (to_api, from_main) = LocalRcChannel::unbounded().new_channel()?;
        let api = MC::api_spawn(&parts.limits).spawn(
            ApiService::new(parts.limits.clone()),
            main.clone(),
            None,
            from_main,
            0,
        )?;
        let bootstrap = std::mem::take(&mut parts.bootstrap);
        let now = parts.poll.now();
        let main_loop = MainLoop {
            events: Events::with_capacity(EVENTS),
            queue,
            main: main.clone(),
            conns: HashMap::new(),
            next_conn: FIRST_CONN,
            timers: (0..bootstrap.len())
                .map(|index| (now, Timer::Reconnect(index)))
                .collect(),
            bootstrap: bootstrap
                .into_iter()
                .map(|address| Bootstrap {
                    address,
                    wait: FIRST_RECONNECT,
                })
                .collect(),
            store,
            to_store,
            api,
            to_api,
            replies: HashMap::new(),
            next_ticket: 0,
            api_deadline: None,
            stopping: false,
            flushed: false,
            parts,
        };
        Ok((main_loop, main))
    }

    /// Runs until the node is told to stop, or the event loop says that this thread may not wait.
    fn run<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<()> {
        loop {
            self.drain_queue()?;
            self.fire_timers()?;
            if self.is_stopped() {
                self.close_all();
                return Ok(());
            }
            let now = self.parts.poll.now();
            let timeout = self.next_deadline().map(|at| at.saturating_sub(now));
            match self.parts.poll.poll(&mut self.events, timeout) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.parts.metrics.yields(1);
                    if y.spawn_yield() == YieldReturn::Return {
                        return Err(Error::Yield);
                    }
                }
                Err(error) => return Err(error.into()),
            }
            while let Some(event) = self.events.next() {
                match event.token {
                    // It is drained at every turn anyway.
                    QUEUE => {}
                    TRANSPORT => self.accept()?,
                    conn => self.ready(conn, event.kind)?,
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let timer = self.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.api_deadline).min()
    }

    /// Does what services said until now, and what they say meanwhile. What could go on for ever waits for the rest: a
    /// peer that has more to say, and a user whose reply asks the next thing.
    fn drain_queue(&mut self) -> Result<()> {
        let mut later = Vec::new();
        while let Some(command) = self.queue.recv()? {
            match command {
                MainCommand::Resume(_) | MainCommand::Request(..) => later.push(command),
                other => self.command(other)?,
            }
        }
        later
            .into_iter()
            .try_for_each(|command| self.command(command))
    }

    fn command(&mut self, command: MainCommand) -> Result<()> {
        match command {
            MainCommand::Request(command, reply) => {
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                self.replies.insert(ticket, reply);
                self.tell_api(Input::Command(ticket, command))
            }
            MainCommand::Stop => self.stop(),
            MainCommand::Message(conn, message, part) => self.message(conn, message, part),
            MainCommand::Resume(conn) => self.ready(conn, Ready::Readable),
            MainCommand::Lost(conn, why) => self.lost(conn, &why),
            MainCommand::Api(outputs, deadline) => {
                self.api_deadline = deadline;
                outputs
                    .into_iter()
                    .try_for_each(|output| self.output(output))
            }
            MainCommand::Stored(ticket, result) => self.tell_api(Input::Stored(ticket, result)),
            MainCommand::StoreReady => self.store.unyield(),
            MainCommand::Flushed => {
                self.flushed = true;
                Ok(())
            }
        }
    }

    fn output(&mut self, output: Output) -> Result<()> {
        match output {
            Output::Send(conn, message, part) => self.send(conn, message, part),
            Output::Disconnect(conn, why) => {
                self.parts.metrics.peers_refused(1);
                self.say_bye(conn, &why);
                // The protocol knows.
                self.forget(conn, &why);
                Ok(())
            }
            Output::Store(ticket, op) => {
                self.to_store.send(StoreIn::Op(ticket, op))?;
                self.store.unyield()
            }
            Output::Reply(ticket, event @ Event::Progress { .. }) => {
                if let Some(reply) = self.replies.get_mut(&ticket) {
                    reply(event);
                }
                Ok(())
            }
            Output::Reply(ticket, event) => {
                if let Some(mut reply) = self.replies.remove(&ticket) {
                    reply(event);
                }
                Ok(())
            }
        }
    }

    fn tell_api(&mut self, input: Input) -> Result<()> {
        let now = self.parts.poll.now();
        self.to_api.send(ApiIn { now, input })?;
        self.api.unyield()
    }

    fn ready(&mut self, conn: ConnId, ready: Ready) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            // It was closed by an event before this one.
            return Ok(());
        };
        match found.ready(ready) {
            Ok(false) => Ok(()),
            Ok(true) => self.main.send(MainCommand::Resume(conn)),
            // What it said before it left is in the queue still.
            Err(why) => self.main.send(MainCommand::Lost(conn, why)),
        }
    }

    fn send(&mut self, conn: ConnId, message: ProtoMessage, part: Option<Vec<u8>>) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        match found.send(message, part) {
            Ok(()) => Ok(()),
            Err(why) => self.lost(conn, &why),
        }
    }

    fn message(
        &mut self,
        conn: ConnId,
        message: ProtoMessage,
        part: Option<ReceivedPart>,
    ) -> Result<()> {
        let own = self.parts.id;
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        let State::Authenticating(handshake) = &mut found.state else {
            return self.tell_api(Input::Message(conn, message, part));
        };
        match handshake.receive(own, &message) {
            Ok(step) => {
                if let Some(send) = step.send {
                    self.send(conn, send, None)?;
                }
                match step.done {
                    Some(peer) => self.up(conn, peer),
                    None => Ok(()),
                }
            }
            Err(why) => {
                self.parts.metrics.peers_refused(1);
                self.say_bye(conn, &why);
                self.lost(conn, &why)
            }
        }
    }

    fn fire_timers(&mut self) -> Result<()> {
        let now = self.parts.poll.now();
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::Handshake(conn) => {
                    let found = self.conns.get(&conn);
                    if found.is_some_and(|conn| matches!(conn.state, State::Authenticating(_))) {
                        self.parts.metrics.peers_refused(1);
                        self.lost(conn, "it was not authenticated in time")?;
                    }
                }
                Timer::Reconnect(index) => self.connect(index)?,
                Timer::Accept => self.accept()?,
                Timer::Stop => self.conns.clear(),
            }
        }
        if self.api_deadline.is_some_and(|at| at <= now) {
            self.api_deadline = None;
            self.tell_api(Input::Tick)?;
            self.drain_queue()?;
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if self.stopping {
            return Ok(());
        }
        self.stopping = true;
        self.timers.clear();
        let deadline = self.parts.poll.now() + self.parts.limits.stop_timeout;
        self.timers.insert((deadline, Timer::Stop));
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.say_bye(conn, "this node stops");
        }
        self.to_store.send(StoreIn::Flush)?;
        self.store.unyield()
    }

    fn is_stopped(&self) -> bool {
        self.stopping && self.flushed && self.conns.values().all(Conn::is_idle)
    }

    fn close_all(&mut self) {
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.forget(conn, "this node stops");
        }
        for (_, mut reply) in self.replies.drain() {
            reply(Event::Failed("the node was stopped".into()));
        }
    }
}

/// What a store that waits calls when it can go on.
fn store_ready<MC: MyDHTConf>(main: &MainSend<MC>) -> Wake {
    let main = main.clone();
    Rc::new(move || {
        // The node may have ended meanwhile: then nobody waits any more.
        let _ = main.clone().send(MainCommand::StoreReady);
    })
}

fn challenge() -> io::Result<Challenge> {
    let mut challenge = [0; 32];
    getrandom::fill(&mut challenge).map_err(io::Error::other)?;
    Ok(challenge)
}

impl<MC: MyDHTConf> Service for MainLoop<MC> {
    type CommandIn = ();
    type CommandOut = ();

    fn call<Y: SpawnerYield>(&mut self, (): (), y: &mut Y) -> Result<()> {
        self.run(y)
    }
}

impl<MC: MyDHTConf> ServiceRestartable for MainLoop<MC> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<()>> {
        self.parts.metrics.restarts(1);
        self.run(y).map(Some)
    }
}
