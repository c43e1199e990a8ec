//! Transports: how two nodes reach each other.
//!
//! A [`Transport`] accepts and opens connections; a [`Stream`] is one of them, with a reading and a writing half
//! that never block. Both register on an event loop through [`mydht_evloop::traits`], so the same code runs over
//! TCP, in memory, on a virtual clock or in a browser.
//!
//! * [`memory`]: pipes inside one process, with a seeded injector of partial reads, partial writes and
//!   `WouldBlock` at chosen bytes.
//! * [`tcp`]: TCP over the operating system (not on wasm32).
//! * [`websocket`]: WebSocket, natively and of the browser.
//! * [`session`]: streams with credits and a heartbeat over anything that carries messages; [`single`]: one such stream
//!   as a connection.
//! * [`webrtc`]: data channels, in the browser and (feature `webrtc`) natively.
//! * [`either`]: two transports as one; [`many`]: any number of one kind.
//! * [`signaller`]: how peers that have no connection yet exchange what they need to make one.

#![forbid(unsafe_code)]

pub mod either;
mod lock;
pub mod many;
pub mod memory;
pub mod session;
pub mod signaller;
pub mod single;
#[cfg(not(target_arch = "wasm32"))]
pub mod tcp;
#[cfg(all(any(test, feature = "testing"), not(target_arch = "wasm32")))]
pub mod testing;
mod transport;
pub mod webrtc;
pub mod websocket;

pub use mydht_small::InvalidAddress;
pub use transport::{Stream, Transport};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
