//! Begins and ends of connections.

use std::io;
use std::time::Duration;

use mydht_evloop::traits::Ready;
use mydht_proto::Backoff;
use mydht_spawner::{Result, SpawnSend};
use mydht_transports::Transport;
use tracing::Span;

use super::{MainLoop, Timer};
use crate::conf::{Address, Connection, MyDHTConf};
use crate::engine::{ConnId, Input};
use crate::handshake::Session;
use crate::id::PeerId;
use crate::limits::Limits;
use crate::msg::ProtoMessage;
use crate::policy::PeerPriority;
use crate::service::connection::{Conn, State, Wanted};
use crate::service::hosted::Way;
use crate::service::{GlobalIn, MainCommand};

/// First wait before a lost bootstrap peer is tried again, or a transport that cannot accept.
const FIRST_RECONNECT: Duration = Duration::from_millis(250);

/// Reason for which a connection ends. Decides who is told.
#[derive(Debug)]
pub(super) enum End<'a> {
    /// Failure of the connection, or its end by the peer: nothing can be sent.
    Lost(&'a str),
    /// Refusal by the node, outside of the protocol.
    Refused(&'a str),
    /// Wish of the protocol, which knows of the end already.
    ByProtocol(&'a str),
    /// End of a connection that nobody knows of: not in a handshake any more and not yet a peer's,
    /// or when the node stops.
    Unknown(&'a str),
    /// Failure of the handshake.
    Handshake {
        /// Reason, for the log.
        why: &'a str,
        /// Last message of the handshake.
        last: Option<Vec<u8>>,
    },
}

impl End<'_> {
    fn why(&self) -> &str {
        match self {
            End::Lost(why)
            | End::Refused(why)
            | End::ByProtocol(why)
            | End::Unknown(why)
            | End::Handshake { why, .. } => why,
        }
    }
}

/// A peer to be connected with.
pub(super) struct Bootstrap<A> {
    address: A,
    backoff: Backoff,
}

impl<A> Bootstrap<A> {
    pub(super) fn new(address: A, limits: &Limits) -> Self {
        Bootstrap {
            address,
            backoff: Backoff::new(FIRST_RECONNECT, limits.timeouts.reconnect_timeout),
        }
    }
}

/// Connections with one host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfHost {
    connections: usize,
    /// Connections among them that are not authenticated yet.
    handshakes: usize,
}

impl<MC: MyDHTConf> MainLoop<MC> {
    pub(super) fn accept(&mut self) -> Result<()> {
        loop {
            match self.transport.accept() {
                Ok((stream, address)) => {
                    if let Some(limit) = self.is_full(&address) {
                        tracing::warn!(%address, "refused a connection (limit {limit})");
                        self.common.metrics.limited(1);
                    } else if self.stopping.is_none()
                        && let Some(conn) = self.start(stream, address, None)?
                    {
                        let verdict = self.peer_mgmt.accepted(conn, self.now());
                        self.authenticate(conn, verdict)?;
                    }
                }
                // Returns only here: readiness is edge-triggered, so all waiting connections must
                // be accepted now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // One connection failed before it was accepted, or there are no descriptors left. An edge is reported
                // once, so those that wait behind it are looked after again soon.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.timer(FIRST_RECONNECT, Timer::Accept);
                    return Ok(());
                }
            }
        }
    }

    /// The limit that a connection from `address` would go past.
    fn is_full(&self, address: &Address<MC>) -> Option<&'static str> {
        let limits = &self.common.limits;
        let of_host = self.hosts.get(&MC::Transport::host(address));
        let of_host = of_host.copied().unwrap_or_default();
        // Handshakes are counted on top, so that a flood of them cannot take the places of peers.
        if self.conns.len()
            >= limits
                .peers
                .connections
                .saturating_add(limits.peers.handshakes)
        {
            Some("connections")
        } else if of_host.connections >= limits.peers.connections_per_host {
            Some("connections_per_host")
        } else if self.handshakes >= limits.peers.handshakes {
            Some("handshakes")
        } else if of_host.handshakes >= limits.peers.handshakes_per_host {
            Some("handshakes_per_host")
        } else {
            None
        }
    }

    /// Starts the services of a connection. A connection that fails at once is no failure of the
    /// node.
    pub(super) fn start(
        &mut self,
        stream: Connection<MC>,
        address: Address<MC>,
        wanted: Option<Wanted>,
    ) -> Result<Option<ConnId>> {
        let conn = self.next_conn;
        // Never reused: late events and commands for a closed connection must find nothing.
        self.next_conn += 1;
        self.common.metrics.connections(1);
        let shown = address.to_string();
        let host = MC::Transport::host(&address);
        match Conn::start(&mut self.common, conn, stream, address, wanted) {
            Ok(started) => {
                self.conns.insert(conn, Box::new(started));
                let of_host = self.hosts.entry(host).or_default();
                of_host.connections += 1;
                of_host.handshakes += 1;
                self.handshakes += 1;
                let timeout = self.common.limits.timeouts.handshake_timeout;
                self.timer(timeout, Timer::Handshake(conn));
                // What came before it was registered is reported by no event on some transports.
                self.common.main.send(MainCommand::Resume(conn))?;
                return Ok(Some(conn));
            }
            Err(error) => {
                tracing::warn!(address = %shown, %error, "a connection failed at its start");
                self.not_connected(wanted, || format!("cannot connect to {shown}: {error}"))?;
            }
        }
        Ok(None)
    }

    pub(super) fn connect(&mut self, index: usize) -> Result<()> {
        let Some(bootstrap) = self.bootstrap.get(index) else {
            return Ok(());
        };
        if self.stopping.is_some() {
            return Ok(());
        }
        let address = bootstrap.address.clone();
        match self.transport.connect_with(&address) {
            Ok(stream) => {
                let conn = self.start(stream, address, Some(Wanted::Bootstrap(index)))?;
                self.connected(conn)
            }
            Err(error) => self.not_connected(Some(Wanted::Bootstrap(index)), || error.to_string()),
        }
    }

    /// Begins to authenticate with whom this node has connected, if the connection started.
    pub(super) fn connected(&mut self, conn: Option<ConnId>) -> Result<()> {
        let Some(conn) = conn else {
            return Ok(());
        };
        let wanted = self.conns.get(&conn).and_then(|conn| conn.wanted);
        let expected = wanted.and_then(Wanted::peer);
        let verdict = self.peer_mgmt.connected(conn, expected, self.now());
        self.authenticate(conn, verdict)
    }

    /// A connection that this node opened did not come about.
    fn not_connected(
        &mut self,
        wanted: Option<Wanted>,
        why: impl FnOnce() -> String,
    ) -> Result<()> {
        match wanted {
            None => Ok(()),
            Some(Wanted::Peer(peer)) => self.dial_next(peer),
            Some(Wanted::Bootstrap(index)) => {
                self.reconnect_later(index);
                let why = why();
                tracing::info!(%why, "trying again later");
                // Excludes the failed connection: it never started, or `forget` has taken its
                // `wanted`.
                let still_tried =
                    |conn: &Conn<MC>| conn.wanted.and_then(Wanted::bootstrap).is_some();
                let hopeless = !self.conns.values().any(|conn| still_tried(conn));
                self.protocol
                    .tell(Input::ConnectFailed(why, hopeless), Way::none());
                Ok(())
            }
        }
    }

    fn reconnect_later(&mut self, index: usize) {
        let now = self.now();
        if self.stopping.is_none()
            && let Some(bootstrap) = self.bootstrap.get_mut(index)
        {
            let at = bootstrap.backoff.failed(now);
            self.timers.insert((at, Timer::Reconnect(index)));
        }
    }

    /// A connection is not in its handshake any more.
    fn handshake_over(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get(&conn) else {
            return;
        };
        self.handshakes = self.handshakes.saturating_sub(1);
        let host = MC::Transport::host(&found.address);
        if let Some(of_host) = self.hosts.get_mut(&host) {
            of_host.handshakes = of_host.handshakes.saturating_sub(1);
        }
    }

    /// The peer is authenticated.
    pub(super) fn up(
        &mut self,
        conn: ConnId,
        session: Session,
        priority: PeerPriority,
    ) -> Result<()> {
        let peer = session.peer();
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        if found.state != State::Authenticating {
            return Ok(());
        }
        // Set before anything that may refuse the peer, because BYE is encrypted with these keys.
        if let Err(why) = found.use_keys(session.send, session.receive) {
            return self.disconnect(conn, End::Lost(&why));
        }
        if !self.make_room(priority)? {
            self.common.metrics.limited(1);
            let why = "there is no room for one more peer (limit peers.connections)";
            return self.disconnect(conn, End::Refused(why));
        }
        self.handshake_over(conn);
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        found.priority = priority;
        if let Some(Wanted::Peer(wanted)) = found.wanted
            && wanted != peer
        {
            return self.disconnect(
                conn,
                End::Refused("another node was looked for at this address"),
            );
        }
        let of_peer = self.peers.entry(peer).or_default();
        let most = self.common.limits.peers.connections_per_peer;
        if of_peer.len() >= most {
            self.common.metrics.limited(1);
            let why =
                format!("it is connected {most} times already (limit peers.connections_per_peer)");
            // Its handshake is over, and nobody knows it yet.
            return self.disconnect(conn, End::Unknown(&why));
        }
        tracing::info!(conn, address = %found.address, ?peer, "connected");
        of_peer.push(conn);
        let first = of_peer.len() == 1;
        found.state = State::Up(peer);
        found.flow.open();
        self.dialing.remove(&peer);
        if let Some(bootstrap) = found
            .wanted
            .and_then(Wanted::bootstrap)
            .and_then(|index| self.bootstrap.get_mut(index))
        {
            bootstrap.backoff.reset();
        }
        let rank = MC::Transport::rank(&found.address);
        // Sent before the protocol learns of the peer: HELLO precedes all other messages.
        self.say_hello(conn)?;
        self.protocol
            .tell(Input::PeerUp(conn, peer, rank), Way::none());
        if first {
            self.tell_global(GlobalIn::PeerUp(peer), Way::none())?;
        }
        Ok(())
    }

    /// Returns true if one more peer of this priority may connect. Where all places are taken, a
    /// peer of the lowest priority below it is disconnected: the one that came last.
    fn make_room(&mut self, priority: PeerPriority) -> Result<bool> {
        let up = |conn: &Conn<MC>| conn.peer().is_some();
        if self.conns.values().filter(|conn| up(conn)).count()
            < self.common.limits.peers.connections
        {
            return Ok(true);
        }
        let known = self.conns.iter().filter(|(_, conn)| up(conn));
        let last = known
            .map(|(conn, found)| (found.priority, std::cmp::Reverse(*conn)))
            .min();
        match last {
            Some((lower, std::cmp::Reverse(conn))) if lower < priority => {
                self.common.metrics.limited(1);
                let why = "its place is needed for a preferred peer (limit peers.connections)";
                self.disconnect(conn, End::Refused(why))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Sets the priority of a peer. A peer that is blocked is disconnected at once.
    pub(super) fn set_priority(&mut self, peer: PeerId, priority: PeerPriority) -> Result<()> {
        self.peer_mgmt.set_priority(peer, priority);
        for conn in self.peers.get(&peer).cloned().unwrap_or_default() {
            if let Some(found) = self.conns.get_mut(&conn) {
                found.priority = priority;
            }
            if priority == PeerPriority::Blocked {
                self.common.metrics.peers_refused(1);
                self.disconnect(conn, End::Refused("this node does not talk to it any more"))?;
            }
        }
        Ok(())
    }

    /// Ends a connection: tells everybody who knows of it, and closes it.
    ///
    /// A connection that has failed is closed at once. Any other is closed when what waits has been
    /// written, or after the limit `timeouts.stop_timeout`.
    pub(super) fn disconnect(&mut self, conn: ConnId, end: End<'_>) -> Result<()> {
        let why = end.why();
        if !matches!(end, End::Unknown(_)) {
            let was_up = self.forget(conn, why)?.is_some();
            // In all other cases the protocol has removed the connection by itself.
            if was_up && matches!(end, End::Lost(_) | End::Refused(_)) {
                self.protocol.tell(Input::PeerDown(conn), Way::none());
            }
        }
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        let told = match end {
            End::Lost(_) => {
                self.closed(conn);
                return Ok(());
            }
            End::Handshake { last: None, .. } => Ok(false),
            End::Handshake {
                last: Some(last), ..
            } => found.send_handshake(last),
            End::Refused(why) | End::ByProtocol(why) | End::Unknown(why) => {
                let reason = why.to_owned();
                found.send(ProtoMessage::Bye { reason }, None, &Span::none())
            }
        };
        if let Err(error) = told {
            // A peer that cannot be told is disconnected all the same.
            tracing::debug!(conn, %error, "the peer does not learn why");
        }
        self.close_when_written(conn);
        Ok(())
    }

    /// Removes a connection from all that know of it but the protocol. Returns the peer if the
    /// protocol knows it.
    fn forget(&mut self, conn: ConnId, why: &str) -> Result<Option<PeerId>> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(None);
        };
        // Taken, so that a connection that is disconnected twice is reopened only once.
        let (state, wanted) = (found.state, found.wanted.take());
        if state == State::Leaving {
            return Ok(None);
        }
        let address = found.address.to_string();
        tracing::info!(conn, %address, %why, "disconnected");
        let State::Up(peer) = state else {
            self.handshake_over(conn);
            self.peer_mgmt.gone(conn);
            self.not_connected(wanted, || format!("cannot connect to {address}: {why}"))?;
            return Ok(None);
        };
        if let Some(index) = wanted.and_then(Wanted::bootstrap) {
            self.reconnect_later(index);
        }
        if let Some(of_peer) = self.peers.get_mut(&peer) {
            of_peer.retain(|other| *other != conn);
            if of_peer.is_empty() {
                self.peers.remove(&peer);
                self.tell_global(GlobalIn::PeerDown(peer), Way::none())?;
            }
        }
        Ok(Some(peer))
    }

    /// Closes a connection when what waits is written, or after a while.
    fn close_when_written(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get_mut(&conn) else {
            return;
        };
        if found.state == State::Leaving {
            return;
        }
        found.leave();
        let timeout = self.common.limits.timeouts.stop_timeout;
        self.timer(timeout, Timer::Leave(conn));
    }

    /// Closes a connection, which nobody but its host's count knows any more.
    pub(super) fn closed(&mut self, conn: ConnId) {
        let Some(found) = self.conns.remove(&conn) else {
            return;
        };
        let host = MC::Transport::host(&found.address);
        if let Some(of_host) = self.hosts.get_mut(&host) {
            of_host.connections = of_host.connections.saturating_sub(1);
            // Hosts without connections must not use memory: peers may come from very many
            // addresses.
            if of_host.connections == 0 {
                self.hosts.remove(&host);
            }
        }
        if let Err(error) = found.close(&self.common.poll) {
            tracing::debug!(conn, %error, "closing");
        }
    }

    /// Disconnects a peer that has accepted no queued message within `stall_timeout`.
    pub(super) fn look_for_stall(&mut self, conn: ConnId) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        let timeout = self.common.limits.timeouts.stall_timeout;
        match found.is_taking() {
            None => Ok(()),
            Some(true) => {
                self.timer(timeout, Timer::Stall(conn));
                Ok(())
            }
            Some(false) => {
                self.common.metrics.limited(1);
                self.disconnect(
                    conn,
                    // `Lost` and not `Refused`: the peer would not accept the BYE either.
                    End::Lost("it takes no messages (limit timeouts.stall_timeout)"),
                )
            }
        }
    }

    /// A reading or writing service has ended.
    pub(super) fn conn_ended(&mut self, conn: ConnId, wrote: bool, why: &str) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        match (found.state, wrote) {
            (State::Leaving, true) => {
                self.closed(conn);
                Ok(())
            }
            // It may still be told why it is left.
            (State::Leaving, false) => Ok(()),
            // What it said before it left is heard first: the reader ends when it has come to the end.
            (_, true) => {
                tracing::debug!(conn, %why, "it takes no more");
                found.deaf = true;
                found.ready(&self.common.poll, Ready::Readable);
                let timeout = self.common.limits.timeouts.stop_timeout;
                self.timer(timeout, Timer::Deaf(conn));
                Ok(())
            }
            (_, false) => self.disconnect(conn, End::Lost(why)),
        }
    }
}
