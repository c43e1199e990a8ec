//! The transport: connections by peer, made and closed as they are needed.

mod interface;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mydht_evloop::traits::{Ready, TriggerReady, UserSources};
use mydht_evloop::{Handle, Poll, Registration, SetReadiness, Timer};
use mydht_small::BTreeMap;

use super::body::{Attempt, Body, attempt};
use super::connection::Connection;
use super::notify::{Asking, Key, Notify};
use super::usefulness::least_useful;
use super::{Backend, Peer, RtcLimits};
use crate::lock::lock;
use crate::rendezvous::{Rendezvous, RtcAddress, Signal, SignalKind};
use crate::session::{End, Progress, StreamId};

/// Signals taken in one turn.
const SIGNALS_PER_TURN: usize = 64;

/// Reaches the peers that its rendezvous knows. It does its own work inside
/// [`accept`](crate::Transport::accept).
pub struct WebRtc<S: Rendezvous<Poll>, B: Backend> {
    inner: Arc<Mutex<Inner<S, B>>>,
    registration: Registration,
    timer: Timer,
    deadline: Option<Duration>,
}

pub(super) struct Inner<S: Rendezvous<Poll>, B: Backend> {
    rendezvous: S,
    /// The rendezvous's last words, if it has ended.
    mute: Option<String>,
    backend: B,
    limits: RtcLimits,
    /// In the order in which they were made.
    connections: BTreeMap<Key, Connection<B::Peer>>,
    by_peer: HashMap<RtcAddress, Key>,
    next_key: Key,
    accepted: VecDeque<(Key, StreamId)>,
    asking: Asking,
    trigger: SetReadiness,
    /// The loop that it is registered on: it tells the time.
    events: Option<Handle>,
}

impl<S: Rendezvous<Poll>, B: Backend> WebRtc<S, B> {
    /// A transport with the usual limits.
    pub fn new(rendezvous: S, backend: B) -> Self {
        Self::with_limits(rendezvous, backend, RtcLimits::default())
    }

    /// A transport with limits of one's own.
    pub fn with_limits(rendezvous: S, backend: B, limits: RtcLimits) -> Self {
        let (registration, trigger) = Poll::user_source();
        WebRtc {
            inner: Arc::new(Mutex::new(Inner {
                rendezvous,
                mute: None,
                backend,
                limits,
                connections: BTreeMap::new(),
                by_peer: HashMap::new(),
                next_key: 1,
                accepted: VecDeque::new(),
                asking: Asking::default(),
                trigger,
                events: None,
            })),
            registration,
            timer: Timer::new(),
            deadline: None,
        }
    }

    /// Connections that exist, with those that are opening or closing.
    pub fn connections(&self) -> usize {
        lock(&self.inner).connections.len()
    }

    /// Sends a message that may be lost or overtaken to a peer that a connection is open to.
    ///
    /// # Errors
    /// `NotConnected`; `Unsupported` where the backend was not asked for such messages;
    /// `WouldBlock` where there is no room: drop it, or try again later.
    pub fn send_datagram(&self, to: &RtcAddress, message: &[u8]) -> io::Result<()> {
        let mut inner = lock(&self.inner);
        let key = *inner.by_peer.get(to).ok_or(io::ErrorKind::NotConnected)?;
        let connection = inner.connections.get_mut(&key);
        connection
            .and_then(Connection::peer_mut)
            .ok_or(io::ErrorKind::NotConnected)?
            .send_datagram(message)
    }

