//! `cargo xtask fuzz`.

use crate::run::{Cmd, on_path};
use crate::setup;
use crate::workspace::root;
use anyhow::{Context, Result, bail};
use std::process::ExitCode;

/// The fuzzers: the name typed, the folder whose `fuzz/` holds the targets.
const FUZZERS: &[(&str, &str)] = &[
    ("evloop", "evloop"),
    ("restart", "readwrite-comp"),
    ("handshake", "."),
];

/// Fuzz a crate's targets with libFuzzer, on nightly.
///
/// The minutes are shared out among the crate's targets. A crash ends the run; the input is left in
/// the crate's fuzz/artifacts, and `cargo +nightly fuzz run TARGET FILE` in that crate replays it.
/// A nightly toolchain and a C++ compiler are needed; cargo-fuzz is installed if it is missing.
#[derive(clap::Args)]
pub struct Args {
    /// Which crate.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(FUZZERS.iter().map(|fuzzer| fuzzer.0)))]
    name: String,
    /// Minutes for all targets together.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    minutes: u64,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
}

/// Runs the fuzzers of the crate named.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some((_, folder)) = FUZZERS.iter().find(|fuzzer| fuzzer.0 == args.name) else {
        bail!("no fuzzer `{}`", args.name);
    };
    let dir = root().join(folder);
    if !dir.join("fuzz").join("Cargo.toml").is_file() {
        bail!("`{folder}` has no fuzz/Cargo.toml");
    }
    if !on_path("rustup") {
        bail!("fuzzing needs rustup and its nightly toolchain: https://rustup.rs");
    }
    Cmd::new("rustup", ["run", "nightly", "rustc", "--version"])
        .capture_stdout()
        .context("no nightly toolchain: `rustup toolchain install nightly`")?;
    let path = setup::cargo_fuzz()?;
    // `rustup run` and not `cargo +nightly`: the cargo that runs this program is a toolchain's own,
    // which knows no `+`.
    let fuzz = |args: &[&str]| {
        Cmd::new("rustup", ["run", "nightly", "cargo", "fuzz"])
            .args(args)
            .dir(&dir)
            .env("PATH", &path)
            // Set for the toolchain that runs this program.
            .env_remove("CARGO")
            .env_remove("RUSTUP_TOOLCHAIN")
    };
    let targets = match &args.target {
        Some(target) => vec![target.clone()],
        None => lines(&fuzz(&["list"]).capture_stdout()?),
    };
    if targets.is_empty() {
        bail!("`{folder}/fuzz` has no targets");
    }
    let each = seconds_each(args.minutes, targets.len());
    for target in &targets {
        println!("fuzzing {target} for {each} s");
        fuzz(&["run", target, "--", &format!("-max_total_time={each}")]).check()?;
    }
    println!("{} targets, no crash", targets.len());
    Ok(ExitCode::SUCCESS)
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// libFuzzer takes 0 as "for ever", so each target gets a second at least.
fn seconds_each(minutes: u64, targets: usize) -> u64 {
    (minutes * 60 / (targets as u64).max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_shared_out() {
        assert_eq!(seconds_each(10, 2), 300);
        assert_eq!(seconds_each(1, 100), 1);
        assert_eq!(seconds_each(1, 0), 60);
    }

    #[test]
    fn targets_are_one_a_line() {
        assert_eq!(lines("a\n\n  b\n"), ["a", "b"]);
    }
}
