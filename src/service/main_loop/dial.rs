//! Connections that the protocol asks for, and where peers say they are found.

use std::io;

use mydht_spawner::Result;
use mydht_transports::Transport;
use tracing::Span;

use super::MainLoop;
use crate::conf::{Address, Connection, MyDHTConf};
use crate::engine::{ConnId, Input};
use crate::id::PeerId;
use crate::msg::ProtoMessage;
use crate::service::connection::Wanted;
use crate::service::hosted::Way;

impl<MC: MyDHTConf> MainLoop<MC> {
    /// Connects with `peer`, which was said to be found at `address`.
    pub(super) fn dial(&mut self, peer: PeerId, address: &str) -> Result<()> {
        match self.open(address) {
            Ok((stream, address)) => {
                let conn = self.start(stream, address, Some(Wanted::Peer(peer)))?;
                self.connected(conn)
            }
            Err(error) => {
                tracing::debug!(?peer, address, %error, "not connected");
                self.tell_api(Input::Unreachable(peer), Way::none())
            }
        }
    }

    /// Connects with a peer that the user names, once.
    pub(super) fn connect_to(&mut self, address: &str) -> Result<()> {
        match self.open(address) {
            Ok((stream, address)) => {
                let conn = self.start(stream, address, None)?;
                self.connected(conn)
            }
            Err(error) => {
                tracing::warn!(address, %error, "cannot connect");
                Ok(())
            }
        }
    }

    fn open(&mut self, address: &str) -> io::Result<(Connection<MC>, Address<MC>)> {
        if self.stopping.is_some() {
            return Err(io::Error::other("this node stops"));
        }
        if self.conns.len() >= self.common.limits.connections {
            self.common.metrics.limited(1);
            let why = "there are too many connections (limit connections)";
            return Err(io::Error::other(why));
        }
        let address: Address<MC> = address.parse().map_err(io::Error::other)?;
        Ok((self.transport.connect_with(&address)?, address))
    }

    /// Tells a peer where this node is found, if it can be found.
    pub(super) fn say_hello(&mut self, conn: ConnId) -> Result<()> {
        let Some(address) = self.transport.local_address() else {
            return Ok(());
        };
        let address = address.to_string();
        self.send(conn, ProtoMessage::Hello { address }, None, &Span::none())
    }

    /// A peer says where it is found. One that this node could not go to is as good as none.
    pub(super) fn hello(&mut self, conn: ConnId, address: &str, way: Way) -> Result<()> {
        let observed = self.conns.get(&conn).map(|conn| conn.address.clone());
        match (address.parse::<Address<MC>>(), observed) {
            (Ok(claimed), Some(observed)) => {
                let address = self.transport.address_of(claimed, &observed).to_string();
                self.tell_api(Input::Reachable(conn, address), way)
            }
            (Err(why), _) => {
                tracing::debug!(conn, %why, "a peer is found where this node cannot go");
                self.done(way)
            }
            (Ok(_), None) => self.done(way),
        }
    }
}
