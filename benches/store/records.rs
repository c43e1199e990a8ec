//! A key-value store over redb, and redb used directly, for the same puts and gets.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use mydht::store::{KVStore, RedbKV};
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::{Outcome, median};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("direct");

/// Bytes of a value: a small record.
const VALUE: usize = 300;

/// Keys of a node's records are 33 bytes, and as good as random.
fn key(i: u32) -> [u8; 33] {
    let mut key = [b'c'; 33];
    key[1..].copy_from_slice(blake3::hash(&i.to_le_bytes()).as_bytes());
    key
}

/// The keys that are put, a commit after each batch, and those that are asked for.
struct Work {
    puts: Vec<Vec<[u8; 33]>>,
    gets: Vec<[u8; 33]>,
}

impl Work {
    fn new(batches: u32, batch: u32, gets: u32) -> Self {
        let batch_of = |b| (b * batch..(b + 1) * batch).map(key).collect();
        Work {
            puts: (0..batches).map(batch_of).collect(),
            gets: (0..gets)
                .map(|i| key(i * 7919 % (batches * batch)))
                .collect(),
        }
    }
}

/// Seconds for the puts, and for the gets.
fn direct(path: &Path, work: &Work) -> Outcome<[f64; 2]> {
    let database = Database::create(path)?;
    let value = [7; VALUE];
    let start = Instant::now();
    for keys in &work.puts {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for key in keys {
                table.insert(&key[..], &value[..])?;
            }
        }
        transaction.commit()?;
    }
    let puts = start.elapsed().as_secs_f64();
    let table = database.begin_read()?.open_table(TABLE)?;
    let start = Instant::now();
    for key in &work.gets {
        let found = table.get(&key[..])?.map(|found| found.value().to_vec());
        // Without this nothing is copied: the compiler sees that only the length is asked for.
        assert_eq!(black_box(found).map(|found| found.len()), Some(VALUE));
    }
    Ok([puts, start.elapsed().as_secs_f64()])
}

/// Measures the same work through the store.
fn ours(path: &Path, work: &Work) -> Outcome<[f64; 2]> {
    let mut store = RedbKV::open(path)?;
    let value = [7; VALUE];
    let start = Instant::now();
    for keys in &work.puts {
        for key in keys {
            store.put(key, &value, None)?;
        }
        store.commit()?;
    }
    let puts = start.elapsed().as_secs_f64();
    let start = Instant::now();
    for key in &work.gets {
        let found = store.get(key)?;
        assert_eq!(black_box(found).map(|found| found.len()), Some(VALUE));
    }
    Ok([puts, start.elapsed().as_secs_f64()])
}

/// The table, and its plot.
pub fn figures(rounds: usize, bars: &mut plot::Bars) -> Outcome<String> {
    let mut table = String::from(
        "| what | redb, µs each | the store, µs each | ratio | aim |\n|---|---|---|---|---|\n",
    );
    for (batches, batch, gets) in [(200, 1, 20_000), (50, 100, 50_000), (5, 2000, 50_000)] {
        let work = Work::new(batches, batch, gets);
        let mut seconds = [const { [const { Vec::new() }; 2] }; 2];
        for _ in 0..rounds {
            let dir = tempfile::tempdir()?;
            let measured = [
                direct(&dir.path().join("direct"), &work)?,
                ours(&dir.path().join("ours"), &work)?,
            ];
            for (seconds, measured) in seconds.iter_mut().zip(measured) {
                for (seconds, measured) in seconds.iter_mut().zip(measured) {
                    seconds.push(measured);
                }
            }
        }
        let counts = [f64::from(batches * batch), f64::from(gets)];
        let names = [
            format!("put, {batch} a commit"),
            format!("get, of {}", batches * batch),
        ];
        for (what, name) in names.iter().enumerate() {
            let [plain, ours] = [0, 1].map(|of| &seconds[of][what]);
            let ratios = plain.iter().zip(ours).map(|(plain, ours)| ours / plain);
            let ratio = median(ratios.collect());
            let each = |of: &Vec<f64>| median(of.clone()) / counts[what] * 1e6;
            writeln!(
                table,
                "| {name} | {:.2} | {:.2} | {ratio:.2} | ≤ 1.15 |",
                each(plain),
                each(ours)
            )?;
            bars.panel(
                name,
                |micros| format!("{micros:.2} µs"),
                [
                    ("the store", true, each(ours)),
                    ("redb", false, each(plain)),
                ],
            );
        }
    }
    Ok(table)
}
