//! `cargo bench --manifest-path evloop/benches/Cargo.toml --bench loop`: nanoseconds per event, ours beside the
//! peers', in one run; a Markdown table on standard output, and with `--out DIR` in DIR/loop.md. Other arguments choose rows by
//! a part of their name.

mod contenders;

use contenders::*;
use evloop_bench::{Contender, measure};
use std::path::PathBuf;

const SIZES: [(usize, usize); 6] = [
    (1, 1),
    (1_000, 1),
    (1_000, 64),
    (100_000, 1),
    (100_000, 1_024),
    (1_000_000, 1),
];

/// What was asked for on the command line.
struct Asked {
    out: Option<PathBuf>,
    rows: Vec<String>,
}

impl Asked {
    fn new() -> Self {
        let (mut out, mut rows) = (None, Vec::new());
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            if arg == "--out" {
                out = args.next().map(PathBuf::from);
            } else if !arg.starts_with('-') {
                // Cargo passes `--bench`.
                rows.push(arg);
            }
        }
        Asked { out, rows }
    }
}

/// The table as it grows; every row is shown as soon as it is measured.
struct Table {
    asked: Asked,
    text: String,
}

impl Table {
    fn line(&mut self, line: &str) {
        println!("{line}");
        self.text += line;
        self.text.push('\n');
    }

    fn row<C: Contender>(&mut self, floor: &[Option<f64>]) -> Vec<Option<f64>> {
        let rows = &self.asked.rows;
        if !rows.is_empty() && !rows.iter().any(|part| C::NAME.contains(part.as_str())) {
            return Vec::new();
        }
        let cells: Vec<_> = SIZES
            .iter()
            .map(|(sources, ready)| measure::<C>(*sources, *ready))
            .collect();
        let mut line = format!("| {} |", C::NAME);
        for (index, cell) in cells.iter().enumerate() {
            line += &match (cell, floor.get(index).copied().flatten()) {
                (Some(ns), Some(floor)) => format!(" {ns:.1} ({:.1}×) |", ns / floor),
                (Some(ns), None) => format!(" {ns:.1} |"),
                (None, _) => " – |".to_owned(),
            };
        }
        self.line(&line);
        cells
    }
}

fn main() -> std::io::Result<()> {
    let mut table = Table {
        asked: Asked::new(),
        text: String::new(),
    };
    let mut head = "| ns per event (ratio to the floor) |".to_owned();
    for (sources, ready) in SIZES {
        head += &format!(" {sources} sources, {ready} ready |");
    }
    table.line(&head);
    table.line(&format!("|---{}|", "|---".repeat(SIZES.len())));
    let floor = table.row::<Floor>(&[]);
    table.row::<Local>(&floor);
    table.row::<Shared>(&floor);
    table.row::<Face>(&floor);
    table.row::<Mio06>(&floor);
    table.row::<Mio1>(&floor);
    table.row::<Executor>(&floor);
    table.row::<Notify>(&floor);
    table.row::<Calloop>(&floor);
    table.row::<Polling>(&floor);
    if let Some(out) = table.asked.out {
        std::fs::create_dir_all(&out)?;
        let title = "# The event loop beside its peers\n\nMedians of the thread's CPU time.\n\n";
        std::fs::write(out.join("loop.md"), format!("{title}{}", table.text))?;
    }
    Ok(())
}
