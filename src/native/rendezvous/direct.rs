//! Direct connections between users, by WebRTC.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use mydht_evloop::Poll;
use mydht_rendezvous::{Handle, NodeRendezvous, PeerRendezvous, Relay};
use mydht_transports::either::EitherOf;
use mydht_transports::many::Many;
use mydht_transports::webrtc::WebRtc;
use mydht_transports::webrtc::native::Native;

use super::RendezvousConfig;
use crate::native::network::Users;

/// Binds the socket of WebRTC. `None`: everything is relayed.
pub(super) fn backend(rendezvous: &RendezvousConfig) -> io::Result<Option<Native>> {
    if rendezvous.relay_only {
        return Ok(None);
    }
    let backend = Native::bind(udp_address(rendezvous)?)?;
    match rendezvous.seen_as {
        Some(address) => backend.advertise(address).map(Some),
        None => Ok(Some(backend)),
    }
}

/// Returns the transports to the users: WebRTC, if there is a backend, and the relay.
pub(super) fn with_relay(
    backend: Option<Native>,
    handle: &Handle<Poll>,
    peers: &PeerRendezvous<Poll>,
    relay: Many<Relay<Poll>>,
) -> Users {
    let signals = || NodeRendezvous::new(handle.clone(), peers.clone());
    let direct = backend.map(|backend| WebRtc::new(signals(), backend));
    EitherOf(direct.into(), relay)
}

/// The socket of WebRTC: where it was said, or on the interface by which the server is reached; if
/// that is this machine itself, on the one that leads out.
fn udp_address(rendezvous: &RendezvousConfig) -> io::Result<SocketAddr> {
    if let Some(address) = rendezvous.webrtc {
        return Ok(address);
    }
    // Nothing is sent: the system says from where it would be (RFC 5737's address is nobody's).
    let from = |to: SocketAddr| {
        let any: SocketAddr = if to.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(to)?;
        socket.local_addr().map(|address| address.ip())
    };
    let server = rendezvous
        .servers
        .first()
        .and_then(|server| server.name().to_socket_addrs().ok()?.next());
    let outside = SocketAddr::from(([192, 0, 2, 1], 9));
    let ip = server
        .into_iter()
        .chain([outside])
        .filter_map(|to| from(to).ok())
        .find(|ip| !ip.is_loopback())
        .unwrap_or(Ipv4Addr::LOCALHOST.into());
    Ok((ip, 0).into())
}
