//! Native tests of nodes, all in one program: nodes are generic, and each program that runs them
//! compiles them again.
//!
//! Nodes in memory and over TCP, WebSocket and WebRTC are in modules by what is tested of them.
//! Tests that run the `mydht` command are in `cli/tests`, those of the simulator in `sim/tests`.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

#[cfg(feature = "redb")]
mod add_a_service;
mod ask;
mod channel_binding;
mod front;
mod limits;
mod memory;
mod no_c;
mod protocol;
mod providers;
mod security;
mod services;
mod signals;
#[cfg(feature = "redb")]
mod soak;
#[cfg(feature = "coroutine")]
mod spawners;
mod stores;
mod synchronous;
mod tcp;
mod turns;
mod waiting_store;
mod websocket_nodes;
mod wiped;
