//! Counters of a process, for scripts.

use std::fs;
use std::io;
use std::path::PathBuf;

use mydht::Metrics;
use mydht::metrics::Snapshot;
use serde::Serialize;

/// File for the counters.
#[derive(Clone, clap::Args)]
pub struct StatsFile {
    /// Write what was counted (yields, restarts, bytes, peak memory) to this file at the end, as
    /// one JSON object.
    #[arg(long = "stats", value_name = "FILE")]
    path: Option<PathBuf>,
}

#[derive(Serialize)]
struct Stats {
    #[serde(flatten)]
    counted: Snapshot,
    /// The most memory that the process had, in bytes; `null` where the system does not say.
    peak_rss_bytes: Option<u64>,
}

impl StatsFile {
    /// Writes what `metrics` counted, if it is wanted.
    pub fn write(&self, metrics: &Metrics) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let stats = Stats {
            counted: metrics.snapshot(),
            peak_rss_bytes: peak_rss(),
        };
        let json = serde_json::to_string(&stats)?;
        fs::write(path, json + "\n")
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }
}

/// `VmHWM` of Linux's proc(5).
fn peak_rss() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
