//! The processes of the demo: nodes, which run until they are told to stop, and programs that end.
//! None is waited for without a limit, and none outlives its value.

use super::stats::Stats;
use crate::run::{kill, terminate, wait_until};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Time for a node to listen, and to stop after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines of a process's standard error that a failure shows.
const TAIL: usize = 20;

/// Kills the process if it has not been seen to end.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        kill(&mut self.0);
    }
}

/// A running `mydht node`.
pub struct Node {
    /// `node 1` and so on.
    pub name: String,
    /// Address that it listens on: `tcp:127.0.0.1:PORT`.
    pub address: String,
    /// Its id, in hexadecimal.
    pub id: String,
    process: Guard,
    stderr: PathBuf,
    stats: PathBuf,
    started: Instant,
}

impl Node {
    /// Starts a node with its files under `dir`, and waits until it listens.
    pub fn start(
        program: &Path,
        dir: &Path,
        number: usize,
        bootstrap: Option<&str>,
    ) -> Result<Self> {
        let knows = bootstrap.map(|address| ["--bootstrap", address]);
        Self::start_with(
            program,
            dir,
            number,
            knows.as_ref().map_or(&[], |knows| knows),
        )
    }

    /// Starts a node in the page's first room, at this rendezvous server.
    pub fn start_in_room(program: &Path, dir: &Path, server: &str) -> Result<Self> {
        Self::start_with(
            program,
            dir,
            1,
            &["--rendezvous", server, "--room", "lobby"],
        )
    }

    fn start_with(program: &Path, dir: &Path, number: usize, args: &[&str]) -> Result<Self> {
        let name = format!("node {number}");
        let own = dir.join(format!("node{number}"));
        let store = own.join("store");
        fs::create_dir_all(&store)?;
        let stderr = own.join("stderr");
        let stats = own.join("stats.json");
        let mut command = Command::new(program);
        command
            .args(["node", "--listen", "127.0.0.1:0", "--store"])
            .arg(&store)
            .arg("--stats")
            .arg(&stats)
            .current_dir(&own)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A file: a full pipe that nobody reads would block the node.
            .stderr(File::create(&stderr)?);
        command.args(args);
        let started = Instant::now();
        let mut process = Guard(
            command
                .spawn()
                .with_context(|| format!("{name} does not start"))?,
        );
        let stdout = process.0.stdout.take().context("no pipe")?;
        let first = first_line_within(stdout, PATIENCE)
            .and_then(|line| {
                listening(&line).with_context(|| format!("its first line was `{}`", line.trim()))
            })
            .with_context(|| {
                format!(
                    "{name} did not say where it listens; its standard error ended:\n{}",
                    tail(&stderr)
                )
            })?;
        Ok(Self {
            name,
            address: first.0,
            id: first.1,
            process,
            stderr,
            stats,
            started,
        })
    }

    /// The end of what it wrote to its standard error.
    pub fn stderr_tail(&self) -> String {
        tail(&self.stderr)
    }

    /// Sends SIGTERM and waits; what it did, and how long it ran. An error if it does not end with
    /// success by itself, or leaves no statistics.
    pub fn stop(mut self) -> Result<(Stats, Duration)> {
        let name = &self.name;
        if let Some(status) = self.process.0.try_wait()? {
            bail!(
                "{name} had ended before it was told to ({status}); its standard error ended:\n{}",
                self.stderr_tail()
            );
        }
        terminate(&self.process.0);
        match wait_until(&mut self.process.0, Instant::now() + PATIENCE)? {
            None => bail!(
                "{name} still ran {} s after SIGTERM; its standard error ended:\n{}",
                PATIENCE.as_secs(),
                self.stderr_tail()
            ),
            Some(status) if !status.success() => bail!(
                "{name} did not stop gracefully ({status}); its standard error ended:\n{}",
                self.stderr_tail()
            ),
            Some(_) => {}
        }
        let time = self.started.elapsed();
        let stats = Stats::read(&self.stats).with_context(|| self.name.clone())?;
        Ok((stats, time))
    }
}

/// A running `mydht signal`.
pub struct Server {
    /// URL of the page.
    pub url: String,
    process: Guard,
}

impl Server {
    /// Starts it, and waits until it listens.
    pub fn start(program: &Path, dir: &Path) -> Result<Self> {
        let stderr = dir.join("signal.stderr");
        let child = Command::new(program)
            .args(["signal", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr)?)
            .spawn();
        let mut process = Guard(child.context("`mydht signal` does not start")?);
        let stdout = process.0.stdout.take().context("no pipe")?;
        let line = first_line_within(stdout, PATIENCE).with_context(|| tail(&stderr))?;
        let url = line.trim().strip_prefix("listening ");
        let url = url.with_context(|| format!("`mydht signal` said `{}`", line.trim()))?;
        Ok(Server {
            url: url.to_owned(),
            process,
        })
    }

    /// Waits until it ends.
    pub fn wait(mut self) -> Result<()> {
        self.process.0.wait()?;
        Ok(())
    }
}

/// A running `mydht-exchange put`: a node that serves a file.
pub struct Putting {
    /// Address that it listens on.
    pub address: String,
    /// Key of the file.
    pub key: String,
    // It ends with its standard input, which is closed with this value.
    _process: Guard,
}

