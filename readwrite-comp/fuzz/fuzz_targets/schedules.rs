//! Arbitrary split schedules over valid streams, compared with the one-shot result.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::schedules(data));
