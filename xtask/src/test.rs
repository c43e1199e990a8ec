//! `cargo xtask test`.

use crate::cache;
use crate::counts::Counts;
use crate::demo;
use crate::package;
use crate::page::{self, Page};
use crate::run::{Cmd, on_path};
use crate::setup;
use crate::step::{Outcome, Report, Step};
use crate::wasm::Wasm;
use crate::web;
use crate::workspace::{Workspace, is_ci, root};
use anyhow::Result;
use clap::ValueEnum;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Time after which a command that runs tests is killed in CI.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Time after which an example is killed.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// Features that change what the rest relies on: lints and tests run a second time with each, for
/// its package alone. All other features are on in every native step.
const APART: &[(&str, &str)] = &[("mydht-evloop", "strict-compat")];

/// Packages with a workspace of their own whose tests belong to the rest, and how they are built:
/// the drop-in is named as the crate that it is compared with, and loom's models are slow without
/// optimisation.
const BESIDE: &[(&str, &[&str])] = &[("evloop/mio", &[]), ("evloop/loom", &["--release"])];

/// Check everything that can be checked here: what CI runs.
///
/// Every step runs even after one has failed; at the end each is told with its time, and the tests
/// that ran are added up. What a step needs and does not find is installed if that can be done
/// without asking (cargo, rustup; apt-get as root), or else the step fails and says what to
/// install.
///
/// With CI=true the build goes into a target folder under ~/.cache/mydht, which the next clone's
/// run takes over.
#[derive(clap::Args)]
pub struct Args {
    /// Run only this step (can be given several times).
    #[arg(long, value_name = "STEP", value_enum)]
    only: Vec<Step>,
    /// Leave this step out (can be given several times).
    #[arg(long, value_name = "STEP", value_enum)]
    skip: Vec<Step>,
    /// Run the wasm suites of this package only.
    #[arg(short, long, value_name = "NAME")]
    package: Option<String>,
    /// Stop at the first step that fails.
    #[arg(long)]
    fail_fast: bool,
    /// List the steps and stop.
    #[arg(long)]
    list: bool,
}

impl Args {
    fn steps(&self) -> Vec<Step> {
        Step::value_variants()
            .iter()
            .filter(|step| self.only.is_empty() || self.only.contains(step))
            .filter(|step| !self.skip.contains(step))
            .copied()
            .collect()
    }
}

/// Runs the steps.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for step in args.steps() {
            println!("{:<14}{}", name(step), help(step));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut context = Context::new(args)?;
    let mut reports = Vec::new();
    for step in args.steps() {
        eprintln!("\n==> {}: {}", name(step), help(step));
        let start = Instant::now();
        // A step that cannot run has failed; the others run all the same.
        let outcome = context.step(step).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Outcome::of(false)
        });
        let report = Report {
            name: name(step),
            outcome,
            time: start.elapsed(),
        };
        eprintln!("<== {}", report.line());
        let failed = matches!(report.outcome, Outcome::Failed(_));
        reports.push(report);
        if failed && args.fail_fast {
            break;
        }
    }
    Ok(sum_up(&reports))
}

