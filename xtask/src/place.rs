//! Surroundings of this program: the workspace's folder, and whether CI runs it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    // The variable is set by `cargo run`; the compile-time value serves a binary started by hand.
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        // Under another package's command it names that package's folder.
        .filter(|dir| dir.ends_with("xtask"))
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest_dir
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or(manifest_dir)
}

/// Whether this is a run of CI: `CI` is set to something other than nothing, `0` or `false`.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Opens an address or a file where there is a desktop.
pub fn open(what: &OsStr) {
    let is_desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let opener = match cfg!(target_os = "macos") {
        true => Some("open"),
        false => is_desktop.then_some("xdg-open"),
    };
    if let Some(opener) = opener {
        // Whoever calls this also prints where it is.
        let _ = std::process::Command::new(opener).arg(what).spawn();
    }
}