impl Putting {
    /// Starts it, and waits until the file is put.
    pub fn start(program: &Path, dir: &Path, file: &Path) -> Result<Self> {
        let stderr = dir.join("exchange-put.stderr");
        let child = Command::new(program)
            .arg("put")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr)?)
            .spawn();
        let mut process = Guard(child.context("the first node does not start")?);
        let stdout = process.0.stdout.take().context("no pipe")?;
        let line = first_line_within(stdout, PATIENCE).with_context(|| tail(&stderr))?;
        let (address, key) = line
            .trim()
            .split_once(' ')
            .with_context(|| format!("the first node said `{}`", line.trim()))?;
        Ok(Putting {
            address: address.to_owned(),
            key: key.to_owned(),
            _process: process,
        })
    }
}

/// Gets the file of the other node by `mydht-exchange get`.
pub fn get(program: &Path, dir: &Path, from: &Putting, copy: &Path, limit: Duration) -> Result<()> {
    let stderr = dir.join("exchange-get.stderr");
    let child = Command::new(program)
        .args(["get", &from.address, &from.key])
        .arg(copy)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&stderr)?)
        .spawn();
    let mut process = Guard(child.context("the second node does not start")?);
    match wait_until(&mut process.0, Instant::now() + limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("the second node failed ({status}): {}", tail(&stderr)),
        None => bail!(
            "the second node did not have the file after {} s: {}",
            limit.as_secs(),
            tail(&stderr)
        ),
    }
}

/// The first line of the pipe. The rest is read and dropped: a process whose pipe is full would
/// block.
fn first_line_within(pipe: impl std::io::Read + Send + 'static, limit: Duration) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = String::new();
        let read = reader.read_line(&mut line);
        // The receiver is gone if the limit has passed.
        let _ = sender.send(read.map(|_| line));
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    match receiver.recv_timeout(limit) {
        Ok(line) => {
            let line = line?;
            if line.is_empty() {
                bail!("it ended without a line");
            }
            Ok(line)
        }
        Err(RecvTimeoutError::Timeout) => bail!("no line within {} s", limit.as_secs()),
        Err(RecvTimeoutError::Disconnected) => bail!("its standard output could not be read"),
    }
}

/// Address and id of `listening tcp:127.0.0.1:PORT id=HEX`.
fn listening(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    if words.next()? != "listening" {
        return None;
    }
    let address = words.next()?;
    let port = address.strip_prefix("tcp:")?.rsplit_once(':')?.1;
    let port: u16 = port.parse().ok()?;
    let id = words.next()?.strip_prefix("id=")?;
    let hexadecimal = !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit());
    // Port 0 was asked for, so the line must name another.
    (port != 0 && hexadecimal).then(|| (address.to_owned(), id.to_owned()))
}

/// The first line with something on it.
pub fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

/// The last lines of a file; empty if there is none.
fn tail(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&bytes), TAIL)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines = text.lines().collect::<Vec<_>>();
    let from = lines.len().saturating_sub(count);
    lines[from..].join("\n")
}

/// A `mydht` command that ends by itself.
pub struct Program {
    name: String,
    command: Command,
    stdout: PathBuf,
    stderr: PathBuf,
    stats: PathBuf,
}

/// A program that has ended well.
pub struct Ended {
    /// Standard output.
    pub stdout: String,
    /// Time that it took.
    pub time: Duration,
    /// File of its statistics.
    pub stats: PathBuf,
}

impl Program {
    /// `mydht NAME`, with its files under `dir`.
    pub fn new(program: &Path, dir: &Path, name: &str) -> Self {
        let stats = dir.join(format!("{name}.stats.json"));
        let mut command = Command::new(program);
        command
            .arg(name)
            .arg("--stats")
            .arg(&stats)
            .current_dir(dir)
            .stdin(Stdio::null());
        Self {
            name: name.to_owned(),
            command,
            stdout: dir.join(format!("{name}.stdout")),
            stderr: dir.join(format!("{name}.stderr")),
            stats,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Runs it until `enough`, and kills it then: whether that was before its end.
    pub fn run_until(mut self, limit: Duration, mut enough: impl FnMut() -> bool) -> Result<bool> {
        let started = Instant::now();
        let mut process = Guard(self.command.stderr(File::create(&self.stderr)?).spawn()?);
        while started.elapsed() < limit {
            if process.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if enough() {
                // The guard kills it on the way out.
                return Ok(true);
            }
            // Short, because it has to be seen before the fetch is over.
            thread::sleep(Duration::from_millis(1));
        }
        bail!(
            "`mydht {}` had not come far after {} s; its standard error ended:\n{}",
            self.name,
            limit.as_secs(),
            tail(&self.stderr)
        )
    }

    /// Runs it; an error if it fails or has not ended by the limit.
    pub fn run(mut self, limit: Duration) -> Result<Ended> {
        let name = &self.name;
        let started = Instant::now();
        let mut process = Guard(
            self.command
                .stdout(File::create(&self.stdout)?)
                .stderr(File::create(&self.stderr)?)
                .spawn()
                .with_context(|| format!("`mydht {name}` does not start"))?,
        );
        let failure = match wait_until(&mut process.0, started + limit)? {
            Some(status) if status.success() => None,
            Some(status) => Some(format!("failed ({status})")),
            None => Some(format!("had not ended after {} s", limit.as_secs())),
        };
        if let Some(failure) = failure {
            bail!(
                "`mydht {name}` {failure}; its standard error ended:\n{}",
                tail(&self.stderr)
            );
        }
        Ok(Ended {
            stdout: fs::read_to_string(&self.stdout)?,
            time: started.elapsed(),
            stats: self.stats,
        })
    }
}

#[cfg(all(test, unix))]
mod tests;
