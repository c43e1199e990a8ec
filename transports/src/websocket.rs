//! WebSocket: the path where only HTTP goes, natively and in a browser.
//!
//! One connection carries one stream, as a [`Session`](crate::session::Session) over binary
//! messages, under the subprotocol [`SUBPROTOCOL`]. TLS is a proxy's work: a browser connects to
//! `wss://`, a native end to `ws://` only.

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(not(target_arch = "wasm32"))]
mod check;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod pipe;
#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;

pub use crate::single::Limits as WsLimits;
#[cfg(target_arch = "wasm32")]
pub use browser::{WebSocket, WsConnection};
pub use mydht_small::WsAddress;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Socket, WebSocket, WsConnection};

/// Subprotocol that both ends must speak: this version of the session's frames.
pub const SUBPROTOCOL: &str = "mydht.1";
