//! A connection of one stream over whatever carries messages and opens first: a WebSocket, a relay.
//!
//! Who has such a carrier implements [`Carrier`] and has a [`Stream`](crate::Stream) of it:
//! [`Connection`].

mod connection;
mod machine;

use std::time::Duration;

use crate::session::SessionLimits;

pub use connection::{Connection, Unwatched};
pub use machine::{Carrier, Machine};

/// Limits of what an endpoint accepts from its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time from the beginning of a connection until it must be open.
    pub open_deadline: Duration,
    /// Limits of the session once the connection is open.
    pub session: SessionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            open_deadline: Duration::from_secs(20),
            session: SessionLimits {
                streams: 1,
                ..SessionLimits::default()
            },
        }
    }
}
