//! What restart costs, beside today's ways: `cargo bench -p readwrite-comp --bench restart --
//! [--out DIR] [--quick] [--wasm NAME=FILE]... [--case NAME --times N]`.
//!
//! The tables are those of MyDHT's targets: ratios to one decode from a slice, and to one encode
//! into a reused `Vec`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that fails stops, and prints its results"
)]

mod beside;
mod case;
mod data;
mod decode;
mod encode;
mod measure;
mod report;

use case::{Case, Case::*};
use measure::Measure;
use report::Table;

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut out, mut quick, mut case, mut times) = (None, false, None, 1);
    let mut wasm = Vec::new();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--out" => out = args.next(),
            "--quick" => quick = true,
            "--wasm" => wasm.extend(args.next()),
            "--case" => case = args.next(),
            "--times" => times = args.next().and_then(|n| n.parse().ok()).unwrap_or(1),
            // What `cargo bench` adds.
            _ => {}
        }
    }
    if let Some(name) = case {
        let case = Case::parse(&name).unwrap_or_else(|| panic!("no case is called {name}"));
        return case.run(times);
    }
    let measure = Measure::new(quick);
    let tables = tables(&measure);
    let mut text: String = tables.iter().map(Table::markdown).collect();
    if !wasm.is_empty() {
        text += &beside::markdown(&measure, &wasm);
    }
    println!("{text}");
    if let Some(dir) = out {
        std::fs::create_dir_all(&dir).expect("the folder can be made");
        let write = |name: &str, text: &str| {
            std::fs::write(format!("{dir}/{name}"), text).expect("the file can be written");
        };
        write("restart.md", &format!("{}{text}", report::head(&measure)));
        write("restart.svg", &report::plot(&measure));
    }
}

const KB16: usize = 16 << 10;
const MIB: usize = 1 << 20;

fn tables(measure: &Measure) -> Vec<Table> {
    let mut tables = Vec::new();
    for (title, field, size, chunks) in [
        (
            "Decode: 16 KB of structs",
            false,
            KB16,
            &[1, 16, 536, 1460][..],
        ),
        ("Decode: 1 MiB of structs", false, MIB, &[16, 536, 1460][..]),
        (
            "Decode: 2 MiB of structs",
            false,
            2 * MIB,
            &[16, 536, 1460][..],
        ),
        ("Decode: 1 MiB byte field", true, MIB, &[16, 1460][..]),
    ] {
        let mut table = Table::new(title, "c", chunks, "one decode from a slice");
        for way in decode::Way::ALL {
            // Quadratic: hours at these sizes.
            let chunks: Vec<_> = chunks
                .iter()
                .map(|&chunk| {
                    let hopeless = way == decode::Way::Naive && size / chunk > 2000;
                    (!hopeless).then_some(Decode(way, field, size, chunk))
                })
                .collect();
            table.row(way.name(), measure, &chunks);
        }
        tables.push(table);
    }
    let title = "Decode: 16 KB of structs, a source that never blocks";
    let mut direct = Table::new(title, "c", &[MIB], "one decode from a slice");
    for way in decode::Way::DIRECT {
        direct.row(way.name(), measure, &[Some(Decode(way, false, KB16, MIB))]);
    }
    tables.push(direct);
    for (title, field, size, gulps) in [
        (
            "Encode: 16 KB of structs",
            false,
            KB16,
            &[1, 16, 536, 1460][..],
        ),
        ("Encode: 1 MiB of structs", false, MIB, &[16, 536, 1460][..]),
        ("Encode: 2 MiB of structs", false, 2 * MIB, &[536, 1460][..]),
        ("Encode: 1 MiB byte field", true, MIB, &[1460][..]),
    ] {
        let mut table = Table::new(title, "w", gulps, "one encode into a reused Vec");
        for way in encode::Way::ALL {
            let gulps: Vec<_> = gulps
                .iter()
                .map(|&gulp| {
                    let hopeless = way == encode::Way::Naive && size / gulp > 2000;
                    (!hopeless).then_some(Encode(way, field, size, gulp))
                })
                .collect();
            table.row(way.name(), measure, &gulps);
        }
        tables.push(table);
    }
    tables
}
