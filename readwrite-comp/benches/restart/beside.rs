//! Our rows in wasm beside the native ones.

use crate::case::Case;
use crate::measure::Measure;
use std::collections::HashMap;
use std::fmt::Write;

/// A table of ratios from `NAME=FILE`s, each with rows of a case's name and its ratio, and of the
/// same cases measured here.
pub fn markdown(measure: &Measure, hosts: &[String]) -> String {
    let hosts: Vec<(&str, HashMap<String, f64>)> = hosts
        .iter()
        .map(|host| {
            let (name, file) = host.split_once('=').expect("NAME=FILE");
            let text = std::fs::read_to_string(file).expect("the file can be read");
            (name, text.lines().filter_map(row).collect())
        })
        .collect();
    let mut cases: Vec<&String> = hosts.iter().flat_map(|host| host.1.keys()).collect();
    cases.sort();
    cases.dedup();
    let mut text = String::from(
        "## In wasm\n\nRatios to the floor on the same host, by the fastest of many runs. The turns alone are the bench's own \
         source and loop:\nwhat a turn of few bytes costs there, whoever reads.",
    );
    text += "\n\n| case | native |";
    for (name, _) in &hosts {
        let _ = write!(text, " {name} |");
    }
    text += "\n|---|---:|";
    text += &"---:|".repeat(hosts.len());
    text.push('\n');
    for name in cases {
        let case = Case::parse(name).expect("wasm runs our cases");
        let (own, floor) = measure.cost(case);
        let native = own.fastest / floor.fastest;
        let _ = write!(text, "| {} | {native:.2} |", case.title());
        for (_, ratios) in &hosts {
            match ratios.get(name) {
                Some(ratio) => {
                    let _ = write!(text, " {ratio:.2} ({:.2} × native) |", ratio / native);
                }
                None => text += " – |",
            }
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// A row of two cells: the name of a case, its ratio.
fn row(line: &str) -> Option<(String, f64)> {
    let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
    let name = cells.next()?;
    Some((name.into(), cells.next()?.parse().ok()?))
}
