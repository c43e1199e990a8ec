//! The bodies of the fuzz targets over bytes that follow from a seed, where a usize has 32 bits.
#![cfg(target_family = "wasm")]

#[path = "../fuzz/bodies.rs"]
mod bodies;

use wasm_bindgen_test::wasm_bindgen_test;

/// Bytes below `most`, as many as the seed says; Knuth's multiplier and increment.
fn bytes(mut seed: u64, longest: u64, most: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        seed >> 33
    };
    let length = next() % longest;
    (0..length).map(|_| (next() % most) as u8).collect()
}

#[wasm_bindgen_test]
fn any_bytes_into_every_decoder() {
    for seed in 0..1000 {
        bodies::decoders(&bytes(seed, 400, 256));
        // Small numbers are lengths that could be right.
        bodies::decoders(&bytes(seed, 400, 8));
    }
}

#[wasm_bindgen_test]
fn any_schedules_give_what_one_shot_gives() {
    for seed in 0..1000 {
        bodies::schedules(&bytes(seed, 120, 256));
    }
}
