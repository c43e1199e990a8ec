//! The turns of `wasm_js.rs` once more, in a dedicated worker of a browser.
#![cfg(target_arch = "wasm32")]

#[path = "wasm_js.rs"]
mod turns;

use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
fn this_is_a_worker() {
    let global = js_sys::global();
    let has = |name: &str| js_sys::Reflect::has(&global, &JsValue::from_str(name)).unwrap();
    assert!(has("DedicatedWorkerGlobalScope"));
    assert!(!has("document"));
}
