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

struct Panel {
    title: &'static str,
    of: fn(&Row) -> f64,
    show: fn(f64) -> String,
}

/// Two panels of bars on logarithmic scales.
pub fn plot(rows: &[Row]) -> String {
    const LEFT: f64 = 190.0;
    const BAR: f64 = 330.0;
    const LINE: f64 = 22.0;
    let panels = [
        Panel {
            title: "Switch, many services (ns, log)",
            of: |row| row.switch_many,
            show: time,
        },
        Panel {
            title: "Resident memory of a suspended service (bytes, log)",
            of: |row| row.resident,
            show: bytes,
        },
    ];
    let height = 40.0 + (rows.len() as f64 + 2.5) * LINE * panels.len() as f64;
    let width = LEFT + BAR + 110.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut y = 30.0;
    for panel in panels {
        let values: Vec<f64> = rows.iter().map(|row| (panel.of)(row).max(1.0)).collect();
        let low = values
            .iter()
            .copied()
            .fold(f64::MAX, f64::min)
            .log10()
            .floor();
        let high = values.iter().copied().fold(1.0, f64::max).log10().ceil();
        let scale = BAR / (high - low).max(1.0);
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{y}\" font-weight=\"bold\">{}</text>",
            panel.title
        );
        y += 10.0;
        for (row, value) in rows.iter().zip(&values) {
            let length = ((value.log10() - low) * scale).max(2.0);
            // The names of the peers start in lower case.
            let ours = row.name.starts_with(char::is_uppercase);
            let fill = if ours { "#2b6cb0" } else { "#a0aec0" };
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{fill}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                LEFT - 8.0,
                y + LINE - 7.0,
                row.name,
                LINE - 4.0,
                LEFT + length + 6.0,
                y + LINE - 7.0,
                (panel.show)(*value),
            );
            y += LINE;
        }
        y += LINE * 1.5;
    }
    svg.push_str("</svg>\n");
    svg
}
