//! Transports of a native node.

use std::io;
use std::net::ToSocketAddrs;

use mydht_evloop::Poll;
use mydht_transports::Transport;
use mydht_transports::either::{Either, EitherOf};
use mydht_transports::many::Many;
use mydht_transports::tcp::{Tcp, TcpAddress};
use mydht_transports::websocket::WebSocket;

use crate::{Address, HostPort};

#[cfg(feature = "rendezvous")]
pub use super::rendezvous::RendezvousConfig;

/// Transports to the users of a rendezvous server: WebRTC, and the server's relay.
#[cfg(feature = "webrtc")]
pub(super) type Users = EitherOf<
    Many<
        mydht_transports::webrtc::WebRtc<
            mydht_rendezvous::NodeRendezvous<Poll>,
            mydht_transports::webrtc::native::Native,
        >,
    >,
    Many<mydht_rendezvous::Relay<Poll>>,
>;

/// The transport to the users of a rendezvous server: the server's relay.
#[cfg(all(feature = "rendezvous", not(feature = "webrtc")))]
pub(super) type Users = Many<mydht_rendezvous::Relay<Poll>>;

/// The transports of a native node. What it was not told to use is not there, and costs nothing.
#[cfg(feature = "rendezvous")]
pub type Network = EitherOf<Many<Tcp>, EitherOf<Many<WebSocket>, Users>>;

/// The transports of a native node. What it was not told to use is not there, and costs nothing.
#[cfg(not(feature = "rendezvous"))]
pub type Network = EitherOf<Many<Tcp>, Many<WebSocket>>;

/// An address as the transports of a native node have it.
pub(super) type NetworkAddress = <Network as Transport<Poll>>::Address;

/// Listens at each of these addresses. A transport that listens nowhere can still connect.
pub(super) fn listen(addresses: &[Address]) -> io::Result<(Many<Tcp>, Many<WebSocket>)> {
    let (mut tcp, mut ws) = (Vec::new(), Vec::new());
    for address in addresses {
        match address {
            Address::Tcp(at) => tcp.push(Tcp::listen(TcpAddress(*at))?),
            Address::TcpName(name) => {
                // Listens at each address of the name, because a peer that resolves it may use any.
                for at in resolve(name)? {
                    tcp.push(Tcp::listen(at)?);
                }
            }
            Address::WebSocket(address) => ws.push(WebSocket::listen(address)?),
            other => {
                let why = format!("cannot listen on {other}: write IP:PORT or ws://IP:PORT/PATH");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        }
    }
    if tcp.is_empty() {
        tcp.push(Tcp::connect_only());
    }
    if ws.is_empty() {
        ws.push(WebSocket::connect_only());
    }
    Ok((Many(tcp), Many(ws)))
}

/// Returns the addresses by which the transports connect with `address`: several for a name that
/// has several.
///
/// Names are looked up here, on the caller's thread, and only for addresses that the user gives: a
/// peer must not be able to make a node ask its resolver.
pub(super) fn reach(address: &Address) -> io::Result<Vec<NetworkAddress>> {
    match address {
        Address::TcpName(name) => Ok(resolve(name)?.into_iter().map(Either::First).collect()),
        other => match other.to_string().parse() {
            Ok(address) => Ok(vec![address]),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidInput, error)),
        },
    }
}

/// Looks up the name of a host. The result is not empty.
fn resolve(name: &HostPort) -> io::Result<Vec<TcpAddress>> {
    let failed = |kind, why: String| {
        let what = format!("cannot find the host `{}`: {why}", name.host());
        io::Error::new(kind, what)
    };
    let found = (name.host(), name.port()).to_socket_addrs();
    let found = found.map_err(|error| failed(error.kind(), error.to_string()))?;
    let found: Vec<TcpAddress> = found.map(TcpAddress).collect();
    match found.is_empty() {
        true => Err(failed(io::ErrorKind::NotFound, "it has no address".into())),
        false => Ok(found),
    }
}
