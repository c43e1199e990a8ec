//! The three oracles over sequences that a fuzzer finds: the first byte says what is compared.
#![cfg_attr(feature = "libfuzzer", no_main)]

#[path = "../../tests/common/oracle/mod.rs"]
mod oracle;

use oracle::model::Model;
use oracle::ours::Ours;
use oracle::{MODES, compare};

fn run(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else {
        return;
    };
    let mode = MODES[usize::from(*first) % MODES.len()];
    compare::<Model, Ours>(mode, bytes);
    #[cfg(target_os = "linux")]
    compare::<oracle::kernel::Kernel, Ours>(mode, bytes);
}

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|input: &[u8]| run(input));

#[cfg(not(feature = "libfuzzer"))]
fn main() {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    let minutes = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(1.0);
    let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
    let mut seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos() as u64);
    let mut sequences = 0;
    while Instant::now() < end {
        seed = seed.wrapping_add(1);
        run(&oracle::bytes(seed, 801));
        sequences += 1;
    }
    println!("{sequences} sequences of 200 operations, no disagreement");
}
