//! The examples run.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

#[path = "../examples/echo_over_mio_0_6.rs"]
mod echo_over_mio_0_6;
#[path = "../examples/from_epoll.rs"]
mod from_epoll;
#[path = "../examples/replay_a_run.rs"]
mod replay_a_run;
#[path = "../examples/watch_a_loop.rs"]
mod watch_a_loop;

#[test]
fn from_epoll() {
    from_epoll::main().unwrap();
}

#[test]
fn replay_a_run() {
    replay_a_run::main().unwrap();
}

#[test]
fn echo_over_mio_0_6() {
    echo_over_mio_0_6::main().unwrap();
}

#[test]
fn watch_a_loop() {
    watch_a_loop::main().unwrap();
}
