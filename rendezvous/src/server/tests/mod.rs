//! A server, or several, and scripted clients.

mod hostile;
mod one;
mod random;
mod several;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::limits::Limits;
use super::super::message::{Code, FromClient, FromServer, Kind, Sealed, VERSION, relay_frame};
use super::super::proof::{HELLO, hello_bytes};
use super::super::user::tests::{id_of, identity, user};
use super::super::user::{Identity, Nonce, UserId};
use super::*;

const HERE: &str = "signal.example:443";
const SECOND: Duration = Duration::from_secs(1);

/// Servers, what they said to whom, and the backplane between them.
pub(super) struct World {
    pub(super) servers: Vec<Server>,
    pub(super) now: Duration,
    inboxes: BTreeMap<ConnId, VecDeque<Heard>>,
    /// Which server a connection is to.
    places: BTreeMap<ConnId, usize>,
    next: ConnId,
    topics: BTreeMap<String, BTreeSet<usize>>,
    up: Vec<bool>,
    /// Whether a server died without a word.
    pub(super) was_killed: bool,
    /// Name of the next server that is started: none has the name of another.
    next_instance: u64,
    /// Publications that were made and not yet received, in order.
    pub(super) in_flight: VecDeque<(String, Vec<u8>)>,
    /// Whether to keep them there.
    pub(super) held: bool,
}

/// Event that a client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Message(FromServer),
    Frame(Vec<u8>),
    Closed(u16),
    Paused(Duration),
}

impl World {
    pub(super) fn new(servers: usize, limits: Limits) -> Self {
        let servers: Vec<_> = (0..servers)
            .map(|n| {
                let server = Server::new([HERE.to_owned()], limits.clone(), id_of);
                if servers > 1 {
                    server.with_backplane(n as u64 + 1)
                } else {
                    server
                }
            })
            .collect();
        World {
            up: vec![false; servers.len()],
            servers,
            now: SECOND,
            inboxes: BTreeMap::new(),
            places: BTreeMap::new(),
            next: 1,
            topics: BTreeMap::new(),
            in_flight: VecDeque::new(),
            held: false,
            was_killed: false,
            next_instance: 100,
        }
    }

    /// Several servers on one backplane.
    pub(super) fn cluster(servers: usize) -> Self {
        let mut world = World::new(servers, Limits::default());
        (0..servers).for_each(|n| world.backplane_up(n));
        world
    }

    pub(super) fn backplane_up(&mut self, n: usize) {
        self.up[n] = true;
        self.servers[n].backplane(self.now, Backplane::Up);
        self.settle();
    }

    pub(super) fn backplane_down(&mut self, n: usize) {
        self.up[n] = false;
        self.unsubscribe_all(n);
        self.servers[n].backplane(self.now, Backplane::Down);
        self.settle();
    }

    fn unsubscribe_all(&mut self, n: usize) {
        for servers in self.topics.values_mut() {
            servers.remove(&n);
        }
    }

    /// A server dies: its connections break, and nobody is told.
    pub(super) fn kill(&mut self, n: usize) {
        self.was_killed = true;
        self.up[n] = false;
        self.unsubscribe_all(n);
        let gone: Vec<_> = self
            .places
            .iter()
            .filter(|(_, at)| **at == n)
            .map(|(c, _)| *c)
            .collect();
        for conn in gone {
            self.places.remove(&conn);
        }
        let limits = self.servers[n].limits.clone();
        let instance = self.next_instance;
        self.next_instance += 1;
        self.servers[n] = Server::new([HERE.to_owned()], limits, id_of).with_backplane(instance);
    }

