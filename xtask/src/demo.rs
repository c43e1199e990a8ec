//! `cargo xtask demo`.

mod build;
mod content;
mod cut;
mod plan;
mod process;
mod show;
mod stats;

use crate::page::{self, Churn, Page};
use crate::web::Build;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
pub use content::write_random;
use process::{Node, Program};
use stats::{Row, Stats};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Number of nodes of the native part of the check.
const NODES: usize = 3;

/// The network whose nodes are killed.
const CHURN: Churn = Churn {
    nodes: 50,
    seconds: 60,
    values: 1_000,
    files: 20,
};

/// Show MyDHT: a rendezvous server with its page, and a native node, in one room.
///
/// Within the first minute two native nodes exchange a file. Meanwhile and afterwards the server
/// and the page are built, quickly and not to be fast. Then the server and a node start on this
/// machine, and the address of the page is printed (and opened, where there is a desktop): each tab
/// of it is a node. It goes on until Ctrl-C.
///
/// With --check it builds in release, shows by itself that all works, and ends. A file goes through
/// a network of three native nodes and comes back, also where the fetching node is killed and
/// started again. It is dropped into one of two tabs of Chromium and got in the other, and by the
/// native node. Servers, tabs and networks go away, and peers lie. In a network of 50 native nodes
/// and three tabs, of which a node is killed each second for a minute, a thousand values and twenty
/// files are found. Screenshots are left in target/demo. Fails if a file comes back different, or
/// anything takes too long.
#[derive(clap::Args)]
pub struct Args {
    /// The file to put, instead of random bytes.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["size", "seed"])]
    file: Option<PathBuf>,
    /// Random data to put, in MB (1,000,000 bytes).
    #[arg(long, value_name = "MB", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    size: u64,
    /// The seed of the random bytes: the same seed gives the same file.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Time for putting, and for getting, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Show by itself that all works: no questions, and an exit code.
    #[arg(long)]
    check: bool,
}

/// Runs the demo.
pub fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    if !args.check {
        return show::run(&workspace.target_dir);
    }
    eprintln!("building the page and mydht in release (the first time takes minutes)");
    let program = page::program(&workspace, &workspace.target_dir, Build::Small)?;
    let dir = tempfile::Builder::new().prefix("mydht-demo-").tempdir()?;
    let same = play(args, &program, dir.path())?;
    println!("\nnatively, {}", verdict(same));
    let limit = Duration::from_secs(args.timeout);
    let went_on = cut::goes_on(&source(args, dir.path())?, &program, dir.path(), limit)?;
    println!("after a kill, {}", verdict(went_on));
    let shots = workspace.target_dir.join("demo");
    std::fs::create_dir_all(&shots)?;
    let page = Page::new(program)?;
    let file = source(args, dir.path())?;
    let shown = page.demo(&file, &shots)?;
    println!("\nin the page, {}", verdict(shown));
    let lived = page.faults(&shots, true)?;
    let kept = page.churn(&shots, &CHURN)?;
    println!("\nscreenshots are in {}", shots.display());
    if !lived {
        println!("NOT ALL FAULTS WERE LIVED THROUGH");
    }
    // Dropped, it would hide that it could not be removed.
    dir.close().context("the demo's folder cannot be removed")?;
    if !kept {
        println!("NOT ALL WAS FOUND WHILE NODES WERE KILLED");
    }
    Ok(match same && went_on && shown && lived && kept {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn verdict(same: bool) -> &'static str {
    match same {
        true => "the file came back the same",
        false => "THE FILE DID NOT COME BACK THE SAME",
    }
}

/// The file that is put: made, if none is named.
fn source(args: &Args, dir: &Path) -> Result<PathBuf> {
    if let Some(path) = &args.file {
        return Ok(std::path::absolute(path)?);
    }
    let path = dir.join("file");
    if !path.exists() {
        content::write_random(&path, args.size * 1_000_000, args.seed)?;
    }
    Ok(path)
}

/// Whether a file came back the same from a network of native nodes.
fn play(args: &Args, program: &Path, dir: &Path) -> Result<bool> {
    let limit = Duration::from_secs(args.timeout);
    let mut nodes: Vec<Node> = Vec::new();
    for number in 1..=NODES {
        // All begin with the first one, and learn of each other through it.
        let bootstrap = nodes.first().map(|first| first.address.clone());
        nodes.push(Node::start(program, dir, number, bootstrap.as_deref())?);
    }
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
        bail!("a network without nodes");
    };
    let source = source(args, dir)?;
    let (bytes, sent) = content::hash(&source)?;
    let put = Program::new(program, dir, "put")
        .arg("--bootstrap")
        .arg(&first.address)
        .arg("--file")
        .arg(&source)
        .run(limit)
        .with_context(|| nodes_stderr(&nodes))?;
    let key = process::first_line(&put.stdout).context("`mydht put` printed no key")?;
    let back = dir.join("file.back");
    let get = Program::new(program, dir, "get")
        .arg("--bootstrap")
        .arg(&last.address)
        .arg(key)
        .arg("--out")
        .arg(&back)
        .run(limit)
        .with_context(|| nodes_stderr(&nodes))?;
    let (bytes_back, got) = content::hash(&back)?;
    let mut rows = Vec::new();
    for node in nodes {
        let name = node.name.clone();
        // First: a node writes its statistics when it ends.
        let (stats, time) = node.stop()?;
        rows.push(Row { name, time, stats });
    }
    for (name, run) in [("put", put), ("get", get)] {
        rows.push(Row {
            name: name.to_owned(),
            time: run.time,
            stats: Stats::read(&run.stats)?,
        });
    }
    print!("\n{}", stats::table(&rows));
    Ok(sent == got && bytes == bytes_back)
}

/// Returns the last lines of the nodes, for the report of a failure elsewhere.
fn nodes_stderr(nodes: &[Node]) -> String {
    nodes
        .iter()
        .map(|node| {
            format!(
                "{}'s standard error ended:\n{}",
                node.name,
                node.stderr_tail()
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
