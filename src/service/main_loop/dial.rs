//! Connections that the protocol asks for, and where peers say they are found.

use std::collections::VecDeque;
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

/// Places where one peer is looked for, at most.
const PLACES: usize = 4;

impl<MC: MyDHTConf> MainLoop<MC> {
    /// Connects with `peer`, which was said to be found at these addresses, of which spaces are between: the first that
    /// leads to it.
    pub(super) fn dial(&mut self, peer: PeerId, addresses: &str) -> Result<()> {
        let places = addresses.split_whitespace().take(PLACES);
        self.dialing
            .insert(peer, places.map(str::to_owned).collect());
        self.dial_next(peer)
    }

    /// Goes on with the next of the addresses of a peer that is being looked for.
    pub(super) fn dial_next(&mut self, peer: PeerId) -> Result<()> {
        while let Some(address) = self.dialing.get_mut(&peer).and_then(VecDeque::pop_front) {
            match self.open(&address) {
                Ok((stream, address)) => {
                    let conn = self.start(stream, address, Some(Wanted::Peer(peer)))?;
                    return self.connected(conn);
                }
                Err(error) => tracing::debug!(?peer, address, %error, "not connected"),
            }
        }
        self.dialing.remove(&peer);
        self.protocol.tell(Input::Unreachable(peer), Way::none());
        Ok(())
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
        let most = self.common.limits.address_bytes;
        let mut address = String::new();
        for place in self.transport.local_addresses() {
            let place = place.to_string();
            let space = usize::from(!address.is_empty());
            if address.len() + space + place.len() <= most {
                address.extend(std::iter::repeat_n(' ', space));
                address += &place;
            }
        }
        if address.is_empty() {
            return Ok(());
        }
        self.send(conn, ProtoMessage::Hello { address }, None, &Span::none())
    }

    /// A peer says where it is found: at one address, or at several with spaces between. Those that this node cannot go
    /// to are kept for others, which it tells of this peer; one that cannot go to any does without.
    pub(super) fn hello(&mut self, conn: ConnId, address: &str, way: Way) -> Result<()> {
        let Some(observed) = self.conns.get(&conn).map(|conn| conn.address.clone()) else {
            return self.done(way);
        };
        let place = |place: &str| match place.parse::<Address<MC>>() {
            Ok(claimed) => self.transport.address_of(claimed, &observed).to_string(),
            Err(_) => place.to_owned(),
        };
        let places = address.split_whitespace().take(PLACES);
        let places: Vec<String> = places.map(place).collect();
        if places.is_empty() {
            return self.done(way);
        }
        self.protocol
            .tell(Input::Reachable(conn, places.join(" ")), way);
        Ok(())
    }
}
