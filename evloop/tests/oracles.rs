//! Three oracles: a naive model, the Linux kernel and this crate's epoll, over random sequences of
//! operations. They must agree in every error and every event: its flags, its data and, where Linux
//! promises one, its place in the order.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/oracle/mod.rs"]
mod oracle;

use oracle::model::Model;
use oracle::ours::Ours;
use oracle::{MODES, Mode, bytes, compare, ops};

const SEQUENCES: u64 = 3_000;
const LENGTH: usize = 120;

#[test]
fn ours_agrees_with_the_model() {
    for seed in 0..SEQUENCES {
        for mode in MODES {
            compare::<Model, Ours>(mode, &bytes(seed, 4 * LENGTH));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_model_agrees_with_the_kernel() {
    for seed in 0..SEQUENCES / 3 {
        for mode in MODES {
            compare::<oracle::kernel::Kernel, Model>(mode, &bytes(seed, 4 * LENGTH));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ours_agrees_with_the_kernel() {
    for seed in SEQUENCES..SEQUENCES + SEQUENCES / 3 {
        for mode in MODES {
            compare::<oracle::kernel::Kernel, Ours>(mode, &bytes(seed, 4 * LENGTH));
        }
    }
}

#[test]
fn the_sequences_do_something() {
    let mut events = 0;
    for seed in 0..100 {
        let mut model = <Model as oracle::Oracle>::new();
        for op in ops(Mode::Nested, &bytes(seed, 4 * LENGTH)) {
            events += oracle::Oracle::run(&mut model, op).map_or(0, |list| list.len());
        }
    }
    assert!(events > 1_000, "{events}");
}
