//! Cost of the stores: records over redb beside redb used directly, and attachments in a folder
//! beside those in chunks.
//!
//! `cargo xtask bench store`, which adds records in IndexedDB beside plain JavaScript (`--wasm
//! FILE`, a table).
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

mod attachments;
mod records;

use std::fs;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Outcome<()> {
    let argument = |name: &str| std::env::args().skip_while(move |arg| arg != name).nth(1);
    let quick = std::env::args().any(|arg| arg == "--quick");
    let rounds = if quick { 3 } else { 9 };
    let mut bars = plot::Bars::default();
    let records = records::figures(rounds, &mut bars)?;
    let attachments = attachments::figures(rounds.min(5), &mut bars)?;
    let mut page = format!(
        "# What the stores cost\n\nMedians of the rounds; a ratio is the median of the rounds' ratios.\n\n\
         ![As a plot](store.svg)\n\n\
         ## Records over redb, beside redb used directly\n\n{records}\n\
         Both commit durably, batch by batch. Gets are one after the other from the state of the last commit: neither side \
         begins a transaction for each, and each copies the value that it found.\n\n\
         ## Attachments on disk\n\n{attachments}\n\
         Parts come verified, one after the other, and are durable at the end; each part that is read is checked.\n"
    );
    if let Some(file) = argument("--wasm") {
        page += &format!(
            "\n## Records in IndexedDB, beside plain JavaScript\n\n{}\n\
             In headless Chromium. Every commit is one transaction with strict durability, every get one of its own.\n",
            fs::read_to_string(file)?
        );
    }
    println!("{page}");
    if let Some(out) = argument("--out") {
        let out = Path::new(&out);
        fs::create_dir_all(out)?;
        fs::write(out.join("store.md"), page)?;
        fs::write(out.join("store.svg"), bars.svg())?;
    }
    Ok(())
}
