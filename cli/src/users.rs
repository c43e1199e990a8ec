//! A node among the users of a rendezvous server: what `node`, `put` and `get` share.

#[cfg(feature = "webrtc")]
use std::net::SocketAddr;

use mydht::native::RendezvousConfig;
use mydht_rendezvous::ServerAddress;

#[derive(clap::Args, Clone)]
pub struct Users {
    /// A rendezvous server (`mydht signal`), as ws://HOST:PORT, where browsers and nodes behind
    /// NATs are found; may be given several times: one is used, the next when it is lost.
    #[arg(long, value_name = "URL")]
    rendezvous: Vec<ServerAddress>,
    /// The room there whose members are connected with; a page is in the room that its address
    /// names, or in `lobby`.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "lobby",
        requires = "rendezvous"
    )]
    room: String,
    /// Reach its users over the server only, so that they do not learn this machine's address. What
    /// passes there is encrypted, and slower.
    #[arg(long, requires = "rendezvous")]
    #[cfg_attr(feature = "webrtc", arg(conflicts_with = "webrtc"))]
    relay_only: bool,
    /// The UDP address for direct connections with its users (WebRTC), of one interface. Without
    /// it, a free port of the interface that leads out.
    #[arg(long, value_name = "IP:PORT", requires = "rendezvous")]
    #[cfg(feature = "webrtc")]
    webrtc: Option<SocketAddr>,
    /// Address at which that socket is seen from outside, where a NAT forwards a port to it.
    #[arg(long, value_name = "IP:PORT", requires = "webrtc")]
    #[cfg(feature = "webrtc")]
    webrtc_seen_as: Option<SocketAddr>,
}

impl Users {
    /// Returns the node's configuration; `None` without a server.
    pub fn rendezvous(&self) -> Option<RendezvousConfig> {
        (!self.rendezvous.is_empty()).then(|| RendezvousConfig {
            servers: self.rendezvous.clone(),
            room: Some(self.room.clone()),
            relay_only: self.relay_only,
            #[cfg(feature = "webrtc")]
            webrtc: self.webrtc,
            #[cfg(feature = "webrtc")]
            seen_as: self.webrtc_seen_as,
        })
    }
}
