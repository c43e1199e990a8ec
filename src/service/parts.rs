//! What a node is made of.

use crate::conf::{Address, MyDHTConf};
use crate::handshake::Credentials;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::policy::PeerMgmtMeths;

/// The values of a node's parts.
pub struct Parts<MC: MyDHTConf> {
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
    /// What it takes from outside.
    pub limits: Limits,
    /// What it counts.
    pub metrics: Metrics,
    /// Peers to connect with at once, and again when they are lost.
    pub bootstrap: Vec<Address<MC>>,
}
