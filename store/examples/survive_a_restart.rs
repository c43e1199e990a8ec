//! Keeps a value in a file, and finds it again after the store was dropped.
//!
//! Prints:
//!
//! ```text
//! 1 entry of 11 bytes survived
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::io;

use mydht_store::{FileKV, KVStore};

fn main() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("records");

    let mut store = FileKV::open(&file)?;
    store.put_own(b"kept", b"durable", None)?;
    store.commit()?;
    // Not committed: a store promises nothing for it.
    store.put_own(b"lost", b"volatile", None)?;
    drop(store);

    let mut store = FileKV::open(&file)?;
    assert_eq!(store.get(b"kept")?.as_deref(), Some(&b"durable"[..]));
    assert_eq!(store.get(b"lost")?, None);
    println!(
        "{} entry of {} bytes survived",
        store.usage()?.entries,
        store.usage()?.bytes
    );
    Ok(())
}
