//! The loops that are compared.

mod ours;
mod peers;

pub use ours::{Face, Floor, Local, Shared};
pub use peers::{Calloop, Executor, Mio1, Mio06, Notify, Polling};
