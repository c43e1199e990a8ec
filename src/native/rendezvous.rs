//! A native node among the users of a rendezvous server.

#[cfg(feature = "webrtc")]
mod direct;

use std::io;
#[cfg(feature = "webrtc")]
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mydht_evloop::Poll;
use mydht_rendezvous::{
    Connection, Dialer, Event, Handle, Path, PeerRendezvous, Relay, Running, ServerAddress, UserId,
    id_of,
};
use mydht_transports::InvalidAddress;
use mydht_transports::many::Many;

use super::Conf;
use super::network::Users;
use crate::identity::Identity;
use crate::service::{GlobalService, SignalPort};
use crate::{Address, Node};

/// Interval between looks at the node's connections.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Rendezvous server of a node, and how users there find it.
#[derive(Clone, Debug, Default)]
pub struct RendezvousConfig {
    /// The servers, each of which will do: the next is tried when one is lost.
    pub servers: Vec<ServerAddress>,
    /// The room whose members it connects with; `None`: it is only found, by its id.
    pub room: Option<String>,
    /// Relay everything through the server, so that peers do not learn the node's address; they are
    /// reached more slowly.
    pub relay_only: bool,
    /// UDP socket for WebRTC: the address of one interface; `None`: a free port of the interface
    /// that leads out.
    #[cfg(feature = "webrtc")]
    pub webrtc: Option<SocketAddr>,
    /// Address at which the socket is seen from outside, if a NAT translates it.
    #[cfg(feature = "webrtc")]
    pub seen_as: Option<SocketAddr>,
}

impl RendezvousConfig {
    /// Returns the configuration of a node in this room of a server.
    ///
    /// # Errors
    /// When `server` is not the address of a server.
    pub fn room(server: &str, room: &str) -> Result<Self, InvalidAddress> {
        Ok(RendezvousConfig {
            servers: vec![server.parse()?],
            room: Some(room.to_owned()),
            ..RendezvousConfig::default()
        })
    }
}

/// Message to the thread that follows the rooms.
enum Heard {
    Rendezvous(Event),
    /// The node has ended.
    Over,
}

/// A client of the server, before there is a node that uses it.
pub(super) struct Client {
    peers: PeerRendezvous<Poll>,
    running: Running<Poll>,
    send: Sender<Heard>,
    heard: Receiver<Heard>,
}

/// Connects with the server, and gives the transports over it.
pub(super) fn start(
    rendezvous: &RendezvousConfig,
    identity: &Arc<Identity>,
) -> io::Result<(Client, Users)> {
    let config = mydht_rendezvous::Config {
        identity: Box::new(identity.clone()),
        id_of,
        servers: rendezvous.servers.clone(),
        seed: getrandom::u64().map_err(io::Error::other)?,
    };
    #[cfg(feature = "webrtc")]
    let backend = direct::backend(rendezvous)?;
    let (send, heard) = channel();
    let told = send.clone();
    // Whoever listened may have ended.
    let listener = move |event| drop(told.send(Heard::Rendezvous(event)));
    let running = mydht_rendezvous::start::<Poll>(config, listener)?;
    let handle = running.handle();
    if let Some(room) = &rendezvous.room {
        handle.join(room);
    }
    let peers = PeerRendezvous::new(identity.clone());
    let relay = Many(vec![Relay::new(handle.clone())]);
    #[cfg(feature = "webrtc")]
    let users = direct::with_relay(backend, &handle, &peers, relay);
    #[cfg(not(feature = "webrtc"))]
    let users = relay;
    let client = Client {
        peers,
        running,
        send,
        heard,
    };
    Ok((client, users))
}

/// A node's place among the users.
pub(super) struct Membership {
    handle: Handle<Poll>,
    send: Sender<Heard>,
    thread: JoinHandle<()>,
}

impl Client {
    /// Returns the signal port, through which the node's peers carry signals.
    pub(super) fn signal_port(&self) -> Box<dyn SignalPort> {
        Box::new(self.peers.clone())
    }

    /// Connects the node with the members of its room as long as it lives, on a thread of its own.
    pub(super) fn follow<G: GlobalService + Send>(
        self,
        node: Node<Conf<G>>,
    ) -> io::Result<Membership> {
        let Client {
            running,
            send,
            heard,
            ..
        } = self;
        let handle = running.handle();
        let thread = std::thread::Builder::new()
            .name("room".into())
            .spawn(move || follow(&running, &heard, &node))?;
        Ok(Membership {
            handle,
            send,
            thread,
        })
    }
}

impl Membership {
    /// Returns the state of the connection with the server, for people.
    pub(super) fn state(&self) -> String {
        self.handle.state().to_string()
    }

    /// The node has ended: so does this.
    pub(super) fn end(self) {
        // It may have ended by itself.
        let _ = self.send.send(Heard::Over);
        let _ = self.thread.join();
    }
}

fn follow<G: GlobalService>(
    running: &Running<Poll>,
    heard: &Receiver<Heard>,
    node: &Node<Conf<G>>,
) {
    let start = Instant::now();
    let mut dialer = Dialer::new(running.handle().user().into());
    loop {
        // With a timeout, because the dialer also acts by time: it tries the relay if no direct
        // path comes up.
        match heard.recv_timeout(LOOK_EVERY) {
            Ok(Heard::Rendezvous(event)) => hear(&mut dialer, &event),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Heard::Over) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let Ok(links) = node.links().wait() else {
            return;
        };
        let ways: Vec<Connection> = links.iter().filter_map(Connection::of).collect();
        for (peer, path) in dialer.turn(start.elapsed(), &ways) {
            if node.connect(&address(peer.into(), path)).is_err() {
                return;
            }
        }
    }
}

fn hear(dialer: &mut Dialer, event: &Event) {
    match event {
        Event::Joined(_, users) => {
            dialer.join(users.iter().map(|user| (*user).into()));
        }
        Event::Entered(_, user) => dialer.come((*user).into()),
        Event::Left(_, user) => dialer.leave(&(*user).into()),
        _ => {}
    }
}

/// Returns the address of a user over this path.
fn address(user: UserId, path: Path) -> Address {
    match path {
        Path::Direct => Address::WebRtc(user.into()),
        Path::Relayed => Address::Relay(user.into()),
    }
}
