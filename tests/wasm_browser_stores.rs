//! The browser's stores: the conformance suite, what they do where the browser refuses, and pages
//! and workers that are taken away while they write.
#![cfg(target_arch = "wasm32")]

mod storage;

use std::io;

use js_sys::{Function, Promise};
use mydht::store::{IndexedDbKV, KVStore, LocalStorageKV};
use mydht_store::testing::{Patient, key_value_store};
use storage::{fresh, hide, refuse_puts, undo};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// Pages and workers taken away: half of each.
const KILLS: u32 = 50;

#[wasm_bindgen(inline_js = r#"
    export function open_as(name, version) {
        return new Promise((resolve, reject) => {
            const request = indexedDB.open(name, version);
            request.onsuccess = () => { request.result.close(); resolve(); };
            request.onerror = () => reject(request.error);
        });
    }
    const full = () => { throw new DOMException('full', 'QuotaExceededError'); };
    // Each gives what undoes it.
    export function abort_commits() {
        const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (...args) {
            const request = put.apply(this, args);
            const transaction = this.transaction;
            request.addEventListener('success', () => transaction.abort());
            return request;
        };
        return () => { IDBObjectStore.prototype.put = put; };
    }
    // From the call `first` on, up to `last`, nothing is written to localStorage.
    export function fail_items(first, last) {
        const { setItem, removeItem } = Storage.prototype;
        let calls = 0;
        const gate = () => { calls += 1; if (calls >= first && calls <= last) { full(); } };
        Storage.prototype.setItem = function (...args) { gate(); setItem.apply(this, args); };
        Storage.prototype.removeItem = function (...args) { gate(); removeItem.apply(this, args); };
        return () => {
            Storage.prototype.setItem = setItem;
            Storage.prototype.removeItem = removeItem;
            return calls;
        };
    }
    export function sleep(milliseconds) {
        return new Promise(resolve => setTimeout(resolve, milliseconds));
    }
    const script = (name, say) => {
        const here = import.meta.url;
        const module = new URL('wasm-bindgen-test.js', here.slice(0, here.indexOf('/snippets/') + 1));
        const wasm = new URL('wasm-bindgen-test_bg.wasm', module);
        return `import init, { write_until_killed } from '${module}';
            await init({ module_or_path: '${wasm}' });
            await write_until_killed('${name}', kept => ${say});`;
    };
    // Something else that writes to the store, with what it said was kept.
    export function writer(name, worker) {
        const writer = { kept: 0, error: null };
        if (worker) {
            const url = URL.createObjectURL(new Blob([script(name, 'postMessage(kept)')], { type: 'text/javascript' }));
            const inside = new Worker(url, { type: 'module' });
            inside.onmessage = event => { if (typeof event.data === 'number') { writer.kept = event.data; } };
            inside.onerror = event => { writer.error = event.message; };
            writer.kill = () => inside.terminate();
        } else {
            const page = document.createElement('iframe');
            const id = crypto.randomUUID();
            const hear = event => { if (event.data && event.data.id === id) { writer.kept = event.data.kept; } };
            addEventListener('message', hear);
            page.srcdoc = '<script type=module>' + script(name, `parent.postMessage({ id: '${id}', kept }, '*')`) + '</script>';
            document.body.appendChild(page);
            writer.kill = () => { page.remove(); };
        }
        return writer;
    }
    export function kept(writer) {
        if (writer.error) { throw new Error(writer.error); }
        return writer.kept;
    }
    export function kill(writer) { writer.kill(); }
"#)]
extern "C" {
    fn open_as(name: &str, version: u32) -> Promise;
    fn abort_commits() -> Function;
    fn fail_items(first: u32, last: u32) -> Function;
    fn sleep(milliseconds: f64) -> Promise;
    fn writer(name: &str, worker: bool) -> JsValue;
    fn kept(writer: &JsValue) -> f64;
    fn kill(writer: &JsValue);
}

fn indexed(name: &str) -> Patient<IndexedDbKV> {
    Patient::new(IndexedDbKV::open(name))
}

#[wasm_bindgen_test]
async fn indexed_db_conforms() {
    fresh("conforms").await;
    key_value_store(|| IndexedDbKV::open("conforms"), true).await;
}

#[wasm_bindgen_test]
async fn local_storage_conforms() {
    key_value_store(|| LocalStorageKV::open("conforms").unwrap(), true).await;
}

