//! What restart costs in wasm: the ratios of docs/benchmarks/restart.md, printed as rows of a
//! table.
#![cfg(target_family = "wasm")]
#![allow(dead_code, reason = "the native bench has more ways than run here")]

#[path = "../../restart/case.rs"]
mod case;
#[path = "../../restart/data.rs"]
mod data;
#[path = "../../restart/decode.rs"]
mod decode;
#[path = "../../restart/encode.rs"]
mod encode;

use case::{Case, Prepared};
use std::time::Duration;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web_time::Instant;

/// A browser's clock has steps of 0.1 ms. Not longer than needed: a long sample is more often
/// interrupted.
const SAMPLE: Duration = Duration::from_millis(5);

fn rounds() -> usize {
    let rounds = option_env!("ROUNDS").and_then(|rounds| rounds.parse().ok());
    rounds.unwrap_or(7)
}

fn cases() -> Vec<Case> {
    const KB16: usize = 16 << 10;
    const MIB: usize = 1 << 20;
    // What the source and the loop of the bench take, whoever reads.
    let mut cases = vec![
        Case::Decode(decode::Way::Turns, false, KB16, 1),
        Case::Decode(decode::Way::Turns, false, KB16, 16),
    ];
    for way in [
        decode::Way::Framed,
        decode::Way::Unframed,
        decode::Way::Shaped,
    ] {
        for turn in [1, 16, 536, 1460] {
            cases.push(Case::Decode(way, false, KB16, turn));
        }
        cases.push(Case::Decode(way, false, MIB, 16));
        cases.push(Case::Decode(way, false, MIB, 1460));
        cases.push(Case::Decode(way, true, MIB, 1460));
    }
    for turn in [536, 1460] {
        cases.push(Case::Encode(encode::Way::Growing, false, KB16, turn));
        cases.push(Case::Encode(encode::Way::Growing, false, MIB, turn));
    }
    cases.push(Case::Encode(encode::Way::Bounded, false, MIB, 1460));
    cases
}

/// Microseconds of a run, from `times` of them.
fn timed(prepared: &mut Prepared, times: u32) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        prepared.once();
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}

/// Returns the number of runs that take as long as a sample should.
fn times(prepared: &mut Prepared) -> u32 {
    let mut times = 1;
    while timed(prepared, times) * f64::from(times) < SAMPLE.as_secs_f64() * 1e6 {
        times *= 2;
    }
    times
}

#[wasm_bindgen_test]
fn figures() {
    console_log!("| case | ratio |");
    console_log!("|---|---|");
    for case in cases() {
        let (mut own, mut floor) = (Prepared::new(case), Prepared::new(case.floor()));
        let (own_times, floor_times) = (times(&mut own), times(&mut floor));
        // In turns, so that both see the same machine; the fastest, which nothing interrupted.
        let (mut own_time, mut floor_time) = (f64::MAX, f64::MAX);
        for _ in 0..rounds() {
            own_time = own_time.min(timed(&mut own, own_times));
            floor_time = floor_time.min(timed(&mut floor, floor_times));
        }
        console_log!("| {} | {:.3} |", case.name(), own_time / floor_time);
    }
}
