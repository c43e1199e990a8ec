//! A connection of one stream over whatever carries messages and opens first: a WebSocket, a relay.
//!
//! Who has such a carrier implements [`Carrier`] and has a [`Stream`](crate::Stream) of it: [`Connection`].

mod connection;
mod machine;

use std::time::Duration;

use crate::session::SessionLimits;

pub use connection::{Connection, Unwatched};
pub use machine::{Carrier, Machine};

/// What an endpoint takes from its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the beginning of a connection until it is open.
    pub open_deadline: Duration,
    /// What holds once it is open.
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
