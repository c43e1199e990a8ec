//! The table and the plot.

use std::fmt::Write;

use crate::Row;

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 100.0 => format!("{ns:.1} ns"),
        ns if ns < 1e4 => format!("{ns:.0} ns"),
        ns => format!("{:.1} µs", ns / 1e3),
    }
}

fn rate(ns: f64) -> String {
    match 1e9 / ns {
        r if r >= 1e6 => format!("{:.1} M/s", r / 1e6),
        r => format!("{:.0} k/s", r / 1e3),
    }
}

fn bytes(n: f64) -> String {
    match n {
        n if n < 10_000.0 => format!("{n:.0} B"),
        n => format!("{:.1} KiB", n / 1024.0),
    }
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The rows as markdown.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| | start, yield, resume, end | switch, one service | switches | switch, many services | command by channel | \
         heap / suspended service | resident / suspended service | of |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            time(row.life),
            time(row.switch),
            rate(row.switch),
            time(row.switch_many),
            time(row.command),
            bytes(row.heap),
            bytes(row.resident),
            thousands(row.crowd),
        );
    }
    text.push_str(
        "\nA switch resumes a suspended service until it is suspended again; many services are 1,000 (100 where threads are \
         involved), resumed in turn. A command goes through the contender's own channel (bare coroutines take it by \
         `resume`). Memory is that of the service, its stack and its command channel, measured in a process of its own: \
         the heap as asked for, and resident pages.\n",
    );
    text
}

/// Two panels of bars on logarithmic scales.
pub fn plot(rows: &[Row]) -> String {
    // The names of the peers start in lower case.
    let values = |of: fn(&Row) -> f64| {
        rows.iter()
            .map(move |row| (row.name, row.name.starts_with(char::is_uppercase), of(row)))
    };
    let mut bars = plot::Bars::default();
    bars.panel(
        "Switch, many services (ns)",
        time,
        values(|row| row.switch_many),
    );
    bars.panel(
        "Resident memory of a suspended service (bytes)",
        bytes,
        values(|row| row.resident),
    );
    bars.svg()
}
