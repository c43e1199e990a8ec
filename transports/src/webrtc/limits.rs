//! What a transport takes from its peers.

use std::time::Duration;

use crate::session::SessionLimits;

/// The bounds of a [`WebRtc`](super::WebRtc) transport. An error that a bound caused names its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcLimits {
    /// Connections at once, with those that are opening. Browsers become slow with many of them.
    pub connections: usize,
    /// From the beginning of a connection until its channel is open.
    pub open_deadline: Duration,
    /// A connection without streams is kept for so long: opening a stream on it costs nothing.
    pub idle: Duration,
    /// A connection that moved nothing for so long may be closed for another one.
    pub useful_for: Duration,
    /// What holds once it is open.
    pub session: SessionLimits,
}

impl Default for RtcLimits {
    fn default() -> Self {
        RtcLimits {
            connections: 32,
            open_deadline: Duration::from_secs(20),
            idle: Duration::from_secs(10),
            useful_for: Duration::from_secs(30),
            session: SessionLimits::default(),
        }
    }
}
