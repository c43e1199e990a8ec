//! A simulation in Node goes the way that it goes natively.
#![cfg(target_arch = "wasm32")]

#[path = "sim/trace.rs"]
mod trace;

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_same_seed_is_the_same_run_here_and_there() {
    assert_eq!(trace::trace(), trace::TRACE);
    assert_eq!(trace::trace(), trace::TRACE);
}