    /// The next message that a peer sent so, in the place of what is in `message`, and who it was.
    ///
    /// # Errors
    /// `WouldBlock` when there is none: the transport is reported readable when one comes.
    pub fn receive_datagram(&self, message: &mut Vec<u8>) -> io::Result<RtcAddress> {
        for connection in lock(&self.inner).connections.values_mut() {
            if let Some(peer) = connection.peer_mut()
                && peer.receive_datagram(message).is_ok()
            {
                return Ok(connection.address.clone());
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Runs the work whose deadline has passed, and sets a timer for the next deadline.
    fn turn(&mut self) {
        let mut inner = lock(&self.inner);
        let deadline = inner.turn();
        if deadline != self.deadline {
            self.deadline = deadline;
            // It fails where it is not registered: then nobody waits for it either.
            let _ = match deadline {
                Some(at) => self.timer.set_at(at),
                None => self.timer.cancel(),
            };
        }
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Inner<S, B> {
    fn now(&self) -> Duration {
        self.events.as_ref().map_or(Duration::ZERO, Handle::now)
    }

    /// The time of the next turn at the latest.
    fn turn(&mut self) -> Option<Duration> {
        let now = self.now();
        let backend_due = self.backend.turn(now);
        self.hear_signals(now);
        // Those that ask again meanwhile wait for the next turn.
        for _ in 0..self.asking.len() {
            if let Some(key) = self.asking.pop() {
                self.turn_one(key, now);
            }
        }
        let due = |connection: &Connection<B::Peer>, limits: &RtcLimits| {
            connection.next_deadline(limits).is_some_and(|at| at <= now)
        };
        let late: Vec<Key> = self
            .connections
            .iter()
            .filter(|(_, connection)| due(connection, &self.limits))
            .map(|(key, _)| *key)
            .collect();
        for key in late {
            self.turn_one(key, now);
        }
        self.connections
            .values()
            .filter_map(|connection| connection.next_deadline(&self.limits))
            .chain(backend_due)
            .min()
    }

    fn turn_one(&mut self, key: Key, now: Duration) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        let progress = connection.turn(&mut self.rendezvous, &self.limits, now);
        while let Some(stream) = connection.session.accept() {
            self.accepted.push_back((key, stream));
        }
        if progress == Progress::More {
            self.ask(key);
        }
        self.remove_if_gone(key);
    }

    fn remove_if_gone(&mut self, key: Key) {
        let Some(connection) = self.connections.get(&key) else {
            return;
        };
        // A newer connection to the same peer may have this place.
        if !connection.is_usable() && self.by_peer.get(&connection.address) == Some(&key) {
            self.by_peer.remove(&connection.address);
        }
        if connection.is_gone() {
            self.connections.remove(&key);
        }
    }

    /// Asks for a turn of a connection, and so for one of the transport.
    fn ask(&self, key: Key) {
        self.notify(key).notify();
    }

    fn notify(&self, key: Key) -> Notify {
        Notify {
            asking: self.asking.clone(),
            trigger: self.trigger.clone(),
            key,
        }
    }

    fn hear_signals(&mut self, now: Duration) {
        if self.mute.is_some() {
            return;
        }
        for _ in 0..SIGNALS_PER_TURN {
            match self.rendezvous.receive() {
                Ok(Signal::From { peer, kind, body }) => self.hear(&peer, kind, &body, now),
                Ok(Signal::Unreachable { peer, why }) => self.unreachable(&peer, &why),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.mute = Some(error.to_string());
                    return;
                }
            }
        }
        // There may be more: take the next ones after the others had their turn.
        let _ = TriggerReady::set_readiness(&self.trigger, Ready::Readable);
    }

    fn unreachable(&mut self, peer: &RtcAddress, why: &str) {
        if let Some(key) = self.by_peer.get(peer).copied()
            && let Some(connection) = self.connections.get_mut(&key)
            && connection.is_opening()
        {
            connection.session.lose(why);
            self.ask(key);
        }
    }

    fn hear(&mut self, peer: &RtcAddress, kind: SignalKind, body: &str, now: Duration) {
        let Some(body) = Body::parse(body) else {
            return;
        };
        if let Some(key) = self.by_peer.get(peer).copied()
            && let Some(connection) = self.connections.get_mut(&key)
        {
            if connection.is_usable() && connection.signal(kind, body) {
                return self.ask(key);
            }
            // It is for an attempt that is over, and no offer of a new one.
            if kind != SignalKind::Offer || body.to != 0 {
                return;
            }
            // It was started anew, and knows of no connection.
            connection.session.lose("the peer began anew");
            self.turn_one(key, now);
        }
        if kind == SignalKind::Offer && body.to == 0 {
            self.answer(peer, body, now);
        }
    }

    /// Connects with a peer that offers to.
    fn answer(&mut self, peer: &RtcAddress, body: Body<'_>, now: Duration) {
        // A flood of offers takes half of the room at most.
        let opening = self.connections.values().filter(|c| c.is_opening()).count();
        let refused = if opening >= self.limits.connections.div_ceil(2) {
            Some("the peer opens too many connections at once".to_owned())
        } else {
            self.connection(peer, now)
                .map_err(|error| error.to_string())
                .and_then(|key| {
                    let connection = self.connections.get_mut(&key).ok_or("it is closed")?;
                    connection.signal(SignalKind::Offer, body);
                    self.ask(key);
                    Ok(())
                })
                .err()
        };
        if let Some(why) = refused {
            // This end has no number of its own for it, and any will do.
            let bye = Body {
                from: body.from,
                to: body.from,
                text: &why,
            };
            // The peer has a deadline of its own.
            let _ = self.rendezvous.send(peer, SignalKind::Bye, bye.write());
        }
    }

    /// A new connection to a peer, with room made for it if need be.
    fn connection(&mut self, peer: &RtcAddress, now: Duration) -> io::Result<Key> {
        let own = self.rendezvous.local().ok_or_else(|| {
            let why = self
                .mute
                .as_deref()
                .unwrap_or("the rendezvous has not begun");
            io::Error::new(
                io::ErrorKind::NotConnected,
                format!("cannot connect to {peer}: {why}"),
            )
        })?;
        if own == *peer {
            let why = format!("cannot connect to {peer}: it is this end");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        // Before the new one is made, so that never more of them are usable than the limit says.
        self.make_room(now)?;
        let number: Attempt = attempt()?;
        let key = self.next_key;
        self.next_key += 1;
        let made = self.backend.peer(self.notify(key))?;
        // Both ends compare the same names, so exactly one of them is polite.
        let polite = own < *peer;
        let connection = Connection::new(peer.clone(), number, polite, made, &self.limits, now);
        self.connections.insert(key, connection);
        self.by_peer.insert(peer.clone(), key);
        Ok(key)
    }

    fn make_room(&mut self, now: Duration) -> io::Result<()> {
        let usable: Vec<Key> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_usable())
            .map(|(key, _)| *key)
            .collect();
        if usable.len() < self.limits.connections {
            return Ok(());
        }
        let useful = usable
            .iter()
            .filter_map(|key| self.connections.get(key))
            .map(Connection::usefulness);
        let Some(place) = least_useful(useful, now, self.limits.useful_for) else {
            return Err(io::Error::other(format!(
                "{} connections are open and in use (limit connections)",
                self.limits.connections
            )));
        };
        // Places are counted in the order in which the connections were given.
        let key = usable[place];
        if let Some(connection) = self.connections.get_mut(&key) {
            let reason = "there is no room for this connection".to_owned();
            connection.session.close(End::Closed(reason));
            connection.flush();
        }
        self.turn_one(key, now);
        Ok(())
    }

    fn open(&mut self, peer: &RtcAddress) -> io::Result<(Key, StreamId)> {
        let now = self.now();
        let key = match self.by_peer.get(peer) {
            Some(key) if self.connections.get(key).is_some_and(Connection::is_usable) => *key,
            _ => {
                let key = self.connection(peer, now)?;
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.negotiate();
                }
                key
            }
        };
        let connection = self
            .connections
            .get_mut(&key)
            .ok_or(io::ErrorKind::NotConnected)?;
        let stream = connection.session.open()?;
        // The offer leaves as soon as it is made.
        connection.turn(&mut self.rendezvous, &self.limits, now);
        // A rendezvous that refuses the offer ends the session at once.
        if let Some(end) = connection.session.end() {
            let error = end.error();
            self.remove_if_gone(key);
            return Err(error);
        }
        self.ask(key);
        Ok((key, stream))
    }

    fn next_accepted(&mut self) -> Option<(Key, StreamId, RtcAddress)> {
        while let Some((key, stream)) = self.accepted.pop_front() {
            // It may have ended before anybody took it.
            if let Some(connection) = self.connections.get(&key) {
                return Some((key, stream, connection.address.clone()));
            }
        }
        None
    }

    pub fn watch(&mut self, key: Key, stream: StreamId, trigger: SetReadiness) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.watch(stream, trigger);
        }
    }

