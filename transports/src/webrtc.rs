//! WebRTC data channels: browsers reach each other, and native nodes, directly.
//!
//! A [`WebRtc`] transport reaches the peers that its [`Rendezvous`](crate::rendezvous::Rendezvous)
//! knows by name. Between two peers there is one connection, however many streams they open; each
//! stream has credits of its own, see [`session`](crate::session). What needs no browser is pure
//! and told the time: [`Negotiation`] makes descriptions meet (and resolves glare), [`usefulness`]
//! chooses what is closed when there are too many connections. A [`Backend`] makes the connections:
//! the browser's, or a native one.

mod body;
#[cfg(target_arch = "wasm32")]
pub mod browser;
mod connection;
mod fingerprints;
mod limits;
#[cfg(all(feature = "webrtc", not(target_arch = "wasm32")))]
pub mod native;
mod negotiation;
mod notify;
mod path;
mod peer;
mod stream;
mod transport;
pub mod usefulness;

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;

pub use limits::RtcLimits;
pub use negotiation::Negotiation;
pub use notify::Notify;
pub use peer::{Backend, Op, OpError, PathState, Peer, PeerEvent};
pub use stream::RtcStream;
pub use transport::WebRtc;
