//! Running other programs: announced, with a limit where one is needed, with their tests counted.

use crate::counts::{Counts, Line};
use crate::place;
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Interval between looks at a child with a limit.
const LOOK: Duration = Duration::from_millis(20);

/// A command to run from the workspace's root with no standard input.
pub struct Cmd {
    command: Command,
    shown: String,
}

impl Cmd {
    /// Runs `program` with `args`.
    pub fn new<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut cmd = Self {
            shown: program.as_ref().to_string_lossy().into_owned(),
            command: Command::new(program),
        };
        cmd.command.current_dir(place::root()).stdin(Stdio::null());
        cmd.args(args)
    }

    /// The cargo that runs this program.
    pub fn cargo<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut cmd = Self::new(program, args);
        // The folder it was found in is of no interest to the reader.
        if let Some((_, rest)) = cmd.shown.split_once(' ') {
            cmd.shown = format!("cargo {rest}");
        }
        cmd
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        for arg in args {
            self.shown.push(' ');
            self.shown.push_str(&arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Runs it elsewhere than in the workspace's root.
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it through another command, which gets it as its last arguments: its variables and its
    /// folder stay.
    pub fn through<A: AsRef<OsStr>>(
        self,
        program: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut outer = Command::new(program);
        outer
            .args(args)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            // The inner command cannot be asked for its standard input, so it is set again.
            .stdin(Stdio::null());
        for (key, value) in self.command.get_envs() {
            match value {
                Some(value) => outer.env(key, value),
                None => outer.env_remove(key),
            };
        }
        if let Some(dir) = self.command.get_current_dir() {
            outer.current_dir(dir);
        }
        Self {
            command: outer,
            shown: self.shown,
        }
    }

    fn spawn(&mut self) -> Result<Child> {
        self.command
            .spawn()
            .with_context(|| format!("`{}` does not start", self.shown))
    }

    /// Starts it unannounced; its standard output is the pipe.
    pub fn piped(&mut self) -> Result<(Child, ChildStdout)> {
        self.command.stdout(Stdio::piped());
        let mut child = self.spawn()?;
        let stdout = child.stdout.take().context("no pipe")?;
        Ok((child, stdout))
    }

    /// The command as it would be typed.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Runs it with its output on ours; whether it succeeded.
    pub fn succeeds(mut self) -> Result<bool> {
        eprintln!("    {}", self.shown);
        Ok(self.spawn()?.wait()?.success())
    }

    /// Runs it with its output on ours; an error if it fails.
    pub fn check(self) -> Result<()> {
        let shown = self.shown.clone();
        if !self.succeeds()? {
            bail!("`{shown}` failed");
        }
        Ok(())
    }

    /// Runs it unseen; its standard output if it succeeds.
    pub fn capture_stdout(mut self) -> Result<String> {
        let output = self
            .command
            .output()
            .with_context(|| format!("`{}` does not start", self.shown))?;
        if !output.status.success() {
            bail!(
                "`{}` failed:\n{}",
                self.shown,
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{}` printed no UTF-8", self.shown))
    }

    /// Runs it with its output on ours; `None` if it had not ended by the limit and was killed.
    pub fn within(mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        eprintln!("    {} (for {} s at most)", self.shown, limit.as_secs());
        let mut child = self.spawn()?;
        let status = wait_until(&mut child, Instant::now() + limit)?;
        if status.is_none() {
            kill(&mut child);
        }
        Ok(status)
    }

    /// Runs tests: the output passes through to ours while the tests are counted.
    ///
    /// In CI, where nobody can press Ctrl-C, the whole process group is killed at the limit, which
    /// counts as a failure.
    pub fn count_tests(mut self, limit: Duration) -> Result<(bool, Counts)> {
        eprintln!("    {}", self.shown);
        if std::io::stderr().is_terminal() {
            // Its output goes into a pipe here, which cargo takes for no terminal.
            self.command.env("CARGO_TERM_COLOR", "always");
        }
        let limited = place::is_ci();
        #[cfg(unix)]
        if limited {
            // A group of its own, so that the children of the tests are killed with it.
            std::os::unix::process::CommandExt::process_group(&mut self.command, 0);
        }
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn()?;
        // Both at once: a child would block on the pipe that is not read.
        let out = child
            .stdout
            .take()
            .map(|pipe| thread::spawn(move || pass_on(pipe, &mut std::io::stdout())));
        let err = child
            .stderr
            .take()
            .map(|pipe| thread::spawn(move || pass_on(pipe, &mut std::io::stderr())));
        let status = if limited {
            let status = wait_until(&mut child, Instant::now() + limit)?;
            if status.is_none() {
                eprintln!("    killed after {} s", limit.as_secs());
                kill_group(&mut child);
            }
            status
        } else {
            Some(child.wait()?)
        };
        let mut counts = Counts::default();
        for reader in [out, err].into_iter().flatten() {
            match reader.join() {
                Ok(counted) => counts += counted?,
                Err(_) => bail!("the reader of `{}` panicked", self.shown),
            }
        }
        Ok((status.is_some_and(|status| status.success()), counts))
    }
}

/// Copies line by line, and adds up the lines in which a test runner sums up.
fn pass_on(from: impl Read, to: &mut impl Write) -> std::io::Result<Counts> {
    let mut from = BufReader::new(from);
    let mut counts = Counts::default();
    let mut line = Vec::new();
    // Bytes, because what a test prints need not be UTF-8.
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        if let Some(Line(summary)) = Line::parse(&String::from_utf8_lossy(&line)) {
            counts += summary;
        }
        line.clear();
    }
    Ok(counts)
}

/// Waits for the child until the deadline; `None` if it still runs then.
pub fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Kills the child and reaps it. That it may have ended by itself meanwhile is no error.
pub fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn kill_group(child: &mut Child) {
    // std can kill one process only; the shell's own `kill` knows groups on every Unix.
    if cfg!(unix) {
        signal("KILL", &format!("-{}", child.id()));
    }
    kill(child);
}

/// Asks the process to stop, by SIGTERM.
pub fn terminate(child: &Child) {
    signal("TERM", &child.id().to_string());
}

fn signal(name: &str, process: &str) {
    // A process that has ended already makes `kill` complain, which interests nobody.
    let _ = Command::new("sh")
        // After `--`, because a group is written as a negative number.
        .args(["-c", "kill -s \"$0\" -- \"$1\" 2>/dev/null", name, process])
        .stdin(Stdio::null())
        .status();
}

/// Whether a program of this name is on PATH.
pub fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|dir| {
            dir.join(program)
                .with_extension(std::env::consts::EXE_EXTENSION)
                .is_file()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_passes_through_unchanged_while_tests_are_counted() {
        let text = "compiling\ntest result: ok. 2 passed; 1 failed; 3 ignored; 0 measured; 9 filtered out; finished in 0.00s\nno newline";
        let mut seen = Vec::new();
        let counts = pass_on(text.as_bytes(), &mut seen).unwrap();
        assert_eq!(seen, text.as_bytes());
        assert_eq!((counts.passed, counts.failed, counts.skipped), (2, 1, 3));
    }

    #[test]
    fn a_command_shows_as_it_would_be_typed() {
        assert_eq!(Cmd::cargo(["fmt", "--all"]).shown, "cargo fmt --all");
        let through = Cmd::new("echo", ["a"]).through("env", ["X=1"]);
        assert_eq!(through.shown, "echo a");
        assert_eq!(through.capture_stdout().unwrap(), "a\n");
    }

    #[test]
    fn through_keeps_the_variables() {
        let cmd = Cmd::new("sh", ["-c", "echo $XTASK_A"]).env("XTASK_A", "b");
        assert_eq!(
            cmd.through("env", ["XTASK_C=1"]).capture_stdout().unwrap(),
            "b\n"
        );
    }

    #[test]
    fn a_child_past_its_limit_is_killed() {
        let cmd = Cmd::new("sleep", ["600"]);
        assert!(cmd.within(Duration::from_millis(1)).unwrap().is_none());
        let status = Cmd::new("sh", ["-c", "exit 3"]).within(Duration::from_secs(60));
        assert_eq!(status.unwrap().unwrap().code(), Some(3));
    }

    #[test]
    fn a_command_that_fails_says_what_it_printed() {
        let error = Cmd::new("sh", ["-c", "echo broken >&2; exit 1"])
            .capture_stdout()
            .unwrap_err();
        assert!(error.to_string().contains("broken"));
    }

    #[test]
    fn path_is_searched() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
