//! What a node is made of.

use std::time::Duration;

use mydht_evloop::traits::Poll;

use crate::conf::{Address, MyDHTConf};
use crate::handshake::Credentials;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::policy::{PeerMgmtMeths, PeerPolicy};
use crate::routing::{self, Route};
use crate::store::wall_clock;
use mydht_proto::Courier;

/// The values of a node's parts.
pub struct Components<MC: MyDHTConf> {
    /// The event loop.
    pub poll: MC::Poll,
    /// How peers are reached.
    pub transport: MC::Transport,
    /// How messages are encoded.
    pub enc: MC::MsgEnc,
    /// How bytes are ciphered.
    pub shadow: MC::Shadow,
    /// Where records are kept.
    pub records: MC::Records,
    /// Where attachments are kept.
    pub attachments: MC::Attachments,
    /// The user's own service, of which there is one.
    pub global: Option<MC::Global>,
    /// The user's own service, of which each peer has a clone.
    pub local: Option<MC::Local>,
    /// Who this node is, and what it and its peers prove to each other.
    pub credentials: Credentials,
    /// Whom it talks to.
    pub policy: Box<dyn PeerMgmtMeths>,
    /// Whom it knows, and asks.
    pub route: Box<dyn Route + Send>,
    /// The time since 1970 (UTC) when the event loop's time was zero.
    pub epoch: Duration,
    /// What it takes from outside.
    pub limits: Limits,
    /// What it counts.
    pub metrics: Metrics,
    /// Says and hears what finds ways to peers, if the transport wants neighbours to carry that.
    pub courier: Option<Box<dyn Courier>>,
    /// Peers to connect with at once, and again when they are lost.
    pub bootstrap: Vec<Address<MC>>,
}

impl<MC: MyDHTConf> Components<MC> {
    /// These parts, and defaults for the rest: nobody to connect with, no services of the user's, everybody welcome,
    /// Kademlia's table, the system's clock.
    pub fn new(
        poll: MC::Poll,
        transport: MC::Transport,
        enc: MC::MsgEnc,
        shadow: MC::Shadow,
        (records, attachments): (MC::Records, MC::Attachments),
        credentials: Credentials,
    ) -> Self {
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
            courier: None,
            bootstrap: Vec::new(),
        }
    }
}
