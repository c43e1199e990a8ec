//! The steps of `cargo xtask test`: their names, and what came of each.

use crate::counts::Counts;
use std::fmt::Write;
use std::time::Duration;

/// A step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// Formatting, by rustfmt.
    Fmt,
    /// Lints, where a warning is an error.
    Clippy,
    /// Plain English in comments, errors and pages, and links between pages.
    Words,
    /// Native tests: units and tests/, by nextest if it is installed.
    Test,
    /// The examples in the documentation.
    Doctest,
    /// The manual and the documentation of the crates build, with no broken link.
    Doc,
    /// The programs in examples/ run and succeed.
    Examples,
    /// The API of mio 0.6.23 is all there.
    Api,
    /// The crates that are published can be: each is packaged and builds from its package.
    Package,
    /// The libraries compile for wasm32.
    WasmCheck,
    /// tests/wasm_*.rs in Node.
    WasmNode,
    /// tests/wasm_*.rs in headless Chromium.
    WasmChromium,
    /// The page: two tabs and a native node, what goes wrong between them, and the tutorial's page.
    Page,
    /// Licences, banned crates and sources of dependencies, by cargo-deny.
    Deny,
}

/// Outcome of a step that could be run at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be; with the tests that ran, if it runs tests.
    Passed(Counts),
    /// Not as it should be.
    Failed(Counts),
    /// Not run, and why.
    Skipped(String),
}

impl Outcome {
    /// The outcome of something that counts no tests.
    pub fn of(success: bool) -> Self {
        Self::counted(success, Counts::default())
    }

    /// The outcome of tests.
    pub fn counted(success: bool, counts: Counts) -> Self {
        if success && counts.failed == 0 {
            Self::Passed(counts)
        } else {
            Self::Failed(counts)
        }
    }

    /// The tests that ran.
    pub fn counts(&self) -> Counts {
        match self {
            Self::Passed(counts) | Self::Failed(counts) => *counts,
            Self::Skipped(_) => Counts::default(),
        }
    }
}

/// A step that has been run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Outcome of the step.
    pub outcome: Outcome,
    /// Time that it took.
    pub time: Duration,
}

impl Report {
    /// The line that ends the step.
    pub fn line(&self) -> String {
        let mut line = format!("{:<14}", self.name);
        let counts = self.outcome.counts();
        match &self.outcome {
            Outcome::Passed(_) => line.push_str("ok     "),
            Outcome::Failed(_) => line.push_str("FAILED "),
            Outcome::Skipped(_) => line.push_str("skipped"),
        }
        // Infallible: the target is a String.
        let _ = write!(line, " {:>7.1} s", self.time.as_secs_f64());
        match &self.outcome {
            Outcome::Skipped(why) => {
                let _ = write!(line, "  {why}");
            }
            _ if counts != Counts::default() => {
                let _ = write!(line, "  {counts}");
            }
            _ => {}
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome) -> String {
        Report {
            name: "clippy".into(),
            outcome,
            time: Duration::from_millis(1_250),
        }
        .line()
    }

    #[test]
    fn lines_stand_in_columns() {
        assert_eq!(report(Outcome::of(true)), "clippy        ok          1.2 s");
        assert_eq!(
            report(Outcome::of(false)),
            "clippy        FAILED      1.2 s"
        );
        assert_eq!(
            report(Outcome::Skipped("no Node".into())),
            "clippy        skipped     1.2 s  no Node"
        );
    }

    #[test]
    fn tests_are_told() {
        let counts = Counts {
            passed: 3,
            failed: 0,
            skipped: 1,
        };
        assert_eq!(
            report(Outcome::counted(true, counts)),
            "clippy        ok          1.2 s  3 passed, 0 failed, 1 skipped"
        );
    }

    #[test]
    fn a_failed_test_fails_the_step_whatever_the_exit_code() {
        let counts = Counts {
            passed: 1,
            failed: 1,
            skipped: 0,
        };
        assert_eq!(Outcome::counted(true, counts), Outcome::Failed(counts));
        assert_eq!(
            Outcome::counted(false, Counts::default()),
            Outcome::Failed(Counts::default())
        );
    }
}
