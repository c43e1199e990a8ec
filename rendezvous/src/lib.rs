//! Rendezvous: how two users who know only each other's id find each other and begin to talk.
//!
//! ```text
//!    user A                       Server                      user B
//!    Client  --- login, room --->  rooms  <--- login, room ---  Client
//!       |                            |                            |
//!       |  Sealed: offer, answer, candidates, signed end to end   |
//!       |---------------------------> --------------------------->|
//!       |<============== WebRTC, if there is a path =============>|
//!       |<------- Relay: frames that the server cannot read ----->|
//!       |                                                         |
//!       +----- PeerRendezvous: the same through a common peer ----+
//! ```
//!
//! A user proves who it is to a server by a signature, is found by its id or in a room, and is
//! redirected to its peer: offers, answers and candidates are signed end to end, so that the server
//! can drop them but neither forge nor replay them. Pairs with no direct path use the server as a
//! blind relay. docs/rendezvous.md writes the protocol down, with vectors.
//!
//! All logic is pure: [`Server`] and [`Client`] do no I/O, and time is an argument.
//!
//! # Start here
//!
//! * [`start`]: runs a client over a WebSocket, natively and in a page. [`Config`] configures it.
//! * [`Handle`]: what the rest of a program asks of the client.
//! * [`Dialer`]: decides which peer of a room is connected with, and over which path.
//! * [`NodeRendezvous`] and [`Relay`]: the exchange for a WebRTC transport, and a transport.
//! * [`Server`] and [`Limits`]: the server's core. `mydht signal` is its shell.

#![forbid(unsafe_code)]

mod address;
#[cfg(target_arch = "wasm32")]
mod browser;
mod client;
mod handle;
mod limits;
mod message;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod node;
mod post;
mod proof;
mod relay;
mod replay;
#[cfg(not(target_arch = "wasm32"))]
mod secured;
mod server;
mod shell;
mod through_server;
mod user;

pub use address::ServerAddress;
#[cfg(target_arch = "wasm32")]
pub use browser::start;
pub use client::{Action, Client, Event, Offline, State, Time};
pub use handle::Handle;
pub use limits::{Limits, UnknownLimit};
pub use message::{
    Code, FromClient, FromServer, Kind, PATH, RELAY_HEADER, Refusal, Sealed, VERSION, relay_frame,
    split_relay_frame,
};
#[cfg(not(target_arch = "wasm32"))]
pub use native::start;
pub use node::{Connection, Dialer, NodeRendezvous, Path, PeerRendezvous, id_of};
pub use post::{CARRIED, Post};
pub use proof::{HELLO, Rejected, SEALED, hello_bytes, sealed_bytes};
pub use relay::{Relay, RelayAddress, RelayEnd, RelayStream};
pub use replay::ReplayGuard;
pub use server::{
    Backplane, ClusterCommand, ConnId, Counters, Frame, Gauges, Output, Published, Server, close,
};
pub use shell::{Config, Running};
pub use through_server::ServerRendezvous;
pub use user::{
    IdOf, Identity, InvalidHex, Nonce, PublicKey, Signature, UserId, in_context, verify,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
