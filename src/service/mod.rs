//! The services of a node. Each is one file; the main loop routes between them.

mod backoff;
mod buffer;
mod connection;
mod flow;
mod global;
mod hosted;
mod local;
mod main_loop;
mod parts;
mod peers;
mod protocol;
mod rate;
mod read;
mod rest;
mod route;
mod slot;
mod store;
mod write;

#[cfg(test)]
mod tests;

pub use flow::NextMessage;
pub use global::{Global, GlobalDo, GlobalIn, GlobalOut, GlobalService, NoGlobal, UserId, Wish};
pub use hosted::{Hosted, Routed, Who};
pub use local::{LocalDo, LocalIn, LocalOut, LocalService, NoLocal};
pub use main_loop::MainLoop;
pub(crate) use main_loop::Waiting;
pub use mydht_proto::Courier;
pub use parts::Parts;
pub use read::{FromPeer, ReadIn, ReadOut, ReadService};
pub use route::{Answer, FromConn, Link, MainCommand, MainSend, Reply, Request};
pub use store::{StoreIn, StoreOut, StoreService};
pub use write::{WriteIn, WriteOut, WriteService};
