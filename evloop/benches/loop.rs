//! `cargo bench --manifest-path evloop/benches/Cargo.toml --bench loop`: nanoseconds per event, ours beside the
//! peers', in one run; a Markdown table on standard output. Arguments choose rows by a part of their name.

mod contenders;

use contenders::*;
use evloop_bench::{Contender, measure};

const SIZES: [(usize, usize); 6] = [
    (1, 1),
    (1_000, 1),
    (1_000, 64),
    (100_000, 1),
    (100_000, 1_024),
    (1_000_000, 1),
];

fn row<C: Contender>(floor: &[Option<f64>]) -> Vec<Option<f64>> {
    // Cargo passes `--bench`.
    let mut wanted = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    if wanted.peek().is_some() && !wanted.any(|part| C::NAME.contains(&part)) {
        return Vec::new();
    }
    let cells: Vec<_> = SIZES
        .iter()
        .map(|(sources, ready)| measure::<C>(*sources, *ready))
        .collect();
    print!("| {} |", C::NAME);
    for (index, cell) in cells.iter().enumerate() {
        match (cell, floor.get(index).copied().flatten()) {
            (Some(ns), Some(floor)) => print!(" {ns:.1} ({:.1}×) |", ns / floor),
            (Some(ns), None) => print!(" {ns:.1} |"),
            (None, _) => print!(" – |"),
        }
    }
    println!();
    cells
}

fn main() {
    print!("| ns per event (ratio to the floor) |");
    for (sources, ready) in SIZES {
        print!(" {sources} sources, {ready} ready |");
    }
    println!("\n|---{}|", "|---".repeat(SIZES.len()));
    let floor = row::<Floor>(&[]);
    row::<Local>(&floor);
    row::<Shared>(&floor);
    row::<Face>(&floor);
    row::<Mio06>(&floor);
    row::<Mio1>(&floor);
    row::<Executor>(&floor);
    row::<Notify>(&floor);
    row::<Calloop>(&floor);
    row::<Polling>(&floor);
}
