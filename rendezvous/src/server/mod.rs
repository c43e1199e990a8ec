//! The server: who is here, in which rooms, and what is passed on to whom.
//!
//! Pure: it is told what happened and when, and says what to do. Randomness is an argument too.

mod cluster;
mod counters;
mod find;
mod login;
mod output;
mod relay;
mod rooms;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

pub use cluster::{Backplane, ClusterCommand, Published};
pub use counters::{Counters, Gauges};
pub use output::{ConnId, Frame, Output, close};

use super::limits::Limits;
use super::message::{Code, FromClient, FromServer, Refusal, VERSION};
use super::user::{IdOf, Nonce, PublicKey, UserId};
use cluster::Cluster;
use mydht_proto::TokenBucket;
use rooms::Room;

/// A rendezvous server.
///
/// Times are since a start of the caller's own and must not go back.
pub struct Server {
    names: BTreeSet<String>,
    limits: Limits,
    id_of: IdOf,
    connections: BTreeMap<ConnId, Connection>,
    addresses: BTreeMap<IpAddr, u64>,
    pending: u64,
    users: BTreeMap<UserId, User>,
    rooms: BTreeMap<String, Room>,
    /// Users that wait for a user that is not here.
    waiting: BTreeMap<UserId, BTreeSet<UserId>>,
    cluster: Option<Cluster>,
    counters: Counters,
    outputs: VecDeque<Output>,
}

/// A connection, of somebody or of nobody yet.
struct Connection {
    address: IpAddr,
    /// The address that was dialled, as far as the operating system knows: a name of this server.
    local: String,
    nonce: Nonce,
    user: Option<UserId>,
    opened: Duration,
    heard: Duration,
    messages: TokenBucket,
    relayed: TokenBucket,
    /// Messages refused in a row because they came too fast.
    refused: u64,
    /// Bytes that wait to be sent.
    queued: u64,
}

/// A user that has proved who it is.
struct User {
    conn: ConnId,
    key: PublicKey,
    rooms: BTreeSet<String>,
    waiting: BTreeSet<UserId>,
    relays: BTreeMap<UserId, relay::Relay>,
    /// Whether the other servers have heard of this login: later ones replace it.
    announced: bool,
}

impl Server {
    /// A server that is known as `names` (host and port each, as clients dial them), besides the
    /// addresses that its connections come in by.
    pub fn new(names: impl IntoIterator<Item = String>, limits: Limits, id_of: IdOf) -> Self {
        Server {
            names: names.into_iter().collect(),
            limits,
            id_of,
            connections: BTreeMap::new(),
            addresses: BTreeMap::new(),
            pending: 0,
            users: BTreeMap::new(),
            rooms: BTreeMap::new(),
            waiting: BTreeMap::new(),
            cluster: None,
            counters: Counters::default(),
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do; `None` when there is nothing more for now.
    pub fn output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns the counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the gauges.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.connections.len() as u64,
            users: self.users.len() as u64,
            rooms: self.rooms.len() as u64,
            waiting: self.waiting.values().map(|who| who.len() as u64).sum(),
            relays: self.users.values().map(User::open_relays).sum(),
            alone: u64::from(self.is_alone()),
        }
    }

