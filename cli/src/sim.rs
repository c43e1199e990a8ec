//! `mydht sim`.

mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use mydht_sim::{Distribution, Figures, Partition, Progress, Scenario, Simulation, Split};
use serde::{Deserialize, Serialize};

/// Run a whole network in this process, on a virtual clock, and measure it.
///
/// The nodes are those that `mydht node` runs; only their network is in memory (5 to 105 ms from
/// one to another, one piece in two hundred is lost and sent again) and their clock jumps. Nodes
/// join one after the other, values are put through nodes at random, and values are looked up
/// through nodes at random while nodes leave and others come.
///
/// The same options and the same seed give the same run, wherever: the trace is a hash of all that
/// happened.
#[derive(clap::Args, Clone, Debug, Serialize, Deserialize)]
#[command(after_help = "\
Examples:
  mydht sim --peers 1000                           a quiet network
  mydht sim --peers 1000 --churn 0.1 --minutes 60  a tenth of the nodes is replaced in an hour
  mydht sim --peers 1000 --hostile 0.2             a fifth of the nodes lies
  mydht sim --peers 1000 --partition stall         in halves for ten minutes, during which all values are put
  mydht sim --peers 1000 --report out              writes out/index.html, its plots, and out/report.json
  mydht sim --replay out/report.json               runs that once more, and says whether it went the same way")]
pub struct Args {
    /// Nodes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    peers: u32,
    /// Decides whatever the other options do not.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Values that are put.
    #[arg(long, default_value_t = 100)]
    puts: u32,
    /// Values that are looked up.
    #[arg(long, default_value_t = 500)]
    lookups: u32,
    /// Over how many virtual minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Which share of the nodes is replaced in a virtual hour, while values are looked up: 0.1 is a
    /// tenth.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    churn: f64,
    /// Which share of the nodes is hostile: they name only each other, forge values and keep none.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    hostile: f64,
    /// Divide the network into halves for ten virtual minutes, while values are put; they are
    /// looked up ten minutes after it has healed.
    #[arg(long, value_enum)]
    partition: Option<How>,
    /// Contacts in a bucket of a node's table: Kademlia's k.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=256))]
    bucket: u16,
    /// Connections that a node keeps when it does not need them.
    #[arg(long, default_value_t = 8)]
    links: u16,
    /// Milliseconds from one node's joining to the next one's.
    #[arg(long, default_value_t = 100)]
    join_every: u32,
    /// Write a page with plots, and what is needed to run it again, into this folder.
    #[arg(long)]
    #[serde(skip)]
    report: Option<PathBuf>,
    /// Run what a report says once more.
    #[arg(long, value_name = "REPORT.json")]
    #[serde(skip)]
    replay: Option<PathBuf>,
    /// Fail if less than this share of the lookups found what was put.
    #[arg(long, value_parser = share)]
    #[serde(skip)]
    expect: Option<f64>,
}

/// Fate of what is sent across a partition.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
enum How {
    /// waits until it has healed
    Stall,
    /// is answered by a reset
    Cut,
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number such as 0.1 is needed")?;
    if (0.0..=10.0).contains(&number) {
        Ok(number)
    } else {
        Err(
            "a share is 0 to 1 (more only for nodes that are replaced more than once in an hour)"
                .into(),
        )
    }
}

/// For how long a partition lasts, and how long after it nothing is looked up.
const SPLIT: Duration = Duration::from_secs(600);

impl Args {
    fn scenario(&self) -> Scenario {
        let mut scenario = Scenario {
            puts: self.puts as usize,
            lookups: self.lookups as usize,
            lookup_for: Duration::from_secs(60) * self.minutes,
            churn: self.churn,
            hostile: self.hostile.min(1.0),
            split: self.partition.map(|how| Split {
                lasts: SPLIT,
                how: match how {
                    How::Stall => Partition::Stall,
                    How::Cut => Partition::Cut,
                },
                rest: SPLIT,
            }),
            bucket: self.bucket.into(),
            join_every: Duration::from_millis(self.join_every.into()),
            ..Scenario::quiet(self.peers as usize, self.seed)
        };
        scenario.limits.peers.links = self.links.into();
        scenario
    }
}

/// Parameters of a run, which a report keeps to run it again.
#[derive(Serialize, Deserialize)]
struct Kept {
    options: Args,
    trace: mydht::Hash,
}

/// Cost of the run on this machine.
#[derive(Clone, Copy, Debug, Serialize)]
struct Cost {
    /// Seconds.
    seconds: f64,
    /// Messages in a second, those of handshakes too.
    messages_per_second: f64,
    /// Bytes of memory for each node, when all have joined and nothing else has happened. `None`:
    /// this system does not say.
    bytes_per_idle_node: Option<u64>,
}

