//! One client, used by a node, and run by a shell.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mydht_evloop::SetReadiness;
use mydht_evloop::traits::{Ready, TriggerReady, UserSources};
use mydht_small::BTreeMap;

use super::client::{Action, Client, Event, State, Time};
use super::user::UserId;
use mydht_transports::rendezvous::Signal;
use mydht_transports::session::{Session, SessionLimits, Side, StreamId};

/// Time within which a relay must open.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// Time for which a relay without streams stays open.
const LINGER: Duration = Duration::from_secs(10);

/// Most events that wait for the application; the oldest is dropped.
const EVENTS: usize = 4096;

/// Handle of the rendezvous client that a node's transports share with the shell that runs it.
/// Clones are handles of the same client.
pub struct Handle<P: UserSources> {
    inner: Arc<Mutex<Inner<P>>>,
    /// Wakes the shell.
    wake: SetReadiness,
}

impl<P: UserSources> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Handle {
            inner: Arc::clone(&self.inner),
            wake: self.wake.clone(),
        }
    }
}

/// Names a stream, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamKey {
    pub(super) peer: UserId,
    /// Which of the relays with this peer.
    relay: u64,
    stream: StreamId,
}

pub(super) struct Inner<P: UserSources> {
    client: Client,
    clock: Box<dyn Fn() -> Time + Send>,
    peers: BTreeMap<UserId, Peer>,
    /// The streams of relays that are, and of those that were, while somebody has one.
    sessions: BTreeMap<(UserId, u64), Session>,
    next_relay: u64,
    triggers: BTreeMap<StreamKey, P::Trigger>,
    accepting: Option<P::Trigger>,
    accepted: VecDeque<StreamKey>,
    rendezvous: Option<P::Trigger>,
    signals: VecDeque<Signal>,
    events: VecDeque<Event>,
}

/// A relay that is wanted.
struct Peer {
    relay: u64,
    open: bool,
    since: Duration,
    /// Since when it has no streams.
    idle: Option<Duration>,
}

