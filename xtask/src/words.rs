//! The step `words`: plain English in comments, errors and pages, measured.

mod links;
mod measure;

use crate::run::Cmd;
use crate::step::Outcome;
use crate::workspace::root;
use anyhow::{Context, Result};
use links::Pages;
use measure::{Fault, Figures, Kind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Doc comments in a hundred that may begin with a relative word, in each crate.
const RELATIVE: f64 = 3.0;

/// Lines in a hundred, of all crates, that must be comments which say why.
const COMMENTS: f64 = 2.5;

/// Files in which a house's phrase is meant, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("docs/glossary.md", "the page that explains the words"),
    ("xtask/src/words/measure.rs", "the list of the phrases"),
];

/// Documentation of the crates beside the manual: built, and its links checked, by `cargo xtask
/// docs`.
const BUILT: &str = "docs/api";

fn is_there(path: &Path) -> bool {
    path.starts_with(BUILT) || root().join(path).exists()
}

/// Measures everything that git knows of, prints the figures of each crate, and all faults.
pub fn check() -> Result<Outcome> {
    let mut crates: BTreeMap<String, Measured> = BTreeMap::new();
    let mut pages = Pages::new();
    let mut success = true;
    for path in files()? {
        let Some(kind) = path.extension().and_then(|kind| kind.to_str()) else {
            continue;
        };
        if !["rs", "md", "html", "js", "mjs", "ts", "css", "toml"].contains(&kind) {
            continue;
        }
        let full = root().join(&path);
        let text = std::fs::read_to_string(&full)
            .with_context(|| format!("cannot read {}", full.display()))?;
        let faults = if kind == "rs" {
            let of = crates.entry(crate_of(&path)).or_default();
            let (figures, faults) = measure::rust(&text, is_test(&path));
            of.figures += figures;
            let heads = |fault: &&Fault| matches!(fault.kind, Kind::RelativeHead(_));
            let heads = faults.iter().filter(heads).map(|fault| line(&path, fault));
            of.heads.extend(heads);
            faults
        } else {
            measure::phrases(&text)
        };
        if kind == "md" {
            pages.insert(path.clone(), text);
        }
        for fault in faults {
            // Some heads are allowed: they are judged by the crate.
            let is_head = matches!(fault.kind, Kind::RelativeHead(_));
            let is_meant = matches!(fault.kind, Kind::Phrase(..)) && is_exception(&path);
            if !is_head && !is_meant {
                success = false;
                eprintln!("{}", line(&path, &fault));
            }
        }
    }
    for path in pages.keys() {
        for (number, link) in links::broken(path, &pages, is_there) {
            success = false;
            eprintln!(
                "{}:{number}: no such file or heading: {link}",
                path.display()
            );
        }
    }
    Ok(Outcome::of(judge(&crates) && success))
}

/// Figures of one crate.
#[derive(Default)]
struct Measured {
    figures: Figures,
    /// Doc comments that begin with a relative word, each as a line for people.
    heads: Vec<String>,
}

/// Prints the figures, and returns true if they are as they should be.
fn judge(crates: &BTreeMap<String, Measured>) -> bool {
    let mut success = true;
    let mut all = Figures::default();
    eprintln!(
        "    {:<16}{:>7}{:>12}{:>10}",
        "", "docs", "relative", "comments"
    );
    for (name, measured) in crates {
        let Measured { figures, heads } = measured;
        let relative = share(heads.len(), figures.docs);
        eprintln!(
            "    {name:<16}{:>7}{relative:>10.1} %{:>8.1} %",
            figures.docs,
            share(figures.comments, figures.lines)
        );
        all += *figures;
        if relative > RELATIVE {
            success = false;
            heads.iter().for_each(|head| eprintln!("{head}"));
            eprintln!(
                "{name}: more than {RELATIVE} % of its doc comments begin with a relative word"
            );
        }
    }
    let comments = share(all.comments, all.lines);
    eprintln!(
        "    {:<16}{:>7}{:>12}{comments:>8.1} %",
        "all", all.docs, ""
    );
    if comments < COMMENTS {
        success = false;
        eprintln!(
            "fewer than {COMMENTS} % of the lines are comments: say why where a reader would ask"
        );
    }
    success
}

fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn line(path: &Path, fault: &Fault) -> String {
    format!("{}:{}: {}", path.display(), fault.line, fault.kind)
}

fn is_exception(path: &Path) -> bool {
    EXCEPTIONS.iter().any(|(file, _)| Path::new(file) == path)
}

/// Returns the crate that a file belongs to, by the folder that it is in.
fn crate_of(path: &Path) -> String {
    let first = path.iter().next().and_then(|name| name.to_str());
    match first {
        Some("src" | "tests" | "examples" | "benches" | "fuzz") | None => "mydht".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// Returns true for a file of tests, benches or examples alone.
fn is_test(path: &Path) -> bool {
    let is_folder = |name: &std::ffi::OsStr| {
        ["tests", "benches", "examples", "fuzz", "loom", "testing"]
            .iter()
            .any(|kind| name == *kind)
    };
    path.iter().any(is_folder) || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// Returns the paths of the files that git knows of, from the root.
fn files() -> Result<Vec<PathBuf>> {
    let listed = Cmd::new("git", ["ls-files", "-z"])
        .dir(&root())
        .capture_stdout()?;
    Ok(listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect())
}
