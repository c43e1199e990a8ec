//! Key-value stores.

use std::io;
use std::path::Path;

use mydht::store::{FileKV, KVStore, RedbKV};

use crate::child::say;
use crate::{Random, kill, kills, start};

pub fn redb(path: &Path) -> Box<dyn KVStore> {
    Box::new(when_free(|| RedbKV::open(path)))
}

pub fn file(path: &Path) -> Box<dyn KVStore> {
    Box::new(when_free(|| FileKV::open(path)))
}

/// A process that another test starts has this one's locks for a moment, until it is another
/// program.
fn when_free<T>(open: impl Fn() -> io::Result<T>) -> T {
    loop {
        match open() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// The value under key `i` after commit `n`.
fn value(n: u64, i: u8) -> Vec<u8> {
    let len = (n * 131 + u64::from(i) * 977) % 5000;
    n.to_le_bytes()
        .into_iter()
        .cycle()
        .take(len as usize)
        .collect()
}

/// The entries after commit `n`.
fn entries(n: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries: Vec<_> = (0..8).map(|i| (vec![b'k', i], value(n, i))).collect();
    entries.push((b"n".to_vec(), n.to_le_bytes().to_vec()));
    // One that every commit puts and the next removes.
    entries.push(([&b"t"[..], &n.to_le_bytes()].concat(), Vec::new()));
    entries
}

fn put(store: &mut dyn KVStore, n: u64) -> io::Result<()> {
    for (key, value) in entries(n) {
        store.put(&key, &value, None)?;
    }
    store.remove(&[&b"t"[..], &(n - 1).to_le_bytes()].concat())?;
    store.commit()
}

/// The number of the commit that the store has; nothing but all of it may be there.
fn check(store: &mut dyn KVStore) -> u64 {
    let Some(n) = store.get(b"n").unwrap() else {
        assert_eq!(store.page(None, 1).unwrap(), []);
        return 0;
    };
    let n = u64::from_le_bytes(n.try_into().unwrap());
    let listed = store.page(None, 100).unwrap();
    let there: Vec<_> = listed
        .into_iter()
        .map(|listed| (listed.key.clone(), store.get(&listed.key).unwrap().unwrap()))
        .collect();
    assert!(there == entries(n), "not commit {n} as a whole");
    n
}

/// Commits until it is killed.
pub fn write(store: &mut dyn KVStore) {
    let mut n = check(store);
    loop {
        n += 1;
        put(store, n).unwrap();
        say(n);
    }
}

/// Commits until there is no more room.
pub fn fill(store: &mut dyn KVStore) {
    let mut n = check(store);
    let error = loop {
        n += 1;
        // What is there is replaced, and the files of both grow nevertheless: by what is new.
        if let Err(error) = put(store, n).and_then(|()| store.put(&[b'z'; 9], &[0; 1 << 16], None))
        {
            break error;
        }
        let more = (0..8u8).try_for_each(|i| store.put(&[b'z', i, n as u8], &[i; 1 << 14], None));
        if let Err(error) = more.and_then(|()| store.commit()) {
            break error;
        }
        say(n);
    };
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
    assert!(error.to_string().contains("store"), "{error}");
    // It can be read still, and is what it was after a whole commit.
    let n = store.get(b"n").unwrap().unwrap();
    let n = u64::from_le_bytes(n.try_into().unwrap());
    for (key, value) in entries(n) {
        assert_eq!(store.get(&key).unwrap(), Some(value));
    }
    println!("\nfull");
}

fn survives(job: &str, open: fn(&Path) -> Box<dyn KVStore>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut random = Random(7);
    let mut during = 0;
    let mut most = 0;
    for _ in 0..kills() {
        let said = kill(job, &path, &mut random).max(most);
        let there = check(&mut *open(&path));
        // It may have been killed between the commit and saying so.
        assert!(
            (said..=said + 1).contains(&there),
            "{said} said, {there} there"
        );
        during += u64::from(there > most);
        most = there;
    }
    assert!(during > 0, "no commit was ever finished");
}

#[test]
fn redb_survives_kills() {
    survives("redb", redb);
}

#[test]
fn a_plain_file_survives_kills() {
    survives("file", file);
}

fn full(job: &str, open: fn(&Path) -> Box<dyn KVStore>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    put(&mut *open(&path), 1).unwrap();
    // Writing past 3 MiB is an error then, and no signal.
    let child = start(job, &path, "trap '' XFSZ; ulimit -f 6144;");
    let output = child.wait_with_output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && out.contains("full"),
        "{out}{err}"
    );
    // With room again it goes on.
    let mut store = open(&path);
    let n = store.get(b"n").unwrap().unwrap();
    let n = u64::from_le_bytes(n.try_into().unwrap());
    assert!(n > 2, "{n}");
    put(&mut *store, n + 1).unwrap();
}

#[test]
fn redb_without_room_says_so_and_loses_nothing() {
    full("full-redb", redb);
}

#[test]
fn a_plain_file_without_room_says_so_and_loses_nothing() {
    full("full-file", file);
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_cannot_be_written_is_named() {
    // Not even root can make a file there.
    let path = Path::new("/proc/self/store");
    for error in [
        RedbKV::open(path).unwrap_err(),
        FileKV::open(path).unwrap_err(),
    ] {
        assert!(error.to_string().contains("/proc/self/store"), "{error}");
    }
}
