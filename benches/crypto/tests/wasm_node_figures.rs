//! Figures in wasm: printed for `cargo xtask bench crypto`, which runs this in Node.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen_test]
fn figures() {
    let rounds = option_env!("ROUNDS").and_then(|rounds| rounds.parse().ok());
    console_log!("{}", crypto_bench::measure(rounds.unwrap_or(21)).tables());
}