    /// Returns the limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A connection was opened from `address`, to `local` (host and port as the operating system
    /// knows them). `nonce` must be random.
    pub fn opened(
        &mut self,
        now: Duration,
        conn: ConnId,
        address: IpAddr,
        local: String,
        nonce: Nonce,
    ) {
        self.counters.connections += 1;
        let of_address = *self.addresses.get(&address).unwrap_or(&0);
        let full = [
            (
                "connections",
                self.connections.len() as u64,
                self.limits.connections,
            ),
            (
                "connections_per_address",
                of_address,
                self.limits.connections_per_address,
            ),
            ("pending_logins", self.pending, self.limits.pending_logins),
        ];
        if let Some((limit, ..)) = full.into_iter().find(|(_, have, max)| have >= max) {
            self.counters.refused_connections += 1;
            let refusal = refuse_limit(
                limit,
                "the server has no room for this connection: try later",
            );
            // The connection is not entered, so `send` would not find it.
            self.outputs
                .push_back(Output::Send(conn, frame(&FromServer::Error(refusal))));
            self.outputs
                .push_back(Output::Close(conn, close::TRY_LATER, limit.into()));
            return;
        }
        *self.addresses.entry(address).or_default() += 1;
        self.pending += 1;
        let limits = &self.limits;
        let connection = Connection {
            address,
            local,
            nonce,
            user: None,
            opened: now,
            heard: now,
            messages: TokenBucket::new(limits.messages_per_second, limits.messages_burst),
            relayed: TokenBucket::new(limits.relay_bytes_per_second, limits.relay_burst),
            refused: 0,
            queued: 0,
        };
        self.connections.insert(conn, connection);
        let version = VERSION;
        self.send(conn, &FromServer::Challenge { version, nonce });
    }

    /// A connection is gone.
    pub fn closed(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.remove(&conn) else {
            return;
        };
        if let Some(count) = self.addresses.get_mut(&connection.address) {
            *count -= 1;
            // Or there would be an entry for every address ever seen.
            if *count == 0 {
                self.addresses.remove(&connection.address);
            }
        }
        match connection.user {
            Some(user) => self.log_out(user),
            None => self.pending -= 1,
        }
    }

