//! Finding the tools that the steps need, and installing what is missing.
//!
//! Nothing is installed that is already there. As root with apt-get, Debian's packages are used;
//! elsewhere the error says what to install.

use crate::cache;
use crate::run::{Cmd, on_path};
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The target that the libraries are compiled for.
pub const WASM: &str = "wasm32-unknown-unknown";

/// `rustup target add` hangs where its host cannot be reached.
const RUSTUP_LIMIT: Duration = Duration::from_secs(20);

/// The oldest Node that runs the suites.
const NODE: u32 = 20;

/// Debian's rustc as it is packaged for its browsers, with the library's source.
const DEBIAN_RUST: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "lld"];
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";

/// The Rust that compiles for wasm32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasmRust {
    /// The one that is in use, with rustup's standard library for the target.
    Native,
    /// Debian's, which builds the standard library from source; linked by rustup's `rust-lld` if
    /// there is one.
    Debian {
        /// The linker.
        linker: Option<PathBuf>,
    },
}

impl WasmRust {
    /// The folder, `target_dir` itself or one under it, that it builds into.
    pub fn target_dir(&self, target_dir: &Path) -> Result<PathBuf> {
        Ok(match self {
            // What runs while compiling, such as macros, is shared with native builds.
            Self::Native => target_dir.to_owned(),
            Self::Debian { .. } => {
                target_dir.join(format!("wasm-{}", version_of("/usr/bin/rustc")?))
            }
        })
    }

    /// A cargo command that builds for wasm32, each toolchain into a folder of its own: they must
    /// never share one.
    pub fn cargo(&self, target_dir: &Path, args: &[&str]) -> Result<Cmd> {
        Ok(match self {
            Self::Native => Cmd::cargo(args).env("CARGO_TARGET_DIR", self.target_dir(target_dir)?),
            Self::Debian { linker } => {
                let mut cmd = Cmd::new("/usr/bin/cargo", args)
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTDOC", "/usr/bin/rustdoc")
                    // `build-std` is a feature of nightly.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                    .env("CARGO_TARGET_DIR", self.target_dir(target_dir)?)
                    // Set by rustup and cargo for the toolchain that runs this program.
                    .env_remove("CARGO")
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("LD_LIBRARY_PATH");
                if let Some(linker) = linker {
                    cmd = cmd.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                }
                cmd
            }
        })
    }
}

/// Finds a Rust that compiles for wasm32, or installs one.
pub fn wasm_rust() -> Result<WasmRust> {
    if native_target_installed()? {
        return Ok(WasmRust::Native);
    }
    // Before rustup is asked: where Debian's had to be installed once, rustup can't reach its host.
    if debian_rust_installed() {
        return debian_rust();
    }
    if on_path("rustup") {
        eprintln!("    the standard library for {WASM} is missing");
        Cmd::new("rustup", ["target", "add", WASM]).within(RUSTUP_LIMIT)?;
        if native_target_installed()? {
            return Ok(WasmRust::Native);
        }
        eprintln!("    rustup cannot install it here");
    }
    if can_apt() {
        apt_install(DEBIAN_RUST)?;
        if debian_rust_installed() {
            return debian_rust();
        }
    }
    bail!(
        "no Rust for {WASM}. Run `rustup target add {WASM}`; where rustup has no network, on Debian \
         as root: `apt-get install {}`",
        DEBIAN_RUST.join(" ")
    );
}

