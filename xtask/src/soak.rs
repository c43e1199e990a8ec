//! `cargo xtask soak`.

use crate::run::Cmd;
use crate::workspace::root;
use anyhow::Result;
use std::process::ExitCode;

/// A node under load, in memory and over TCP: every honest question answered, no panic, memory
/// bounded.
///
/// One peer in ten is hostile. Fails if the node did not keep its promises; writes
/// docs/benchmarks/soak.md if it did.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds for each transport.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Peers. Over TCP each takes about five descriptors: see `ulimit -n`.
    #[arg(long, default_value_t = 1000)]
    connections: usize,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode> {
    let out = root().join("docs").join("benchmarks");
    Cmd::cargo(["bench", "--package", "mydht", "--all-features"])
        .args(["--bench", "soak", "--", "--out"])
        .args([&out])
        .args(["--seconds", &args.seconds.to_string()])
        .args(["--connections", &args.connections.to_string()])
        .check()?;
    Ok(ExitCode::SUCCESS)
}