#[wasm_bindgen_test]
async fn a_browser_without_storage_says_so_and_serves_again_when_it_has_some() {
    fresh("hidden").await;
    let mut store = indexed("hidden");
    let hidden = hide("indexedDB");
    for _ in 0..2 {
        let error = store.ask(|store| store.get(b"a")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("private window"), "{error}");
    }
    undo(&hidden);
    store.put("a", "1").await;
    store.commit().await;
    let hidden = hide("localStorage");
    let error = LocalStorageKV::open("hidden").unwrap_err();
    undo(&hidden);
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}

#[wasm_bindgen_test]
async fn without_room_indexed_db_keeps_nothing_of_a_commit_and_goes_on() {
    fresh("full").await;
    let mut store = indexed("full");
    store.put("a", "1").await;
    store.commit().await;
    for refuse in [refuse_puts, abort_commits] {
        store.put("a", "2").await;
        store.put("b", "2").await;
        let refusal = refuse();
        let failed = store.ask(KVStore::commit).await;
        undo(&refusal);
        let error = failed.unwrap_err();
        assert!(
            error.to_string().contains("full"),
            "it names the store: {error}"
        );
        assert_eq!(store.get("a").await.as_deref(), Some("1"));
        assert_eq!(store.keys(9).await, ["a"]);
        assert_eq!(store.usage().await.entries, 1);
    }
    store.put("b", "3").await;
    store.commit().await;
    drop(store);
    assert_eq!(indexed("full").keys(9).await, ["a", "b"]);
}

