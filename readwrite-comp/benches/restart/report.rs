//! Markdown tables and a log-log plot.

use crate::measure::{Case, Case::*, Cost, Measure};
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

    /// Ratios to the floor: by time, and by instructions where they were counted; attempts and memory for the last
    /// column.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\nRatio to {}", self.title, self.floor);
        let floor = self
            .rows
            .first()
            .and_then(|(_, cells)| cells.first()?.as_ref());
        if let Some((floor, _)) = floor {
            let _ = write!(text, " ({:.1} µs)", floor.nanoseconds / 1e3);
        }
        text += ", by time (and by instructions, where they were counted).\n\n| contender |";
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
    let how = if measure.quick { " (quick)" } else { "" };
    format!(
        "# What restart costs\n\nMade by `cargo bench -p readwrite-comp --bench restart`{how}: medians, release, thin LTO, one \
         codegen unit, bincode (legacy wire).\nA source gives c bytes and then blocks; a sink takes w bytes and then \
         blocks. Peak memory and attempts are for one message, in the last\ncolumn; peak memory counts what is allocated while \
         it passes, the decoded message with it, and not what was kept from the message before.\n\n![cost against message \
         size](restart.svg)\n\n"
    )
}

const COLOURS: [&str; 5] = ["#0060df", "#00875a", "#8a6d00", "#7a3db8", "#c03020"];

/// Cost of one message against its size, both axes logarithmic: a slope of one is linear, of two quadratic.
pub fn plot(measure: &Measure) -> String {
    use decode::Way as D;
    use encode::Way as E;
    let chunk = 1460;
    let sizes: Vec<usize> = (12..=21).map(|power| 1 << power).collect();
    let lines: [(&str, Vec<Option<Case>>); 5] = [
        ("decode, ours framed", D::Framed, 0),
        ("decode, ours without frames", D::Unframed, 0),
        ("decode, naive replay", D::Naive, 4 << 20),
        ("encode, ours growing", D::OneShot, 1),
        ("encode, naive skip", D::OneShot, 2),
    ]
    .map(|(name, way, kind)| {
        let case = |size: &usize| {
            Some(match kind {
                1 => Encode(E::Growing, false, *size, chunk),
                2 => Encode(E::Naive, false, *size, chunk),
                _ => Decode(way, false, *size, chunk),
            })
        };
        (name, sizes.iter().map(case).collect())
    });
    let (width, height, left, top) = (720.0, 440.0, 70.0, 20.0);
    let x = |size: f64| left + (size.log2() - 12.0) / 9.0 * (width - left - 190.0);
    let y = |us: f64| top + (6.0 - us.log10()) / 6.0 * (height - top - 50.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for power in 0..=6 {
        let at = y(10f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">10^{power} µs</text>",
            x(f64::from(1 << 21)),
            left - 6.0,
            at + 4.0
        );
    }
    for power in 12..=21 {
        let at = x(f64::from(1 << power));
        let label = bytes(1 << power);
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {top}V{:.1}\" stroke=\"#eee\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\" font-size=\"10\">{label}</text>",
            y(1.0),
            y(1.0) + 16.0
        );
    }
    for ((name, cases), colour) in lines.iter().zip(COLOURS) {
        let mut points = Vec::new();
        for (case, size) in cases.iter().zip(&sizes) {
            if let Some(case) = case {
                let (own, _) = measure.cost(*case);
                points.push((x(*size as f64), y(own.nanoseconds / 1e3)));
            }
        }
        let path: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        if let Some((x, y)) = points.last() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
                x + 6.0,
                y + 4.0
            );
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">message size ({chunk} bytes per turn)</text>\n</svg>",
        (left + x(f64::from(1 << 21))) / 2.0,
        height - 8.0
    );
    svg
}
