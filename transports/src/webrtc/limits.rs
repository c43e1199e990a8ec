//! Limits of what a transport accepts from its peers.

use std::time::Duration;

use crate::session::SessionLimits;

/// The bounds of a [`WebRtc`](super::WebRtc) transport. An error that a bound caused names its
/// field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcLimits {
    /// Connections at once, with those that are opening. Browsers become slow with many of them.
    pub connections: usize,
    /// Time from the beginning of a connection until its channel must be open.
    pub open_deadline: Duration,
    /// Time that a connection without streams stays open, because opening a stream on it costs
    /// nothing.
    pub idle: Duration,
    /// Time without traffic after which a connection may be closed in favour of another.
    pub useful_for: Duration,
    /// Limits of the session once the connection is open.
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
