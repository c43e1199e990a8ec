//! Figures for docs/benchmarks/store.md, as a table on the console: records in IndexedDB beside
//! plain JavaScript doing the same. `cargo xtask bench store` runs it.
#![cfg(target_arch = "wasm32")]

#[expect(dead_code, reason = "the figures need a fresh database and no more")]
mod storage;

use js_sys::{Array, Promise, Uint8Array};
use mydht::store::{IndexedDbKV, KVStore};
use mydht_store::testing::Patient;
use storage::fresh;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(inline_js = r#"
    const event = (target, good, bad) => new Promise((resolve, reject) => {
        target[`on${good}`] = () => resolve(target.result);
        target[`on${bad}`] = () => reject(target.error);
    });
    export async function open(name) {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => request.result.createObjectStore('entries');
        return event(request, 'success', 'error');
    }
    // A transaction for each batch of keys: each is on disk when it is done.
    export async function put(database, batches, value) {
        for (const keys of batches) {
            const transaction = database.transaction('entries', 'readwrite', { durability: 'strict' });
            const entries = transaction.objectStore('entries');
            for (const key of keys) { entries.put(value, key); }
            await event(transaction, 'complete', 'abort');
        }
    }
    // One after the other, as a node asks.
    export async function get(database, keys) {
        let bytes = 0;
        for (const key of keys) {
            const entries = database.transaction('entries').objectStore('entries');
            bytes += (await event(entries.get(key), 'success', 'error')).length;
        }
        return bytes;
    }
    export function close(database) { database.close(); }
    export function now() { return performance.now(); }
"#)]
extern "C" {
    fn open(name: &str) -> Promise;
    fn put(database: &JsValue, batches: Array, value: Uint8Array) -> Promise;
    fn get(database: &JsValue, keys: Array) -> Promise;
    fn close(database: &JsValue);
    fn now() -> f64;
}

/// Bytes of a value: a small record.
const VALUE: usize = 300;

/// Keys of a node's records are 33 bytes, and as good as random.
fn key(i: u32) -> [u8; 33] {
    let mut key = [b'c'; 33];
    for (at, word) in key[1..].chunks_mut(4).enumerate() {
        let mixed = (i ^ at as u32).wrapping_mul(0x9e37_79b1).rotate_left(15);
        word.copy_from_slice(&mixed.wrapping_mul(0x85eb_ca6b).to_be_bytes());
    }
    key
}

fn keys(range: impl Iterator<Item = u32>) -> Array {
    range.map(|i| Uint8Array::from(&key(i)[..])).collect()
}

/// Milliseconds for the puts, and for the gets.
async fn plain(batches: u32, batch: u32, gets: u32) -> [f64; 2] {
    fresh("plain").await;
    let database = open("plain").await.unwrap();
    let all: Array = (0..batches)
        .map(|b| keys(b * batch..(b + 1) * batch))
        .collect();
    let value = Uint8Array::from(&[7; VALUE][..]);
    let start = now();
    put(&database, all, value).await.unwrap();
    let puts = now() - start;
    let asked = keys((0..gets).map(|i| i * 7919 % (batches * batch)));
    let start = now();
    let bytes = get(&database, asked).await.unwrap();
    let got = now() - start;
    assert_eq!(bytes.as_f64(), Some(f64::from(gets) * VALUE as f64));
    close(&database);
    [puts, got]
}

/// Measures the same work through the store.
async fn ours(batches: u32, batch: u32, gets: u32) -> [f64; 2] {
    fresh("ours").await;
    let mut store = Patient::new(IndexedDbKV::open("ours"));
    // It is open, as the other is.
    store.usage().await;
    let value = [7; VALUE];
    let start = now();
    for b in 0..batches {
        for i in b * batch..(b + 1) * batch {
            let put = store.ask(|store| store.put(&key(i), &value, None));
            put.await.unwrap();
        }
        store.commit().await;
    }
    let puts = now() - start;
    let start = now();
    for i in 0..gets {
        let key = key(i * 7919 % (batches * batch));
        let found = store.ask(|store| store.get(&key)).await.unwrap();
        assert_eq!(found.map(|found| found.len()), Some(VALUE));
    }
    [puts, now() - start]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[wasm_bindgen_test]
async fn figures() {
    let rounds: usize = option_env!("ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    console_log!("| what | plain JS, µs each | the store, µs each | ratio | aim |");
    console_log!("|---|---|---|---|---|");
    for (batches, batch, gets) in [(50, 1, 300), (10, 100, 300), (2, 1000, 300)] {
        let mut seen = [[vec![], vec![]], [vec![], vec![]]];
        for _ in 0..rounds.div_ceil(2) {
            for (of, times) in [
                (0, plain(batches, batch, gets).await),
                (1, ours(batches, batch, gets).await),
            ] {
                for what in 0..2 {
                    seen[of][what].push(times[what]);
                }
            }
        }
        let counts = [f64::from(batches * batch), f64::from(gets)];
        let names = [
            format!("put, {batch} a commit"),
            format!("get, of {}", batches * batch),
        ];
        for (what, name) in names.iter().enumerate() {
            let [plain, ours] = [0, 1].map(|of| seen[of][what].clone());
            let ratios = plain.iter().zip(&ours).map(|(plain, ours)| ours / plain);
            let ratio = median(ratios.collect());
            let each = |times| median(times) * 1000.0 / counts[what];
            console_log!(
                "| {name} | {:.1} | {:.1} | {ratio:.2} | ≤ 1.2 |",
                each(plain),
                each(ours)
            );
        }
    }
}
