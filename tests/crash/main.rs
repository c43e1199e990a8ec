//! Stores on disk whose process is killed while it writes, or finds the disk full: what was
//! committed is there, and nothing is half there.
//!
//! `MYDHT_CRASH_KILLS=1000 cargo test --all-features --test crash` kills each kind of store so
//! often.
#![cfg(test)]
#![cfg(all(unix, feature = "redb"))]

mod attachments;
mod child;
mod records;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Kills of one kind of store in an ordinary run.
const KILLS: u32 = 40;

fn kills() -> u32 {
    match std::env::var("MYDHT_CRASH_KILLS") {
        Ok(kills) => kills.parse().expect("MYDHT_CRASH_KILLS is a number"),
        Err(_) => KILLS,
    }
}

/// Numbers that differ by seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// This program again, doing `job` with the store at `path`; `shell` is run before it in its
/// process.
fn start(job: &str, path: &Path, shell: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new("sh")
        .arg("-c")
        .arg(format!("{shell} exec \"$0\" \"$@\""))
        .arg(program)
        .args(["--exact", "child::child", "--ignored", "--nocapture"])
        .env("MYDHT_CRASH_JOB", job)
        .env("MYDHT_CRASH_PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The number of a line that says that so much is kept.
fn kept(line: &str) -> Option<u64> {
    line.trim().strip_prefix("kept ")?.parse().ok()
}

/// Lets a child do `job`, kills it at a moment that `random` chooses, and gives the last that it
/// said was kept.
fn kill(job: &str, path: &Path, random: &mut Random) -> u64 {
    let mut child = start(job, path, "");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut last = 0;
    // Mostly after some commits and somewhere in the next, at times while it starts.
    let mut commits = random.below(8);
    let mut line = String::new();
    while commits > 0 {
        line.clear();
        if lines.read_line(&mut line).unwrap() == 0 {
            break;
        }
        if let Some(number) = kept(&line) {
            last = number;
            commits -= 1;
        }
    }
    std::thread::sleep(Duration::from_micros(random.below(4000)));
    child.kill().unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    child.wait().unwrap();
    let mut errors = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut errors).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    rest.lines().filter_map(kept).next_back().unwrap_or(last)
}
