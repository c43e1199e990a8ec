//! A page with the figures and plots of a run, and what is needed to run it again.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use mydht_sim::{Distribution, Figures};
use plot::{Bars, Lines, Show};
use serde::Serialize;

use super::{Args, Cost};

#[derive(Serialize)]
struct Report<'a> {
    options: &'a Args,
    trace: mydht::Hash,
    figures: &'a Figures,
    cost: &'a Cost,
}

/// Shares that the bars show.
const SHARES: [(&str, f64); 5] = [
    ("least", 0.0),
    ("half have at most", 0.5),
    ("nine tenths", 0.9),
    ("99 of 100", 0.99),
    ("most", 1.0),
];

fn number(value: f64) -> String {
    format!("{value:.0}")
}

/// Writes `index.html`, its plots and `report.json` into `folder`.
pub fn write(folder: &Path, options: &Args, figures: &Figures, cost: &Cost) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let report = Report {
        options,
        trace: figures.trace,
        figures,
        cost,
    };
    let json = serde_json::to_string_pretty(&report).map_err(io::Error::other)?;
    fs::write(folder.join("report.json"), &json)?;
    let plots = [
        ("lookups.svg", lookups(figures)),
        ("nodes.svg", nodes(figures)),
        ("slow.svg", slow(&figures.latency)),
    ];
    for (name, svg) in &plots {
        fs::write(folder.join(name), svg)?;
    }
    fs::write(folder.join("index.html"), page(&json, &plots, figures))
}

fn bars(bars: &mut Bars, title: &str, numbers: &Distribution) {
    let show: Show = number;
    let rows = SHARES.map(|(name, share)| (name, true, numbers.quantile(share)));
    bars.panel(title, show, rows);
}

fn lookups(figures: &Figures) -> String {
    let mut all = Bars::default();
    bars(&mut all, "hops of a lookup", &figures.hops);
    bars(
        &mut all,
        "virtual milliseconds of a lookup",
        &figures.latency,
    );
    all.svg()
}

fn nodes(figures: &Figures) -> String {
    let mut all = Bars::default();
    bars(&mut all, "messages read by a node", &figures.load);
    bars(
        &mut all,
        "bytes read and written by a node",
        &figures.traffic,
    );
    bars(
        &mut all,
        "connections of a node at the end",
        &figures.connections,
    );
    all.svg()
}

/// Which share of the lookups took longer.
fn slow(latency: &Distribution) -> String {
    let mut lines = Lines::new(
        ("virtual milliseconds", number),
        ("% of lookups took longer", |y| format!("{y}")),
    );
    let count = latency.count() as f64;
    let longer = |(at, ms): (usize, &f64)| (*ms, (count - at as f64 - 1.0) / count * 100.0);
    lines.line("lookups", latency.sorted().iter().enumerate().map(longer));
    lines.svg()
}

fn page(json: &str, plots: &[(&str, String)], figures: &Figures) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>mydht sim</title>\n\
         <style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}pre{{background:#f4f4f4;padding:1em}}</style>\n\
         <h1>{} nodes, seed {}</h1>\n<p>{} of {} lookups found what was put. Trace <code>{}</code>.</p>\n",
        figures.peers, figures.seed, figures.lookups.done, figures.lookups.asked, figures.trace
    );
    for (name, _) in plots {
        // Infallible, here and below: the target is a String.
        let _ = writeln!(page, "<p><img src=\"{name}\" alt=\"\"></p>");
    }
    // The ampersand comes first: otherwise it would also replace those of `&lt;`.
    let text = json.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(page, "<pre>{text}</pre>\n</html>");
    page
}