#[wasm_bindgen_test]
async fn quota_is_an_error_of_its_own_kind() {
    fresh("quota").await;
    let mut store = indexed("quota");
    store.put("a", "1").await;
    let refusal = refuse_puts();
    let failed = store.ask(KVStore::commit).await;
    undo(&refusal);
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[wasm_bindgen_test]
async fn a_later_form_is_refused_and_left_alone() {
    fresh("later").await;
    JsFuture::from(open_as("later", 99)).await.unwrap();
    let error = indexed("later").ask(|store| store.get(b"a")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("later mydht"), "{error}");
    JsFuture::from(open_as("later", 99)).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_tab_that_brings_the_store_to_a_later_form_is_not_held_up() {
    fresh("upgraded").await;
    let mut store = indexed("upgraded");
    store.put("a", "1").await;
    store.commit().await;
    // It would be blocked for ever if the store did not close it.
    JsFuture::from(open_as("upgraded", 99)).await.unwrap();
    let error = store.ask(|store| store.get(b"a")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[wasm_bindgen_test]
async fn a_store_that_was_cleared_meanwhile_is_made_again() {
    fresh("cleared").await;
    let mut store = indexed("cleared");
    store.put("a", "1").await;
    store.commit().await;
    fresh("cleared").await;
    assert_eq!(store.get("a").await, None);
    store.put("b", "1").await;
    store.commit().await;
    assert_eq!(store.get("b").await.as_deref(), Some("1"));
}

/// Puts and removes what a commit of the test does.
fn second_commit(store: &mut LocalStorageKV) {
    for key in [b"a", b"b", b"d"] {
        store.put(key, b"two", None).unwrap();
    }
    store.remove(b"c").unwrap();
}

fn entries(store: &mut LocalStorageKV) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = store.page(None, 99).unwrap();
    let mut value = |key: Vec<u8>| (key.clone(), store.get(&key).unwrap().unwrap());
    keys.into_iter().map(|listed| value(listed.key)).collect()
}

#[wasm_bindgen_test]
fn a_page_that_ends_at_any_write_to_local_storage_leaves_a_whole_commit() {
    let expected = |text: &[(&str, &str)]| -> Vec<(Vec<u8>, Vec<u8>)> {
        let bytes = |(key, value): &(&str, &str)| (key.as_bytes().into(), value.as_bytes().into());
        text.iter().map(bytes).collect()
    };
    let before = expected(&[("a", "one"), ("b", "one"), ("c", "one")]);
    let after = expected(&[("a", "two"), ("b", "two"), ("d", "two")]);
    let mut seen = [false; 2];
    for ends_at in 1.. {
        let name = format!("ends at {ends_at}");
        let mut store = LocalStorageKV::open(&name).unwrap();
        for key in [b"a", b"b", b"c"] {
            store.put(key, b"one", None).unwrap();
        }
        store.commit().unwrap();
        second_commit(&mut store);
        let failure = fail_items(ends_at, u32::MAX);
        let committed = store.commit();
        let calls = undo(&failure);
        drop(store);
        let mut store = LocalStorageKV::open(&name).unwrap();
        let there = entries(&mut store);
        assert!(there == before || there == after, "{ends_at}: {there:?}");
        seen[usize::from(there == after)] = true;
        if committed.is_ok() {
            assert!(calls < ends_at && there == after);
            break;
        }
    }
    assert_eq!(seen, [true, true]);
}

#[wasm_bindgen_test]
fn without_room_local_storage_keeps_nothing_of_a_commit_and_goes_on() {
    for fails_at in 1..=4 {
        let name = format!("full at {fails_at}");
        let mut store = LocalStorageKV::open(&name).unwrap();
        store.put(b"a", b"one", None).unwrap();
        store.put(b"c", b"one", None).unwrap();
        store.commit().unwrap();
        let before = entries(&mut store);
        second_commit(&mut store);
        let failure = fail_items(fails_at, fails_at);
        let error = store.commit().unwrap_err();
        undo(&failure);
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(entries(&mut store), before, "{fails_at}");
        drop(store);
        let mut store = LocalStorageKV::open(&name).unwrap();
        assert_eq!(entries(&mut store), before, "{fails_at}, opened again");
        second_commit(&mut store);
        store.commit().unwrap();
        assert_eq!(entries(&mut store).len(), 3);
    }
}

/// The value under key `i` after commit `n`.
fn value(n: u64, i: u64) -> String {
    format!("{n} ").repeat(((n * 131 + i * 977) % 2000) as usize)
}

async fn number<S: KVStore>(store: &mut Patient<S>) -> u64 {
    let n = store.get("n").await;
    n.map_or(0, |n| n.parse().unwrap())
}

async fn put<S: KVStore>(store: &mut Patient<S>, n: u64) {
    for i in 0..8 {
        store.put(&format!("k{i}"), &value(n, i)).await;
    }
    store.put("n", &n.to_string()).await;
    store.put(&format!("t{n}"), "").await;
    store.remove(&format!("t{}", n - 1)).await;
    store.commit().await;
}

/// The number of the commit that is there; nothing but all of it may be.
async fn check<S: KVStore>(store: &mut Patient<S>) -> u64 {
    let n = number(store).await;
    let keys = store.keys(99).await;
    if n == 0 {
        assert!(keys.is_empty());
        return 0;
    }
    let mut expected: Vec<String> = (0..8).map(|i| format!("k{i}")).collect();
    expected.extend(["n".to_owned(), format!("t{n}")]);
    assert_eq!(keys, expected);
    for i in 0..8 {
        let found = store.get(&format!("k{i}")).await;
        assert!(found == Some(value(n, i)), "key {i} of commit {n}");
    }
    n
}

/// Runs in a worker or a page of its own.
#[wasm_bindgen]
pub async fn write_until_killed(name: String, say: Function) {
    let mut store = indexed(&name);
    let mut n = check(&mut store).await;
    loop {
        n += 1;
        put(&mut store, n).await;
        say.call1(&JsValue::UNDEFINED, &JsValue::from(n as f64))
            .unwrap();
    }
}

#[wasm_bindgen_test]
async fn indexed_db_survives_workers_and_pages_that_are_taken_away_while_they_write() {
    fresh("killed").await;
    let mut last = 0;
    let mut committed = 0;
    for round in 0..KILLS {
        let writer = writer("killed", round % 2 == 0);
        // After some commits, at different moments within the next.
        let wanted = last + u64::from(round % 3);
        let mut waited = 0;
        while (kept(&writer) as u64) < wanted {
            JsFuture::from(sleep(1.0)).await.unwrap();
            waited += 1;
            assert!(waited < 20_000, "nothing is written");
        }
        JsFuture::from(sleep(f64::from(round * 7 % 11)))
            .await
            .unwrap();
        kill(&writer);
        let said = (kept(&writer) as u64).max(last);
        let there = check(&mut indexed("killed")).await;
        assert!(there >= said, "{said} was kept, {there} is there");
        committed += u32::from(there > last);
        last = there;
    }
    assert!(committed > KILLS / 4, "{committed} rounds wrote something");
}
