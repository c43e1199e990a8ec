//! `cargo bench --manifest-path evloop/benches/Cargo.toml --bench loop`: nanoseconds per event,
//! ours beside the peers', in one run, and TCP echo; Markdown tables on standard output, and with
//! `--out DIR` the page DIR/loop.md and its plot. `--quick` takes fewer samples; other arguments
//! choose rows by a part of their name (`TCP echo`: that table).

mod contenders;
mod tcp;

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

/// Arguments of the command line.
struct Asked {
    out: Option<PathBuf>,
    quick: bool,
    rows: Vec<String>,
}

impl Asked {
    fn new() -> Self {
        let (mut out, mut quick, mut rows) = (None, false, Vec::new());
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--out" => out = args.next().map(PathBuf::from),
                "--quick" => quick = true,
                // Cargo passes `--bench`.
                _ if arg.starts_with('-') => {}
                _ => rows.push(arg),
            }
        }
        Asked { out, quick, rows }
    }

    fn wants(&self, name: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|part| name.contains(part.as_str()))
    }
}

type Cells = Vec<Option<f64>>;

/// The table as it grows; every row is shown as soon as it is measured.
struct Table {
    asked: Asked,
    text: String,
    rows: Vec<(&'static str, Cells)>,
}

impl Table {
    fn line(&mut self, line: &str) {
        println!("{line}");
        self.text += line;
        self.text.push('\n');
    }

    /// Measures a row. The first one is the floor.
    fn row<C: Contender>(&mut self) {
        if !self.asked.wants(C::NAME) {
            return;
        }
        let samples = if self.asked.quick { 3 } else { 7 };
        let cells: Cells = SIZES
            .iter()
            .map(|(sources, ready)| measure::<C>(*sources, *ready, samples))
            .collect();
        let floor = self.rows.first().map_or(&cells, |row| &row.1);
        let mut line = format!("| {} |", C::NAME);
        for (cell, floor) in cells.iter().zip(floor) {
            line += &match (cell, floor) {
                (Some(ns), Some(floor)) => format!(" {ns:.1} ({:.1}×) |", ns / floor),
                _ => " – |".to_owned(),
            };
        }
        self.line(&line);
        self.rows.push((C::NAME, cells));
    }

    /// Returns aims and figures, in the columns of [`SIZES`].
    fn aims(&self) -> String {
        let cell = |name: &str, size: usize| {
            let row = self.rows.iter().find(|row| row.0 == name)?;
            row.1[size]
        };
        let ratio = |over: Option<f64>, under: Option<f64>| Some(over? / under?);
        let (local, send, mio) = (Local::NAME, Shared::NAME, Mio06::NAME);
        let mut text = "| aim | reached? | measured |\n|---|---|---|\n".to_owned();
        for (what, unit, aim, at_most, measured) in [
            ("same thread, 1 ready", " ns", 12.0, true, cell(local, 0)),
            ("same thread, 64 ready", " ns", 8.0, true, cell(local, 2)),
            ("`Send`, 64 ready", " ns", 20.0, true, cell(send, 2)),
            (
                "times faster than mio 0.6, same thread, 1 ready",
                "×",
                15.0,
                false,
                ratio(cell(mio, 0), cell(local, 0)),
            ),
            (
                "times faster than mio 0.6, same thread, 64 ready",
                "×",
                2.5,
                false,
                ratio(cell(mio, 2), cell(local, 2)),
            ),
            (
                "1 of 100,000 to 1 of 1,000, same thread",
                "×",
                1.5,
                true,
                ratio(cell(local, 3), cell(local, 1)),
            ),
            (
                "1 of 1,000,000 to 1 of 1,000, same thread",
                "×",
                1.5,
                true,
                ratio(cell(local, 5), cell(local, 1)),
            ),
            (
                "1 of 100,000 to 1 of 1,000, `Send`",
                "×",
                1.5,
                true,
                ratio(cell(send, 3), cell(send, 1)),
            ),
            (
                "1 of 1,000,000 to 1 of 1,000, `Send`",
                "×",
                1.5,
                true,
                ratio(cell(send, 5), cell(send, 1)),
            ),
        ] {
            let Some(measured) = measured else { continue };
            let (sign, reached) = match at_most {
                true => ('≤', measured <= aim),
                false => ('≥', measured >= aim),
            };
            let verdict = if reached { "yes" } else { "**no**" };
            let digits = if unit == "×" { 2 } else { 1 };
            text += &format!(
                "| {what}: {sign} {aim}{unit} | {verdict} | {measured:.digits$}{unit} |\n"
            );
        }
        text
    }

    /// A panel of bars for each of three sizes.
    fn plot(&self) -> String {
        let mut bars = plot::Bars::default();
        for (index, title) in [
            (0, "1 source, ready: ns per event"),
            (2, "1,000 sources, 64 ready: ns per event"),
            (4, "100,000 sources, 1,024 ready: ns per event"),
        ] {
            let named: Vec<_> = self
                .rows
                .iter()
                .filter_map(|(name, cells)| Some((name.replace(['*', '`'], ""), cells[index]?)))
                .collect();
            let rows = named
                .iter()
                .map(|(name, ns)| (name.as_str(), name.starts_with("ours"), *ns));
            bars.panel(title, |ns| format!("{ns:.1}"), rows);
        }
        bars.svg()
    }
}

fn main() -> std::io::Result<()> {
    let mut table = Table {
        asked: Asked::new(),
        text: String::new(),
        rows: Vec::new(),
    };
    let mut head = "| ns per event (ratio to the first row) |".to_owned();
    for (sources, ready) in SIZES {
        head += &format!(" {sources} sources, {ready} ready |");
    }
    table.line(&head);
    table.line(&format!("|---{}|", "|---".repeat(SIZES.len())));
    table.row::<Floor>();
    table.row::<Local>();
    table.row::<Shared>();
    table.row::<Face>();
    table.row::<Mio06>();
    table.row::<Mio1>();
    table.row::<Executor>();
    table.row::<Notify>();
    table.row::<Calloop>();
    table.row::<Polling>();
    let mut echo = String::new();
    if table.asked.wants("TCP echo") {
        echo = tcp::table(if table.asked.quick { 3 } else { 9 });
        println!("\n{echo}");
    }
    if let Some(out) = &table.asked.out {
        std::fs::create_dir_all(out)?;
        let page = format!(
            "# The event loop beside its peers\n\n\
             Made by `cargo xtask bench loop`: user sources that are set and reported on one thread. Medians of the \
             thread's CPU time.\n\n{}\n![nanoseconds per event](loop.svg)\n\n{}\n\
             Instructions per event, and what a registration costs among up to a million sources: \
             [loop-instructions.md](loop-instructions.md). Tests hold the rest: a source takes at most 32 bytes in the core \
             (`evloop/src/core/slot.rs`), a poll allocates nothing in a steady state (`evloop/tests/allocations.rs`), an awake \
             loop is not woken by the system, and of 10⁸ wakes from other threads none is lost \
             (`evloop/tests/waiting.rs`).\n\n## TCP echo\n\n\
             One thread serves 64 connections; the clients are another. \"Short\" stops at a read that did not fill \
             the buffer, the others read until `WouldBlock`. Servers take turns; medians. The aim is at least as many requests as \
             mio 1, for at most 0.95 of its processor time.\n\n{echo}",
            table.text,
            table.aims()
        );
        std::fs::write(out.join("loop.md"), page)?;
        std::fs::write(out.join("loop.svg"), table.plot())?;
    }
    Ok(())
}
