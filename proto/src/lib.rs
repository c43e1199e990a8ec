//! The protocol of MyDHT, as state machines that cannot wait.
//!
//! ```text
//!               bytes of a connection
//!                       |
//!    handshake: Handshake -> Session    shadow: records under a cipher
//!                       |
//!    msg: messages  <-->  wire
//!                       |
//!     Input, time       v
//!   ------------>  engine::Engine  ------------>  Output: send, connect,
//!                  |     |      |                 store, answer, disconnect
//!             routing  puts   transfers
//!             searches lookups providers
//!                  |             |
//!             id, record     attachment: Tree, fetch plan
//! ```
//!
//! Nothing here performs I/O, reads a clock or knows the platform: a state machine is told what
//! happened and when, and returns what to do. So every case is tested without a socket, and the
//! same code runs natively, in a web page and in the simulator.
//!
//! # Start here
//!
//! * [`engine`]: the protocol of one node.
//! * [`record`] and [`id`]: what it stores, and under which keys.
//! * [`msg`] and [`wire`]: messages, and their bytes.
//! * [`routing`]: the peers that a node knows, and its searches among them.
//! * [`handshake`] and [`shadow`]: how a connection is authenticated and encrypted.
//! * [`Limits`]: the bounds on everything that a peer may cause.

#![forbid(unsafe_code)]

mod address;
pub mod attachment;
mod backoff;
pub mod engine;
pub mod handshake;
pub mod id;
pub mod identity;
pub mod limits;
mod link;
pub mod msg;
pub mod policy;
pub mod record;
pub mod routing;
pub mod shadow;
mod signal_port;
mod token_bucket;
pub mod tunnel;
pub mod wire;

pub use address::{Address, Addresses, HostPort, MAX_ADDRESSES, OtherAddress};
pub use backoff::Backoff;
pub use id::{Hash, Key, PeerId};
pub use limits::{
    FlowLimits, Limits, PeerLimits, ProviderLimits, RoutingLimits, SizeLimits, StorageLimits,
    Timeouts, TransferLimits,
};
pub use link::Link;
pub use record::{AttachmentId, Record, Value};
pub use signal_port::SignalPort;
pub use token_bucket::TokenBucket;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/reference/limits.md")]
struct LimitsPage;
