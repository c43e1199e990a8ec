//! The client's side: it stays connected, and says what it hears.
//!
//! Pure, as the server: the shell around it opens sockets and tells the time.

mod online;
mod spread;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::address::ServerAddress;
use super::message::{Code, FromClient, Kind, Refusal, VERSION, relay_frame};
use super::proof::{HELLO, Rejected, hello_bytes};
use super::replay::ReplayGuard;
use super::user::{IdOf, Identity, Nonce, UserId};
use mydht_small::{BTreeMap, BTreeSet};
use spread::SpreadBackoff;

/// Time for opening a connection and logging in.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// Interval between pings, which keep the login alive.
const PING_EVERY: Duration = Duration::from_secs(20);

/// After so long without a word the server is gone: it answers pings.
const SILENT_FOR: Duration = Duration::from_secs(45);

/// Most messages that wait while there is no connection.
const KEPT: usize = 256;

/// Time after which a waiting message is dropped.
const KEEP_FOR: Duration = Duration::from_secs(30);

/// When something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Since a start of the caller's own; never goes back.
    pub now: Duration,
    /// Milliseconds since 1970, as the system has it.
    pub unix_ms: u64,
}

/// Act that the shell carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a WebSocket; whatever was open before is to be closed.
    Open(ServerAddress),
    /// Send a text frame.
    Text(String),
    /// Send a binary frame.
    Binary(Vec<u8>),
    /// Close the WebSocket, and report nothing of it any more.
    Close,
}

/// Event for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The state changed: see [`Client::state`].
    State,
    /// In a room, with these others.
    Joined(String, Vec<UserId>),
    /// Another came into a room.
    Entered(String, UserId),
    /// Another left a room.
    Left(String, UserId),
    /// A user is here.
    Here(UserId),
    /// A user is not here; `Here` will follow if it comes.
    Away(UserId),
    /// Another user says something: proved to be its word, and new.
    Signal(UserId, Kind, String),
    /// A message did not reach this user, for this reason.
    Unreachable(UserId, String),
    /// Somebody said something as if it were another: dropped.
    Dropped(UserId, Rejected),
    /// Another wants a relay.
    RelayAsked(UserId),
    /// A relay is open.
    RelayOpen(UserId),
    /// A relay is closed, or was declined, and why.
    RelayClosed(UserId, String),
    /// Bytes came over a relay.
    Frame(UserId, Vec<u8>),
    /// The server refused something.
    Refused(Refusal),
}

/// State of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected, and why; it tries again at this time.
    Waiting {
        /// Since the caller's start.
        until: Duration,
        /// For people; empty before the first try.
        why: String,
    },
    /// A WebSocket is being opened.
    Opening,
    /// Proving who it is.
    Proving,
    /// Logged in.
    Online {
        /// Whether users of other servers cannot be reached though they should be.
        alone: bool,
    },
    /// The client has ended for this reason, and connects no more.
    Ended(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Waiting { why, .. } if why.is_empty() => f.write_str("about to connect"),
            State::Waiting { why, .. } => write!(f, "not connected ({why}); trying again"),
            State::Opening => f.write_str("connecting"),
            State::Proving => f.write_str("logging in"),
            State::Online { alone: false } => f.write_str("online"),
            State::Online { alone: true } => {
                f.write_str("online, but users of other servers cannot be reached")
            }
            State::Ended(why) => write!(f, "ended: {why}"),
        }
    }
}

/// There is no connection with a server now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offline;

