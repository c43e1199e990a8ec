//! `cargo bench --manifest-path evloop/benches/Cargo.toml --bench drop-in`: real programs of mio
//! 0.6's time (`evloop/drop-in`), built over the registry's mio and over the package that takes its
//! place, which take turns. A Markdown table on standard output, and with `--out DIR` the page
//! DIR/drop-in.md. `--quick` takes fewer turns.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, how many requests a turn has, and the least ratio of requests per second that is
/// asked for.
const PROGRAMS: [(&str, usize, f64); 4] = [
    ("tokio-0.1", 192_000, 1.03),
    ("tokio-0.2", 192_000, 1.03),
    ("ws-0.9", 64_000, 1.03),
    ("ping-pong", 100_000, 1.2),
];

/// The most processor time per request that is asked for, as a ratio.
const CPU: f64 = 0.97;

/// Result of a turn: requests per second, and nanoseconds of processor time per request.
type Turn = (f64, f64);

/// Builds the programs of one side, and returns their executable.
fn build(side: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../drop-in")
        .join(side);
    let manifest = folder.join("Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--manifest-path"])
        .arg(manifest)
        // Its own, or the two sides would overwrite each other.
        .arg("--target-dir")
        .arg(folder.join("target"))
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build {side}"
    );
    folder.join("target/release/programs")
}

fn turn(program: &Path, name: &str, requests: usize) -> Turn {
    let output = Command::new(program)
        .args([name, &requests.to_string()])
        .output()
        .expect("the program was built");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().map(|figure| figure.parse().ok());
    match (figures.next().flatten(), figures.next().flatten()) {
        (Some(rate), Some(cpu)) => (rate, cpu),
        _ => panic!("{name}: {text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn median(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let out = args.iter().position(|arg| arg == "--out");
    let out = out.and_then(|at| args.get(at + 1));
    let turns = if args.iter().any(|arg| arg == "--quick") {
        3
    } else {
        15
    };
    let sides = ["registry", "patched"].map(build);
    let mut table = String::from(
        "| program | requests/s, mio 0.6.23 | ours | ratio | CPU per request, mio 0.6.23 | ours | ratio | reached? |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (name, requests, aim) in PROGRAMS {
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..turns {
            for (side, figures) in sides.iter().zip(&mut figures) {
                figures.push(turn(side, name, requests));
            }
        }
        let [mio, ours] =
            figures.map(|turns| (median(&turns, |turn| turn.0), median(&turns, |turn| turn.1)));
        let (rate, cpu) = (ours.0 / mio.0, ours.1 / mio.1);
        let reached = match (rate >= aim, cpu <= CPU) {
            (true, true) => "yes",
            (true, false) => "**not in CPU**",
            (false, true) => "**not in requests/s**",
            (false, false) => "**no**",
        };
        let row = format!(
            "| {name} | {:.0} | {:.0} | {rate:.2} (≥ {aim}) | {:.0} ns | {:.0} ns | {cpu:.2} (≤ {CPU}) | {reached} |\n",
            mio.0, ours.0, mio.1, ours.1
        );
        eprint!("{row}");
        table += &row;
    }
    let page = format!(
        "# Programs of mio 0.6 over the drop-in\n\n\
         Made by `cargo xtask bench drop-in`: unchanged crates from the registry, built over mio 0.6.23 and over the package \
         `evloop/mio`. The two take turns; medians of {turns}. Echo servers have 64 connections with messages of 64 bytes, and \
         a thread of their own, whose processor time counts; ping-pong is two threads with a channel of mio-extras each way, \
         and counts both.\n\n{table}"
    );
    println!("{page}");
    if let Some(out) = out {
        std::fs::create_dir_all(out)?;
        std::fs::write(Path::new(out).join("drop-in.md"), page)?;
    }
    Ok(())
}
