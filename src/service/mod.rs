//! The services of a node, one a file; the main loop routes between them.
//!
//! Public is what a user writes services with: a [`GlobalService`] of which a node has one, and a
//! [`LocalService`] of which each peer has one.

mod buffer;
pub(crate) mod components;
mod connection;
mod flow;
mod global;
mod hosted;
mod local;
mod main_loop;
mod peers;
mod protocol;
mod read;
mod rest;
pub(crate) mod route;
mod slot;
mod store;
mod write;

#[cfg(test)]
mod tests;

pub use global::{GlobalDo, GlobalIn, GlobalOut, GlobalService, NoGlobal, UserId, Wish};
pub use local::{LocalDo, LocalIn, LocalOut, LocalService, NoLocal};
pub use mydht_proto::SignalPort;

pub(crate) use components::Components;
pub(crate) use flow::NextMessage;
pub(crate) use global::Global;
pub(crate) use hosted::{Hosted, Routed, Who};
pub(crate) use main_loop::{MainLoop, Waiting};
pub(crate) use read::{FromPeer, ReadIn, ReadOut, ReadService};
pub use route::{Answer, Reply, Request};
pub(crate) use route::{FromConn, MainCommand, MainSend};
pub(crate) use store::{StoreIn, StoreOut, StoreService};
pub(crate) use write::{WriteIn, WriteOut, WriteService};
