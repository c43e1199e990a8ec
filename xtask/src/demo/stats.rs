//! Statistics of a process, and their table.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The JSON object that `mydht … --stats FILE` writes when it ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Times that a service gave up its turn because a read or a write would have blocked.
    pub yields: u64,
    /// Times that a message was begun again from its start.
    pub restarts: u64,
    /// Bytes read again after a restart.
    pub bytes_replayed: u64,
    /// Bytes not written again after a restart.
    pub bytes_skipped: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// The most memory that the process had resident.
    pub peak_rss_bytes: u64,
}

impl Stats {
    /// Reads the file that a process left.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the process left no statistics in {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).context("the statistics are no JSON")?;
        let number = |key: &str| {
            json[key]
                .as_u64()
                .with_context(|| format!("the statistics have no number `{key}`"))
        };
        Ok(Self {
            yields: number("yields")?,
            restarts: number("restarts")?,
            bytes_replayed: number("bytes_replayed")?,
            bytes_skipped: number("bytes_skipped")?,
            bytes_in: number("bytes_in")?,
            bytes_out: number("bytes_out")?,
            peak_rss_bytes: number("peak_rss_bytes")?,
        })
    }
}

/// One process in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub name: String,
    /// Time that it ran.
    pub time: Duration,
    /// Its statistics.
    pub stats: Stats,
}

const HEAD: [&str; 8] = [
    "process",
    "bytes in",
    "bytes out",
    "seconds",
    "yields",
    "restarts",
    "bytes replayed",
    "peak MiB",
];

/// The rows under a head, each column as wide as its widest cell.
pub fn table(rows: &[Row]) -> String {
    let cells = std::iter::once(HEAD.map(str::to_owned))
        .chain(rows.iter().map(cells))
        .collect::<Vec<_>>();
    let widths: [usize; 8] = std::array::from_fn(|column| {
        cells
            .iter()
            .map(|row| row[column].len())
            .max()
            .unwrap_or_default()
    });
    let mut text = String::new();
    for row in &cells {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            if column == 0 {
                text.push_str(&format!("{cell:<width$}"));
            } else {
                text.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; 8] {
    let stats = &row.stats;
    [
        row.name.clone(),
        grouped(stats.bytes_in),
        grouped(stats.bytes_out),
        format!("{:.2}", row.time.as_secs_f64()),
        grouped(stats.yields),
        grouped(stats.restarts),
        grouped(stats.bytes_replayed),
        format!("{:.1}", stats.peak_rss_bytes as f64 / f64::from(1 << 20)),
    ]
}

/// The digits in groups of three: `20,000,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_are_read_whatever_the_order() {
        let text = r#"{"peak_rss_bytes":7,"yields":1,"restarts":2,"bytes_replayed":3,
            "bytes_skipped":4,"bytes_in":5,"bytes_out":6,"more":"ignored"}"#;
        assert_eq!(
            Stats::parse(text).unwrap(),
            Stats {
                yields: 1,
                restarts: 2,
                bytes_replayed: 3,
                bytes_skipped: 4,
                bytes_in: 5,
                bytes_out: 6,
                peak_rss_bytes: 7,
            }
        );
    }

    #[test]
    fn a_missing_number_is_named() {
        let error = Stats::parse(r#"{"yields":1}"#).unwrap_err();
        assert!(error.to_string().contains("`restarts`"), "{error}");
        assert!(Stats::parse("").is_err());
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (20_000_000, "20,000,000"),
            (123_456, "123,456"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_table_stands_in_columns() {
        let row = |name: &str, bytes_in| Row {
            name: name.into(),
            time: Duration::from_millis(1_250),
            stats: Stats {
                bytes_in,
                peak_rss_bytes: 3 << 19,
                ..Stats::default()
            },
        };
        let text = table(&[row("node 1", 20_000_000), row("put", 5)]);
        assert_eq!(
            text,
            "\
process    bytes in  bytes out  seconds  yields  restarts  bytes replayed  peak MiB
node 1   20,000,000          0     1.25       0         0               0       1.5
put               5          0     1.25       0         0               0       1.5
"
        );
    }
}