impl<P: UserSources> Handle<P> {
    /// `wake` is set readable when there is something for the shell to do.
    pub(super) fn new(
        client: Client,
        clock: impl Fn() -> Time + Send + 'static,
        wake: SetReadiness,
    ) -> Self {
        Handle {
            inner: Arc::new(Mutex::new(Inner {
                client,
                clock: Box::new(clock),
                peers: BTreeMap::new(),
                sessions: BTreeMap::new(),
                next_relay: 0,
                triggers: BTreeMap::new(),
                accepting: None,
                accepted: VecDeque::new(),
                rendezvous: None,
                signals: VecDeque::new(),
                events: VecDeque::new(),
            })),
            wake,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the shell do what is to be done.
    pub(super) fn wake(&self) {
        // It fails only when the system cannot wake a sleeping loop: the shell finds it at its next deadline.
        let _ = self.wake.set_readiness(mydht_evloop::Ready::readable());
    }

    /// Returns the id of the user.
    pub fn user(&self) -> UserId {
        self.lock().client.user()
    }

    /// Returns the state of the connection with the server.
    pub fn state(&self) -> State {
        self.lock().client.state().clone()
    }

    /// Enters a room, now and after each reconnection.
    pub fn join(&self, room: &str) {
        self.lock().client.join(room);
        self.wake();
    }

    /// Leaves a room.
    pub fn leave(&self, room: &str) {
        self.lock().client.leave(room);
        self.wake();
    }

    /// Asks whether a user is here, and to be told when it comes.
    pub fn find(&self, user: UserId) {
        self.lock().client.find(user);
        self.wake();
    }

    /// Leaves the server for good.
    pub fn end(&self, why: &str) {
        let mut inner = self.lock();
        let time = (inner.clock)();
        inner.client.end(time, why);
        drop(inner);
        self.wake();
    }
}

impl<P: UserSources> Inner<P> {
    pub(super) fn time(&self) -> Time {
        (self.clock)()
    }

    /// Returns the client, to tell it what happened before [`action`](Self::action) returns what to
    /// do.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Lets time pass, and takes what the client heard to whom it concerns.
    pub(super) fn pump(&mut self) {
        let time = self.time();
        self.client.tick(time);
        self.tick(time.now);
        while let Some(event) = self.client.event() {
            self.event(time, event);
        }
        // Last: what was heard above may be credit to send.
        self.flush();
    }

    pub(super) fn action(&mut self) -> Option<Action> {
        self.client.action()
    }

    /// The next thing that the application hears.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`pump`](Self::pump) must be called.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let peers = self.peers.iter().filter_map(|(user, peer)| {
            if !peer.open {
                return Some(peer.since + OPEN_WITHIN);
            }
            let session = self.sessions.get(&(*user, peer.relay))?;
            let idle = peer.idle.map(|at| at + LINGER);
            session.next_deadline().into_iter().chain(idle).min()
        });
        peers.chain(self.client.deadline()).min()
    }

    fn tick(&mut self, now: Duration) {
        let mut over = Vec::new();
        for (user, peer) in &mut self.peers {
            let session = self.sessions.get_mut(&(*user, peer.relay));
            let why = match session {
                _ if !peer.open && now >= peer.since + OPEN_WITHIN => {
                    Some("the peer did not answer within 20 s".to_owned())
                }
                Some(session) if peer.open => {
                    session.tick(now);
                    // The first look at a relay without streams starts the time, and a stream stops
                    // it.
                    peer.idle = (session.streams() == 0).then(|| peer.idle.unwrap_or(now));
                    let idle = peer.idle.is_some_and(|at| now >= at + LINGER);
                    let unused = idle.then(|| "the relay is not used".to_owned());
                    session.end().map(ToString::to_string).or(unused)
                }
                _ => None,
            };
            over.extend(why.map(|why| (*user, why)));
        }
        for (user, why) in over {
            self.client.unrelay(user);
            self.closed(user, &why);
        }
    }

    fn event(&mut self, time: Time, event: Event) {
        match event {
            Event::RelayAsked(user) => {
                if self.accepting.is_none() {
                    // Nobody takes streams here, so nobody would use the relay.
                    return self.client.unrelay(user);
                }
                // It is online: it heard this just now.
                if self.client.relay(user).is_ok() {
                    self.peer(time, user);
                }
            }
            Event::RelayOpen(user) => {
                let peer = self.peer(time, user);
                peer.open = true;
                let relay = peer.relay;
                if let Some(session) = self.sessions.get_mut(&(user, relay)) {
                    session.carried(time.now);
                }
                self.tell(Event::RelayOpen(user));
            }
            Event::RelayClosed(user, why) => {
                self.closed(user, &why);
                self.tell(Event::RelayClosed(user, why));
            }
            Event::Frame(user, payload) => self.frame(time, user, &payload),
            Event::Signal(user, kind, body) => self.signal(Signal::From {
                peer: user.into(),
                kind: kind.into(),
                body,
            }),
            Event::Unreachable(user, why) => {
                self.signal(Signal::Unreachable {
                    peer: user.into(),
                    why: why.clone(),
                });
                self.tell(Event::Unreachable(user, why));
            }
            other => self.tell(other),
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The relay with a user, begun if it is not there.
    fn peer(&mut self, time: Time, user: UserId) -> &mut Peer {
        let own = self.client.user();
        let (next, sessions) = (&mut self.next_relay, &mut self.sessions);
        self.peers.entry(user).or_insert_with(|| {
            let relay = *next;
            *next += 1;
            // Both ends compare the same ids, so they never number their streams alike.
            let side = if own < user { Side::A } else { Side::B };
            let session = Session::new(side, SessionLimits::default(), time.now);
            sessions.insert((user, relay), session);
            Peer {
                relay,
                open: false,
                since: time.now,
                idle: None,
            }
        })
    }

    fn frame(&mut self, time: Time, user: UserId, payload: &[u8]) {
        let Some(relay) = self.peers.get(&user).map(|peer| peer.relay) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&(user, relay)) else {
            return;
        };
        session.receive(payload, time.now);
        while let Some(stream) = session.accept() {
            let Some(accepting) = &self.accepting else {
                session.close_stream(stream, time.now);
                continue;
            };
            self.accepted.push_back(StreamKey {
                peer: user,
                relay,
                stream,
            });
            trigger::<P>(accepting, Ready::Readable);
        }
        self.report_all(user, relay);
    }

    /// Tells the streams of a relay what they can do again.
    fn report_all(&mut self, peer: UserId, relay: u64) {
        let Some(session) = self.sessions.get_mut(&(peer, relay)) else {
            return;
        };
        while let Some((stream, ready)) = session.take_report() {
            if let Some(found) = self.triggers.get(&StreamKey {
                peer,
                relay,
                stream,
            }) {
                trigger::<P>(found, ready);
            }
        }
    }

    /// A relay is closed: its streams break.
    fn closed(&mut self, user: UserId, why: &str) {
        let Some(relay) = self.peers.remove(&user).map(|peer| peer.relay) else {
            return;
        };
        // Nobody has taken these, so nobody would read their end.
        self.accepted
            .retain(|key| (key.peer, key.relay) != (user, relay));
        if let Some(session) = self.sessions.get_mut(&(user, relay)) {
            session.lose(why);
        }
        self.report_all(user, relay);
        let used = self
            .triggers
            .keys()
            .any(|key| (key.peer, key.relay) == (user, relay));
        if !used {
            self.sessions.remove(&(user, relay));
        }
    }

    /// Sends what streams have to say over the relays that are open.
    fn flush(&mut self) {
        let mut message = Vec::new();
        let open: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.open)
            .map(|(user, peer)| (*user, peer.relay))
            .collect();
        for (user, relay) in open {
            if let Some(session) = self.sessions.get_mut(&(user, relay)) {
                while session.transmit(&mut message) {
                    // If it closed meanwhile, the event that says so breaks the streams.
                    let _ = self.client.relay_send(user, &message);
                }
            }
            self.report_all(user, relay);
        }
    }

    pub(super) fn connect(&mut self, user: UserId, trigger: P::Trigger) -> io::Result<StreamKey> {
        if user == self.client.user() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "that is this node itself",
            ));
        }
        self.client.relay(user).map_err(|_| {
            let why = format!("the rendezvous server: {}", self.client.state());
            io::Error::new(io::ErrorKind::NotConnected, why)
        })?;
        let time = self.time();
        let relay = self.peer(time, user).relay;
        let session = self.sessions.get_mut(&(user, relay));
        let stream = session.ok_or(io::ErrorKind::NotConnected)?.open()?;
        let key = StreamKey {
            peer: user,
            relay,
            stream,
        };
        self.triggers.insert(key, trigger);
        Ok(key)
    }

    pub(super) fn accept_by(&mut self, trigger: P::Trigger) {
        self.accepting = Some(trigger);
    }

    pub(super) fn accept_no_more(&mut self) {
        self.accepting = None;
        for key in std::mem::take(&mut self.accepted) {
            self.forget(&key);
        }
    }

    pub(super) fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    pub(super) fn accept(&mut self, trigger: P::Trigger) -> io::Result<StreamKey> {
        let key = self.accepted.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        self.triggers.insert(key, trigger);
        Ok(key)
    }

    /// The session of a stream, and the stream's number in it.
    pub(super) fn session(&mut self, key: &StreamKey) -> io::Result<(&mut Session, StreamId)> {
        let session = self.sessions.get_mut(&(key.peer, key.relay));
        Ok((session.ok_or(io::ErrorKind::NotConnected)?, key.stream))
    }

    /// Reports what can be done with a stream.
    pub(super) fn report(&self, key: &StreamKey) {
        let session = self.sessions.get(&(key.peer, key.relay));
        // Without a session both halves have an error to read.
        let ready = session.map_or(Some(Ready::Both), |session| session.readiness(key.stream));
        if let (Some(found), Some(ready)) = (self.triggers.get(key), ready) {
            trigger::<P>(found, ready);
        }
    }

    pub(super) fn close(&mut self, key: &StreamKey) {
        let now = self.time().now;
        if let Some(session) = self.sessions.get_mut(&(key.peer, key.relay)) {
            session.close_stream(key.stream, now);
        }
    }

    /// Nobody uses a stream any more. What was written before is still sent.
    pub(super) fn forget(&mut self, key: &StreamKey) {
        self.close(key);
        self.triggers.remove(key);
        let relay = (key.peer, key.relay);
        // The present relay's session is for other streams too; an older one goes with its last
        // user.
        let current = self
            .peers
            .get(&key.peer)
            .is_some_and(|peer| peer.relay == key.relay);
        if !current
            && !self
                .triggers
                .keys()
                .any(|other| (other.peer, other.relay) == relay)
        {
            self.sessions.remove(&relay);
        }
    }

    pub(super) fn signal_by(&mut self, trigger: P::Trigger) {
        self.rendezvous = Some(trigger);
    }

    pub(super) fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    pub(super) fn next_signal(&mut self) -> Option<Signal> {
        self.signals.pop_front()
    }

    pub(super) fn has_ended(&self) -> Option<String> {
        match self.client.state() {
            State::Ended(why) => Some(why.clone()),
            _ => None,
        }
    }

    fn signal(&mut self, signal: Signal) {
        let Some(found) = &self.rendezvous else {
            return;
        };
        if self.signals.len() >= EVENTS {
            self.signals.pop_front();
        }
        self.signals.push_back(signal);
        trigger::<P>(found, Ready::Readable);
    }
}

fn trigger<P: UserSources>(trigger: &P::Trigger, ready: Ready) {
    // It fails only when the system cannot wake a sleeping loop; there is nobody here to tell.
    let _ = trigger.set_readiness(ready);
}
