//! Peer connections of a computer: str0m on a UDP socket of the loop, with cryptography in Rust
//! alone.
//!
//! A native node and a browser connect to each other, and so do two native nodes. All connections
//! share one socket. They are reached at its address; what a NAT hides is not found out, so a node
//! behind one is told where it is seen, by [`advertise`](Native::advertise).

mod certificate;
mod crypto;
mod peer;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use mydht_evloop::Poll;
use mydht_evloop::net::UdpSocket;
use mydht_evloop::traits::{Ready, Registerable, Token};
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input};

use super::{Backend, Notify};
use crate::lock::lock;

pub use peer::NativePeer;
use peer::State;

/// Datagrams taken in one turn.
const DATAGRAMS_PER_TURN: usize = 512;

/// The longest datagram there is.
const DATAGRAM: usize = 64 * 1024;

/// State shared by all connections of one socket.
pub(super) struct Shared {
    socket: UdpSocket,
    local: SocketAddr,
    candidates: Vec<Candidate>,
    certificate: DtlsCert,
    crypto: Arc<CryptoProvider>,
    datagrams: bool,
    /// When the loop's clock was at zero, as far as is known, and what the last turn was told.
    clock: Mutex<Clock>,
}

#[derive(Clone, Copy)]
struct Clock {
    epoch: Instant,
    now: Duration,
}

impl Shared {
    fn now(&self) -> Instant {
        let clock = lock(&self.clock);
        clock.epoch + clock.now
    }
}

/// Makes native peer connections.
///
/// ```
/// use mydht_evloop::Poll;
/// use mydht_transports::rendezvous::LocalRendezvous;
/// use mydht_transports::webrtc::WebRtc;
/// use mydht_transports::webrtc::native::Native;
///
/// let rendezvous = LocalRendezvous::<Poll>::default();
/// let backend = Native::bind("127.0.0.1:0".parse()?)?;
/// let rtc = WebRtc::new(rendezvous.join("alice".parse()?)?, backend);
/// # drop(rtc);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Native {
    shared: Arc<Shared>,
    peers: Vec<Weak<Mutex<State>>>,
    buffer: Vec<u8>,
}

impl Native {
    /// On a socket of this address; port 0 asks the system for a free one. The address must be one
    /// that peers can reach: all interfaces at once are none.
    ///
    /// # Errors
    /// What the system says, with the address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("cannot use udp:{address} for WebRTC: {error}"))
        };
        if address.ip().is_unspecified() {
            return Err(failed(&"write the address of one interface"));
        }
        let socket = UdpSocket::bind(&address).map_err(|error| failed(&error))?;
        let local = socket.local_addr()?;
        let own = Candidate::host(local, "udp").map_err(|error| failed(&error))?;
        Ok(Native {
            shared: Arc::new(Shared {
                socket,
                local,
                candidates: vec![own],
                certificate: certificate::generate().map_err(|error| failed(&error))?,
                crypto: Arc::new(crypto::provider()),
                datagrams: false,
                clock: Mutex::new(Clock {
                    epoch: Instant::now(),
                    now: Duration::ZERO,
                }),
            }),
            peers: Vec::new(),
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Returns the local address of the socket.
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local
    }

    /// Advertises an outer `address` too, such as a port that a NAT forwards.
    ///
    /// # Errors
    /// When this address cannot be a candidate.
    pub fn advertise(mut self, address: SocketAddr) -> io::Result<Self> {
        let seen = Candidate::server_reflexive(address, self.shared.local, "udp")
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        self.configure(|shared| shared.candidates.push(seen));
        Ok(self)
    }

    /// Adds a second channel for messages that may be lost. Both ends must have it.
    #[must_use]
    pub fn with_datagrams(mut self) -> Self {
        self.configure(|shared| shared.datagrams = true);
        self
    }

    fn configure(&mut self, change: impl FnOnce(&mut Shared)) {
        // Before the first connection nobody else has it.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
    }

    fn receive(&mut self, now: Instant) -> bool {
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.shared.socket.recv_from(&mut self.buffer) {
                Ok((len, source)) => self.take(len, source, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // A peer's port that is closed, by ICMP: its heartbeat will say so.
                Err(_) => {}
            }
        }
        true
    }

    fn take(&self, len: usize, source: SocketAddr, now: Instant) {
        let Some(bytes) = self.buffer.get(..len) else {
            return;
        };
        // What is no packet of WebRTC is nobody's.
        let Ok(packet) = Receive::new(Protocol::Udp, source, self.shared.local, bytes) else {
            return;
        };
        let input = Input::Receive(now, packet);
        for peer in self.peers.iter().filter_map(Weak::upgrade) {
            let mut peer = lock(&peer);
            if peer.accepts(&input) {
                return peer.input(input);
            }
        }
    }
}

impl Backend for Native {
    type Peer = NativePeer;

    fn peer(&mut self, notify: Notify) -> io::Result<NativePeer> {
        let peer = NativePeer::new(self.shared.clone(), notify)?;
        self.peers.push(peer.downgrade());
        Ok(peer)
    }

    fn turn(&mut self, now: Duration) -> Option<Duration> {
        {
            let mut clock = lock(&self.shared.clock);
            // The loop's clock may have another zero.
            if clock.now == Duration::ZERO {
                clock.epoch = Instant::now().checked_sub(now).unwrap_or(clock.epoch);
            }
            // str0m must not be told an earlier time than before.
            clock.now = clock.now.max(now);
        }
        let instant = self.shared.now();
        // The transport owns the connections: here are only weak references to them.
        self.peers.retain(|peer| peer.strong_count() > 0);
        let more = self.receive(instant);
        // An edge-triggered socket does not report again what was left in it.
        let mut due = more.then_some(instant);
        for peer in self.peers.iter().filter_map(Weak::upgrade) {
            let mut peer = lock(&peer);
            if peer.deadline() <= instant {
                peer.input(Input::Timeout(instant));
            }
            due = Some(due.map_or(peer.deadline(), |due| due.min(peer.deadline())));
        }
        let wait = due?.saturating_duration_since(instant);
        // A deadline that has passed is rounded up to 1 ms: otherwise a peer whose deadline never moves
        // would have the loop spin.
        Some(
            now + if more {
                wait
            } else {
                wait.max(Duration::from_millis(1))
            },
        )
    }
}

impl Registerable<Poll> for Native {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        Registerable::register(&self.shared.socket, poll, token, interest)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        Registerable::reregister(&self.shared.socket, poll, token, interest)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        Registerable::deregister(&self.shared.socket, poll)
    }
}
