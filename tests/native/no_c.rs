//! No default build compiles C, or links a library of the system's cryptography.

use std::process::Command;

/// Returns the dependencies of a default build on this target, as cargo lists them.
fn tree(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| line.split(' ').next())
}

/// Bindings to the system's own interface and to JavaScript: declarations in Rust, no C is compiled
/// for them.
const DECLARATIONS: [&str; 4] = ["windows-sys", "linux-raw-sys", "js-sys", "web-sys"];

#[test]
fn no_default_build_has_c_in_its_tree() {
    let all = tree(&["--workspace", "--exclude", "xtask"]);
    assert!(names(&all).any(|name| name == "ed25519-dalek"), "{all}");
    for name in names(&all) {
        let binds = name.ends_with("-sys") && !DECLARATIONS.contains(&name);
        let compiles = ["cmake", "bindgen", "pkg-config", "vcpkg", "nasm-rs"].contains(&name);
        let known = [
            "openssl",
            "native-tls",
            "ring",
            "aws-lc-rs",
            "boring",
            "mbedtls",
        ];
        assert!(!binds && !compiles && !known.contains(&name), "{name}");
    }
}

/// blake3's build script names `cc` in any case; with its feature `pure` it does not call it.
#[test]
fn the_c_compiler_is_called_for_nothing() {
    let all = tree(&["--workspace", "--exclude", "xtask"]);
    if names(&all).any(|name| name == "cc") {
        let users = tree(&[
            "--workspace",
            "--exclude",
            "xtask",
            "--invert",
            "cc",
            "--depth",
            "1",
        ]);
        assert_eq!(names(&users).collect::<Vec<_>>(), ["cc", "blake3"]);
        let features = tree(&[
            "--package",
            "mydht",
            "--invert",
            "blake3",
            "--depth",
            "1",
            "--format",
            "{p} {f}",
        ]);
        let blake3 = features.lines().next().unwrap();
        assert!(blake3.contains("pure"), "{blake3}");
    }
}
