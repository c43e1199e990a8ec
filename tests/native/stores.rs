//! The native stores.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::kv;
use mydht::store::{FileKV, MemoryKV};

/// Runs what has nothing to wait for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a store that should not wait does"),
    }
}

#[test]
fn memory_conforms() {
    now(kv::conforms(MemoryKV::default, false));
}

#[test]
fn a_plain_file_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.kv");
    now(kv::conforms(|| FileKV::open(&path).unwrap(), true));
}

#[cfg(feature = "redb")]
#[test]
fn redb_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.redb");
    let open = || mydht::store::RedbKV::open(&path).unwrap();
    now(kv::conforms(open, true));
}
