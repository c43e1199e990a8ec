//! Limits of a session.

use std::time::Duration;

/// Bytes that each side of a stream may send before it got any credit.
pub const FIRST_CREDIT: u32 = 64 * 1024;

/// The bounds of a session. An error that a bound caused names its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Streams open at once.
    pub streams: usize,
    /// Bytes of one stream that were received and not yet read. At least [`FIRST_CREDIT`].
    pub window: u32,
    /// Bytes of one stream that were written and not yet sent.
    pub send_buffer: usize,
    /// Silence after which the peer is asked whether it is there.
    pub heartbeat: Duration,
    /// Silence after which it is not.
    pub dead_after: Duration,
    /// Time for which a closed stream goes on sending what was written before.
    pub linger: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        SessionLimits {
            streams: 64,
            window: 1 << 20,
            send_buffer: 128 << 10,
            heartbeat: Duration::from_secs(2),
            dead_after: Duration::from_secs(8),
            linger: Duration::from_secs(5),
        }
    }
}
