//! Record layers beside the bare primitives, and the handshake beside snow's Noise XX.
//!
//! The same code runs natively and in wasm. Contenders take turns, round by round, so that what
//! else the machine does meets them all; a figure is the median of its rounds, a ratio the median
//! of the rounds' ratios.

mod handshakes;
mod records;

use web_time::Instant;

/// One line of a table.
pub struct Row {
    /// Name of the measurement.
    pub name: String,
    /// Ours, in the unit of the table.
    pub ours: f64,
    /// Figure of the peer, in the same unit.
    pub peer: f64,
    /// Ours to the other; above 1 is better for throughput and worse for time.
    pub ratio: f64,
}

/// Figures of a run.
pub struct Figures {
    /// MiB/s of 16 KiB records.
    pub records: Vec<Row>,
    /// Microseconds of both sides of a handshake.
    pub handshakes: Vec<Row>,
}

/// Measures; `rounds` of each (some milliseconds a round).
pub fn measure(rounds: usize) -> Figures {
    Figures {
        records: records::measure(rounds),
        handshakes: handshakes::measure(rounds),
    }
}

impl Figures {
    /// The two tables, as markdown.
    pub fn tables(&self) -> String {
        let line = |row: &Row, digits: usize| {
            format!(
                "| {} | {:.digits$} | {:.digits$} | {:.2} |\n",
                row.name, row.ours, row.peer, row.ratio
            )
        };
        let records: String = self.records.iter().map(|row| line(row, 0)).collect();
        let handshakes: String = self.handshakes.iter().map(|row| line(row, 1)).collect();
        format!(
            "| 16 KiB records | record layer, MiB/s | bare primitive, MiB/s | ratio |\n|---|---|---|---|\n{records}\n\
             | handshake, both sides | ours, µs | the other, µs | ratio |\n|---|---|---|---|\n{handshakes}"
        )
    }
}

/// Seconds that `run` takes.
fn seconds(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The medians of both, and of the second's to the first's time.
fn duel(rounds: usize, mut ours: impl FnMut(), mut peer: impl FnMut()) -> [f64; 3] {
    ours();
    peer();
    let times: Vec<(f64, f64)> = (0..rounds)
        .map(|_| (seconds(&mut ours), seconds(&mut peer)))
        .collect();
    [
        median(times.iter().map(|time| time.0).collect()),
        median(times.iter().map(|time| time.1).collect()),
        median(times.iter().map(|time| time.1 / time.0).collect()),
    ]
}
