//! `cargo xtask sim`.

use crate::run::Cmd;
use crate::workspace::root;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Simulate large networks: quiet, with churn, with liars, and in halves; and twice the same, which
/// must go the same way.
///
/// Each is a run of `mydht sim`, which prints its table; its plots and what is needed to run it
/// again go to target/sim/NAME. It fails if less was found than is expected.
#[derive(clap::Args)]
pub struct Args {
    /// Nodes of each network.
    #[arg(long, default_value_t = 10_000)]
    peers: u32,
    /// The seed of each.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this one.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    only: Option<String>,
    /// Instead: quiet networks from 100 nodes to so many, and a plot of how their costs grow.
    #[arg(long, value_name = "PEERS", num_args = 0..=1, default_missing_value = "10000")]
    scale: Option<u32>,
}

/// The networks: what they are called, their options, the share of the lookups that must find what
/// was put.
const SCHEDULES: [(&str, &[&str], &str); 5] = [
    ("quiet", &[], "1"),
    ("churn", &["--churn", "0.1", "--minutes", "60"], "0.995"),
    ("hostile", &["--hostile", "0.2"], "0.95"),
    ("stall", &["--partition", "stall"], "1"),
    ("cut", &["--partition", "cut"], "1"),
];

const NAMES: [&str; 6] = ["quiet", "churn", "hostile", "stall", "cut", "trace"];

/// Runs the networks.
pub fn run(args: &Args) -> Result<ExitCode> {
    Cmd::cargo([
        "build",
        "--release",
        "--package",
        "mydht-cli",
        "--bin",
        "mydht",
    ])
    .check()?;
    let folder = target();
    let command = folder.join("release").join("mydht");
    if let Some(most) = args.scale {
        return scale(&command, &folder.join("sim"), most, args.seed);
    }
    let mut failed = Vec::new();
    let (peers, seed) = (args.peers.to_string(), args.seed.to_string());
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    for (name, options, expected) in SCHEDULES {
        if !wanted(name) {
            continue;
        }
        println!("\n{name}: {peers} nodes, seed {seed} {}", options.join(" "));
        let report = folder.join("sim").join(name);
        let run = Cmd::new(&command, ["sim", "--peers", &peers, "--seed", &seed])
            .args(options)
            .args(["--expect", expected, "--report"])
            .args([&report]);
        if !run.succeeds()? {
            failed.push(name);
        }
    }
    if wanted("trace") && !traces_agree(&command, &peers, &seed)? {
        failed.push("trace");
    }
    if failed.is_empty() {
        println!(
            "\nall as expected; plots in {}",
            folder.join("sim").display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("\nnot as expected: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn target() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // A relative folder counts from the root, where cargo is run.
    chosen.map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Twice the same network: the same trace.
fn traces_agree(command: &Path, peers: &str, seed: &str) -> Result<bool> {
    let trace = || -> Result<String> {
        let options = ["--peers", peers, "--seed", seed];
        let out = Cmd::new(command, ["sim"]).args(options).capture_stdout()?;
        let line = out.lines().find_map(|line| line.strip_prefix("trace "));
        Ok(line.context("no trace was printed")?.to_owned())
    };
    // Two processes: nothing that a process keeps can make them agree.
    let (once, again) = (trace()?, trace()?);
    println!("\ntrace: {once}, and again {again}");
    Ok(once == again)
}

/// A plot: its name, its axis, and its lines, each with where a report has it.
type Drawn = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Figures that are drawn against the number of nodes.
const DRAWN: [Drawn; 6] = [
    (
        "hops",
        "hops of a lookup",
        &[("mean", "/figures/hops/mean")],
    ),
    (
        "latency",
        "virtual milliseconds of a lookup",
        &[
            ("half have at most", "/figures/latency/p50"),
            ("99 of 100", "/figures/latency/p99"),
        ],
    ),
    (
        "load",
        "messages that a node reads",
        &[
            ("mean", "/figures/load/mean"),
            ("99 of 100 have at most", "/figures/load/p99"),
        ],
    ),
    (
        "traffic",
        "bytes that a node reads and writes",
        &[
            ("mean", "/figures/traffic/mean"),
            ("99 of 100 have at most", "/figures/traffic/p99"),
        ],
    ),
    (
        "memory",
        "bytes of memory for an idle node",
        &[("process", "/cost/bytes_per_idle_node")],
    ),
    (
        "speed",
        "messages in a real second",
        &[("process", "/cost/messages_per_second")],
    ),
];

/// Networks of 100, 200, 500, 1000… nodes, and what each costs, drawn.
fn scale(command: &Path, folder: &Path, most: u32, seed: u64) -> Result<ExitCode> {
    let sizes = (2..).flat_map(|power| [1, 2, 5].map(|first| first * 10_u32.pow(power)));
    let mut reports = Vec::new();
    for peers in sizes.take_while(|peers| *peers <= most) {
        let report = folder.join(format!("scale-{peers}"));
        println!("\n{peers} nodes");
        Cmd::new(command, ["sim", "--seed", &seed.to_string()])
            .args(["--peers", &peers.to_string(), "--report"])
            .args([&report])
            .check()?;
        let json = std::fs::read(report.join("report.json"))?;
        let json: serde_json::Value = serde_json::from_slice(&json)?;
        reports.push((f64::from(peers), json));
    }
    for (name, axis, lines) in DRAWN {
        let mut drawn = plot::Lines::new(("nodes", |n| format!("{n}")), (axis, |n| format!("{n}")));
        for (line, path) in lines {
            let figure = |(peers, json): &(f64, serde_json::Value)| {
                Some((*peers, json.pointer(path)?.as_f64()?))
            };
            drawn.line(line, reports.iter().filter_map(figure));
        }
        if name == "hops" {
            let half = reports
                .iter()
                .map(|(peers, _)| (*peers, peers.log2() / 2.0));
            drawn.line("half of log2 of the nodes", half);
        }
        let path = folder.join(format!("scale-{name}.svg"));
        std::fs::write(&path, drawn.svg())?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
