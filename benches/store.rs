//! A key-value store over redb beside redb used directly, for the same puts and gets.
//!
//! `cargo xtask bench store`. Both commit durably, batch by batch; rounds of both alternate, and the figure is the median
//! of the rounds' ratios.

use std::fs;
use std::path::Path;
use std::time::Instant;

use mydht::store::{KVStore, RedbKV};
use redb::{Database, ReadableDatabase, TableDefinition};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("direct");

/// Bytes of a value: a small record.
const VALUE: usize = 300;

/// Keys of a node's records are 33 bytes, and as good as random.
fn key(i: u32) -> [u8; 33] {
    let mut key = [b'c'; 33];
    key[1..].copy_from_slice(blake3::hash(&i.to_le_bytes()).as_bytes());
    key
}

/// Seconds for the puts, and for the gets.
fn direct(path: &Path, batches: u32, batch: u32, gets: u32) -> Outcome<[f64; 2]> {
    let database = Database::create(path)?;
    let value = [7; VALUE];
    let start = Instant::now();
    for b in 0..batches {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for i in 0..batch {
                table.insert(&key(b * batch + i)[..], &value[..])?;
            }
        }
        transaction.commit()?;
    }
    let puts = start.elapsed().as_secs_f64();
    let table = database.begin_read()?.open_table(TABLE)?;
    let start = Instant::now();
    for i in 0..gets {
        let found = table.get(&key(i * 7919 % (batches * batch))[..])?;
        assert_eq!(found.map(|found| found.value().to_vec().len()), Some(VALUE));
    }
    Ok([puts, start.elapsed().as_secs_f64()])
}

/// The same through the store.
fn ours(path: &Path, batches: u32, batch: u32, gets: u32) -> Outcome<[f64; 2]> {
    let mut store = RedbKV::open(path)?;
    let value = [7; VALUE];
    let start = Instant::now();
    for b in 0..batches {
        for i in 0..batch {
            store.put(&key(b * batch + i), &value, None)?;
        }
        store.commit()?;
    }
    let puts = start.elapsed().as_secs_f64();
    let start = Instant::now();
    for i in 0..gets {
        let found = store.get(&key(i * 7919 % (batches * batch)))?;
        assert_eq!(found.map(|found| found.len()), Some(VALUE));
    }
    Ok([puts, start.elapsed().as_secs_f64()])
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Outcome<()> {
    let argument = |name: &str| std::env::args().skip_while(move |arg| arg != name).nth(1);
    let quick = std::env::args().any(|arg| arg == "--quick");
    let rounds = if quick { 3 } else { 9 };
    let mut page = String::from(
        "# A key-value store over redb\n\nMedians of the rounds; the ratio is the median of the rounds' ratios, redb used \
         directly being 1.\n\n| what | redb, µs each | the store, µs each | ratio |\n|---|---|---|---|\n",
    );
    for (batches, batch, gets) in [(200, 1, 20_000), (50, 100, 50_000), (5, 2000, 50_000)] {
        let (mut plain, mut kept, mut ratios) =
            ([vec![], vec![]], [vec![], vec![]], [vec![], vec![]]);
        for _ in 0..rounds {
            let dir = tempfile::tempdir()?;
            let them = direct(&dir.path().join("direct"), batches, batch, gets)?;
            let us = ours(&dir.path().join("ours"), batches, batch, gets)?;
            for what in 0..2 {
                plain[what].push(them[what]);
                kept[what].push(us[what]);
                ratios[what].push(us[what] / them[what]);
            }
        }
        let counts = [f64::from(batches * batch), f64::from(gets)];
        let what = [
            format!("put, {batch} a commit"),
            format!("get, of {}", batches * batch),
        ];
        for (index, what) in what.iter().enumerate() {
            let each = |seconds: &Vec<f64>| median(seconds.clone()) / counts[index] * 1e6;
            page += &format!(
                "| {what} | {:.2} | {:.2} | {:.2} |\n",
                each(&plain[index]),
                each(&kept[index]),
                median(ratios[index].clone())
            );
        }
    }
    println!("{page}");
    if let Some(out) = argument("--out") {
        fs::create_dir_all(&out)?;
        fs::write(Path::new(&out).join("store.md"), page)?;
    }
    Ok(())
}
