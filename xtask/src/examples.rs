//! Examples: whether each prints the text at the end of its module documentation.

use crate::run::{kill, wait_until};
use crate::workspace::root;
use anyhow::{Context, Result};
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Stands for any characters within a line, none among them.
const ANY: &str = "[..]";

/// Runs an example; returns its status, `None` if it was killed at the limit, and its output.
pub fn run(program: &mut Command, limit: Duration) -> Result<(Option<ExitStatus>, String)> {
    // A file and not a pipe: a pipe is full at some time, and nobody reads it while this waits.
    let mut output = tempfile::tempfile()?;
    let mut child = program
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .spawn()
        .with_context(|| format!("{program:?} does not start"))?;
    let status = wait_until(&mut child, Instant::now() + limit)?;
    if status.is_none() {
        kill(&mut child);
    }
    output.rewind()?;
    let mut printed = Vec::new();
    output.read_to_end(&mut printed)?;
    Ok((status, String::from_utf8_lossy(&printed).into_owned()))
}

/// Compares the output of an example with the block `Prints:` of its source.
///
/// # Errors
/// A message that shows both, or says what the source lacks.
pub fn compare(source: &str, printed: &str) -> Result<(), String> {
    let Some(expected) = expected(source) else {
        return Err("its module documentation must end with `Prints:` and a `text` block".into());
    };
    let printed: Vec<&str> = printed.lines().collect();
    let equal = expected.len() == printed.len()
        && expected
            .iter()
            .zip(&printed)
            .all(|(pattern, line)| matches(pattern, line));
    if equal {
        return Ok(());
    }
    let indented = |lines: &[&str]| {
        lines
            .iter()
            .map(|l| format!("    {l}\n"))
            .collect::<String>()
    };
    Err(format!(
        "expected:\n{}printed:\n{}",
        indented(&expected),
        indented(&printed)
    ))
}

/// Returns the lines of the `text` block below `Prints:`, with which the module documentation ends.
fn expected(source: &str) -> Option<Vec<&str>> {
    let docs = source.lines().map_while(|line| line.strip_prefix("//!"));
    let docs: Vec<&str> = docs.map(|d| d.strip_prefix(' ').unwrap_or(d)).collect();
    let head = docs.iter().rposition(|line| *line == "Prints:")?;
    match &docs[head + 1..] {
        ["", "```text", lines @ .., "```"] if !lines.contains(&"```") => Some(lines.to_vec()),
        _ => None,
    }
}

/// Returns true if `line` is `pattern`, each [`ANY`] of it replaced by any characters.
fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(ANY) else {
        return pattern == line;
    };
    let Some(mut line) = line.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once(ANY).unwrap_or(("", rest));
    for piece in middle.split(ANY) {
        // The first place is the best: it leaves the most for what follows.
        let Some(at) = line.find(piece) else {
            return false;
        };
        line = &line[at + piece.len()..];
    }
    line.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! Greets.
//!
//! Prints:
//!
//! ```text
//! bob found: hello
//!   [..] is kept by 1 peer
//! ```
#![allow(x)]
//! ```
";

    #[test]
    fn the_block_at_the_end_of_the_documentation_is_found() {
        let found = expected(SOURCE).unwrap();
        assert_eq!(found, ["bob found: hello", "  [..] is kept by 1 peer"]);
    }

    #[test]
    fn a_source_without_the_block_has_none() {
        for source in [
            "",
            "//! Greets.\nfn main() {}",
            "//! Prints:",
            "//! Prints:\n//!\n//! ```text\n//! hello",
            "//! Prints:\n//!\n//! ```\n//! hello\n//! ```",
            "//! Prints:\n//!\n//! ```text\n//! hello\n//! ```\n//! And more.",
            "//! Prints:\n//!\n//! ```text\n//! a\n//! ```\n//! ```text\n//! b\n//! ```",
            "// Prints:\n//\n// ```text\n// hello\n// ```",
        ] {
            assert_eq!(expected(source), None, "{source}");
            assert!(compare(source, "hello").unwrap_err().contains("`Prints:`"));
        }
    }

    #[test]
    fn a_pattern_stands_for_any_characters_of_a_line() {
        for (pattern, line, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("", "", true),
            ("", "a", false),
            ("[..]", "", true),
            ("[..]", "a b", true),
            ("a[..]", "a", true),
            ("a[..]", "b", false),
            ("[..]b", "ab", true),
            ("[..]b", "abc", false),
            ("a[..]a", "a", false),
            ("a[..]a", "aa", true),
            ("a[..]b[..]c", "a1b2b3c", true),
            ("a[..]b[..]c", "a1c2b", false),
            ("a[..]b[..]c", "abc", true),
            ("a[..]bc[..]c", "abc", false),
            ("a[..]b[..]c[..]d", "a b c d", true),
            ("a[..]b[..]c[..]d", "a c b d", false),
            ("[..]é[..]", "née", true),
        ] {
            assert_eq!(matches(pattern, line), fits, "{pattern} {line}");
        }
    }

    #[test]
    fn output_that_differs_is_shown_beside_what_was_expected() {
        let good = "bob found: hello\n  0123 is kept by 1 peer\n";
        assert_eq!(compare(SOURCE, good), Ok(()));
        for bad in [
            "",
            "bob found: hello\n",
            "bob found: bye\n  0123 is kept by 1 peer\n",
            "bob found: hello\n  0123 is kept by 1 peer\n\n",
        ] {
            let shown = compare(SOURCE, bad).unwrap_err();
            assert!(shown.starts_with("expected:\n    bob found: hello\n"));
            let printed = shown.split_once("printed:\n").unwrap().1;
            assert_eq!(printed.lines().count(), bad.lines().count(), "{shown}");
        }
    }

    #[test]
    fn output_and_status_are_captured() {
        let mut shell = Command::new("sh");
        let greets = shell.args(["-c", "echo hello; exit 3"]);
        let (status, printed) = run(greets, Duration::from_secs(60)).unwrap();
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(printed, "hello\n");
    }

    #[test]
    fn an_example_past_its_limit_is_killed() {
        let mut sleep = Command::new("sleep");
        let (status, _) = run(sleep.arg("600"), Duration::from_millis(1)).unwrap();
        assert!(status.is_none());
    }
}
