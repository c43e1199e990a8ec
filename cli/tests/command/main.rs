//! The `mydht` command in processes of its own, as its user runs it.
#![cfg(test)]
#![cfg(unix)]

mod command;
mod earlier_version;
#[cfg(all(feature = "backplane", feature = "webrtc"))]
mod pages;
#[cfg(all(feature = "server", feature = "webrtc"))]
mod rendezvous_nodes;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "backplane")]
mod signal;
#[cfg(feature = "tls")]
mod signal_tls;
mod store_command;
mod tutorials;
#[cfg(feature = "server")]
mod watch;
