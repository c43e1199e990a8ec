//! `cargo bench --manifest-path evloop/benches/Cargo.toml --bench instructions`: user-space
//! instructions per event, and per deregistration and registration, which a busy machine does not
//! disturb. It runs itself under valgrind's callgrind; with `--out DIR` it writes the page
//! DIR/loop-instructions.md.

#[allow(dead_code, unused_imports)] // Not all of them are counted.
mod contenders;

use contenders::*;
use evloop_bench::{Contender, Registers};
use std::path::Path;
use std::process::Command;

/// Names of the contenders on the command line of the child, and in the table.
const ROWS: [(&str, &str); 5] = [
    ("floor", Floor::NAME),
    ("same-thread", Local::NAME),
    ("send", Shared::NAME),
    ("epoll", Face::NAME),
    ("mio06", Mio06::NAME),
];

/// Sources, and how many of them are ready at a time.
const EVENTS: [(usize, usize); 6] = [
    (1, 1),
    (1_000, 1),
    (1_000, 64),
    (100_000, 1),
    (100_000, 1_024),
    (1_000_000, 1),
];

/// Sources, of which one at a time is deregistered and registered again (0 are ready).
const REGISTRATIONS: [(usize, usize); 4] = [(1, 0), (1_000, 0), (100_000, 0), (1_000_000, 0)];

fn run<C: Registers>(sources: usize, ready: usize, rounds: usize) {
    let mut contender = C::new(sources);
    if ready == 0 {
        for round in 0..rounds {
            // 7919 is a prime: they are spread over all sources.
            contender.again(std::hint::black_box(round * 7919 % sources));
        }
        return;
    }
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

/// A table of all contenders; every cell is shown as soon as it is counted.
fn table(head: &str, sizes: &[(usize, usize)], title: impl Fn(usize, usize) -> String) -> String {
    let mut text = format!("| {head} |");
    for (sources, ready) in sizes {
        text += &format!(" {} |", title(*sources, *ready));
    }
    text += &format!("\n|---{}|\n", "|---".repeat(sizes.len()));
    for (name, shown) in ROWS {
        text += &format!("| {shown} |");
        for (sources, ready) in sizes {
            let each = (*ready).max(1);
            // What both runs have in common (the start, the registrations) cancels out.
            let rounds = (20_000 / each).max(20);
            let few = instructions(name, *sources, *ready, rounds);
            let many = instructions(name, *sources, *ready, 3 * rounds);
            let count = (many - few) / (2 * rounds * each) as f64;
            eprintln!("{name}, {sources} sources, {ready} ready: {count:.1}");
            text += &format!(" {count:.1} |");
        }
        text.push('\n');
    }
    text
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let out = args.iter().position(|arg| arg == "--out");
    let out = out.and_then(|at| args.get(at + 1));
    if let [name, numbers @ ..] = &args[..]
        && !name.starts_with('-')
    {
        let numbers: Vec<usize> = numbers
            .iter()
            .map(|number| number.parse().unwrap())
            .collect();
        child(name, &numbers);
        return Ok(());
    }
    let events = table("instructions per event", &EVENTS, |sources, ready| {
        format!("{sources} sources, {ready} ready")
    });
    let registrations = table(
        "instructions per deregistration and registration",
        &REGISTRATIONS,
        |sources, _| format!("among {sources}"),
    );
    let page = format!(
        "# The event loop in instructions\n\n\
         Made by `cargo xtask bench loop`, with valgrind: instructions in user space, on one thread. What the kernel does \
         for a system call is not among them, so mio 0.6's `epoll_wait` for each poll is not; its time is in \
         [loop.md](loop.md).\n\n{events}\n\
         What a registration costs does not depend on how many other sources there are.\n\n{registrations}"
    );
    println!("{page}");
    if let Some(out) = out {
        std::fs::create_dir_all(out)?;
        std::fs::write(Path::new(out).join("loop-instructions.md"), page)?;
    }
    Ok(())
}
