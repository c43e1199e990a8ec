//! `cargo xtask api`: the public API of mio 0.6.23 beside ours, by rustdoc's JSON.

mod items;
mod types;

use crate::run::Cmd;
use crate::step::Outcome;
use crate::workspace::root;
use anyhow::{Context, Result};
use items::{Crate, Item};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

/// Version of mio that is compared with.
const MIO: &str = "0.6.23";
/// Page that lists what is missing.
const PAGE: &str = "evloop/docs/migrating-from-mio-0.6.md";

/// Compare the API of mydht-evloop, and of the drop-in package `mio` over it, with that of mio
/// 0.6.23.
///
/// Fails if an item of mio that is neither deprecated nor hidden is missing, or has another
/// signature, or lacks an implementation or an auto trait; and if a deprecated or hidden one is
/// missing that evloop/docs/migrating-from-mio-0.6.md does not name. Both sides are described by
/// rustdoc, as JSON, on this machine's platform.
#[derive(clap::Args)]
pub struct Args {
    /// Print every item that was compared.
    #[arg(long)]
    list: bool,
}

/// Runs the comparison.
pub fn run(args: &Args) -> Result<ExitCode> {
    Ok(match compare(args.list)? {
        Outcome::Passed(_) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Compares; prints what is missing.
pub fn compare(list: bool) -> Result<Outcome> {
    let scratch = tempfile::tempdir()?;
    let mio = registry_mio(scratch.path())?;
    let ours = document(&root().join("evloop"), "mydht_evloop", scratch.path())?;
    let package = document(&root().join("evloop/mio"), "mio", scratch.path())?;
    let page = std::fs::read_to_string(root().join(PAGE)).context(PAGE)?;

    let theirs = items::all(&mio, None);
    let mut complete = true;
    for (name, found) in [
        ("mydht-evloop", items::all(&ours, None)),
        ("the package mio", items::all(&package, Some(&ours))),
    ] {
        let Verdict {
            compared,
            lacking,
            old,
            unnamed,
        } = judge(&theirs, &found, &page);
        for item in &lacking {
            println!("missing from {name}: {}", item.text);
        }
        for item in &unnamed {
            println!("missing from {name} and not named in {PAGE}: {}", item.text);
        }
        println!(
            "{name}: {} of {compared} items of mio {MIO}; {} deprecated or hidden ones are missing, {} of them not named",
            compared - lacking.len(),
            old,
            unnamed.len(),
        );
        // Nothing compared is no success: a new format may have hidden everything from the walk.
        complete &= lacking.is_empty() && unnamed.is_empty() && compared > 0;
    }
    if list {
        for item in &theirs {
            println!("{} {}", if item.old { "-" } else { " " }, item.text);
        }
    }
    Ok(Outcome::of(complete))
}

/// Result of a comparison.
struct Verdict<'a> {
    /// Number of items that had to be there.
    compared: usize,
    /// Which of them are not.
    lacking: Vec<&'a Item>,
    /// Number of deprecated or hidden items that are missing.
    old: usize,
    /// Which of those the page does not name.
    unnamed: Vec<&'a Item>,
}

fn judge<'a>(theirs: &'a [Item], found: &[Item], page: &str) -> Verdict<'a> {
    let found: BTreeSet<&str> = found.iter().map(|item| item.text.as_str()).collect();
    let (old, current): (Vec<_>, Vec<_>) = theirs.iter().partition(|item| item.old);
    let missing = |items: &[&'a Item]| -> Vec<&'a Item> {
        let missing = |item: &&&Item| !found.contains(item.text.as_str());
        items.iter().filter(missing).copied().collect()
    };
    let mut unnamed = missing(&old);
    let old = unnamed.len();
    unnamed.retain(|item| !item.names.iter().any(|name| is_named(page, name)));
    Verdict {
        compared: current.len(),
        lacking: missing(&current),
        old,
        unnamed,
    }
}

/// True if `page` has `name` as a word of its own.
fn is_named(page: &str, name: &str) -> bool {
    page.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| word == name)
}

/// The registry's mio, as a dependency of an empty package: cargo documents what is in its graph
/// only.
fn registry_mio(scratch: &Path) -> Result<Crate> {
    let folder = scratch.join("registry");
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::write(folder.join("src/lib.rs"), "")?;
    std::fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[workspace]\n[package]\nname = \"api-of-mio\"\nedition = \"2024\"\n[dependencies]\nmio = \"={MIO}\"\n"
        ),
    )?;
    // The versions that the workspace has downloaded already.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    document(&folder, "mio", scratch)
}

/// rustdoc's JSON of the library `name` that is the package in `folder`, or its dependency.
fn document(folder: &Path, name: &str, scratch: &Path) -> Result<Crate> {
    let target = scratch.join("target");
    let package = name.replace('_', "-");
    Cmd::cargo(["doc", "--quiet", "--no-deps", "--lib", "--manifest-path"])
        .args([folder.join("Cargo.toml")])
        .args(["--package", &package])
        .env("CARGO_TARGET_DIR", &target)
        // The JSON is a nightly feature of the toolchain that is there; nothing is compiled for keeps.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "RUSTDOCFLAGS",
            "-Zunstable-options --output-format json --document-hidden-items --cap-lints allow",
        )
        .check()?;
    let file = target.join("doc").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("rustdoc wrote no {}", file.display()))?;
    // The package and the registry's crate have the same name.
    std::fs::remove_file(&file)?;
    Crate::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str, old: bool) -> Item {
        Item {
            text: text.into(),
            old,
            names: vec![text.rsplit("::").next().unwrap_or_default().into()],
        }
    }

    #[test]
    fn a_name_is_a_whole_word() {
        let page = "`Ready::{none, is_hup}` and `tcp`";
        assert!(is_named(page, "none") && is_named(page, "is_hup") && is_named(page, "tcp"));
        assert!(!is_named(page, "hup") && !is_named(page, "tc"));
    }

    #[test]
    fn what_is_missing_is_told_and_what_is_old_must_be_named() {
        let theirs = [
            item("fn Poll::poll", false),
            item("fn Poll::register", false),
            item("fn Ready::none", true),
            item("fn Ready::error", true),
            item("fn Ready::hup", true),
        ];
        let ours = [item("fn Poll::poll", false), item("fn Ready::hup", false)];
        let verdict = judge(&theirs, &ours, "not there: `none`");
        assert_eq!((verdict.compared, verdict.old), (2, 2));
        assert_eq!(verdict.lacking, [&theirs[1]]);
        assert_eq!(verdict.unnamed, [&theirs[3]]);
    }
}
