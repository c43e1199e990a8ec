//! `cargo xtask soak`: a node with a thousand peers, each asking as fast as it may, one in ten
//! hostile.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

#[path = "run.rs"]
mod run;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use run::{Plan, Report, memory, tcp};

const HELP: &str = "soak --seconds N [--connections N] [--out DIR]";

fn plan() -> Option<(Plan, Option<PathBuf>)> {
    let mut plan = Plan {
        time: Duration::from_secs(60),
        connections: 1000,
    };
    let mut out = None;
    // cargo adds `--bench` for itself.
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        let value = args.next()?;
        match arg.as_str() {
            "--seconds" => plan.time = Duration::from_secs(value.parse().ok()?),
            "--connections" => plan.connections = value.parse().ok()?,
            "--out" => out = Some(value.into()),
            _ => return None,
        }
    }
    Some((plan, out))
}

fn main() -> ExitCode {
    let Some((plan, out)) = plan() else {
        eprintln!("{HELP}");
        return ExitCode::FAILURE;
    };
    let mut table = Report::TITLES.to_owned();
    let mut faults = Vec::new();
    println!("{table}");
    let in_memory = || memory::run(&plan).map_err(|error| error.to_string());
    let over_tcp = || tcp::run(&plan).map_err(|error| error.to_string());
    let runs: [&dyn Fn() -> Result<Report, String>; 2] = [&in_memory, &over_tcp];
    for run in runs {
        match run() {
            Ok(report) => {
                println!("{}", report.row());
                table += "\n";
                table += &report.row();
                faults.extend(report.faults());
            }
            Err(error) => faults.push(error),
        }
    }
    for fault in &faults {
        eprintln!("fault: {fault}");
    }
    if let Some(out) = out.filter(|_| faults.is_empty()) {
        let page = format!(
            "# A node under load\n\n\
             `cargo xtask soak --seconds {}`: nine peers of ten keep eight questions on their way all the time (echoes of 100 \
             bytes, and one in sixteen a record to keep), one in ten sends garbage, says nothing, begins messages and does not end \
             them, floods, reconnects, vanishes or takes no answers. No panic, every honest question answered rightly, and \
             memory that does not grow in the second half, or the command fails. The memory is that of the process: of the \
             node and of all its peers.\n\n{table}\n",
            plan.time.as_secs()
        );
        if let Err(error) = std::fs::write(out.join("soak.md"), page) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
