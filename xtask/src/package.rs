//! The crates that are published: complete, independent of those that are not, and buildable from their packages.

use crate::run::Cmd;
use crate::step::Outcome;
use crate::workspace::{Workspace, root};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

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
/// The builds share one folder and the dev profile: `cargo package` alone would compile the dependencies anew for each crate.
/// Uncommitted changes are packaged too, so that the step can be run before a commit.
pub fn check(workspace: &Workspace, target_dir: &Path) -> Result<Outcome> {
    let text = Cmd::cargo(["metadata", "--no-deps", "--format-version", "1"]).capture_stdout()?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    let mut wrong = problems(&metadata);
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
    let cmd = Cmd::cargo(["package", "--allow-dirty"])
        .args(packages.flat_map(|name| ["--package", name]))
        .env("CARGO_TARGET_DIR", target_dir.join("package-verify"))
        .env("CARGO_INCREMENTAL", "0")
        // The builds are not run: information for a debugger would be a good part of their time and their space.
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    Ok(Outcome::of(cmd.succeeds()?))
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

/// Returns the packages that do not say `publish = false`, which cargo gives as an empty list of registries.
fn published(metadata: &Value) -> impl Iterator<Item = &Value> {
    packages(metadata).filter(|package| !package["publish"].is_array())
}

/// Returns a line for each field that a published crate lacks, and for each of its dependencies that is not published.
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
