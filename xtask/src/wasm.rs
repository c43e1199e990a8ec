//! The libraries and their tests on wasm32.

use crate::counts::Counts;
use crate::run::Cmd;
use crate::setup::{self, WASM, WasmRust};
use crate::step::Outcome;
use crate::workspace::{Workspace, locked_version, root};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The packages whose library must compile for wasm32, and what cargo is told to leave out.
/// A package's wasm tests are built with the same arguments; a package not named here, with none.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("mydht-cipher", &[]),
    ("mydht-evloop", &[]),
    ("mydht-small", &[]),
    ("readwrite-comp", &[]),
    // What of its features is not for wasm32 is absent there.
    ("mydht-spawner", &["--all-features"]),
    ("mydht-transports", &[]),
    ("mydht-proto", &[]),
    ("mydht-store", &[]),
    ("mydht-rendezvous", &[]),
    // Its default features are the native store and the rendezvous, which the page takes.
    ("mydht", &["--no-default-features"]),
    ("mydht-sim", &[]),
    ("mydht-web", &[]),
];

/// Time after which one package's suites are killed in CI.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A network of Chromium's own: with nothing but a loopback interface it gathers no WebRTC
/// candidates, and on the machine's real interface its packets would leave the machine.
const NETWORK: &str = "ip link set lo up \
    && ip link add d0 type veth peer name d1 \
    && ip address add 10.213.0.1/24 dev d0 \
    && ip link set d0 up && ip link set d1 up \
    && ip route add default dev d0 \
    && exec \"$@\"";

/// Host of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Node, found or installed.
    Node,
    /// Headless Chromium.
    Chromium,
}

/// Sees to it that Chromium is there; what makes a command run its suites in it, in a network
/// namespace of their own where that can be.
pub fn in_chromium() -> Result<impl Fn(Cmd) -> Cmd> {
    setup::chromium()?;
    Ok(|cmd: Cmd| in_network(cmd.env("WASM_BINDGEN_USE_BROWSER", "1")))
}

/// Runs the command in a network namespace of its own where that can be.
pub fn in_network(cmd: Cmd) -> Cmd {
    if !setup::namespaces() {
        return cmd;
    }
    eprintln!("    in a network namespace of its own");
    // The last `sh` is the script's `$0`, and the command its `$@`.
    cmd.through("unshare", ["-n", "sh", "-c", NETWORK, "sh"])
}

/// Whether the test target of this name is a wasm suite that runs there.
///
/// `wasm_node_*` runs in Node only, `wasm_browser_*` in Chromium only, any other `wasm_*` in both.
fn runs_in(name: &str, host: Host) -> bool {
    if name.starts_with("wasm_node_") {
        host == Host::Node
    } else if name.starts_with("wasm_browser_") {
        host == Host::Chromium
    } else {
        name.starts_with("wasm_")
    }
}

/// The suites of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Suites {
    package: String,
    names: Vec<String>,
}

fn suites(workspace: &Workspace, only: Option<&str>, host: Host) -> Vec<Suites> {
    workspace
        .packages
        .iter()
        .filter(|package| only.is_none_or(|only| package.name == only))
        .map(|package| Suites {
            package: package.name.clone(),
            names: package
                .targets
                .iter()
                .filter(|target| target.kind == "test" && runs_in(&target.name, host))
                .map(|target| target.name.clone())
                .collect(),
        })
        .filter(|suites| !suites.names.is_empty())
        .collect()
}

fn arguments(package: &str) -> &'static [&'static str] {
    LIBRARIES
        .iter()
        .find(|(name, _)| *name == package)
        .map_or(&[], |(_, arguments)| arguments)
}

/// The wasm steps, with the toolchain once it has been found.
pub struct Wasm {
    target_dir: PathBuf,
    only: Option<String>,
    rust: Option<WasmRust>,
}

impl Wasm {
    /// Builds into a folder under `target_dir`; only the package `only`, if one is named.
    pub fn new(workspace: &Workspace, target_dir: PathBuf, only: Option<&str>) -> Result<Self> {
        if let Some(only) = only {
            workspace.package(only)?;
        }
        Ok(Self {
            target_dir,
            only: only.map(str::to_owned),
            rust: None,
        })
    }

    fn cargo(&mut self, args: &[&str]) -> Result<Cmd> {
        let rust = match self.rust.take() {
            Some(rust) => rust,
            None => setup::wasm_rust()?,
        };
        let cmd = rust.cargo(&self.target_dir, args);
        self.rust = Some(rust);
        cmd
    }

