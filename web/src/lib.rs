//! A MyDHT node for web pages: a full member of the network, in JavaScript's terms.
//!
//! ```text
//!   page.js, your page
//!      |  new Node, Node.open, put, get, putFile, peers      ^ events, promises
//!      v                                                     |
//!   Node  --  turns: a budget for each turn of the page's thread
//!      |
//!   mydht::Runner, the same services as natively
//!      |                      |                  |
//!   WebRTC, relay         WebSocket to       IndexedDB: records, files,
//!   to other nodes        the servers        the identity
//! ```
//!
//! It is compiled for wasm32 only; `cargo xtask web` makes the npm package and the page of it.
//! web/README.md shows how it is used.
//!
//! # Start here
//!
//! * `Node` (on wasm32): everything that a page calls.
//! * [`turns`]: how long a turn may take.

#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
mod answer;
#[cfg(target_arch = "wasm32")]
mod conf;
#[cfg(target_arch = "wasm32")]
mod events;
#[cfg(target_arch = "wasm32")]
mod interface;
#[cfg(target_arch = "wasm32")]
mod inventory;
#[cfg(target_arch = "wasm32")]
mod later;
#[cfg(target_arch = "wasm32")]
mod lock;
#[cfg(target_arch = "wasm32")]
mod node;
#[cfg(target_arch = "wasm32")]
mod profile;
#[cfg(target_arch = "wasm32")]
mod room;
#[cfg(target_arch = "wasm32")]
mod stored;
#[cfg(target_arch = "wasm32")]
mod time;
pub mod turns;

#[cfg(target_arch = "wasm32")]
pub use node::Node;
