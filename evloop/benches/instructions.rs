//! `cargo bench --manifest-path evloop/benches/Cargo.toml --bench instructions`: user-space instructions per event,
//! which a busy machine does not disturb. It runs itself under valgrind's callgrind.

mod contenders;

use contenders::*;
use evloop_bench::Contender;
use std::process::Command;

const SIZES: [(usize, usize); 4] = [(1, 1), (1_000, 64), (100_000, 1), (100_000, 1_024)];
const NAMES: [&str; 5] = ["floor", "same-thread", "send", "epoll", "mio06"];

fn run<C: Contender>(sources: usize, ready: usize, rounds: usize) {
    let mut contender = C::new(sources);
    let chosen: Vec<usize> = (0..ready).map(|n| n * (sources / ready)).collect();
    for _ in 0..rounds {
        assert_eq!(contender.round(std::hint::black_box(&chosen)), ready);
    }
}

fn child(name: &str, numbers: &[usize]) {
    let [sources, ready, rounds] = *numbers else {
        panic!("sources, ready, rounds");
    };
    match name {
        "floor" => run::<Floor>(sources, ready, rounds),
        "same-thread" => run::<Local>(sources, ready, rounds),
        "send" => run::<Shared>(sources, ready, rounds),
        "epoll" => run::<Face>(sources, ready, rounds),
        _ => run::<Mio06>(sources, ready, rounds),
    }
}

fn instructions(name: &str, sources: usize, ready: usize, rounds: usize) -> f64 {
    let this = std::env::current_exe().unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .arg(name)
        .args([sources, ready, rounds].map(|number| number.to_string()))
        .output()
        .expect("valgrind is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok())
        .unwrap_or_else(|| panic!("valgrind said: {text}"))
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    if let [name, numbers @ ..] = &args[..] {
        let numbers: Vec<usize> = numbers
            .iter()
            .map(|number| number.parse().unwrap())
            .collect();
        return child(name, &numbers);
    }
    print!("| instructions per event |");
    for (sources, ready) in SIZES {
        print!(" {sources} sources, {ready} ready |");
    }
    println!("\n|---{}|", "|---".repeat(SIZES.len()));
    for name in NAMES {
        print!("| {name} |");
        for (sources, ready) in SIZES {
            // What both runs have in common (the start, the registrations) cancels out.
            let rounds = (20_000 / ready).max(20);
            let few = instructions(name, sources, ready, rounds);
            let many = instructions(name, sources, ready, 3 * rounds);
            print!(" {:.1} |", (many - few) / (2 * rounds * ready) as f64);
        }
        println!();
    }
}
