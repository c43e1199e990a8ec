//! A simulation in Node goes the way that it goes natively.
#![cfg(target_arch = "wasm32")]

use mydht::sim::{Scenario, Simulation};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen]
extern "C" {
    /// `cargo xtask sim` sets it to the trace of the same scenario on this computer.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["process", "env"], js_name = MYDHT_SIM_TRACE)]
    static EXPECTED: Option<String>;
}

/// The trace of what `mydht sim --peers 20 --seed 7 --puts 10 --lookups 20 --minutes 2 --hostile 0.1` runs.
fn trace() -> String {
    let scenario = Scenario {
        puts: 10,
        lookups: 20,
        hostile: 0.1,
        ..Scenario::quiet(20, 7)
    };
    let figures = Simulation::new(scenario).unwrap().run(|_| ()).unwrap();
    assert!(figures.lookups.done > 0);
    figures.trace.to_string()
}

#[wasm_bindgen_test]
fn the_same_seed_is_the_same_run_here_and_there() {
    let trace = trace();
    assert_eq!(trace, self::trace());
    if let Some(expected) = EXPECTED.with(Clone::clone) {
        assert_eq!(trace, expected);
    }
}