fn sum_up(reports: &[Report]) -> ExitCode {
    println!();
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for report in reports {
        println!("{}", report.line());
        counts += report.outcome.counts();
        if matches!(report.outcome, Outcome::Failed(_)) {
            failed.push(report.name.as_str());
        }
    }
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    if counts != Counts::default() {
        println!("{counts}");
    }
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn name(step: Step) -> String {
    step.to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

fn help(step: Step) -> String {
    step.to_possible_value()
        .and_then(|value| value.get_help().map(ToString::to_string))
        .unwrap_or_default()
}

/// State that the steps share.
struct Context {
    workspace: Workspace,
    target: Option<cache::CiTarget>,
    wasm: Wasm,
}

impl Context {
    fn new(args: &Args) -> Result<Self> {
        let workspace = Workspace::load()?;
        // A folder that was asked for by name is used in CI too.
        let own_target = is_ci() && std::env::var_os("CARGO_TARGET_DIR").is_none();
        let target = own_target.then(cache::ci_target).transpose()?;
        let target_dir = target
            .as_ref()
            .map_or(&workspace.target_dir, |target| &target.dir)
            .clone();
        let wasm = Wasm::new(&workspace, target_dir, args.package.as_deref())?;
        Ok(Self {
            workspace,
            target,
            wasm,
        })
    }

    /// Returns the folder that the steps build into.
    fn target_dir(&self) -> &Path {
        let own = self.target.as_ref().map(|target| target.dir.as_path());
        own.unwrap_or(&self.workspace.target_dir)
    }

    /// Builds all examples, runs each, and compares what it prints with its documentation.
    fn examples(&self) -> Result<Outcome> {
        let cmd = self.cargo(&["build", "--examples"]);
        if !cmd.args(everything(&self.workspace)).succeeds()? {
            return Ok(Outcome::of(false));
        }
        let mut success = true;
        for (package, name) in examples(&self.workspace) {
            eprintln!("    {package}: {name}");
            let program = self.target_dir().join("debug/examples").join(&name);
            let program = program.with_extension(std::env::consts::EXE_EXTENSION);
            let (ended, printed) = crate::examples::run(&mut Command::new(program), EXAMPLE_LIMIT)?;
            if !ended.is_some_and(|status| status.success()) {
                eprintln!("{printed}example `{name}` of {package} failed, or did not end in time");
                success = false;
                continue;
            }
            let folder = self.workspace.package(&package)?.dir.join("examples");
            let source = std::fs::read_to_string(folder.join(&name).with_extension("rs"))?;
            if let Err(difference) = crate::examples::compare(&source, &printed) {
                eprintln!("example `{name}` of {package}: {difference}");
                success = false;
            }
        }
        Ok(Outcome::of(success))
    }

    fn cargo(&self, args: &[&str]) -> Cmd {
        let mut cmd = Cmd::cargo(args);
        if let Some(target) = &self.target {
            cmd = cmd
                .env("CARGO_TARGET_DIR", &target.dir)
                // A cache for rebuilding one clone again and again is useless to the next clone.
                .env("CARGO_INCREMENTAL", "0");
        }
        cmd
    }

    /// Runs something for the workspace, and for each feature that is tested apart.
    fn each(&self, run: impl Fn(&[String]) -> Result<Outcome>) -> Result<Outcome> {
        let mut success = true;
        let mut counts = Counts::default();
        for selection in std::iter::once(everything(&self.workspace)).chain(apart(&self.workspace))
        {
            let outcome = run(&selection)?;
            success &= matches!(outcome, Outcome::Passed(_));
            counts += outcome.counts();
        }
        Ok(Outcome::counted(success, counts))
    }

    fn test(&self, selection: &[String]) -> Result<Outcome> {
        let cmd = || {
            if on_path("cargo-nextest") {
                self.cargo(&["nextest", "run"]).args(selection)
            } else {
                // Without doc tests: they are a step of their own.
                self.cargo(&["test", "--lib", "--bins", "--tests"])
                    .args(selection)
            }
        };
        // Built beforehand: the limit is for tests that hang, not for slow machines.
        if !cmd().args(["--no-run"]).succeeds()? {
            return Ok(Outcome::of(false));
        }
        counted(cmd().args(["--no-fail-fast"]))
    }

    /// The tests of the packages beside the workspace.
    fn beside(&self) -> Result<Outcome> {
        let mut success = true;
        let mut counts = Counts::default();
        for (folder, how) in BESIDE {
            let manifest = root().join(folder).join("Cargo.toml");
            let cmd = || {
                self.cargo(&["test", "--manifest-path"])
                    .args([&manifest])
                    .args(*how)
            };
            let outcome = if cmd().args(["--no-run"]).succeeds()? {
                counted(cmd())?
            } else {
                Outcome::of(false)
            };
            success &= matches!(outcome, Outcome::Passed(_));
            counts += outcome.counts();
        }
        Ok(Outcome::counted(success, counts))
    }

    /// The page in Chromium, quickly built.
    fn page(&self) -> Result<Outcome> {
        let program = page::program(&self.workspace, self.target_dir(), web::Build::Quick)?;
        let page = Page::new(program)?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("file.bin");
        // Many parts of 64 KiB, and yet a quick transfer.
        demo::write_random(&file, 1_000_000, 1)?;
        let shown = page.demo(&file, folder.path())?;
        let project = tempfile::tempdir()?;
        let tutorial = page.tutorial(project.path())?;
        let faults = page.faults(folder.path(), false)?;
        Ok(Outcome::of(shown && tutorial && faults))
    }

    fn step(&mut self, step: Step) -> Result<Outcome> {
        match step {
            Step::Fmt => check(self.cargo(&["fmt", "--all", "--check"])),
            Step::Clippy => self.each(|selection| {
                let cmd = self.cargo(&["clippy"]).args(selection);
                check(cmd.args(["--all-targets", "--", "-D", "warnings"]))
            }),
            Step::Words => crate::words::check(),
            Step::Test => {
                // Before the tests, because those that need Redis look for it.
                setup::redis();
                let own = self.each(|selection| self.test(selection))?;
                let beside = self.beside()?;
                let success = [&own, &beside]
                    .iter()
                    .all(|outcome| matches!(outcome, Outcome::Passed(_)));
                let mut counts = own.counts();
                counts += beside.counts();
                Ok(Outcome::counted(success, counts))
            }
            Step::Doctest => self.each(|selection| {
                let cmd = self.cargo(&["test", "--doc", "--no-fail-fast"]);
                counted(cmd.args(selection))
            }),
            Step::Doc => {
                crate::docs::build(&self.workspace, self.target_dir())?;
                Ok(Outcome::of(true))
            }
            Step::Examples => self.examples(),
            Step::Api => crate::api::compare(false),
            Step::Package => package::check(&self.workspace, self.target_dir()),
            Step::WasmCheck => self.wasm.check(),
            Step::WasmNode => self.wasm.node(&self.workspace),
            Step::WasmChromium => self.wasm.chromium(&self.workspace),
            Step::Page => self.page(),
            Step::Deny => {
                let path: OsString = setup::cargo_deny()?;
                // No advisories: their database is not a crate, and CI must pass without a network.
                check(
                    self.cargo(&[
                        "deny",
                        "--workspace",
                        "check",
                        "licenses",
                        "bans",
                        "sources",
                    ])
                    .env("PATH", path),
                )
            }
        }
    }
}

/// Returns the package and the name of each example.
fn examples(workspace: &Workspace) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        let examples = package.targets.iter().filter(|t| t.kind == "example");
        found.extend(examples.map(|example| (package.name.clone(), example.name.clone())));
    }
    found
}

