//! Connections that the protocol asks for, and the addresses that peers name of themselves.

use std::collections::VecDeque;
use std::io;

use mydht_spawner::Result;
use mydht_transports::Transport;
use tracing::Span;

use super::MainLoop;
use crate::Addresses;
use crate::address::{for_transport, on_the_wire};
use crate::conf::{Address, Connection, MyDHTConf};
use crate::engine::{ConnId, Input};
use crate::id::PeerId;
use crate::msg::ProtoMessage;
use crate::service::connection::Wanted;
use crate::service::hosted::Way;

impl<MC: MyDHTConf> MainLoop<MC> {
    /// Connects with `peer` at the first of these addresses that leads to it.
    pub(super) fn dial(&mut self, peer: PeerId, addresses: &Addresses) -> Result<()> {
        self.dialing.insert(peer, addresses.to_vec().into());
        self.dial_next(peer)
    }

    /// Tries the next address of a peer that is being dialled.
    pub(super) fn dial_next(&mut self, peer: PeerId) -> Result<()> {
        while let Some(address) = self.dialing.get_mut(&peer).and_then(VecDeque::pop_front) {
            match self.open(&address) {
                Ok((stream, address)) => {
                    // The other addresses stay in `dialing`; if this connection fails,
                    // `not_connected` tries the next.
                    let conn = self.start(stream, address, Some(Wanted::Peer(peer)))?;
                    return self.connected(conn);
                }
                Err(error) => tracing::debug!(?peer, %address, %error, "not connected"),
            }
        }
        self.dialing.remove(&peer);
        self.protocol.tell(Input::Unreachable(peer), Way::none());
        Ok(())
    }

    /// Connects once with a peer that the user names.
    pub(super) fn connect_to(&mut self, address: &crate::Address) -> Result<()> {
        match self.open(address) {
            Ok((stream, address)) => {
                let conn = self.start(stream, address, None)?;
                self.connected(conn)
            }
            Err(error) => {
                tracing::warn!(%address, %error, "cannot connect");
                Ok(())
            }
        }
    }

    fn open(&mut self, address: &crate::Address) -> io::Result<(Connection<MC>, Address<MC>)> {
        if self.stopping.is_some() {
            return Err(io::Error::other("this node stops"));
        }
        if self.conns.len() >= self.common.limits.peers.connections {
            self.common.metrics.limited(1);
            let why = "there are too many connections (limit peers.connections)";
            return Err(io::Error::other(why));
        }
        let address = for_transport::<MC>(address).map_err(io::Error::other)?;
        Ok((self.transport.connect_with(&address)?, address))
    }

    /// Sends a peer the addresses of this node, if it has any.
    pub(super) fn say_hello(&mut self, conn: ConnId) -> Result<()> {
        let most = self.common.limits.sizes.address_bytes;
        let own = self.transport.local_addresses().into_iter();
        let own = own.filter_map(|address| on_the_wire(&address));
        let addresses: Addresses = own.filter(|own| !own.is_longer_than(most)).collect();
        if addresses.is_empty() {
            return Ok(());
        }
        let hello = ProtoMessage::Hello { addresses };
        self.send(conn, hello, None, &Span::none())
    }

    /// Handles the addresses that a peer names of itself. Addresses of transports that this node
    /// does not have are kept for other nodes, which learn them from this one.
    pub(super) fn hello(&mut self, conn: ConnId, addresses: &Addresses, way: Way) -> Result<()> {
        let Some(observed) = self.conns.get(&conn).map(|conn| conn.address.clone()) else {
            return self.done(way);
        };
        if addresses.is_empty() {
            return self.done(way);
        }
        // A peer that listens on all its interfaces does not know the address at which it was seen.
        let seen = |named: &crate::Address| match for_transport::<MC>(named) {
            Ok(claimed) => on_the_wire(&self.transport.address_of(claimed, &observed)),
            Err(_) => Some(named.clone()),
        };
        let addresses = addresses.iter().filter_map(seen).collect();
        self.protocol.tell(Input::Reachable(conn, addresses), way);
        Ok(())
    }
}
