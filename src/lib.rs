//! MyDHT: a distributed hash table whose nodes are full members, natively and in a web browser.
//!
//! ```text
//!    your program        Node: put, get, put_file, get_file, Call
//!         |                |  requests             ^ results
//!         v                v                       |
//!  +----------------------------- Runner --------------------------------+
//!  |  main loop   owns the engine and the handshakes, and calls them     |
//!  |      |  commands through queues           ^ messages, stored content |
//!  |      v                                    |                          |
//!  |  reading    writing    stores    your global and local services      |
//!  +-----|----------|---------|------------------------------------------+
//!        v          v         v
//!     Transport and event loop   KVStore, AttachmentStore
//! ```
//!
//! A [`Node`] is made of parts that [`MyDHTConf`] names: an event loop, a transport, an encoding, a
//! cipher layer, a store. All of its services run on one thread and are restarted where they would
//! have blocked, so the same node runs over TCP and in a page.
//!
//! # Start here
//!
//! * [`native`]: a node on a computer, in one line. Its [`Node`] has the calls.
//! * [`memory`]: several nodes in one process, on a virtual clock, for tests.
//! * [`Error`] and [`Limits`]: the ways in which a call fails, and what bounds each peer.
//! * [`service`]: a service of your own inside the node.
//! * [`MyDHTConf`], [`Components`] and [`Runner`]: a node of other parts.
//!
//! The protocol is in [`mydht_proto`], the stores in [`store`].

#![forbid(unsafe_code)]

mod address;
mod call;
pub mod conf;
mod error;
pub mod identity;
pub mod memory;
pub mod metrics;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod node;
mod runner;
pub mod service;
#[cfg(not(target_arch = "wasm32"))]
pub mod synchronous;
pub mod tunnel;

pub use mydht_proto::{
    attachment, engine, handshake, id, limits, msg, policy, record, routing, shadow,
};
#[cfg(feature = "rendezvous")]
pub use mydht_rendezvous as rendezvous;
pub use mydht_store as store;

pub use call::Call;
pub use conf::{MyDHTConf, SingleThread};
pub use error::Error;
pub use id::{Hash, Key, PeerId};
pub use limits::{
    FlowLimits, Limits, PeerLimits, ProviderLimits, RoutingLimits, SizeLimits, StorageLimits,
    Timeouts, TransferLimits,
};
pub use metrics::Metrics;
pub use mydht_proto::{Address, Addresses, HostPort, Link};
pub use node::{Node, Signed, Status, Stored};
pub use record::{AttachmentId, Record, Value};
pub use runner::Runner;
pub use service::components::Components;

#[cfg(all(doctest, feature = "redb"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the manual are tests.
#[cfg(all(doctest, feature = "redb", feature = "rendezvous"))]
mod pages {
    #[doc = include_str!("../docs/tutorials/node-in-a-program.md")]
    struct NodeInAProgram;
    #[doc = include_str!("../docs/tutorials/private-network.md")]
    struct PrivateNetwork;
    #[doc = include_str!("../docs/how-to/write-a-service.md")]
    struct WriteAService;
    #[doc = include_str!("../docs/how-to/write-a-store.md")]
    struct WriteAStore;
}