    /// Does what the servers want, until nothing is left to be done.
    pub(super) fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for n in 0..self.servers.len() {
                while let Some(output) = self.servers[n].output() {
                    quiet = false;
                    self.carry_out(n, output);
                }
            }
            if !self.held
                && let Some((topic, bytes)) = self.in_flight.pop_front()
            {
                quiet = false;
                for n in self.topics.get(&topic).cloned().unwrap_or_default() {
                    let message = Backplane::Message(topic.clone(), bytes.clone());
                    self.servers[n].backplane(self.now, message);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, n: usize, output: Output) {
        match output {
            Output::Send(conn, frame) => {
                self.servers[n].sent(conn, frame.len());
                let heard = match frame {
                    Frame::Text(text) => Heard::Message(serde_json::from_str(&text).unwrap()),
                    Frame::Binary(bytes) => Heard::Frame(bytes),
                };
                self.inboxes.entry(conn).or_default().push_back(heard);
            }
            Output::Close(conn, code, _) => {
                self.inboxes
                    .entry(conn)
                    .or_default()
                    .push_back(Heard::Closed(code));
            }
            Output::Pause(conn, time) => {
                self.inboxes
                    .entry(conn)
                    .or_default()
                    .push_back(Heard::Paused(time));
            }
            Output::Cluster(_) if !self.up[n] => {}
            Output::Cluster(ClusterCommand::Subscribe(topic)) => {
                self.topics.entry(topic).or_default().insert(n);
            }
            Output::Cluster(ClusterCommand::Unsubscribe(topic)) => {
                self.topics.entry(topic).or_default().remove(&n);
            }
            Output::Cluster(ClusterCommand::Publish {
                topic,
                bytes,
                ticket,
            }) => {
                let receivers = self
                    .topics
                    .get(&topic)
                    .map_or(0, |servers| servers.len() as u64);
                self.in_flight.push_back((topic, bytes));
                if ticket != 0 {
                    let published = Published { ticket, receivers };
                    self.servers[n].backplane(self.now, Backplane::Published(published));
                }
            }
        }
    }

    pub(super) fn open_from(&mut self, n: usize, address: u8) -> ConnId {
        let conn = self.next;
        self.next += 1;
        self.places.insert(conn, n);
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, address));
        let local = "127.0.0.1:9".to_owned();
        let nonce = Nonce([conn as u8; 32]);
        self.servers[n].opened(self.now, conn, address, local, nonce);
        self.settle();
        conn
    }

    pub(super) fn open(&mut self, n: usize) -> ConnId {
        self.open_from(n, 1)
    }

    pub(super) fn close(&mut self, conn: ConnId) {
        let n = self.places[&conn];
        self.servers[n].closed(conn);
        self.settle();
    }

    pub(super) fn raw(&mut self, conn: ConnId, text: &str) {
        if let Some(n) = self.places.get(&conn) {
            self.servers[*n].text(self.now, conn, text);
        }
        self.settle();
    }

    pub(super) fn say(&mut self, conn: ConnId, message: &FromClient) {
        self.raw(conn, &serde_json::to_string(message).unwrap());
    }

    pub(super) fn frame(&mut self, conn: ConnId, to: u8, payload: &[u8]) {
        if let Some(n) = self.places.get(&conn) {
            let frame = relay_frame(&user(to), payload);
            self.servers[*n].binary(self.now, conn, &frame);
        }
        self.settle();
    }

    pub(super) fn tick(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now += SECOND;
            for server in &mut self.servers {
                server.tick(self.now);
            }
            self.settle();
        }
    }

    /// All that a client saw and has not yet been asked for.
    pub(super) fn heard(&mut self, conn: ConnId) -> Vec<Heard> {
        self.inboxes.remove(&conn).unwrap_or_default().into()
    }

    /// Returns what was received where only messages are expected.
    pub(super) fn messages(&mut self, conn: ConnId) -> Vec<FromServer> {
        let only = |heard| match heard {
            Heard::Message(message) => message,
            other => panic!("{other:?}"),
        };
        self.heard(conn).into_iter().map(only).collect()
    }

    /// The user number `n` logs in.
    pub(super) fn log_in(&mut self, server: usize, n: u8) -> ConnId {
        let conn = self.open(server);
        self.say(conn, &hello(conn, n));
        let messages = self.messages(conn);
        let user = user(n);
        assert!(
            matches!(&messages[..], [FromServer::Challenge { .. }, FromServer::Welcome { user: id, .. }] if *id == user),
            "{messages:?}"
        );
        conn
    }

    /// A relay between two that are logged in, opened by the first.
    pub(super) fn relay(&mut self, (a, n): (ConnId, u8), (b, m): (ConnId, u8)) {
        self.say(a, &FromClient::Relay { user: user(m) });
        self.say(b, &FromClient::Relay { user: user(n) });
        assert_eq!(self.messages(a), [FromServer::RelayOpen { user: user(m) }]);
        let (asked, open) = (
            FromServer::RelayAsked { user: user(n) },
            FromServer::RelayOpen { user: user(n) },
        );
        assert_eq!(self.messages(b), [asked, open]);
    }
}

/// Returns the answer of user number `n` to the challenge of a connection.
pub(super) fn hello(conn: ConnId, n: u8) -> FromClient {
    let key = identity(n).public_key();
    let nonce = Nonce([conn as u8; 32]);
    FromClient::Hello {
        version: VERSION,
        key,
        server: HERE.into(),
        signature: Identity::sign(&identity(n), HELLO, &hello_bytes(HERE, &nonce, &key)),
    }
}

pub(super) fn sealed(from: u8, to: UserId, body: &str) -> Sealed {
    Sealed::new(&identity(from), to, Kind::Offer, 1, 2, body.into())
}

/// The code, and the limit, of a refusal that is the only thing heard, but for a close after it.
#[track_caller]
pub(super) fn refused(heard: &[Heard]) -> (Code, Option<String>) {
    match heard {
        [Heard::Message(FromServer::Error(refusal)), rest @ ..]
            if rest.iter().all(|heard| matches!(heard, Heard::Closed(_))) =>
        {
            (refusal.code, refusal.limit.clone())
        }
        other => panic!("{other:?}"),
    }
}