    pub fn binding(&self, key: Key, opened_here: bool) -> Option<Vec<u8>> {
        self.connections.get(&key)?.binding(opened_here)
    }

    pub fn report_all(&self, key: Key, stream: StreamId) {
        if let Some(connection) = self.connections.get(&key) {
            connection.report_all(stream);
        }
    }

    pub fn read(&mut self, key: Key, stream: StreamId, buf: &mut [u8]) -> io::Result<usize> {
        let Some(connection) = self.connections.get_mut(&key) else {
            return Ok(0);
        };
        let result = connection.session.read(stream, buf);
        connection.flush();
        connection.report();
        result
    }

    pub fn write(&mut self, key: Key, stream: StreamId, buf: &[u8]) -> io::Result<usize> {
        let connection = self
            .connections
            .get_mut(&key)
            .ok_or(io::ErrorKind::BrokenPipe)?;
        let mut result = connection.session.write(stream, buf);
        connection.flush_whole();
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            // Sending may have made room.
            result = connection.session.write(stream, buf);
            connection.flush_whole();
        }
        connection.report();
        // What is short goes with what else is written until then: a message costs the same whatever is in it.
        self.ask(key);
        result
    }

    pub fn close_stream(&mut self, key: Key, stream: StreamId) {
        let now = self.now();
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.session.close_stream(stream, now);
            connection.flush();
            connection.report();
            self.ask(key);
        }
    }

    pub fn drop_stream(&mut self, key: Key, stream: StreamId) {
        let now = self.now();
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.drop_stream(stream, now);
            self.ask(key);
        }
        self.remove_if_gone(key);
    }

    /// Closes every connection, when the transport is dropped: nobody will take turns.
    fn close_all(&mut self) {
        let now = self.now();
        for connection in self.connections.values_mut() {
            connection.close_now("this end leaves", &mut self.rendezvous, &self.limits, now);
        }
        self.by_peer.clear();
        self.accepted.clear();
    }
}
