//! How a native node reaches its peers, and is reached.

use std::io;

use mydht_evloop::Poll;
use mydht_transports::Transport;
use mydht_transports::either::{Either, EitherOf};
use mydht_transports::many::Many;
use mydht_transports::tcp::{Tcp, TcpAddress};
use mydht_transports::websocket::{WebSocket, WsAddress};

#[cfg(feature = "rendezvous")]
pub use super::room::Signalling;

/// Where a node listens: `tcp:IP:PORT` (or `IP:PORT` alone), or `ws://IP:PORT/PATH`.
pub type Listen = Either<TcpAddress, WsAddress>;

/// What reaches the users of a signalling server: directly, or over the server.
#[cfg(feature = "rendezvous")]
pub(super) type Users = EitherOf<
    Many<
        mydht_transports::webrtc::WebRtc<
            mydht_rendezvous::Signals<Poll>,
            mydht_transports::webrtc::native::Native,
        >,
    >,
    Many<mydht_rendezvous::Relay<Poll>>,
>;

/// The transports of a native node. What it was not told to use is not there, and costs nothing.
#[cfg(feature = "rendezvous")]
pub type Network = EitherOf<Many<Tcp>, EitherOf<Many<WebSocket>, Users>>;

/// The transports of a native node. What it was not told to use is not there, and costs nothing.
#[cfg(not(feature = "rendezvous"))]
pub type Network = EitherOf<Many<Tcp>, Many<WebSocket>>;

/// Where a node finds a peer: `tcp:IP:PORT` or `ws://HOST:PORT/PATH`, and with the feature `rendezvous` `rtc:ID` or
/// `relay:ID`, a user of its signalling server.
pub type Address = <Network as Transport<Poll>>::Address;

/// Listens at each of these addresses. What listens nowhere can connect all the same.
pub(super) fn listen(addresses: &[Listen]) -> io::Result<(Many<Tcp>, Many<WebSocket>)> {
    let (mut tcp, mut ws) = (Vec::new(), Vec::new());
    for address in addresses {
        match address {
            Either::First(address) => tcp.push(Tcp::listen(*address)?),
            Either::Second(address) => ws.push(WebSocket::listen(address)?),
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