pub fn run(args: &Args) -> io::Result<ExitCode> {
    simulated(args).map_err(io::Error::other)
}

fn simulated(args: &Args) -> Result<ExitCode, String> {
    let before = args.replay.as_deref().map(kept).transpose()?;
    let options = match &before {
        Some(kept) => Args {
            // The report to write and the expected share belong to this run; everything else
            // decides how it goes, and comes from the old report.
            report: args.report.clone(),
            expect: args.expect,
            ..kept.options.clone()
        },
        None => args.clone(),
    };
    let (figures, cost) = simulate(&options)?;
    print(&figures, &cost);
    if let Some(folder) = &options.report {
        report::write(folder, &options, &figures, &cost).map_err(|error| {
            format!(
                "the report cannot be written to {}: {error}",
                folder.display()
            )
        })?;
        println!("report {}", folder.join("index.html").display());
    }
    if let Some(kept) = before
        && kept.trace != figures.trace
    {
        let was = kept.trace;
        return Err(format!(
            "it went another way than the report says: its trace was {was}"
        ));
    }
    match options.expect {
        Some(expected) if figures.lookups.share() < expected => Err(format!(
            "{:.2} % of the lookups found what was put, {:.2} % were expected: run it again with --seed {} and MYDHT_LOG=debug",
            figures.lookups.share() * 100.0,
            expected * 100.0,
            figures.seed,
        )),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn kept(path: &Path) -> Result<Kept, String> {
    let wrong = |error: &dyn std::fmt::Display| {
        format!("{} is no report of a simulation: {error}", path.display())
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

fn simulate(options: &Args) -> Result<(Figures, Cost), String> {
    let before = resident();
    let mut idle = None;
    let bar = bar();
    let begun = Instant::now();
    let simulation = Simulation::new(options.scenario()).map_err(|error| error.to_string())?;
    let show = |progress: &Progress| {
        // The last that is heard while nodes join is when all are idle.
        if progress.phase == "joining" {
            let grown = resident()
                .zip(before)
                .map(|(now, before)| now.saturating_sub(before));
            idle = grown.map(|bytes| bytes / progress.peers.max(1) as u64);
        }
        bar.set_length(progress.end.as_secs());
        bar.set_position(progress.now.as_secs());
        bar.set_message(format!("{}, {} nodes", progress.phase, progress.peers));
    };
    let figures = simulation.run(show).map_err(|error| error.to_string())?;
    let seconds = begun.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let cost = Cost {
        seconds,
        messages_per_second: (figures.messages + figures.handshakes) as f64 / seconds,
        bytes_per_idle_node: idle,
    };
    Ok((figures, cost))
}

/// Returns a bar of virtual seconds. It shows nothing where there is no terminal.
fn bar() -> ProgressBar {
    let template = "{msg:>28} [{bar:32}] {pos}/{len} virtual seconds, {elapsed} of {duration}";
    let bar = ProgressBar::new(1);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// Bytes of memory that this process holds, where the system says so (Linux: proc(5), statm).
fn resident() -> Option<u64> {
    // statm counts pages, which have this size on x86-64; elsewhere they may be larger.
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

fn print(figures: &Figures, cost: &Cost) {
    let row = |name: &str, numbers: &Distribution| {
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| numbers.quantile(share));
        let mean = numbers.mean();
        println!("{name:<28} {mean:>10.1} {p50:>10.0} {p90:>10.0} {p99:>10.0} {max:>10.0}");
    };
    println!(
        "{:<28} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "mean", "p50", "p90", "p99", "max"
    );
    row("hops", &figures.hops);
    row("latency (virtual ms)", &figures.latency);
    row("copies of a value", &figures.copies);
    row("messages read by a node", &figures.load);
    row("bytes of a node", &figures.traffic);
    row("connections of a node", &figures.connections);
    for (name, tally) in [("puts", &figures.puts), ("lookups", &figures.lookups)] {
        let percent = tally.share() * 100.0;
        println!(
            "{name:<28} {} of {} done ({percent:.2} %)",
            tally.done, tally.asked
        );
        for (at, why) in &tally.failures {
            println!("  failed at {at} ms: {why}");
        }
    }
    println!(
        "{} messages and {} of handshakes, {}, in {:.0} virtual seconds",
        HumanCount(figures.messages),
        HumanCount(figures.handshakes),
        HumanBytes(figures.bytes),
        figures.virtual_seconds,
    );
    println!(
        "{:.1} seconds, {:.0} messages a second",
        cost.seconds, cost.messages_per_second
    );
    if let Some(bytes) = cost.bytes_per_idle_node {
        println!("{bytes} bytes of memory for each idle node");
    }
    println!("trace {}", figures.trace);
}
