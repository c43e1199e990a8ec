//! A fetch whose process is killed in the middle goes on where it was when it is started again.

use super::content;
use super::process::{self, Node, Program};
use super::stats::Stats;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A fetch may be over before it is killed: then another is.
const TRIES: usize = 20;

/// A fetch is killed when so much of the file has come.
const SHARE: u64 = 10;

/// Whether the file came back the same, and none of what had come came again.
pub fn goes_on(source: &Path, program: &Path, dir: &Path, limit: Duration) -> Result<bool> {
    let dir = dir.join("cut");
    fs::create_dir_all(&dir)?;
    let (bytes, sent) = content::hash(source)?;
    let node = Node::start(program, &dir, 1, None)?;
    let run = |name: &str| {
        Program::new(program, &dir, name)
            .arg("--bootstrap")
            .arg(&node.address)
    };
    let put = run("put").arg("--file").arg(source).run(limit)?;
    let key = process::first_line(&put.stdout).context("`mydht put` printed no key")?;
    for attempt in 0..TRIES {
        let back = dir.join(format!("back{attempt}"));
        let parts = dir.join(format!("back{attempt}.mydht-part"));
        let get = || run("get").arg(key).arg("--out").arg(&back);
        let cut = get().run_until(limit, || come(&parts) > bytes / SHARE)?;
        // Counted again: the process went on until it was killed.
        let there = come(&parts);
        // It was over already, or nothing had come that it could go on with.
        if !cut || there == 0 {
            continue;
        }
        let again = get().run(limit)?;
        let came = Stats::read(&again.stats)?.bytes_in;
        println!(
            "\nkilled when {there} of {bytes} bytes had come; started again, the fetch took {came} more"
        );
        node.stop()?;
        // The second fetch takes less than the file only if it did not begin anew.
        return Ok(content::hash(&back)? == (bytes, sent) && came < bytes);
    }
    bail!("{TRIES} fetches were over before they could be killed: take a larger file (--size)")
}

/// Bytes of an attachment that is on its way into the folder `parts`.
fn come(parts: &Path) -> u64 {
    // There is no such folder before the first part has come.
    let entries = fs::read_dir(parts).into_iter().flatten().flatten();
    let part = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "part"));
    part.filter_map(|entry| entry.metadata().ok())
        .map(|file| file.len())
        .sum()
}
