//! The crates that are published: complete, independent of those that are not, and buildable from
//! their packages.

use crate::run::Cmd;
use crate::step::Outcome;
use crate::workspace::{Workspace, root};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Fields that the registry shows, or refuses a crate without.
const FIELDS: &[&str] = &[
    "description",
    "license",
    "repository",
    "readme",
    "keywords",
    "categories",
];

/// Packages every published crate and builds it from its package; prints what is wrong.
///
/// The builds share one folder and the dev profile: `cargo package` alone would compile the
/// dependencies anew for each crate. Uncommitted changes are packaged too, so that the step can be
/// run before a commit.
pub fn check(workspace: &Workspace, target_dir: &Path) -> Result<Outcome> {
    let text = Cmd::cargo(["metadata", "--no-deps", "--format-version", "1"]).capture_stdout()?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    let mut wrong = problems(&metadata);
    // `cargo metadata` says nothing of packages that are not members.
    for manifest in beside(workspace)? {
        if !std::fs::read_to_string(root().join(&manifest))?.contains("\npublish = false\n") {
            wrong.push(format!("{manifest} does not say `publish = false`"));
        }
    }
    for problem in &wrong {
        println!("{problem}");
    }
    if !wrong.is_empty() {
        return Ok(Outcome::of(false));
    }
    let packages = published(&metadata).filter_map(|package| package["name"].as_str());
    let packages: Vec<&str> = packages.collect();
    let builds = target_dir.join("package-verify");
    forget_earlier(&packages, &builds, &unpacked_sources()?)?;
    let cmd = Cmd::cargo(["package", "--allow-dirty"])
        .args(packages.iter().flat_map(|name| ["--package", name]))
        .env("CARGO_TARGET_DIR", &builds)
        .env("CARGO_INCREMENTAL", "0")
        // The builds are not run: information for a debugger would be a good part of their time and their space.
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    Ok(Outcome::of(cmd.succeeds()?))
}

/// Removes what an earlier run has left of these packages.
///
/// cargo takes a package that has been published for unchangeable: it unpacks and compiles a
/// version once. The packages of this step keep their version from run to run, so a crate would be
/// built against those of an earlier one.
fn forget_earlier(packages: &[&str], builds: &Path, unpacked: &Path) -> Result<()> {
    let is_one = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| packages.iter().any(|package| is_of(package, name)))
    };
    // Without its fingerprint a package is compiled again.
    let mut folders = vec![builds.join("debug/.fingerprint")];
    for source in entries(unpacked) {
        // A registry in a folder, as the one that `cargo package` makes, has no host before the dash.
        let is_local = |name: &str| name.starts_with('-');
        if source
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(is_local)
        {
            folders.push(source);
        }
    }
    for path in folders.iter().flat_map(|folder| entries(folder)) {
        if is_one(&path) {
            let failed = || format!("cannot remove {}", path.display());
            std::fs::remove_dir_all(&path).with_context(failed)?;
        }
    }
    Ok(())
}

/// Returns the folder to which cargo unpacks packages.
fn unpacked_sources() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let home = home.context("there is no home folder: set CARGO_HOME")?;
    Ok(home.join("registry/src"))
}

/// Returns true if a folder is named `PACKAGE-VERSION` or `PACKAGE-HASH`.
fn is_of(package: &str, folder: &str) -> bool {
    let rest = folder.strip_prefix(package);
    let rest = rest.and_then(|rest| rest.strip_prefix('-'));
    let is_version =
        |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit()) && rest.contains('.');
    let is_hash = |rest: &str| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    rest.is_some_and(|rest| is_version(rest) || is_hash(rest))
}

/// Returns the paths in a folder, none if it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten();
    read.flatten().map(|entry| entry.path()).collect()
}

