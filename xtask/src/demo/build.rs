//! Builds with cargo, shown as they go on: how many crates are done, and how long it will take.

use super::plan::{Part, Plan, about};
use crate::run::Cmd;
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Interval between lines where they cannot be written over each other.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Interval between looks at the clock while cargo says nothing.
const TICK: Duration = Duration::from_secs(1);

/// A row of builds before the user's eyes.
pub struct Builds {
    plan: Plan,
    start: Instant,
    is_terminal: bool,
    shown: Option<Instant>,
}

impl Builds {
    /// Begins a row of builds.
    pub fn new(parts: &'static [Part]) -> Self {
        Builds {
            plan: Plan::new(parts),
            start: Instant::now(),
            is_terminal: std::io::stderr().is_terminal(),
            shown: None,
        }
    }

    /// Runs `cargo build` with these arguments, and ends the current part. `command` makes a
    /// command of cargo's arguments.
    pub fn cargo(
        &mut self,
        command: impl Fn(&[&str]) -> Result<Cmd>,
        args: &[&str],
        tree: &[&str],
    ) -> Result<()> {
        let tree = command(
            &[
                &["tree", "--prefix", "none", "--edges", "normal,build"],
                tree,
            ]
            .concat(),
        )?;
        let listed = tree.capture_stdout()?;
        let all = crates(&listed);
        let how = ["--quiet", "--message-format", "json-render-diagnostics"];
        let mut cmd = command(&[&["build"], args, &how].concat())?;
        let (mut child, stdout) = cmd.piped()?;
        let (send, lines) = mpsc::channel();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody receives any more once the build has failed.
                let _ = send.send(line);
            }
        });
        let (mut done, mut found) = (BTreeSet::new(), BTreeSet::new());
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => {
                    if let Some((package, is_fresh)) = finished(&line) {
                        found.extend(is_fresh.then(|| package.clone()));
                        done.insert(package);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.plan.set(done.len(), found.len(), all);
            self.show(&format!("{} of {all} crates", done.len().min(all)));
        }
        let status = child.wait()?;
        // It has ended: the channel is closed.
        let _ = reader.join();
        if !status.success() {
            self.clear();
            bail!("`{}` failed", cmd.shown());
        }
        self.end();
        Ok(())
    }

    /// Runs something short, and ends the current part.
    pub fn run<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.show("");
        let made = work();
        self.end();
        made
    }

    /// Ends the current part.
    fn end(&mut self) {
        self.plan.next();
        self.shown = None;
        self.clear();
    }

    /// Clears the line that is written over, so that others can follow.
    fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }

    fn show(&mut self, how_far: &str) {
        let Some((number, part)) = self.plan.current() else {
            return;
        };
        let is_due = |shown: Instant| self.is_terminal || shown.elapsed() >= LINE_EVERY;
        if !self.shown.is_none_or(is_due) {
            return;
        }
        self.shown = Some(Instant::now());
        let left = about(self.plan.left(self.start.elapsed()));
        let comma = if how_far.is_empty() { "" } else { ", " };
        let line = format!(
            "[{number}/{}] {}: {how_far}{comma}about {left} until the page opens",
            self.plan.len(),
            part.name
        );
        match self.is_terminal {
            true => eprint!("\r\x1b[K{line}"),
            false => eprintln!("{line}"),
        }
    }
}

/// Returns the number of packages in what `cargo tree` lists. It marks those that it has listed
/// before with `(*)`.
fn crates(tree: &str) -> usize {
    let names = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    let names: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
    names.len()
}

/// Returns the package of which this message of cargo's says that it is compiled, and whether it
/// was there before. A build script is not the whole package.
fn finished(message: &str) -> Option<(String, bool)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_script = message["target"]["kind"][0] == "custom-build";
    if message["reason"] != "compiler-artifact" || is_script {
        return None;
    }
    let package = message["package_id"].as_str()?;
    Some((package.to_owned(), message["fresh"] == true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_once() {
        let tree = "a v1.0.0 (/w/a)\nb v0.1.0\nc v2.0.0 (proc-macro)\n\nb v0.1.0 (*)\nb v0.2.0\n";
        assert_eq!(crates(tree), 4);
    }

    #[test]
    fn a_package_is_finished_with_its_library_or_program() {
        let message = |reason: &str, kind: &str| {
            format!(r#"{{"reason":"{reason}","package_id":"p","target":{{"kind":["{kind}"]}}}}"#)
        };
        for (reason, kind, is) in [
            ("compiler-artifact", "lib", true),
            ("compiler-artifact", "bin", true),
            ("compiler-artifact", "custom-build", false),
            ("build-script-executed", "lib", false),
        ] {
            assert_eq!(
                finished(&message(reason, kind)).is_some(),
                is,
                "{reason} {kind}"
            );
        }
        assert_eq!(finished("warning: no JSON"), None);
    }
}