    /// Compiles the libraries.
    ///
    /// By `cargo build` and not `cargo check`: the tests then find the standard library, which may
    /// have to be built from source, and the dependencies ready.
    pub fn check(&mut self) -> Result<Outcome> {
        let mut success = true;
        for (package, arguments) in LIBRARIES {
            if self.only.as_deref().is_some_and(|only| only != *package) {
                continue;
            }
            success &= self
                .cargo(&["build", "--lib", "--target", WASM, "-p", package])?
                .args(*arguments)
                .succeeds()?;
        }
        Ok(Outcome::of(success))
    }

    /// Runs the suites in Node.
    pub fn node(&mut self, workspace: &Workspace) -> Result<Outcome> {
        let suites = suites(workspace, self.only.as_deref(), Host::Node);
        if suites.is_empty() {
            return Ok(no_suites());
        }
        let path = setup::node(runner()?)?;
        self.run(&suites, &path, |cmd| cmd)
    }

    /// Runs the suites in headless Chromium, in a network namespace of their own where that can be.
    pub fn chromium(&mut self, workspace: &Workspace) -> Result<Outcome> {
        let suites = suites(workspace, self.only.as_deref(), Host::Chromium);
        if suites.is_empty() {
            return Ok(no_suites());
        }
        let path = runner()?;
        self.run(&suites, &path, in_chromium()?)
    }

    fn run(
        &mut self,
        suites: &[Suites],
        path: &OsString,
        host: impl Fn(Cmd) -> Cmd,
    ) -> Result<Outcome> {
        let mut success = true;
        let mut counts = Counts::default();
        for Suites { package, names } in suites {
            let mut args = vec!["test", "--target", WASM, "-p", package];
            args.extend(arguments(package));
            for name in names {
                args.extend(["--test", name]);
            }
            // Built beforehand: there may be no network where they run.
            let built = self.cargo(&args)?.args(["--no-run"]).succeeds()?;
            if !built {
                success = false;
                continue;
            }
            args.extend(["--offline", "--no-fail-fast"]);
            // The runner of the locked version comes first on this PATH.
            let cmd = self.cargo(&args)?.env("PATH", path);
            let (ended_well, counted) = host(cmd).count_tests(LIMIT)?;
            success &= ended_well;
            counts += counted;
        }
        Ok(Outcome::counted(success, counts))
    }
}

fn no_suites() -> Outcome {
    Outcome::Skipped("no package has such a tests/wasm_*.rs".into())
}

/// PATH with the test runner for the version of wasm-bindgen in Cargo.lock.
fn runner() -> Result<OsString> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("no Cargo.lock")?;
    let version = locked_version(&lock, "wasm-bindgen")
        .context("Cargo.lock has no wasm-bindgen: is wasm-bindgen-test a dev-dependency?")?;
    setup::wasm_runner(&version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Package, Target};

    fn workspace() -> Workspace {
        let target = |kind: &str, name: &str| Target {
            kind: kind.into(),
            name: name.into(),
        };
        let package = |name: &str, targets: Vec<Target>| Package {
            name: name.into(),
            dir: PathBuf::new(),
            targets,
            features: Vec::new(),
        };
        Workspace {
            target_dir: PathBuf::new(),
            packages: vec![
                package(
                    "none",
                    vec![target("lib", "wasm_lib"), target("test", "native")],
                ),
                package(
                    "all",
                    vec![
                        target("test", "wasm_both"),
                        target("test", "wasm_node_files"),
                        target("test", "wasm_browser_rtc"),
                    ],
                ),
            ],
        }
    }

    #[test]
    fn the_name_says_where_a_suite_runs() {
        let here = |host| suites(&workspace(), None, host);
        assert_eq!(
            here(Host::Node),
            [Suites {
                package: "all".into(),
                names: vec!["wasm_both".into(), "wasm_node_files".into()]
            }]
        );
        assert_eq!(
            here(Host::Chromium),
            [Suites {
                package: "all".into(),
                names: vec!["wasm_both".into(), "wasm_browser_rtc".into()]
            }]
        );
    }

    #[test]
    fn one_package_can_be_chosen() {
        assert_eq!(suites(&workspace(), Some("none"), Host::Node), []);
        assert_eq!(suites(&workspace(), Some("all"), Host::Node).len(), 1);
        assert!(Wasm::new(&workspace(), PathBuf::new(), Some("absent")).is_err());
    }

    #[test]
    fn the_root_package_leaves_its_native_features_out() {
        assert_eq!(arguments("mydht"), ["--no-default-features"]);
        assert_eq!(arguments("mydht-evloop"), [""; 0]);
        assert_eq!(arguments("another"), [""; 0]);
    }
}
