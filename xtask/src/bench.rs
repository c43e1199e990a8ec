//! `cargo xtask bench`.

use crate::run::Cmd;
use crate::workspace::root;
use anyhow::{Result, bail};
use std::process::ExitCode;

/// The benchmarks: the name typed, the folder of the package, its `[[bench]]`.
const BENCHES: &[(&str, &str, &str)] = &[
    ("loop", "evloop/benches", "loop"),
    ("restart", "readwrite-comp", "restart"),
    ("spawn", "spawner", "spawn"),
    ("transfer", ".", "transfer"),
];

/// Measure, and write the figures to docs/benchmarks.
///
/// `loop`: the event loop beside its peers. `restart`: decoding and encoding across WouldBlock.
/// `spawn`: the spawners. `transfer`: a file from node to node. Close other programs first: the figures are of this machine as it is now.
#[derive(clap::Args)]
pub struct Args {
    /// Which one.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(BENCHES.iter().map(|bench| bench.0)))]
    name: String,
    /// Fewer rounds: to see that it works, not to publish.
    #[arg(long)]
    quick: bool,
}

/// Runs the benchmark named.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some((_, folder, bench)) = BENCHES.iter().find(|bench| bench.0 == args.name) else {
        bail!("no benchmark `{}`", args.name);
    };
    let manifest = root().join(folder).join("Cargo.toml");
    // cargo runs a benchmark in its package's folder, so the path must be absolute.
    let out = root().join("docs").join("benchmarks");
    Cmd::cargo(["bench", "--all-features", "--manifest-path"])
        .args([&manifest])
        .args(["--bench", bench, "--", "--out"])
        .args([&out])
        .args(args.quick.then_some("--quick"))
        .check()?;
    Ok(ExitCode::SUCCESS)
}