/// A rendezvous client.
pub struct Client {
    identity: Box<dyn Identity + Send>,
    own: UserId,
    id_of: IdOf,
    servers: Vec<ServerAddress>,
    /// The server that is tried, or used.
    server: usize,
    state: State,
    /// When the state began.
    since: Duration,
    heard: Duration,
    pinged: Duration,
    backoff: SpreadBackoff,
    guard: ReplayGuard,
    next_seq: Option<u64>,
    rooms: BTreeSet<String>,
    wanted: BTreeSet<UserId>,
    /// Relays that are wanted, and whether they are open.
    relays: BTreeMap<UserId, bool>,
    kept: VecDeque<(Duration, UserId, Kind, String)>,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

impl Client {
    /// A client of one of these servers: the first that can be reached, and after a failure the
    /// next. `seed` spreads reconnections over time and must be random.
    ///
    /// It does nothing before the first [`tick`](Client::tick). Without servers it ends at once.
    pub fn new(
        identity: Box<dyn Identity + Send>,
        id_of: IdOf,
        servers: Vec<ServerAddress>,
        seed: u64,
    ) -> Self {
        let own = id_of(&identity.public_key());
        let state = if servers.is_empty() {
            State::Ended("no rendezvous server is known".into())
        } else if own.is_none() {
            State::Ended("the key of this identity is none".into())
        } else {
            let (until, why) = (Duration::ZERO, String::new());
            State::Waiting { until, why }
        };
        Client {
            identity,
            own: own.unwrap_or(UserId([0; 32])),
            id_of,
            servers,
            server: 0,
            state,
            since: Duration::ZERO,
            heard: Duration::ZERO,
            pinged: Duration::ZERO,
            backoff: SpreadBackoff::new(seed),
            guard: ReplayGuard::default(),
            next_seq: None,
            rooms: BTreeSet::new(),
            wanted: BTreeSet::new(),
            relays: BTreeMap::new(),
            kept: VecDeque::new(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Returns the id of the user.
    pub fn user(&self) -> UserId {
        self.own
    }

    /// Returns the state of the client.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The server that it is connected with, or tries.
    pub fn server(&self) -> Option<&ServerAddress> {
        self.servers.get(self.server)
    }

    /// The next thing for the shell to do.
    pub fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next thing for the user to hear.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`tick`](Client::tick) must be called.
    pub fn deadline(&self) -> Option<Duration> {
        let state = match &self.state {
            State::Waiting { until, .. } => *until,
            State::Opening | State::Proving => self.since + OPEN_WITHIN,
            State::Online { .. } => (self.pinged + PING_EVERY).min(self.heard + SILENT_FOR),
            State::Ended(_) => return None,
        };
        let kept = self.kept.front().map(|(at, ..)| *at + KEEP_FOR);
        Some(kept.map_or(state, |kept| kept.min(state)))
    }

    /// Time has passed.
    pub fn tick(&mut self, time: Time) {
        let now = time.now;
        match &self.state {
            State::Waiting { until, .. } if now >= *until => {
                if let Some(server) = self.servers.get(self.server) {
                    self.actions.push_back(Action::Open(server.clone()));
                    self.enter(State::Opening, now);
                }
            }
            State::Opening | State::Proving if now >= self.since + OPEN_WITHIN => {
                self.lost(time, "the server does not answer".into());
            }
            State::Online { .. } if now >= self.heard + SILENT_FOR => {
                self.lost(time, "the server fell silent".into());
            }
            State::Online { .. } if now >= self.pinged + PING_EVERY => {
                self.pinged = now;
                self.say(&FromClient::Ping);
            }
            _ => {}
        }
        while self
            .kept
            .front()
            .is_some_and(|(at, ..)| now >= *at + KEEP_FOR)
        {
            if let Some((_, to, ..)) = self.kept.pop_front() {
                let why = "the rendezvous server could not be reached in time".to_owned();
                self.events.push_back(Event::Unreachable(to, why));
            }
        }
    }

    /// The WebSocket is open.
    pub fn opened(&mut self, time: Time) {
        if self.state == State::Opening {
            self.enter(State::Proving, time.now);
        }
    }

    /// The WebSocket is closed, or could not be opened, and why.
    pub fn closed(&mut self, time: Time, why: &str) {
        self.lost(time, why.to_owned());
    }

    /// Ends the connection for good.
    pub fn end(&mut self, time: Time, why: &str) {
        self.actions.push_back(Action::Close);
        self.relays_lost(why);
        self.enter(State::Ended(why.to_owned()), time.now);
    }

    /// Enters a room, now and after each reconnection.
    pub fn join(&mut self, room: &str) {
        self.rooms.insert(room.to_owned());
        self.say_online(&FromClient::Join {
            room: room.to_owned(),
        });
    }

    /// Leaves a room.
    pub fn leave(&mut self, room: &str) {
        if self.rooms.remove(room) {
            self.say_online(&FromClient::Leave {
                room: room.to_owned(),
            });
        }
    }

    /// Asks for a user, until it is here.
    pub fn find(&mut self, user: UserId) {
        self.wanted.insert(user);
        self.say_online(&FromClient::Find { user });
    }

    /// Asks for a user no longer.
    pub fn forget(&mut self, user: UserId) {
        if self.wanted.remove(&user) {
            self.say_online(&FromClient::Forget { user });
        }
    }

    /// Says something to a user: now, or when there is a connection within 30 s.
    /// [`Event::Unreachable`] follows if it does not reach it.
    ///
    /// # Errors
    /// When the client has ended, or too much waits to be said.
    pub fn signal(
        &mut self,
        time: Time,
        to: UserId,
        kind: Kind,
        body: String,
    ) -> Result<(), Offline> {
        match self.state {
            State::Online { .. } => self.say_sealed(time, to, kind, body),
            State::Ended(_) => return Err(Offline),
            // Refused instead of dropping the oldest, so that the caller knows.
            _ if self.kept.len() >= KEPT => return Err(Offline),
            _ => self.kept.push_back((time.now, to, kind, body)),
        }
        Ok(())
    }

    /// Asks for a relay with a user, or agrees to one.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn relay(&mut self, user: UserId) -> Result<(), Offline> {
        if !matches!(self.state, State::Online { .. }) {
            return Err(Offline);
        }
        let mut is_new = false;
        self.relays.entry(user).or_insert_with(|| {
            is_new = true;
            false
        });
        if is_new {
            self.say(&FromClient::Relay { user });
        }
        Ok(())
    }

    /// Ends a relay, or declines one.
    pub fn unrelay(&mut self, user: UserId) {
        self.relays.remove(&user);
        self.say_online(&FromClient::Unrelay { user });
    }

    /// Sends bytes over a relay.
    ///
    /// # Errors
    /// When it is not open.
    pub fn relay_send(&mut self, user: UserId, payload: &[u8]) -> Result<(), Offline> {
        if self.relays.get(&user) != Some(&true) {
            return Err(Offline);
        }
        self.actions
            .push_back(Action::Binary(relay_frame(&user, payload)));
        Ok(())
    }

    fn say(&mut self, message: &FromClient) {
        // No member of a message is a map with keys that are no strings: this cannot fail.
        let text = serde_json::to_string(message).unwrap_or_default();
        self.actions.push_back(Action::Text(text));
    }

    fn say_online(&mut self, message: &FromClient) {
        if matches!(self.state, State::Online { .. }) {
            self.say(message);
        }
    }

    fn say_hello(&mut self, nonce: &Nonce) {
        let Some(server) = self.servers.get(self.server).map(ServerAddress::name) else {
            return;
        };
        let key = self.identity.public_key();
        let signature = self
            .identity
            .sign(HELLO, &hello_bytes(&server, nonce, &key));
        self.say(&FromClient::Hello {
            version: VERSION,
            key,
            server,
            signature,
        });
    }

    fn enter(&mut self, state: State, now: Duration) {
        self.since = now;
        if self.state != state {
            self.state = state;
            self.events.push_back(Event::State);
        }
    }

    fn relays_lost(&mut self, why: &str) {
        for user in std::mem::take(&mut self.relays).into_keys() {
            self.events
                .push_back(Event::RelayClosed(user, why.to_owned()));
        }
    }

    /// The connection is lost: the next server is tried in a while.
    fn lost(&mut self, time: Time, why: String) {
        let wait = self.backoff.next_wait();
        self.lost_for(time, why, wait, true);
    }

    fn lost_for(&mut self, time: Time, why: String, wait: Duration, move_on: bool) {
        // The shell may still report a socket that was given up.
        if matches!(self.state, State::Ended(_) | State::Waiting { .. }) {
            return;
        }
        self.actions.push_back(Action::Close);
        self.relays_lost(&why);
        if move_on {
            // Without a server the client has ended, but a remainder by zero would be a panic.
            self.server = (self.server + 1) % self.servers.len().max(1);
        }
        let until = time.now + wait;
        self.enter(State::Waiting { until, why }, time.now);
    }

    /// The server refused the login.
    fn refused(&mut self, time: Time, refusal: Refusal) {
        match refusal.code {
            // Coming back would replace the other login, which would come back in its turn.
            Code::Replaced => self.end(
                time,
                "the same identity logged in elsewhere, in another tab or on another machine",
            ),
            Code::Version | Code::WrongServer | Code::NotProved => {
                // It will not be otherwise in a second.
                self.backoff.exhaust();
                self.lost(time, refusal.text.clone());
            }
            _ => {}
        }
        self.events.push_back(Event::Refused(refusal));
    }
}
