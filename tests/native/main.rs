//! What is tested natively, all in one program: nodes are generic, and each program that runs them compiles them again.
//!
//! Nodes in memory and over TCP, WebSocket and WebRTC are in modules by what is tested of them; those that run `mydht` in
//! processes of its own are `command`, `store_command`, `watch` and `signal…`.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod channel_binding;
#[cfg(all(unix, feature = "cli"))]
mod command;
#[cfg(feature = "cli")]
mod follow;
#[path = "../kv/mod.rs"]
mod kv;
mod limits;
mod memory;
mod no_c;
#[cfg(feature = "redb")]
mod own_service;
mod providers;
mod security;
#[cfg(all(unix, feature = "signal"))]
mod server;
mod services;
#[cfg(all(unix, feature = "signal"))]
mod signal;
#[cfg(all(unix, feature = "tls"))]
mod signal_tls;
#[cfg(all(unix, feature = "signal"))]
mod signalled_nodes;
mod signals;
mod sim;
#[cfg(feature = "redb")]
mod soak;
#[cfg(feature = "coroutine")]
mod spawners;
#[cfg(all(unix, feature = "cli"))]
mod store_command;
mod stores;
mod synchronous;
mod tcp;
#[path = "../trace/mod.rs"]
mod trace;
mod turns;
mod waiting_store;
#[cfg(all(unix, feature = "signal"))]
mod watch;
mod websocket_nodes;
mod wiped;
