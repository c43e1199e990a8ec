//! The folder that outlives a clone: tools that were installed, and CI's target folder.

use crate::run::Cmd;
use crate::workspace::root;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// CI's target folder starts afresh once it is larger than this: cargo never removes what an older
/// Cargo.lock has left there.
const TARGET_LIMIT: u64 = 12 << 30;

/// `$XDG_CACHE_HOME/mydht`, or `~/.cache/mydht`. Made if it is missing.
pub fn dir() -> Result<PathBuf> {
    let dir = place(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
        .context("neither XDG_CACHE_HOME nor HOME is set: no place for a cache")?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

fn place(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    // The base-directory specification: a relative path is invalid and is to be ignored.
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = xdg.or_else(|| Some(PathBuf::from(home?).join(".cache")))?;
    Some(base.join("mydht"))
}

/// CI's target folder, held by this run alone until the value is dropped.
pub struct CiTarget {
    /// Value for CARGO_TARGET_DIR.
    pub dir: PathBuf,
    _lock: File,
}

/// Takes the target folder that CI's runs share, one per version of rustc.
///
/// Cargo goes by modification times, and the folder was last used for another clone, whose paths
/// within the workspace are the same: every file of this clone is made newer than what that one
/// built, or a stale build could pass for a fresh one. The lock keeps a second run from building in
/// between.
pub fn ci_target() -> Result<CiTarget> {
    let rustc = Cmd::new("rustc", ["-vV"]).capture_stdout()?;
    let dir = dir()?.join(format!("target-{}", short_hash(rustc.as_bytes())));
    fs::create_dir_all(&dir)?;
    // Beside the folder, which may be removed below.
    let lock = File::create(dir.with_extension("lock"))?;
    // Tried first, only to say why nothing happens.
    if lock.try_lock().is_err() {
        eprintln!("waiting for another run that uses {}", dir.display());
        lock.lock()?;
    }
    if size(&dir)? > TARGET_LIMIT {
        eprintln!("{} has grown too large: starting afresh", dir.display());
        fs::remove_dir_all(&dir)?;
        fs::create_dir_all(&dir)?;
    }
    let files = Cmd::new("git", ["ls-files", "-z"]).capture_stdout()?;
    let now = SystemTime::now();
    for name in files.split_terminator('\0') {
        let path = root().join(name);
        // git may know a file that has been deleted here.
        if path.is_file() {
            File::options()
                // Appending cuts nothing off, and Windows wants a file that is open for writing
                // here.
                .append(true)
                .open(&path)
                .and_then(|file| file.set_modified(now))
                .with_context(|| format!("cannot touch {name}"))?;
        }
    }
    Ok(CiTarget { dir, _lock: lock })
}

fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..12].to_owned()
}

fn size(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() {
            size(&entry.path())?
        } else {
            meta.len()
        };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_follows_xdg() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(
            place(some("/c"), some("/h")),
            Some(PathBuf::from("/c/mydht"))
        );
        assert_eq!(
            place(None, some("/h")),
            Some(PathBuf::from("/h/.cache/mydht"))
        );
        assert_eq!(
            place(some("relative"), some("/h")),
            Some(PathBuf::from("/h/.cache/mydht"))
        );
        assert_eq!(place(None, None), None);
    }

    #[test]
    fn size_adds_up_folders() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), [0; 10]).unwrap();
        fs::write(dir.path().join("c"), [0; 5]).unwrap();
        assert!(size(dir.path()).unwrap() >= 15);
    }
}
