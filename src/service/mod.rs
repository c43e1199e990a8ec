//! The services of a node. Each is one file; the main loop routes between them.

mod api;
mod connection;
mod main_loop;
mod parts;
mod read;
mod route;
mod store;
mod write;

#[cfg(test)]
mod tests;

pub use api::{ApiIn, ApiService};
pub use main_loop::MainLoop;
pub use parts::Parts;
pub use read::{NextMessage, ReadService};
pub use route::{FromConn, MainCommand, MainSend, Reply};
pub use store::{StoreIn, StoreService};
pub use write::{WriteIn, WriteService};
