//! The examples run.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

#[path = "../examples/from_epoll.rs"]
mod from_epoll;
#[path = "../examples/simulation.rs"]
mod simulation;

#[test]
fn from_epoll() {
    from_epoll::main().unwrap();
}

#[test]
fn simulation() {
    simulation::main().unwrap();
}
