//! The authentication of two peers: PING, PONG, PONG.
//!
//! Three messages prove who each peer is and agree on fresh keys: see [`Handshake`]. docs/wire.md
//! has the format, docs/security.md what it promises and how it compares with Noise.

mod credentials;
mod frame;
mod message;
mod refusal;
mod schedule;
mod state;
#[cfg(test)]
mod tests;
mod transcript;

pub use credentials::{Channel, Credentials, Fresh, Mode};
pub use frame::{FrameIn, framed};
pub use message::{MAX_MESSAGE, VERSION};
pub use refusal::Refusal;
pub use state::{Handshake, Session, Step};
