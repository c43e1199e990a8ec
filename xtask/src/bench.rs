//! `cargo xtask bench`.

use crate::run::Cmd;
use crate::workspace::{Workspace, root};
use anyhow::{Result, bail};
use std::process::ExitCode;

/// The benchmarks: the name typed, the package, its `[[bench]]`.
const BENCHES: &[(&str, &str, &str)] = &[
    ("loop", "mydht-evloop", "loop"),
    ("restart", "readwrite-comp", "restart"),
    ("spawn", "mydht-spawner", "spawn"),
];

/// Measure, and write the figures to docs/benchmarks.
///
/// `loop`: the event loop beside its peers. `restart`: decoding and encoding across WouldBlock.
/// `spawn`: the spawners. Close other programs first: the figures are of this machine as it is now.
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
    let Some((_, package, bench)) = BENCHES.iter().find(|bench| bench.0 == args.name) else {
        bail!("no benchmark `{}`", args.name);
    };
    if !Workspace::load()?.package(package)?.has("bench", bench) {
        bail!("package `{package}` has no [[bench]] named `{bench}`");
    }
    // cargo runs a benchmark in its package's folder, so the path must be absolute.
    let out = root().join("docs").join("benchmarks");
    Cmd::cargo(["bench", "-p", package, "--bench", bench, "--", "--out"])
        .args([&out])
        .args(args.quick.then_some("--quick"))
        .check()?;
    Ok(ExitCode::SUCCESS)
}
