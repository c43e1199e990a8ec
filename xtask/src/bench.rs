//! `cargo xtask bench`.

mod webrtc;

use crate::page::{self, Page};
use crate::run::{Cmd, on_path};
use crate::setup::{self, WASM};
use crate::wasm::{Host, in_chromium};
use crate::web::Build;
use crate::workspace::{Workspace, locked_version, root};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tempfile::NamedTempFile;

/// The benchmarks: the name typed, the folder of the package, its `[[bench]]`.
const BENCHES: &[(&str, &str, &str)] = &[
    ("crypto", "benches/crypto", "crypto"),
    ("drop-in", "evloop/benches", "drop-in"),
    ("loop", "evloop/benches", "loop"),
    ("restart", "readwrite-comp", "restart"),
    ("spawn", "spawner", "spawn"),
    ("store", ".", "store"),
    ("transfer", ".", "transfer"),
    ("webrtc", "transports", "bench_webrtc"),
];

/// Measure, and write the figures to docs/benchmarks.
///
/// Close other programs first: the figures are of this machine as it is now.
///
/// crypto: record layers and the handshake, natively and in wasm
///
/// drop-in: programs of mio 0.6 over the event loop, beside the registry's mio
///
/// loop: the event loop beside its peers; with valgrind, in instructions too
///
/// restart: decoding and encoding across WouldBlock, natively and in wasm
///
/// spawn: the spawners
///
/// store: records in redb and in IndexedDB beside these alone, attachments on disk, and then all of
/// transfer
///
/// transfer: a file from node to node
///
/// webrtc: data channels beside the browser's own in Chromium, and a file from page to page beside
/// these
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
    if *bench == "bench_webrtc" {
        let manifest = root().join(folder).join("Cargo.toml");
        let tables = wasm_tables(&manifest, bench, Host::Chromium, args.quick, None)?;
        let workspace = Workspace::load()?;
        let program = page::program(&workspace, &workspace.target_dir, Build::Small)?;
        let files = Page::new(program)?.transfer(args.quick)?;
        webrtc::write_page(&std::fs::read_to_string(tables.path())?, &files)?;
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = root().join(folder).join("Cargo.toml");
    // cargo runs a benchmark in its package's folder, so the path must be absolute.
    let out = root().join("docs").join("benchmarks");
    let wasm = match *bench {
        "crypto" => {
            let with = |flags| {
                let figures = "wasm_node_figures";
                wasm_tables(&manifest, figures, Host::Node, args.quick, flags)
            };
            vec![("", with(Some(NO_SIMD))?), ("simd=", with(Some(SIMD))?)]
        }
        "restart" => {
            let figures = root().join(folder).join("benches/wasm/Cargo.toml");
            let on = |host| wasm_tables(&figures, "wasm_figures", host, args.quick, None);
            vec![
                ("Node=", on(Host::Node)?),
                ("Chromium=", on(Host::Chromium)?),
            ]
        }
        "store" => {
            let figures = "bench_indexed_db";
            let tables = wasm_tables(&manifest, figures, Host::Chromium, args.quick, None)?;
            vec![("", tables)]
        }
        _ => Vec::new(),
    };
    let wasm = wasm.iter().flat_map(|(name, file)| {
        let mut named = OsString::from(name);
        named.push(file.path());
        [OsString::from("--wasm"), named]
    });
    let native = |bench: &str| {
        Cmd::cargo(["bench", "--all-features", "--manifest-path"])
            .args([&manifest])
            .args(package(&manifest))
            .args(["--bench", bench, "--", "--out"])
            .args([&out])
    };
    native(bench)
        .args(wasm)
        .args(args.quick.then_some("--quick"))
        .check()?;
    // Not among what is quick.
    if *bench == "loop" && !args.quick {
        if on_path("valgrind") {
            native("instructions").check()?;
        } else {
            println!("instructions were not counted: valgrind is not installed");
        }
    }
    if *bench == "store" {
        // What stores are for.
        native("transfer")
            .args(args.quick.then_some("--quick"))
            .check()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns cargo's arguments that select the package of this manifest. At the root of the
/// workspace, `--manifest-path` alone would select all default members, and build with the features
/// of each.
fn package(manifest: &Path) -> &'static [&'static str] {
    match manifest == root().join("Cargo.toml") {
        true => &["--package", "mydht"],
        false => &[],
    }
}

/// rustc's flags for WebAssembly's SIMD.
const SIMD: &str = "-Ctarget-feature=+simd128";

/// Flags without SIMD, which .cargo/config.toml asks for.
const NO_SIMD: &str = "-Ctarget-feature=-simd128";

/// Runs the package's figures in wasm, built with these flags of rustc's, and keeps the tables that
/// they print.
fn wasm_tables(
    manifest: &Path,
    test: &str,
    host: Host,
    quick: bool,
    flags: Option<&str>,
) -> Result<NamedTempFile> {
    let package = package(manifest);
    // The default features of the node are not for wasm32.
    let features = (!package.is_empty()).then_some("--no-default-features");
    let target = Workspace::load()?.target_dir.join("bench");
    let cargo = |what: &[&str]| -> Result<Cmd> {
        let args = ["test", "--release", "--target", WASM, "--test", test];
        let cmd = setup::wasm_rust()?.cargo(&target, &args)?;
        let cmd = cmd.args(["--manifest-path"]).args([manifest]);
        let mut cmd = cmd.args(package).args(features).args(what);
        if let Some(flags) = flags {
            cmd = cmd.env("RUSTFLAGS", flags);
        }
        Ok(cmd.env("ROUNDS", if quick { "3" } else { "21" }))
    };
    // Built first: then the lock file says which test runner fits.
    cargo(&["--no-run"])?.check()?;
    // A package with a workspace of its own has a lock file of its own.
    let lock = std::fs::read_to_string(manifest.with_file_name("Cargo.lock"))
        .or_else(|_| std::fs::read_to_string(root().join("Cargo.lock")))?;
    let version = locked_version(&lock, "wasm-bindgen").context("no wasm-bindgen is locked")?;
    let runner = setup::wasm_runner(&version)?;
    // Where it runs there may be no network.
    let run = cargo(&["--offline", "--", "--nocapture"])?.env("WASM_BINDGEN_TEST_TIMEOUT", "600");
    let run = match host {
        Host::Node => run.env("PATH", setup::node(runner)?),
        Host::Chromium => in_chromium()?(run.env("PATH", runner)),
    };
    let printed = run.capture_stdout()?;
    let tables = tables(&printed);
    if tables.is_empty() {
        bail!("the figures in wasm printed no table:\n{printed}");
    }
    let mut file = NamedTempFile::new()?;
    file.write_all(tables.as_bytes())?;
    Ok(file)
}

/// The markdown tables in what was printed, with a blank line between two.
fn tables(printed: &str) -> String {
    let mut tables = String::new();
    let mut inside = false;
    for line in printed.lines().map(str::trim) {
        let is_row = line.starts_with('|');
        if is_row {
            if !inside && !tables.is_empty() {
                tables.push('\n');
            }
            tables.push_str(line);
            tables.push('\n');
        }
        inside = is_row;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_taken_out_of_what_is_printed() {
        let printed = "running\n  | a | b |\n|---|---|\n\n| c |\n\ntest figures ... ok\n";
        assert_eq!(tables(printed), "| a | b |\n|---|---|\n\n| c |\n");
        assert_eq!(tables("no table"), "");
    }
}
