//! A MyDHT node for web pages: a full member of the network, in JavaScript's terms.
//!
//! It is compiled for wasm32 only; `cargo xtask web` makes the npm package and the page of it.
//! web/README.md shows how it is used.

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
