//! `cargo xtask web`.

use crate::run::Cmd;
use crate::setup::{self, WASM};
use crate::workspace::{Workspace, root};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make the node for web pages: the page, and the npm package with its types.
///
/// Both are in web/dist. A `mydht signal` that is built afterwards has them inside; `npm pack
/// ./web/dist` packs the package.
#[derive(clap::Args)]
pub struct Args {}

/// Most bytes of the compressed wasm: the size that was reached, rounded up. The aim is 350,000.
const MOST_GZIPPED: usize = 420_000;

/// Runs it.
pub fn run(_: &Args) -> Result<ExitCode> {
    let made = make(&Workspace::load()?.target_dir, Build::Small)?;
    println!("made {}", made.dist.display());
    match made.gzipped {
        Some(bytes) => {
            println!("the wasm has {} bytes, {bytes} gzipped", made.bytes);
            if bytes > MOST_GZIPPED {
                bail!(
                    "the wasm may have {MOST_GZIPPED} bytes gzipped (MOST_GZIPPED): see what made it larger"
                );
            }
        }
        None => println!("the wasm has {} bytes", made.bytes),
    }
    Ok(ExitCode::SUCCESS)
}

/// Kind of a build of the wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As it is downloaded: as small as can be.
    Small,
    /// In a fraction of the time, for tests.
    Quick,
}

/// Result of a build.
pub struct Made {
    /// The folder of it.
    pub dist: PathBuf,
    /// The size of the wasm.
    pub bytes: u64,
    /// Size when compressed, where gzip is installed.
    pub gzipped: Option<usize>,
}

/// The package of the tool that makes the JavaScript.
pub const BINDGEN: &[&str] = &["--manifest-path", "xtask/bindgen/Cargo.toml"];

/// How the tool is built: it runs for seconds.
pub const BINDGEN_BUILD: &[&str] = &["--profile", "quick", "--locked"];

/// Builds the wasm under `target_dir`, makes its JavaScript, and puts the page beside it.
pub fn make(target_dir: &Path, build: Build) -> Result<Made> {
    let rust = setup::wasm_rust()?;
    let (profile, folder) = match build {
        Build::Small => ("web", "web"),
        // cargo's folder for the profile `dev` is `debug`.
        Build::Quick => ("dev", "debug"),
    };
    let args = ["build", "--profile", profile, "--target", WASM];
    rust.cargo(target_dir, &args)?
        .args(["-p", "mydht-web"])
        .check()?;
    let built = rust.target_dir(target_dir)?.join(WASM).join(folder);
    Cmd::cargo([&["build", "--quiet"], BINDGEN, BINDGEN_BUILD].concat())
        .env("CARGO_TARGET_DIR", target_dir)
        .check()?;
    assemble(target_dir, &built)
}

/// Makes the JavaScript of the wasm in the folder `built`, by the tool that was built under
/// `target_dir`, and puts the page beside it.
pub fn assemble(target_dir: &Path, built: &Path) -> Result<Made> {
    let web = root().join("web");
    let dist = web.join("dist");
    // Files of an earlier version would be packed too.
    if dist.exists() {
        std::fs::remove_dir_all(&dist)?;
    }
    std::fs::create_dir_all(&dist)?;
    let tool = target_dir.join("quick").join("mydht-bindgen");
    let tool = tool.with_extension(std::env::consts::EXE_EXTENSION);
    // It prints only errors.
    Cmd::new(tool, [&built.join("mydht_web.wasm"), &dist]).capture_stdout()?;
    copy(&web.join("page"), &dist)?;
    for file in ["package.json", "README.md"] {
        std::fs::copy(web.join(file), dist.join(file))?;
    }
    // cargo does not see that the program has these files in it.
    let embeds = root().join("cli/src/signal/page.rs");
    std::fs::File::options()
        .append(true)
        .open(embeds)?
        .set_modified(std::time::SystemTime::now())?;
    let wasm = dist.join("mydht_bg.wasm");
    let bytes = std::fs::metadata(&wasm)?.len();
    let gzipped = std::process::Command::new("gzip")
        .arg("-9c")
        .arg(&wasm)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| output.stdout.len());
    Ok(Made {
        dist,
        bytes,
        gzipped,
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::locked_version;

    #[test]
    fn the_tool_is_of_the_version_that_the_library_is_compiled_with() {
        let locked = |file: &str, package: &str| {
            let lock = std::fs::read_to_string(root().join(file)).unwrap();
            locked_version(&lock, package).unwrap()
        };
        let library = locked("Cargo.lock", "wasm-bindgen");
        let tool = locked("xtask/bindgen/Cargo.lock", "wasm-bindgen-cli-support");
        assert_eq!(tool, library, "set the version in xtask/bindgen/Cargo.toml");
    }
}
