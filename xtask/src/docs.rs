//! `cargo xtask docs`.

mod html;

use crate::run::Cmd;
use crate::setup;
use crate::workspace::{Workspace, root};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Build the manual and the documentation of the crates, and check their links.
///
/// The manual is an mdBook of the pages in docs/, with a search; the documentation of the crates is
/// beside it. Both are in target/book: open target/book/index.html. Fails if a link of the manual
/// leads to no page, or to no heading of it.
#[derive(clap::Args)]
pub struct Args {
    /// Open the manual in a browser afterwards.
    #[arg(long)]
    open: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let book = build(&workspace, &workspace.target_dir)?;
    let start = book.join("index.html");
    println!("the manual is {}", start.display());
    if args.open {
        crate::place::open(start.as_os_str());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the manual with the crates' documentation under `target_dir`, and checks its links.
/// Returns its folder.
pub fn build(workspace: &Workspace, target_dir: &Path) -> Result<PathBuf> {
    let book = target_dir.join("book");
    if book.exists() {
        std::fs::remove_dir_all(&book)?;
    }
    Cmd::new("mdbook", ["build"])
        .args([root().join("docs")])
        .args([Path::new("--dest-dir"), &book])
        .env("PATH", setup::mdbook()?)
        .check()?;
    Cmd::cargo(["doc", "--no-deps", "--lib"])
        .args(crate::test::everything(workspace))
        .env("CARGO_TARGET_DIR", target_dir)
        .env("RUSTDOCFLAGS", "-D warnings")
        .check()?;
    copy(&target_dir.join("doc"), &book.join("api"))?;
    let broken = html::broken(&pages(&book)?, |path| book.join(path).is_file());
    for fault in &broken {
        eprintln!("{fault}");
    }
    if !broken.is_empty() {
        bail!("the manual has links that lead nowhere: correct them in docs/");
    }
    Ok(book)
}

/// Reads the pages of the manual, without those of the crates, whose links rustdoc checks.
fn pages(book: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(book.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                if path != Path::new("api") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "html") {
                let text = std::fs::read_to_string(book.join(&path))?;
                pages.insert(path, text);
            }
        }
    }
    Ok(pages)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    let entries = std::fs::read_dir(from).with_context(|| format!("no {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
