//! Workspace as cargo knows it.

pub use crate::place::{is_ci, root};
use crate::run::Cmd;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::PathBuf;

/// One build target of a package: a library, a binary, a test, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name that cargo's `--test`, `--bin` and so on take.
    pub name: String,
    /// cargo's word for it: `lib`, `bin`, `test`, `bench`, `example`.
    pub kind: String,
}

/// One member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name that cargo's `-p` takes.
    pub name: String,
    /// The folder of its Cargo.toml.
    pub dir: PathBuf,
    /// Everything it builds.
    pub targets: Vec<Target>,
    /// Its features, without `default`.
    pub features: Vec<String>,
}

impl Package {
    /// Whether the package has a target of this kind and name.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.targets
            .iter()
            .any(|target| target.kind == kind && target.name == name)
    }
}

/// The members of the workspace and the folder that cargo builds into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its packages, in cargo's order.
    pub packages: Vec<Package>,
    /// Folder to which cargo builds.
    pub target_dir: PathBuf,
}

impl Workspace {
    /// Asks `cargo metadata`.
    pub fn load() -> Result<Self> {
        let text =
            Cmd::cargo(["metadata", "--no-deps", "--format-version", "1"]).capture_stdout()?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).context("cargo metadata printed no JSON")?;
        let packages = json["packages"]
            .as_array()
            .context("cargo metadata named no packages")?
            .iter()
            .map(parse_package)
            .collect::<Result<_>>()?;
        Ok(Self {
            packages,
            target_dir: PathBuf::from(text_of(&json, "target_directory")?),
        })
    }

    /// The package of this name, or an error that says what is missing.
    pub fn package(&self, name: &str) -> Result<&Package> {
        let Some(package) = self.packages.iter().find(|package| package.name == name) else {
            bail!("the workspace has no package `{name}`");
        };
        Ok(package)
    }
}

fn parse_package(json: &Value) -> Result<Package> {
    let targets = json["targets"]
        .as_array()
        .context("a package without a list of targets")?
        .iter()
        .map(|target| {
            Ok(Target {
                name: text_of(target, "name")?,
                kind: target["kind"][0]
                    .as_str()
                    .context("a target of no kind")?
                    .to_owned(),
            })
        })
        .collect::<Result<_>>()?;
    let manifest = PathBuf::from(text_of(json, "manifest_path")?);
    Ok(Package {
        name: text_of(json, "name")?,
        dir: manifest
            .parent()
            .context("a manifest without a folder")?
            .to_path_buf(),
        targets,
        features: json["features"]
            .as_object()
            .context("a package without a table of features")?
            .keys()
            // It only names others, which are listed themselves.
            .filter(|feature| *feature != "default")
            .cloned()
            .collect(),
    })
}

fn text_of(json: &Value, key: &str) -> Result<String> {
    Ok(json[key]
        .as_str()
        .with_context(|| format!("cargo metadata gave no `{key}`"))?
        .to_owned())
}

/// The version of `package` in the text of a Cargo.lock; the highest of several, by cargo's order
/// in the file.
pub fn locked_version(lock: &str, package: &str) -> Option<String> {
    let wanted = format!("name = \"{package}\"");
    let mut found = None;
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if line == wanted {
            found = lines
                .next()
                .and_then(|line| line.strip_prefix("version = \""))
                .and_then(|rest| rest.strip_suffix('"'))
                .map(str::to_owned)
                // A line of another form does not hide the version that was found before it.
                .or(found);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
dependencies = [
 "wasm-bindgen-macro",
]

[[package]]
name = "wasm-bindgen-macro"
version = "0.2.131"

[[package]]
name = "getrandom"
version = "0.3.1"

[[package]]
name = "getrandom"
version = "0.4.2"
"#;

    #[test]
    fn lock_gives_the_version_of_exactly_that_package() {
        assert_eq!(
            locked_version(LOCK, "wasm-bindgen").as_deref(),
            Some("0.2.130")
        );
        assert_eq!(locked_version(LOCK, "wasm"), None);
        assert_eq!(locked_version(LOCK, "wasm-bindgen-macr"), None);
    }

    #[test]
    fn lock_with_two_versions_gives_the_last() {
        assert_eq!(locked_version(LOCK, "getrandom").as_deref(), Some("0.4.2"));
    }

    #[test]
    fn lock_without_a_version_line_is_not_a_version() {
        assert_eq!(locked_version("name = \"a\"\nsource = \"b\"\n", "a"), None);
        assert_eq!(locked_version("", "a"), None);
    }

    #[test]
    fn metadata_gives_packages_with_their_targets() {
        let text = r#"{"packages":[{"name":"a","manifest_path":"/w/a/Cargo.toml","targets":[
            {"name":"a","kind":["lib"]},{"name":"wasm_x","kind":["test"]}],
            "features":{"default":["f"],"f":[]}}],
            "target_directory":"/w/target"}"#;
        let workspace = Workspace::parse(text).unwrap();
        assert_eq!(workspace.target_dir, PathBuf::from("/w/target"));
        let package = workspace.package("a").unwrap();
        assert_eq!(package.dir, PathBuf::from("/w/a"));
        assert!(package.has("test", "wasm_x"));
        assert!(!package.has("bin", "wasm_x"));
        assert_eq!(package.features, ["f"]);
        assert!(workspace.package("b").is_err());
    }

    #[test]
    fn metadata_that_is_not_metadata_is_an_error() {
        assert!(Workspace::parse("{}").is_err());
        assert!(Workspace::parse("no JSON").is_err());
    }
}