/// cargo's arguments for all packages, with all features but those tested apart.
pub fn everything(workspace: &Workspace) -> Vec<String> {
    let features = workspace
        .packages
        .iter()
        .flat_map(|package| {
            package
                .features
                .iter()
                .filter(|feature| !APART.contains(&(&package.name, feature)))
                .map(|feature| format!("{}/{feature}", package.name))
        })
        .collect::<Vec<_>>();
    let mut arguments = vec!["--workspace".to_owned()];
    if !features.is_empty() {
        arguments.push(format!("--features={}", features.join(",")));
    }
    arguments
}

/// cargo's arguments for each feature that is tested apart.
fn apart(workspace: &Workspace) -> Vec<Vec<String>> {
    APART
        .iter()
        .filter(|(package, feature)| {
            workspace.packages.iter().any(|found| {
                found.name == *package && found.features.iter().any(|name| name == feature)
            })
        })
        .map(|(package, feature)| {
            vec![
                "-p".to_owned(),
                (*package).to_owned(),
                format!("--features={feature}"),
            ]
        })
        .collect()
}

fn check(cmd: Cmd) -> Result<Outcome> {
    Ok(Outcome::of(cmd.succeeds()?))
}

fn counted(cmd: Cmd) -> Result<Outcome> {
    let (success, counts) = cmd.count_tests(LIMIT)?;
    Ok(Outcome::counted(success, counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;
    use std::path::PathBuf;

    fn args(only: &[Step], skip: &[Step]) -> Args {
        Args {
            only: only.to_vec(),
            skip: skip.to_vec(),
            package: None,
            fail_fast: false,
            list: false,
        }
    }

    #[test]
    fn all_steps_run_unless_some_are_chosen() {
        assert_eq!(args(&[], &[]).steps(), Step::value_variants());
        assert_eq!(
            args(&[Step::Deny, Step::Fmt], &[]).steps(),
            [Step::Fmt, Step::Deny]
        );
        assert!(!args(&[], &[Step::Clippy]).steps().contains(&Step::Clippy));
        assert_eq!(args(&[Step::Fmt], &[Step::Fmt]).steps(), []);
    }

    fn package(name: &str, features: &[&str]) -> Package {
        Package {
            name: name.into(),
            dir: PathBuf::new(),
            targets: Vec::new(),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn features_that_change_the_rest_are_tested_apart() {
        let workspace = Workspace {
            target_dir: PathBuf::new(),
            packages: vec![
                package("a", &["x", "y"]),
                package("mydht-evloop", &["strict-compat", "z"]),
                package("b", &["strict-compat"]),
            ],
        };
        assert_eq!(
            everything(&workspace),
            [
                "--workspace",
                "--features=a/x,a/y,mydht-evloop/z,b/strict-compat"
            ]
        );
        assert_eq!(
            apart(&workspace),
            [["-p", "mydht-evloop", "--features=strict-compat"]]
        );
    }

    #[test]
    fn without_features_nothing_is_named() {
        let workspace = Workspace {
            target_dir: PathBuf::new(),
            packages: vec![package("mydht-evloop", &[])],
        };
        assert_eq!(everything(&workspace), ["--workspace"]);
        assert!(apart(&workspace).is_empty());
    }

    #[test]
    fn every_step_has_a_name_and_a_help() {
        for step in Step::value_variants() {
            assert!(!name(*step).is_empty());
            assert!(!help(*step).is_empty(), "{step:?}");
        }
        assert_eq!(name(Step::WasmChromium), "wasm-chromium");
    }
}
