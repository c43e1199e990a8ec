//! Markdown tables and a log-log plot.

use crate::case::{Case, Case::*};
use crate::measure::{Cost, Measure};
use crate::{decode, encode};
use std::fmt::Write;

/// The cost of a case and of its floor; none where it would take hours.
type Cell = Option<(Cost, Cost)>;

pub struct Table {
    title: String,
    turn: &'static str,
    columns: Vec<usize>,
    floor: &'static str,
    rows: Vec<(&'static str, Vec<Cell>)>,
}

impl Table {
    pub fn new(title: &str, turn: &'static str, columns: &[usize], floor: &'static str) -> Self {
        Self {
            title: title.into(),
            turn,
            columns: columns.to_vec(),
            floor,
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, name: &'static str, measure: &Measure, cases: &[Option<Case>]) {
        let costs = cases.iter().map(|case| case.map(|case| measure.cost(case)));
        self.rows.push((name, costs.collect()));
    }

    /// Ratios to the floor: by time, and by instructions where they were counted; attempts and
    /// memory for the last column.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\nRatio to {}", self.title, self.floor);
        let floor = self
            .rows
            .first()
            .and_then(|(_, cells)| cells.first()?.as_ref());
        if let Some((floor, _)) = floor {
            let _ = write!(text, " ({:.1} µs)", floor.nanoseconds / 1e3);
        }
        text += ", by time (and by instructions).\n\n| contender |";
        for column in &self.columns {
            let _ = write!(text, " {} = {column} |", self.turn);
        }
        text += " attempts | peak memory |\n|---|";
        text += &"---:|".repeat(self.columns.len() + 2);
        text.push('\n');
        for (name, cells) in &self.rows {
            let _ = write!(text, "| {name} |");
            for cell in cells {
                match cell {
                    Some((own, floor)) => {
                        let _ = write!(text, " {}", ratio(own.nanoseconds / floor.nanoseconds));
                        if let (Some(own), Some(floor)) = (own.instructions, floor.instructions) {
                            let _ = write!(text, " ({})", ratio(own / floor));
                        }
                        text += " |";
                    }
                    None => text += " – |",
                }
            }
            match cells.iter().rev().flatten().next() {
                Some((own, _)) if own.attempts > 0.0 => {
                    let _ = write!(text, " {:.0} | {} |", own.attempts, bytes(own.peak));
                }
                Some((own, _)) => {
                    let _ = write!(text, " | {} |", bytes(own.peak));
                }
                None => text += " | |",
            }
            text.push('\n');
        }
        text.push('\n');
        text
    }
}

fn ratio(ratio: f64) -> String {
    match ratio {
        r if r >= 100.0 => format!("{r:.0}"),
        r if r >= 10.0 => format!("{r:.1}"),
        r => format!("{r:.2}"),
    }
}

fn bytes(n: usize) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..0x10_0000 => format!("{:.0} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / (1 << 20) as f64),
    }
}

pub fn head(measure: &Measure) -> String {
    let how = if measure.quick() { " (quick)" } else { "" };
    format!(
        "# What restart costs\n\nMade by `cargo xtask bench restart`{how}: medians, release, thin LTO, one \
         codegen unit, bincode (legacy wire).\nA source gives c bytes and then blocks; a sink takes w bytes and then \
         blocks. Peak memory and attempts are for one message, in the last\ncolumn; peak memory counts what is allocated while \
         it passes, the decoded message with it, and not what was kept from the message before. Instructions are valgrind's;\nwhere it would take too long, or would \
         count a copy byte by byte, there are none.\n\n![cost against message \
         size](restart.svg)\n\n"
    )
}

/// Cost of one message against its size, both axes logarithmic: a slope of one is linear, of two
/// quadratic.
pub fn plot(measure: &Measure) -> String {
    use decode::Way as D;
    use encode::Way as E;
    const CHUNK: usize = 1460;
    let decode = |way| move |size| Decode(way, false, size, CHUNK);
    let encode = |way| move |size| Encode(way, false, size, CHUNK);
    let mut lines = plot::Lines::new(
        ("message size (1460 bytes per turn)", |n| bytes(n as usize)),
        ("time of one message", |us| format!("{us} µs")),
    );
    let mut add = |name, case: &dyn Fn(usize) -> Case| {
        let points = (12..=21).map(|power| {
            let time = measure.time(case(1 << power));
            (f64::from(1 << power), time / 1e3)
        });
        lines.line(name, points);
    };
    add("decode, ours framed", &decode(D::Framed));
    add("decode, ours without frames", &decode(D::Unframed));
    add("decode, naive replay", &decode(D::Naive));
    add("encode, ours growing", &encode(E::Growing));
    add("encode, naive skip", &encode(E::Naive));
    lines.svg()
}
