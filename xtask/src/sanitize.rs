//! `cargo xtask sanitize`.

use crate::run::{Cmd, on_path};
use crate::workspace::root;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::ExitCode;

/// The packages with `unsafe` that runs on this machine.
const PACKAGES: &[&str] = &["mydht-evloop"];

/// Run the native tests of the packages with `unsafe` under a sanitizer, on nightly.
///
/// AddressSanitizer (with LeakSanitizer) needs nothing but the nightly toolchain. ThreadSanitizer
/// needs the standard library's source too (`rustup component add rust-src --toolchain nightly`): a
/// standard library that was compiled without it hides what its locks order, and every mutex would
/// look like a race.
#[derive(clap::Args)]
pub struct Args {
    /// ThreadSanitizer instead of AddressSanitizer.
    #[arg(long)]
    threads: bool,
}

/// Runs the tests.
pub fn run(args: &Args) -> Result<ExitCode> {
    if !on_path("rustup") {
        bail!("sanitizers need rustup and its nightly toolchain: https://rustup.rs");
    }
    let nightly = |args: &[&str]| {
        Cmd::new("rustup", ["run", "nightly"])
            .args(args)
            // Set for the toolchain that runs this program.
            .env_remove("CARGO")
            .env_remove("RUSTUP_TOOLCHAIN")
    };
    let about = nightly(&["rustc", "-vV"])
        .capture_stdout()
        .context("no nightly toolchain: `rustup toolchain install nightly`")?;
    let host = host(&about).context("`rustc -vV` named no host")?;
    let sysroot = nightly(&["rustc", "--print", "sysroot"]).capture_stdout()?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if args.threads && !source.is_dir() {
        bail!(
            "ThreadSanitizer needs the standard library's source: `rustup component add rust-src --toolchain nightly`"
        );
    }
    let name = if args.threads { "thread" } else { "address" };
    // With a target, cargo keeps these flags from build scripts and macros.
    let mut cmd = nightly(&["cargo", "test", "--lib", "--tests", "--target", host])
        // A folder of its own: nothing of it can be shared with other builds.
        .env(
            "CARGO_TARGET_DIR",
            root().join("target").join(format!("sanitize-{name}")),
        )
        .env(
            "RUSTFLAGS",
            format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer"),
        );
    if args.threads {
        cmd = cmd.args(["-Zbuild-std"]);
    }
    for package in PACKAGES {
        cmd = cmd.args(["--package", package]);
    }
    cmd.check()?;
    println!("{} under {name}: nothing found", PACKAGES.join(", "));
    Ok(ExitCode::SUCCESS)
}

fn host(about: &str) -> Option<&str> {
    about.lines().find_map(|line| line.strip_prefix("host: "))
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_is_named() {
        assert_eq!(host("rustc 1.0\nhost: a-b-c\nrelease: 1"), Some("a-b-c"));
        assert_eq!(host("rustc 1.0"), None);
    }
}
