//! The page of a node, checked in a real browser by the scripts in web/check.

use crate::run::Cmd;
use crate::setup;
use crate::wasm;
use crate::web;
use crate::workspace::{Workspace, root};
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time after which a script is killed.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Tools to check a page with.
pub struct Page {
    program: PathBuf,
    modules: PathBuf,
    vite: PathBuf,
    path: OsString,
}

/// Size of a network whose nodes are killed, the time of that, and what it keeps.
pub struct Churn {
    pub nodes: u32,
    pub seconds: u32,
    pub values: u32,
    pub files: u32,
}

impl Page {
    /// Finds the tools. `program` is a `mydht` that has the page.
    pub fn new(program: PathBuf) -> Result<Self> {
        setup::chromium()?;
        let path = setup::node(std::env::var_os("PATH").unwrap_or_default())?;
        let modules = setup::playwright()?;
        let vite = setup::vite()?;
        Ok(Page {
            program,
            modules,
            vite,
            path,
        })
    }

    /// Two tabs and a native node: `file` goes from one to the others. Screenshots go into
    /// `folder`.
    pub fn demo(&self, file: &Path, folder: &Path) -> Result<bool> {
        self.script("demo.mjs", &[file.as_os_str(), folder.as_os_str()])
    }

    /// The project of the manual's tutorial, made in `folder` and used in two tabs.
    pub fn tutorial(&self, folder: &Path) -> Result<bool> {
        self.script("tutorial.mjs", &[folder.as_os_str()])
    }

    /// Servers, tabs and networks that go away, and peers that lie: all of it, or what takes
    /// seconds.
    pub fn faults(&self, folder: &Path, all: bool) -> Result<bool> {
        let all: &[&OsStr] = if all { &["--all".as_ref()] } else { &[] };
        self.script("faults.mjs", &[&[folder.as_os_str()], all].concat())
    }

    /// A network of native nodes and tabs, of which one is killed each second: what was put is got.
    pub fn churn(&self, folder: &Path, network: &Churn) -> Result<bool> {
        let numbers = [
            network.nodes,
            network.seconds,
            network.values,
            network.files,
        ]
        .map(|number| number.to_string());
        let args: Vec<&OsStr> = std::iter::once(folder.as_os_str())
            .chain(numbers.iter().map(|number| number.as_ref()))
            .collect();
        self.script("churn.mjs", &args)
    }

    /// Returns the rates at which a file moves between two pages, as a table: of a size and in
    /// rounds to be published, or quickly.
    pub fn transfer(&self, quick: bool) -> Result<String> {
        let [mebibytes, rounds]: [u64; 2] = if quick { [8, 1] } else { [50, 7] };
        let [bytes, rounds] = [mebibytes << 20, rounds].map(|number| number.to_string());
        self.node("transfer.mjs", &[bytes.as_ref(), rounds.as_ref()])
            .capture_stdout()
    }

    /// Whether a script succeeded. It prints what it saw.
    fn script(&self, name: &str, args: &[&OsStr]) -> Result<bool> {
        let ended = self.node(name, args).within(LIMIT)?;
        let status = ended.with_context(|| format!("{name} had not ended after {LIMIT:?}"))?;
        Ok(status.success())
    }

    /// A script, in a network of its own where that can be.
    fn node(&self, name: &str, args: &[&OsStr]) -> Cmd {
        let script = root().join("web").join("check").join(name);
        let cmd = Cmd::new("node", [&script])
            .args([&self.program])
            .args(args)
            .env("PATH", &self.path)
            .env("MYDHT_MODULES", &self.modules)
            .env("MYDHT_VITE", &self.vite);
        wasm::in_network(cmd)
    }
}

/// `mydht` with the page of now: as it is built for use, or quickly. Built into `target_dir`.
pub fn program(workspace: &Workspace, target_dir: &Path, build: web::Build) -> Result<PathBuf> {
    if !workspace.package("mydht-cli")?.has("bin", "mydht") {
        bail!("package `mydht-cli` has no binary `mydht` to run");
    }
    web::make(target_dir, build)?;
    let profile = match build {
        web::Build::Small => "release",
        web::Build::Quick => "dev",
    };
    Cmd::cargo(["build", "--quiet", "--profile", profile])
        .args(["-p", "mydht-cli", "--bin", "mydht"])
        .env("CARGO_TARGET_DIR", target_dir)
        .check()?;
    // cargo's folder for the profile `dev` is `debug`.
    let folder = match build {
        web::Build::Small => "release",
        web::Build::Quick => "debug",
    };
    Ok(target_dir
        .join(folder)
        .join("mydht")
        .with_extension(std::env::consts::EXE_EXTENSION))
}