    /// So many bytes of what was to be sent to a connection are sent.
    pub fn sent(&mut self, conn: ConnId, bytes: usize) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.queued = connection.queued.saturating_sub(bytes as u64);
        }
    }

    /// A text frame came.
    pub fn text(&mut self, now: Duration, conn: ConnId, text: &str) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.heard = now;
        self.counters.messages += 1;
        // Before it is parsed: to refuse a flood must cost less than to send it.
        if let Err(wait) = connection.messages.take(now, 1) {
            connection.refused += 1;
            // Who is a little too fast is told so; only who does not listen is closed.
            let flood = connection.refused > self.limits.refusals;
            let text = format!("too many messages: wait {} ms", wait.as_millis() + 1);
            self.refuse(conn, refuse_limit("messages_per_second", text));
            if flood {
                self.close(conn, close::POLICY, "refusals");
            }
            return;
        }
        connection.refused = 0;
        if text.len() as u64 > self.limits.message_bytes {
            let most = self.limits.message_bytes;
            let text = format!("a message of {} bytes; {most} are allowed", text.len());
            self.refuse(conn, refuse_limit("message_bytes", text));
            return self.close(conn, close::TOO_BIG, "message_bytes");
        }
        let message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => return self.malformed(conn, error.to_string()),
        };
        let user = self.connections.get(&conn).and_then(|found| found.user);
        match (user, message) {
            (
                None,
                FromClient::Hello {
                    version,
                    key,
                    server,
                    signature,
                },
            ) => {
                self.log_in(conn, version, key, &server, &signature);
            }
            (Some(_), FromClient::Ping) => self.send(conn, &FromServer::Pong),
            (Some(user), FromClient::Join { room }) => self.join(user, room),
            (Some(user), FromClient::Leave { room }) => self.leave(user, &room),
            (Some(user), FromClient::Find { user: wanted }) => self.find(user, wanted),
            (Some(user), FromClient::Forget { user: wanted }) => self.forget(user, wanted),
            (Some(user), FromClient::Signal { sealed }) => self.signal(user, sealed),
            (Some(user), FromClient::Relay { user: other }) => self.relay(user, other),
            (Some(user), FromClient::Unrelay { user: other }) => self.unrelay(user, other),
            (None, _) => self.out_of_turn(conn, "say hello first"),
            (Some(_), FromClient::Hello { .. }) => self.out_of_turn(conn, "hello was said already"),
        }
    }

    /// A binary frame came.
    pub fn binary(&mut self, now: Duration, conn: ConnId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.heard = now;
        let Some(user) = connection.user else {
            return self.out_of_turn(conn, "say hello first");
        };
        let pause = connection.relayed.charge(now, bytes.len() as u64);
        self.frame_from(conn, user, bytes);
        // Whoever sends faster than is allowed is read more slowly; nothing is lost.
        if !pause.is_zero() && self.connections.contains_key(&conn) {
            self.counters.pauses += 1;
            self.outputs.push_back(Output::Pause(conn, pause));
        }
    }

    /// Time has passed: called every second or so.
    pub fn tick(&mut self, now: Duration) {
        let login = Duration::from_millis(self.limits.login_timeout_ms);
        let idle = Duration::from_millis(self.limits.idle_timeout_ms);
        let late: Vec<_> = self
            .connections
            .iter()
            .filter_map(|(conn, connection)| match connection.user {
                // Counted from the opening: nothing that it says before its proof prolongs this.
                None if now >= connection.opened + login => Some((*conn, "login_timeout_ms")),
                Some(_) if now >= connection.heard + idle => Some((*conn, "idle_timeout_ms")),
                _ => None,
            })
            .collect();
        for (conn, limit) in late {
            let mut refusal = refuse(Code::TimedOut, "nothing came in time");
            refusal.limit = Some(limit.into());
            self.refuse(conn, refusal);
            self.close(conn, close::POLICY, limit);
        }
        self.tick_cluster(now);
    }

    /// Tells all clients to come back later, and closes their connections.
    pub fn restart(&mut self) {
        let spread_ms = self.limits.restart_spread_ms;
        let all: Vec<_> = self.connections.keys().copied().collect();
        for conn in all {
            self.send(conn, &FromServer::Restarting { spread_ms });
            self.close(conn, close::RESTART, "the server restarts");
        }
    }

    fn malformed(&mut self, conn: ConnId, why: String) {
        self.refuse(conn, refuse(Code::Malformed, why));
        self.close(conn, close::POLICY, "no message of this protocol");
    }

    fn out_of_turn(&mut self, conn: ConnId, why: &str) {
        self.refuse(conn, refuse(Code::OutOfTurn, why));
        self.close(conn, close::POLICY, why);
    }

    fn refuse(&mut self, conn: ConnId, refusal: Refusal) {
        *self.counters.refusals.entry(refusal.code).or_default() += 1;
        self.send(conn, &FromServer::Error(refusal));
    }

    fn refuse_user(&mut self, user: UserId, refusal: Refusal) {
        *self.counters.refusals.entry(refusal.code).or_default() += 1;
        self.tell(user, &FromServer::Error(refusal));
    }

    /// Tells a user of this server something; nothing if it is none.
    fn tell(&mut self, user: UserId, message: &FromServer) {
        if let Some(user) = self.users.get(&user) {
            self.send(user.conn, message);
        }
    }

    fn send(&mut self, conn: ConnId, message: &FromServer) {
        self.send_frame(conn, frame(message));
    }

    fn send_frame(&mut self, conn: ConnId, frame: Frame) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.queued += frame.len() as u64;
        if connection.queued > self.limits.outgoing_bytes {
            return self.close(conn, close::POLICY, "outgoing_bytes: it reads too slowly");
        }
        self.outputs.push_back(Output::Send(conn, frame));
    }

    /// Closes a connection and forgets it; what it sends from now on is nobody's.
    fn close(&mut self, conn: ConnId, code: u16, reason: &str) {
        self.outputs
            .push_back(Output::Close(conn, code, reason.to_owned()));
        self.closed(conn);
    }
}

fn frame(message: &FromServer) -> Frame {
    // No member of a message is a map with keys that are no strings: this cannot fail.
    Frame::Text(serde_json::to_string(message).unwrap_or_default())
}

fn refuse(code: Code, text: impl Into<String>) -> Refusal {
    Refusal {
        code,
        limit: None,
        user: None,
        room: None,
        text: text.into(),
    }
}

fn refuse_limit(limit: &str, text: impl Into<String>) -> Refusal {
    let mut refusal = refuse(Code::Limit, text);
    refusal.limit = Some(limit.to_owned());
    refusal
}
