//! The reference pages of the manual, compared with what the command prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variable that makes the test write the page of the command instead of comparing it.
const WRITE: &str = "MYDHT_WRITE_HELP";

const HEAD: &str = "\
# The command

This is what `mydht` and its subcommands print for `--help`. With the feature `tls`, `mydht signal` also has the flags
`--certificate FILE` and `--key FILE`. A test compares this page with the command. To write it again, run:

```console
$ MYDHT_WRITE_HELP=1 cargo test -p mydht-cli --test command pages
```
";

fn page_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/reference")
        .join(name)
}

fn prints(args: &[&str]) -> String {
    let mut mydht = Command::new(env!("CARGO_BIN_EXE_mydht"));
    // The width of a help text is that of the terminal; without one it is fixed.
    let output = mydht.args(args).env_remove("COLUMNS").output().unwrap();
    assert!(output.status.success(), "mydht {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the names under `Commands:` of a help text.
fn subcommands(help: &str) -> Vec<&str> {
    let list = help
        .split_once("\nCommands:\n")
        .map_or("", |(_, list)| list);
    let list = list.split_once("\n\n").map_or(list, |(list, _)| list);
    // Names are indented by two spaces, what continues a description by more.
    let names = list.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        line.split(' ').next().filter(|name| !name.is_empty())
    });
    names.filter(|name| *name != "help").collect()
}

/// Removes the flags of the feature `tls`, so that the page is the same with it and without, and
/// spaces at the ends of lines.
fn without_tls(help: &str, command: &[&str]) -> String {
    let mut skip = false;
    let lines = help.lines().map(str::trim_end).filter(|line| {
        let indent = line.len() - line.trim_start().len();
        if !line.is_empty() && indent < 10 {
            let flags = ["--certificate ", "--key "];
            let is_tls = flags.iter().any(|flag| line.trim_start().starts_with(flag));
            skip = command == ["signal"] && is_tls;
        }
        !skip
    });
    let lines: Vec<&str> = lines.collect();
    lines.join("\n")
}

/// Adds the help of a command, and of those below it.
fn add(page: &mut String, command: &[&str]) {
    let help = prints(&[command, &["--help"]].concat());
    let help = without_tls(&help, command);
    let name = [&["mydht"], command].concat().join(" ");
    *page += &format!("\n## `{name}`\n\n```text\n{}\n```\n", help.trim_end());
    for below in subcommands(&help) {
        add(page, &[command, &[below]].concat());
    }
}

#[test]
fn the_page_of_the_command_has_what_it_prints() {
    let mut expected = HEAD.to_owned();
    add(&mut expected, &[]);
    let path = page_of("command.md");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let differs = found
        .lines()
        .zip(expected.lines())
        .find(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "docs/reference/command.md is of another version: set {WRITE}=1 to write it. First difference: {differs:?}"
    );
}

/// Returns the names of metrics in the first column of the page's tables.
fn names_of_page() -> Vec<String> {
    let page = fs::read_to_string(page_of("metrics.md")).unwrap();
    let names = page.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| `mydht_")?.split_once('`')?;
        let (name, _) = name.split_once('{').unwrap_or((name, ""));
        Some(format!("mydht_{name}"))
    });
    names.collect()
}

#[test]
fn the_page_of_metrics_names_each_once() {
    let node = crate::watch::Node::start();
    let server = crate::server::Server::start(&[]);
    let mut expected = Vec::new();
    for text in [node.get("/metrics"), server.get("/metrics").1] {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names = types.filter_map(|line| line.split(' ').next());
        expected.extend(names.map(str::to_owned));
    }
    assert!(expected.len() > 40, "{expected:?}");
    assert_eq!(names_of_page(), expected);
}

#[test]
fn the_tutorial_of_the_loop_shows_what_its_test_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let page = read("docs/tutorials/port-a-mio-program.md");
    let test = read("evloop/tests/wasm_tutorial.rs");
    for part in ["program", "page"] {
        let begin = format!("// Begin of the {part}.\n");
        let (_, rest) = test.split_once(&begin).unwrap();
        let (code, _) = rest.split_once(&format!("// End of the {part}.")).unwrap();
        assert!(page.contains(code.trim()), "{part}: they differ");
    }
}