fn native_target_installed() -> Result<bool> {
    let dir = Cmd::new("rustc", ["--print", "target-libdir", "--target", WASM]).capture_stdout()?;
    // The path is printed whether the target is installed or not.
    let Ok(entries) = std::fs::read_dir(dir.trim()) else {
        return Ok(false);
    };
    Ok(entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

fn debian_rust_installed() -> bool {
    let ours = version_of("rustc").ok().and_then(|v| major_minor(&v));
    let debian = version_of("/usr/bin/rustc")
        .ok()
        .and_then(|v| major_minor(&v));
    // An older one would not know what the workspace's rust-version promises.
    Path::new("/usr/bin/cargo").is_file()
        && Path::new(DEBIAN_SOURCE).is_file()
        && ours.is_some()
        && debian >= ours
}

fn debian_rust() -> Result<WasmRust> {
    let sysroot = Cmd::new("rustc", ["--print", "sysroot"]).capture_stdout()?;
    let host = Cmd::new("rustc", ["-vV"]).capture_stdout()?;
    let host = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`rustc -vV` named no host")?;
    let linker = [sysroot.trim(), "lib", "rustlib", host, "bin", "rust-lld"]
        .iter()
        .collect::<PathBuf>();
    Ok(WasmRust::Debian {
        linker: linker.is_file().then_some(linker),
    })
}

/// The second word of `PROGRAM --version`.
fn version_of(program: &str) -> Result<String> {
    let text = Cmd::new(program, ["--version"]).capture_stdout()?;
    second_word(&text).with_context(|| format!("`{program} --version` named no version"))
}

fn second_word(text: &str) -> Option<String> {
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// `1.96` of `1.96.0` or of `v20.1.2`.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// PATH with wasm-bindgen's test runner of exactly this version first: the runner reads a format
/// that changes with every version.
pub fn wasm_runner(version: &str) -> Result<OsString> {
    const RUNNER: &str = "wasm-bindgen-test-runner";
    if on_path(RUNNER) && version_of(RUNNER).is_ok_and(|found| found == version) {
        return Ok(std::env::var_os("PATH").unwrap_or_default());
    }
    cargo_install("wasm-bindgen-cli", version, &[RUNNER], &[])
}

/// PATH with mdBook, which makes the manual.
pub fn mdbook() -> Result<OsString> {
    const VERSION: &str = "0.5.4";
    let found = on_path("mdbook") && version_of_mdbook().is_some_and(|found| found == VERSION);
    if found {
        return Ok(std::env::var_os("PATH").unwrap_or_default());
    }
    // Without the server and the watcher. It runs for a second: optimising it would take longer.
    let how = ["--debug", "--no-default-features", "--features", "search"];
    cargo_install("mdbook", VERSION, &["mdbook"], &how)
}

/// `0.5.4` of `mdbook v0.5.4`.
fn version_of_mdbook() -> Option<String> {
    let version = version_of("mdbook").ok()?;
    Some(version.trim_start_matches('v').to_owned())
}

/// PATH with cargo-fuzz.
pub fn cargo_fuzz() -> Result<OsString> {
    if on_path("cargo-fuzz") {
        return Ok(std::env::var_os("PATH").unwrap_or_default());
    }
    cargo_install("cargo-fuzz", "0.13.2", &["cargo-fuzz"], &[])
}

/// PATH with cargo-deny.
pub fn cargo_deny() -> Result<OsString> {
    if on_path("cargo-deny") {
        return Ok(std::env::var_os("PATH").unwrap_or_default());
    }
    // It reads manifests for a second: optimising it would take longer than it ever runs.
    cargo_install("cargo-deny", "0.20.2", &["cargo-deny"], &["--debug"])
}

/// Installs programs of a crate into a cache folder named by its version, unless they are there;
/// PATH with that folder first.
fn cargo_install(krate: &str, version: &str, programs: &[&str], how: &[&str]) -> Result<OsString> {
    let folder = cache::dir()?.join(format!("{krate}-{version}"));
    let bin = folder.join("bin");
    if !programs.iter().all(|program| bin.join(program).is_file()) {
        eprintln!(
            "    installing {krate} {version} into {} (some minutes, once)",
            folder.display()
        );
        let build = tempfile::tempdir()?;
        let mut cmd = Cmd::cargo(["install", krate, "--version", version, "--quiet", "--root"])
            .args([&folder])
            .args(how)
            .env("CARGO_TARGET_DIR", build.path())
            // Our profiles and our target settings are not meant for it.
            .dir(build.path());
        for program in programs {
            cmd = cmd.args(["--bin", program]);
        }
        cmd.check()
            .with_context(|| format!("{krate} {version} cannot be installed by cargo"))?;
    }
    path_with(bin, &std::env::var_os("PATH").unwrap_or_default())
}

fn path_with(first: PathBuf, path: &OsStr) -> Result<OsString> {
    let dirs = std::iter::once(first).chain(std::env::split_paths(path));
    std::env::join_paths(dirs).context("PATH holds a folder that cannot be in a PATH")
}

/// `path` with a Node that is new enough first, if the one found there is not.
///
/// Debian 12's own is 18, whose V8 crashes on a table of functions as wasm-bindgen writes it: npm's
/// package `node`, which holds the program itself, goes into the cache.
pub fn node(path: OsString) -> Result<OsString> {
    if node_is_new_enough("node") {
        return Ok(path);
    }
    let folder = cache::dir()?.join(format!("node-{NODE}"));
    let bin = folder.join("node_modules").join("node").join("bin");
    if !node_is_new_enough(bin.join("node")) {
        let otherwise = format!("Node {NODE} or newer (https://nodejs.org)");
        if !on_path("npm") {
            install(&["nodejs", "npm"], &otherwise)?;
        }
        eprintln!("    installing Node {NODE} into {}", folder.display());
        std::fs::create_dir_all(&folder)?;
        Cmd::new("npm", ["install", "--no-save", "--no-audit", "--no-fund"])
            .args(["--loglevel=error".to_owned(), format!("node@{NODE}")])
            .args([OsString::from("--prefix"), folder.clone().into()])
            .check()?;
        if !node_is_new_enough(bin.join("node")) {
            bail!("missing: {otherwise}");
        }
    }
    path_with(bin, &path)
}

fn node_is_new_enough(program: impl AsRef<OsStr>) -> bool {
    Cmd::new(program, ["--version"])
        .capture_stdout()
        .is_ok_and(|text| major_minor(&text).is_some_and(|(major, _)| major >= NODE))
}

/// Version of Playwright, which drives Chromium in the checks of the page.
const PLAYWRIGHT: &str = "1.65.1";

/// A folder with playwright-core in its `node_modules`, from npm if it is not there.
pub fn playwright() -> Result<PathBuf> {
    npm(&[("playwright-core", PLAYWRIGHT)])
}

/// A folder with Vite and TypeScript in its `node_modules`, from npm if they are not there: what a
/// tutorial of the manual builds its page with.
pub fn vite() -> Result<PathBuf> {
    npm(&[("vite", "8.4.0"), ("typescript", "7.0.2")])
}

/// A cache folder with these packages of npm, installed if they are not there.
fn npm(packages: &[(&str, &str)]) -> Result<PathBuf> {
    let packages = packages.iter();
    let names = packages.map(|(name, version)| format!("{name}@{version}"));
    let names: Vec<String> = names.collect();
    let folder = cache::dir()?.join(names.join("-").replace('@', "-"));
    // Written last: an installation that was interrupted is done again.
    let done = folder.join("done");
    if !done.is_file() {
        std::fs::create_dir_all(&folder)?;
        Cmd::new("npm", ["install", "--no-save", "--no-audit", "--no-fund"])
            .args(["--loglevel=error", "--ignore-scripts"])
            .args(&names)
            .args([OsString::from("--prefix"), folder.clone().into()])
            .check()
            .with_context(|| format!("npm cannot install {}", names.join(" and ")))?;
        std::fs::write(&done, "")?;
    }
    Ok(folder)
}

/// Sees to it that Chromium and its driver are there.
pub fn chromium() -> Result<()> {
    if on_path("chromedriver")
        && ["chromium", "chromium-browser", "google-chrome", "chrome"]
            .iter()
            .any(|name| on_path(name))
    {
        return Ok(());
    }
    install(
        &["chromium", "chromium-driver"],
        "Chromium (or Chrome) and a chromedriver of the same version on PATH",
    )
}

/// Sees to it that a Redis is there where it can be installed; where it cannot, the tests that need
/// one say so.
pub fn redis() {
    if on_path("redis-server") || !can_apt() {
        return;
    }
    if let Err(error) = apt_install(&["redis-server"]) {
        eprintln!("    no redis-server: {error:#}");
    }
}

/// Whether commands can be run in a network namespace of their own; installs `ip` for it.
pub fn namespaces() -> bool {
    if !(cfg!(target_os = "linux") && is_root() && on_path("unshare")) {
        return false;
    }
    if !on_path("ip") && can_apt() && apt_install(&["iproute2"]).is_err() {
        return false;
    }
    // Tried, because root in a container may not be allowed to.
    on_path("ip")
        && Command::new("unshare")
            .args(["-n", "true"])
            .status()
            .is_ok_and(|status| status.success())
}

fn install(packages: &[&str], otherwise: &str) -> Result<()> {
    if !can_apt() {
        bail!("missing: {otherwise}");
    }
    apt_install(packages).with_context(|| format!("missing: {otherwise}"))
}

fn is_root() -> bool {
    Cmd::new("id", ["-u"])
        .capture_stdout()
        .is_ok_and(|id| id.trim() == "0")
}

fn can_apt() -> bool {
    on_path("apt-get") && is_root()
}

fn apt_install(packages: &[&str]) -> Result<()> {
    // With old lists, versions may be asked for that the mirror does not have any more.
    Cmd::new("apt-get", ["update", "-qq"]).check()?;
    Cmd::new(
        "apt-get",
        ["install", "-y", "-qq", "--no-install-recommends"],
    )
    .args(packages)
    .env("DEBIAN_FRONTEND", "noninteractive")
    // Services that come with a package are not started.
    .env("RUNLEVEL", "1")
    .check()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(major_minor("1.96.0"), Some((1, 96)));
        assert_eq!(major_minor("v20.20.2\n"), Some((20, 20)));
        assert_eq!(major_minor("1.98.0-nightly"), Some((1, 98)));
        assert_eq!(major_minor("nightly"), None);
        assert!(major_minor("1.100.0") > major_minor("1.95.0"));
    }

    #[test]
    fn the_folder_comes_first() {
        let path = path_with(PathBuf::from("/a b"), OsStr::new("/c:/d")).unwrap();
        assert_eq!(path, "/a b:/c:/d");
    }

    #[test]
    fn no_node_is_not_new_enough() {
        assert!(!node_is_new_enough("no-such-program-anywhere"));
        // A version 1 of something else.
        assert!(!node_is_new_enough("rustc"));
    }

    #[test]
    fn the_version_is_the_second_word() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\n";
        assert_eq!(second_word(text).as_deref(), Some("1.96.0"));
        assert_eq!(second_word("rustc"), None);
    }
}
