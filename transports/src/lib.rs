//! Transports: connections between two nodes, over an event loop.
//!
//! ```text
//!             Transport: accepts and opens         many, either: several as one
//!                 |
//!              Stream: a reading and a writing half that never block
//!                 |
//!     +-----------+------------+------------------+
//!     |           |            |                  |
//!   memory       tcp       websocket           webrtc  <-- rendezvous: exchanges
//!   (pipes)   (the system's)   |                  |        the descriptions
//!                              +---- session -----+
//!                        streams, credits, heartbeat
//! ```
//!
//! Transports and streams register on an event loop through [`mydht_evloop::traits`], so the same
//! code runs over TCP, in memory, on a virtual clock or in a browser.
//!
//! Start here:
//!
//! * [`Transport`] and [`Stream`]: the interfaces, with what a caller may rely on.
//! * [`memory`]: pipes inside one process, with a seeded injector of partial reads, partial writes
//!   and `WouldBlock` at chosen bytes. The easiest transport to try.
//! * [`tcp`]: TCP over the operating system (not on wasm32).
//! * [`websocket`]: WebSocket, natively and in the browser.
//! * [`webrtc`]: data channels, in the browser and (feature `webrtc`) natively.
//!
//! The rest is for whoever writes a transport:
//!
//! * [`session`]: streams with credits and a heartbeat over any carrier of messages; [`single`]:
//!   one such stream as a connection.
//! * [`either`]: two transports as one; [`many`]: any number of one kind.
//! * [`rendezvous`]: the exchange between peers that have no connection yet and are about to make
//!   one.
//! * `testing` (feature `testing`): the conformance suite.

#![forbid(unsafe_code)]

pub mod either;
mod lock;
pub mod many;
pub mod memory;
pub mod rendezvous;
pub mod session;
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

/// The examples of the manual are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/write-a-transport.md")]
struct HowTo;
