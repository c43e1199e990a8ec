//! Components of a node.

use std::time::Duration;

use mydht_evloop::traits::Poll;

use crate::conf::{Address, MyDHTConf};
use crate::handshake::Credentials;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::policy::{PeerMgmtMeths, PeerPolicy};
use crate::routing::{self, Route};
use crate::store::wall_clock;
use mydht_proto::SignalPort;

/// The values of a node's parts.
pub struct Components<MC: MyDHTConf> {
    /// The event loop.
    pub poll: MC::Poll,
    /// Transport by which peers are reached.
    pub transport: MC::Transport,
    /// Encoding of messages.
    pub enc: MC::MsgEnc,
    /// Cipher layer of connections.
    pub shadow: MC::Shadow,
    /// Store of records.
    pub records: MC::Records,
    /// Store of attachments.
    pub attachments: MC::Attachments,
    /// The user's own service, of which there is one.
    pub global: Option<MC::Global>,
    /// The user's own service, of which each peer has a clone.
    pub local: Option<MC::Local>,
    /// Identity of the node, with the mode and the secrets of its network.
    pub credentials: Credentials,
    /// Peers that the node talks to.
    pub policy: Box<dyn PeerMgmtMeths>,
    /// Contacts of the node, and the order in which it asks them.
    pub route: Box<dyn Route + Send>,
    /// The time since 1970 (UTC) when the event loop's time was zero.
    pub epoch: Duration,
    /// Bounds on everything from outside.
    pub limits: Limits,
    /// Counters of the node.
    pub metrics: Metrics,
    /// Says and hears what finds ways to peers, if the transport wants neighbours to carry that.
    pub signal_port: Option<Box<dyn SignalPort>>,
    /// Peers to connect with at once, and again when they are lost.
    pub bootstrap: Vec<Address<MC>>,
}

impl<MC: MyDHTConf> Components<MC> {
    /// Creates components with defaults for the rest: no bootstrap peers, no services of the
    /// user's, all peers allowed, Kademlia's table, the system's clock.
    pub fn new(
        poll: MC::Poll,
        transport: MC::Transport,
        enc: MC::MsgEnc,
        shadow: MC::Shadow,
        (records, attachments): (MC::Records, MC::Attachments),
        credentials: Credentials,
    ) -> Self {
        // The event loop may have started before now, so its zero lies that much earlier.
        let epoch = Duration::from_millis(wall_clock()).saturating_sub(poll.now());
        Components {
            poll,
            transport,
            enc,
            shadow,
            records,
            attachments,
            global: None,
            local: None,
            route: routing::kademlia(credentials.id()),
            credentials,
            policy: Box::new(PeerPolicy::default()),
            epoch,
            limits: Limits::default(),
            metrics: Metrics::default(),
            signal_port: None,
            bootstrap: Vec::new(),
        }
    }
}
