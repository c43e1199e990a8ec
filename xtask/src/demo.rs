//! `cargo xtask demo`.

mod content;
mod process;
mod stats;

use crate::run::Cmd;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use process::{Node, Program};
use stats::{Row, Stats};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How many nodes the demo's network has.
const NODES: usize = 3;

/// Put a file into a network of three nodes on this machine, and get it back.
///
/// Builds `mydht` in release, starts three nodes on loopback, puts the file through the first, gets
/// it through the third, compares the hashes, prints what each process did, and stops the nodes by
/// SIGTERM. Everything is in a temporary folder, which is removed. Fails if the file comes back
/// different, if anything takes too long, or if a node does not stop by itself.
#[derive(clap::Args)]
pub struct Args {
    /// The file to put, instead of random bytes.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["size", "seed"])]
    file: Option<PathBuf>,
    /// How much random data to put, in MB (1,000,000 bytes).
    #[arg(long, value_name = "MB", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    size: u64,
    /// The seed of the random bytes: the same seed gives the same file.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long putting may take, and getting, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// For scripts: print the table and the verdict only.
    #[arg(long)]
    check: bool,
}

/// Says what is being done, unless only the result is wanted.
#[derive(Clone, Copy)]
struct Narrator {
    silent: bool,
}

impl Narrator {
    fn step(self, text: &str) {
        if !self.silent {
            println!("\n{text}");
        }
    }

    fn detail(self, text: &str) {
        if !self.silent {
            println!("    {text}");
        }
    }
}

/// Runs the demo.
pub fn run(args: &Args) -> Result<ExitCode> {
    let say = Narrator { silent: args.check };
    let program = build(say)?;
    let dir = tempfile::Builder::new().prefix("mydht-demo-").tempdir()?;
    let same = play(args, say, &program, dir.path())?;
    dir.close().context("the demo's folder cannot be removed")?;
    if same {
        println!("\nthe file came back the same");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("\nTHE FILE CAME BACK DIFFERENT");
        Ok(ExitCode::FAILURE)
    }
}

fn build(say: Narrator) -> Result<PathBuf> {
    let workspace = Workspace::load()?;
    if !workspace.package("mydht")?.has("bin", "mydht") {
        bail!("package `mydht` has no binary `mydht` to run");
    }
    say.step("Building mydht in release (the first time takes minutes)");
    Cmd::cargo([
        "build",
        "--release",
        "--quiet",
        "-p",
        "mydht",
        "--bin",
        "mydht",
    ])
    .check()?;
    Ok(workspace
        .target_dir
        .join("release")
        .join("mydht")
        .with_extension(std::env::consts::EXE_EXTENSION))
}

/// Whether the file came back the same.
fn play(args: &Args, say: Narrator, program: &Path, dir: &Path) -> Result<bool> {
    let limit = Duration::from_secs(args.timeout);

    say.step(&format!("Starting {NODES} nodes on loopback"));
    let mut nodes: Vec<Node> = Vec::new();
    for number in 1..=NODES {
        let bootstrap = nodes.first().map(|first| first.address.clone());
        let node = Node::start(program, dir, number, bootstrap.as_deref())?;
        say.detail(&format!("node {number}: {} id={}", node.address, node.id));
        nodes.push(node);
    }
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
        bail!("a network without nodes");
    };

    let source = match &args.file {
        Some(path) => {
            say.step(&format!("Reading {}", path.display()));
            std::path::absolute(path)?
        }
        None => {
            say.step(&format!(
                "Making {} MB of random bytes (seed {})",
                args.size, args.seed
            ));
            let path = dir.join("file");
            content::write_random(&path, args.size * 1_000_000, args.seed)?;
            path
        }
    };
    let (bytes, sent) = content::hash(&source)?;
    say.detail(&format!("{bytes} bytes, blake3 {}", sent.to_hex()));

    say.step("Putting it through node 1");
    let put = Program::new(program, dir, "put")
        .arg("--bootstrap")
        .arg(&first.address)
        .arg("--file")
        .arg(&source)
        .run(limit)
        .with_context(|| nodes_stderr(&nodes))?;
    let key = process::first_line(&put.stdout).context("`mydht put` printed no key")?;
    say.detail(&format!("key {key}, in {:.2} s", put.time.as_secs_f64()));

    say.step("Getting it through node 3");
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
    say.detail(&format!(
        "{bytes_back} bytes, blake3 {}, in {:.2} s",
        got.to_hex(),
        get.time.as_secs_f64()
    ));

    say.step("Stopping the nodes");
    let mut rows = Vec::new();
    for node in nodes {
        let name = node.name.clone();
        let (stats, time) = node.stop()?;
        say.detail(&format!("{name} stopped by itself"));
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

/// What the nodes last said, for the report of a failure elsewhere.
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

#[cfg(all(test, unix))]
mod tests;
