//! Acts that a server asks for.

use std::time::Duration;

use super::cluster::ClusterCommand;

/// Names a connection. Never used twice.
pub type ConnId = u64;

/// A WebSocket frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message of the protocol.
    Text(String),
    /// Relayed bytes.
    Binary(Vec<u8>),
}

impl Frame {
    /// Its bytes.
    pub fn len(&self) -> usize {
        match self {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Act that a server asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a frame, in the order of these outputs, and report it by [`sent`](super::Server::sent).
    Send(ConnId, Frame),
    /// Close a connection once what was sent before is sent, with a code and a reason of RFC 6455.
    Close(ConnId, u16, String),
    /// Read nothing from a connection for so long.
    Pause(ConnId, Duration),
    /// Tell the other servers something, in the order of these outputs.
    Cluster(ClusterCommand),
}

/// Why a connection is closed: codes of RFC 6455, section 7.4, and its registry.
pub mod close {
    /// Violation of the protocol.
    pub const POLICY: u16 = 1008;
    /// A message was too big.
    pub const TOO_BIG: u16 = 1009;
    /// The server restarts.
    pub const RESTART: u16 = 1012;
    /// The server is full.
    pub const TRY_LATER: u16 = 1013;
    /// Another login of the same user. The client must not come back by itself. A code of our own,
    /// as 4000 to 4999 are.
    pub const REPLACED: u16 = 4001;
}
