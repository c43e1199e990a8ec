//! How connections begin and end.

use std::io;

use mydht_evloop::traits::Poll;
use mydht_spawner::{Result, SpawnSend};
use mydht_transports::Transport;

use super::{FIRST_RECONNECT, MainLoop, Timer, challenge};
use crate::conf::{Address, Connection, MyDHTConf};
use crate::engine::{ConnId, Input};
use crate::handshake::Handshake;
use crate::id::PeerId;
use crate::msg::ProtoMessage;
use crate::service::MainCommand;
use crate::service::connection::{Conn, State};

impl<MC: MyDHTConf> MainLoop<MC> {
    pub(super) fn accept(&mut self) -> Result<()> {
        loop {
            match self.parts.transport.accept() {
                Ok((stream, address)) => {
                    if self.stopping || self.conns.len() >= self.parts.limits.connections {
                        tracing::warn!(%address, "refused a connection (limit connections)");
                        continue;
                    }
                    let state = State::Authenticating(Handshake::accept(challenge()?));
                    self.start(stream, address, state, None)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // One connection failed before it was accepted, or there are no descriptors left. An edge is reported
                // once, so those that wait behind it are looked after again soon.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    let soon = self.parts.poll.now() + FIRST_RECONNECT;
                    self.timers.insert((soon, Timer::Accept));
                    return Ok(());
                }
            }
        }
    }

    /// Starts the services of a connection. A connection that fails at once is no failure of the node.
    pub(super) fn start(
        &mut self,
        stream: Connection<MC>,
        address: Address<MC>,
        state: State,
        bootstrap: Option<usize>,
    ) -> Result<()> {
        let conn = self.next_conn;
        self.next_conn += 1;
        self.parts.metrics.connections(1);
        let main = self.main.clone();
        let shown = address.to_string();
        match Conn::start(&self.parts, main, conn, stream, address, state) {
            Ok(mut started) => {
                started.bootstrap = bootstrap;
                self.conns.insert(conn, started);
                let deadline = self.parts.poll.now() + self.parts.limits.handshake_timeout;
                self.timers.insert((deadline, Timer::Handshake(conn)));
                // What came before it was registered is reported by no event on some transports.
                self.main.send(MainCommand::Resume(conn))
            }
            Err(error) => {
                tracing::warn!(address = %shown, %error, "a connection failed at its start");
                match bootstrap {
                    Some(index) => {
                        self.reconnect_later(index);
                        self.connect_failed(format!("cannot connect to {shown}: {error}"))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(super) fn connect(&mut self, index: usize) -> Result<()> {
        let Some(bootstrap) = self.bootstrap.get(index) else {
            return Ok(());
        };
        let address = bootstrap.address.clone();
        match self.parts.transport.connect_with(&address) {
            Ok(stream) => {
                let (handshake, ping) = Handshake::connect(self.parts.id, challenge()?);
                let conn = self.next_conn;
                self.start(
                    stream,
                    address,
                    State::Authenticating(handshake),
                    Some(index),
                )?;
                self.send(conn, ping, None)
            }
            Err(error) => {
                self.reconnect_later(index);
                self.connect_failed(error.to_string())
            }
        }
    }

    /// A peer to be connected with could not be: it is tried again later.
    pub(super) fn connect_failed(&mut self, why: String) -> Result<()> {
        tracing::info!(%why, "trying again later");
        let hopeless = self.conns.values().all(|conn| conn.bootstrap.is_none());
        self.tell_api(Input::ConnectFailed(why, hopeless))
    }

    pub(super) fn reconnect_later(&mut self, index: usize) {
        if self.stopping {
            return;
        }
        if let Some(bootstrap) = self.bootstrap.get_mut(index) {
            let at = self.parts.poll.now() + bootstrap.wait;
            bootstrap.wait = (bootstrap.wait * 2).min(self.parts.limits.reconnect_timeout);
            self.timers.insert((at, Timer::Reconnect(index)));
        }
    }

    /// The peer is authenticated.
    pub(super) fn up(&mut self, conn: ConnId, peer: PeerId) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        tracing::info!(conn, address = %found.address, ?peer, "connected");
        found.state = State::Up;
        if let Some(bootstrap) = found
            .bootstrap
            .and_then(|index| self.bootstrap.get_mut(index))
        {
            bootstrap.wait = FIRST_RECONNECT;
        }
        self.tell_api(Input::PeerUp(conn, peer))
    }

    /// A connection came to its end.
    pub(super) fn lost(&mut self, conn: ConnId, why: &str) -> Result<()> {
        let found = self.conns.get(&conn);
        let tried = found.and_then(|found| found.bootstrap.map(|_| found.address.to_string()));
        if self.forget(conn, why) {
            return self.tell_api(Input::PeerDown(conn));
        }
        match tried {
            Some(address) => self.connect_failed(format!("cannot connect to {address}: {why}")),
            None => Ok(()),
        }
    }

    /// Closes a connection; true if its peer was known to the protocol.
    pub(super) fn forget(&mut self, conn: ConnId, why: &str) -> bool {
        let Some(found) = self.conns.remove(&conn) else {
            return false;
        };
        tracing::info!(conn, address = %found.address, %why, "disconnected");
        let was_up = matches!(found.state, State::Up);
        if let Some(index) = found.bootstrap {
            self.reconnect_later(index);
        }
        if let Err(error) = found.close(&self.parts.poll) {
            tracing::debug!(conn, %error, "closing");
        }
        was_up
    }

    /// Tells a peer why it is left, if it takes that at once.
    pub(super) fn say_bye(&mut self, conn: ConnId, why: &str) {
        if let Some(found) = self.conns.get_mut(&conn) {
            let reason = why.to_owned();
            // It is left in any case.
            let _ = found.send(ProtoMessage::Bye { reason }, None);
        }
    }
}
