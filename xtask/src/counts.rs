//! Counting tests from the line in which a test runner sums up.

use std::fmt;
use std::ops::AddAssign;

/// Numbers of tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Ended as they should.
    pub passed: u64,
    /// Failed, were killed at their limit, or did not start.
    pub failed: u64,
    /// Marked as ignored, or left out by their runner.
    pub skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The summing-up line of libtest (also wasm-bindgen's runner) or of nextest.
pub struct Line(pub Counts);

impl Line {
    /// Reads such a line; `None` for any other.
    pub fn parse(line: &str) -> Option<Self> {
        let line = without_colour(line);
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            let (_, list) = rest.split_once(". ")?;
            return Some(Self(sum(list.split(';'))));
        }
        if line.starts_with("Summary [") {
            // nextest says `1 test run` of a single one.
            let (_, list) = line
                .split_once("tests run: ")
                .or_else(|| line.split_once("test run: "))?;
            return Some(Self(sum(list.split(','))));
        }
        None
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::default();
    for part in parts {
        let mut words = part.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
            continue;
        };
        match words.next() {
            Some("passed") => counts.passed += number,
            // nextest: `1 timed out`, `1 exec failed`.
            Some("failed" | "timed" | "exec") => counts.failed += number,
            Some("skipped" | "ignored") => counts.skipped += number,
            // libtest's `measured` and `filtered out` are no tests of this run.
            _ => {}
        }
    }
    counts
}

/// The line without its ANSI colours (`ESC [ … m`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, tail)| tail);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(line: &str) -> Option<(u64, u64, u64)> {
        Line::parse(line).map(|Line(c)| (c.passed, c.failed, c.skipped))
    }

    #[test]
    fn libtest() {
        assert_eq!(
            counts(
                "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.02s\n"
            ),
            Some((3, 2, 1))
        );
    }

    #[test]
    fn wasm_bindgen_runner() {
        assert_eq!(
            counts(
                "test result: ok. 1 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.02s"
            ),
            Some((1, 0, 0))
        );
    }

    #[test]
    fn nextest() {
        assert_eq!(
            counts("     Summary [   0.003s] 1 test run: 1 passed, 0 skipped"),
            Some((1, 0, 0))
        );
        assert_eq!(
            counts(
                "     Summary [ 9.1s] 9/10 tests run: 5 passed (1 slow), 2 failed, 1 timed out, 1 exec failed, 4 skipped"
            ),
            Some((5, 4, 4))
        );
    }

    #[test]
    fn nextest_in_colour() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.003s] \u{1b}[1m3\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m1\u{1b}[0m \u{1b}[31;1mfailed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m";
        assert_eq!(counts(line), Some((2, 1, 0)));
    }

    #[test]
    fn other_lines_are_no_summary() {
        assert_eq!(counts("test clock ... ok"), None);
        assert_eq!(counts("Summary of the day: 3 passed"), None);
        assert_eq!(counts("\u{1b}["), None);
        assert_eq!(counts(""), None);
    }

    #[test]
    fn shown_as_one_plain_line() {
        let mut counts = Counts {
            passed: 2,
            failed: 0,
            skipped: 0,
        };
        assert_eq!(counts.to_string(), "2 passed, 0 failed");
        counts += Counts {
            passed: 1,
            failed: 1,
            skipped: 4,
        };
        assert_eq!(counts.to_string(), "3 passed, 1 failed, 4 skipped");
    }
}
