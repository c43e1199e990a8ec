//! Our spawners beside a bare coroutine, threads, tokio tasks and async-executor: the time of a
//! suspended service's life and of its switches, and its memory.
//!
//! ```text
//! cargo bench -p mydht-spawner --all-features --bench spawn -- [--out DIR]
//! ```
//! Prints a table in markdown; with `--out`, writes it to `DIR/spawn.md` and a plot to
//! `DIR/spawn.svg`. Without `--bench` (as `cargo test --all-targets` calls it) everything runs
//! once, to see that it works.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that fails stops, and prints its results"
)]

mod elsewhere;
mod memory;
mod ours;
mod peers;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A way to have suspended services.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Starts a service, runs it to its first yield, resumes it to its end; that many times.
    pub(crate) life: fn(u64),
    /// Makes so many suspended services: a call of the result resumes each of them once, to its
    /// next yield.
    pub(crate) switch: fn(usize) -> Box<dyn FnMut()>,
    /// One service, suspended at an empty channel: a call of the result sends a command and runs
    /// the service until it is suspended again.
    pub(crate) command: fn() -> Box<dyn FnMut()>,
    /// Makes so many suspended services, to be weighed.
    pub(crate) suspended: fn(usize) -> Box<dyn std::any::Any>,
    /// Number of the services to weigh.
    pub(crate) crowd: usize,
    /// The time of the slow ones is measured with fewer services.
    pub(crate) slow: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) life: f64,
    pub(crate) switch: f64,
    pub(crate) switch_many: f64,
    pub(crate) command: f64,
    pub(crate) crowd: usize,
    pub(crate) heap: f64,
    pub(crate) resident: f64,
}

/// Median nanoseconds of a call, over samples of at least `sample`.
fn time(samples: usize, sample: Duration, mut f: impl FnMut(u64)) -> f64 {
    let mut n = 1;
    let calls = loop {
        let start = Instant::now();
        f(n);
        let taken = start.elapsed();
        if taken >= sample || samples == 1 {
            break n;
        }
        let more = sample.as_secs_f64() / taken.as_secs_f64().max(1e-9);
        n = ((n as f64 * more.min(100.0) * 1.1) as u64).max(n + 1);
    };
    let mut times: Vec<f64> = (0..samples)
        .map(|_| {
            let start = Instant::now();
            f(calls);
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn measure(contender: &Contender, quick: bool) -> Row {
    let (samples, sample) = if quick {
        (1, Duration::ZERO)
    } else {
        (15, Duration::from_millis(20))
    };
    let repeat = |f: &mut dyn FnMut(), n: u64| (0..n).for_each(|_| f());
    let many = match (quick, contender.slow) {
        (true, _) => 2,
        (false, true) => 100,
        (false, false) => 1000,
    };
    let life = time(samples, sample, contender.life);
    let mut one = (contender.switch)(1);
    let switch = time(samples, sample, |n| repeat(&mut one, n));
    drop(one);
    let mut all = (contender.switch)(many);
    let switch_many = time(samples, sample, |n| repeat(&mut all, n)) / many as f64;
    drop(all);
    let mut commands = (contender.command)();
    let command = time(samples, sample, |n| repeat(&mut commands, n));
    let crowd = if quick { 10 } else { contender.crowd };
    let (heap, resident) = memory::of_one(contender.name, crowd);
    Row {
        name: contender.name,
        life,
        switch,
        switch_many,
        command,
        crowd,
        heap,
        resident,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)
    };
    let contenders: Vec<Contender> = [ours::all(), elsewhere::all(), peers::all()]
        .into_iter()
        .flatten()
        .collect();
    if let Some(name) = after("--weigh") {
        let crowd = after("--crowd").and_then(|n| n.parse().ok()).unwrap_or(10);
        let contender = contenders.iter().find(|c| c.name == name);
        let contender = contender.expect("a contender of that name");
        memory::weigh(|| (contender.suspended)(crowd));
        return;
    }
    let quick = !arguments.iter().any(|a| a == "--bench");
    let rows: Vec<Row> = contenders
        .iter()
        .map(|contender| {
            eprintln!("{} …", contender.name);
            measure(contender, quick)
        })
        .collect();
    let table = report::table(&rows);
    print!("{table}");
    if let Some(out) = after("--out").map(PathBuf::from) {
        std::fs::create_dir_all(&out).expect("the folder can be made");
        std::fs::write(out.join("spawn.md"), &table).expect("the table can be written");
        std::fs::write(out.join("spawn.svg"), report::plot(&rows))
            .expect("the plot can be written");
    }
}
