//! Signalling: how two users who know only each other's id begin to talk.
//!
//! A user proves who it is to a server by a signature, is found by its id or in a room, and is redirected to its peer:
//! offers, answers and candidates are signed end to end, so that the server can drop them but neither forge nor
//! replay them. Pairs with no direct path use the server as a blind relay. docs/signalling.md writes the protocol
//! down, with vectors.
//!
//! All logic is pure: [`Server`] and [`Client`] do no I/O, and time is an argument.

mod bucket;
mod limits;
mod message;
mod proof;
mod replay;
mod server;
mod user;

pub use limits::Limits;
pub use message::{
    Code, FromClient, FromServer, Kind, PATH, RELAY_HEADER, Refusal, Sealed, VERSION, relay_frame,
    split_relay_frame,
};
pub use proof::{Rejected, hello_bytes, sealed_bytes};
pub use replay::ReplayGuard;
pub use server::{
    Backplane, ClusterCommand, ConnId, Counters, Frame, Gauges, Output, Published, Server, close,
};
pub use user::{IdOf, Identity, Nonce, PublicKey, Signature, UserId, verify};