/// Returns the manifests of packages that are not members of the workspace.
fn beside(workspace: &Workspace) -> Result<Vec<String>> {
    let files = Cmd::new("git", ["ls-files", "--", "Cargo.toml", "*/Cargo.toml"]);
    let files = files.dir(&root()).capture_stdout()?;
    let is_member = |manifest: &str| {
        let dir = root().join(manifest);
        workspace
            .packages
            .iter()
            .any(|package| dir.parent() == Some(&package.dir))
    };
    let beside = files.lines().filter(|manifest| !is_member(manifest));
    Ok(beside.map(str::to_owned).collect())
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Returns the packages that do not say `publish = false`, which cargo gives as an empty list of
/// registries.
fn published(metadata: &Value) -> impl Iterator<Item = &Value> {
    packages(metadata).filter(|package| !package["publish"].is_array())
}

/// Returns a line for each field that a published crate lacks, and for each of its dependencies
/// that is not published.
fn problems(metadata: &Value) -> Vec<String> {
    let is_private = |name: &Value| {
        packages(metadata).any(|package| package["name"] == *name && package["publish"].is_array())
    };
    let mut found = Vec::new();
    for package in published(metadata) {
        let name = package["name"].as_str().unwrap_or_default();
        for field in FIELDS {
            let value = &package[field];
            if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
                found.push(format!("{name} has no `{field}`"));
            }
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // A dev-dependency without a version is left out of what is published.
            let is_left_out = dependency["kind"] == "dev" && dependency["req"] == "*";
            if is_private(&dependency["name"]) && !is_left_out {
                let of = dependency["name"].as_str().unwrap_or_default();
                found.push(format!("{name} depends on {of}, which is not published"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn complete(name: &str, dependencies: Value) -> Value {
        json!({
            "name": name, "publish": null, "dependencies": dependencies, "description": "d", "license": "l",
            "repository": "r", "readme": "README.md", "keywords": ["k"], "categories": ["c"],
        })
    }

    #[test]
    fn only_the_folders_of_a_package_are_its_own() {
        for (package, folder, is) in [
            ("mydht", "mydht-0.1.0", true),
            ("mydht", "mydht-0.2.0-rc.1", true),
            ("mydht", "mydht-59301a2e10715dad", true),
            ("mydht", "mydht-small-0.1.0", false),
            ("mydht", "mydht-cli-59301a2e10715dad", false),
            ("mydht-small", "mydht-small-0.1.0", true),
            ("mydht", "other-0.1.0", false),
            ("mydht", "mydht", false),
        ] {
            assert_eq!(is_of(package, folder), is, "{package} {folder}");
        }
    }

    #[test]
    fn what_an_earlier_run_has_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (builds, unpacked) = (folder.path().join("builds"), folder.path().join("src"));
        let prints = builds.join("debug/.fingerprint");
        let sources = [unpacked.join("-0123"), unpacked.join("index.example-0123")];
        let names = ["mydht-0123456789abcdef", "serde-0123456789abcdef"];
        let versions = ["mydht-0.1.0", "serde-1.0.0"];
        for path in names.map(|name| prints.join(name)).into_iter().chain(
            sources
                .iter()
                .flat_map(|source| versions.map(|version| source.join(version))),
        ) {
            std::fs::create_dir_all(path).unwrap();
        }
        forget_earlier(&["mydht"], &builds, &unpacked).unwrap();
        assert_eq!(entries(&prints), [prints.join(names[1])]);
        assert_eq!(entries(&sources[0]), [sources[0].join(versions[1])]);
        assert_eq!(entries(&sources[1]).len(), 2, "what a registry gave stays");
        forget_earlier(
            &["mydht"],
            &folder.path().join("x"),
            &folder.path().join("y"),
        )
        .unwrap();
    }

    #[test]
    fn a_complete_crate_has_no_problem() {
        let dev = json!([{"name": "tool", "kind": "dev", "req": "*"}, {"name": "b", "kind": null, "req": "^1"}]);
        let tool = json!({"name": "tool", "publish": []});
        let metadata = json!({"packages": [complete("a", dev), complete("b", json!([])), tool]});
        assert_eq!(problems(&metadata), [""; 0]);
        assert_eq!(published(&metadata).count(), 2);
    }

    #[test]
    fn fields_that_are_missing_and_private_dependencies_are_named() {
        let mut package = complete("a", json!([{"name": "tool", "kind": null, "req": "^1"}]));
        package["keywords"] = json!([]);
        package["readme"] = Value::Null;
        let metadata = json!({"packages": [package, {"name": "tool", "publish": []}]});
        assert_eq!(
            problems(&metadata),
            [
                "a has no `readme`",
                "a has no `keywords`",
                "a depends on tool, which is not published"
            ]
        );
    }
}
