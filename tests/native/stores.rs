//! The native stores.

use mydht::store::{FileKV, MemoryKV};
use mydht_store::testing::{key_value_store, without_waiting};

#[test]
fn memory_conforms() {
    without_waiting(key_value_store(MemoryKV::default, false));
}

#[test]
fn a_plain_file_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.kv");
    without_waiting(key_value_store(|| FileKV::open(&path).unwrap(), true));
}

#[cfg(feature = "redb")]
#[test]
fn redb_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.redb");
    let open = || mydht::store::RedbKV::open(&path).unwrap();
    without_waiting(key_value_store(open, true));
}
