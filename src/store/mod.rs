//! Where records and attachments are kept.

mod attachments;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod memory;
#[cfg(feature = "redb")]
mod redb;

pub use attachments::{AttachmentStore, Content, MemoryAttachments};
#[cfg(not(target_arch = "wasm32"))]
pub use files::FileAttachments;
pub use memory::MemoryKV;
#[cfg(feature = "redb")]
pub use redb::RedbKV;

use std::io;

/// A map from bytes to bytes.
///
/// A store that has to wait (IndexedDB) gives `WouldBlock`, and is asked again with the same arguments when it
/// has become ready.
pub trait KVStore {
    /// The value under `key`.
    ///
    /// # Errors
    /// When it cannot be read; `WouldBlock` to be asked again.
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// Puts a value, seen by `get` at once, and kept for good after [`commit`](Self::commit).
    ///
    /// # Errors
    /// When it cannot be written; `WouldBlock` to be asked again.
    fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()>;

    /// Removes a value, durably after [`commit`](Self::commit). Nothing if there is none.
    ///
    /// # Errors
    /// As `put`.
    fn remove(&mut self, key: &[u8]) -> io::Result<()>;

    /// All keys, in their order as bytes.
    ///
    /// # Errors
    /// As `get`.
    fn keys(&mut self) -> io::Result<Vec<Vec<u8>>>;

    /// Makes what was put and removed durable: all of it, or after a crash none.
    ///
    /// # Errors
    /// When it could not be made durable; `WouldBlock` to be asked again.
    fn commit(&mut self) -> io::Result<()>;
}

impl<S: KVStore + ?Sized> KVStore for Box<S> {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        (**self).get(key)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        (**self).put(key, value)
    }

    fn remove(&mut self, key: &[u8]) -> io::Result<()> {
        (**self).remove(key)
    }

    fn keys(&mut self) -> io::Result<Vec<Vec<u8>>> {
        (**self).keys()
    }

    fn commit(&mut self) -> io::Result<()> {
        (**self).commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every store must do. `reopen` gives the store again as after a restart, or `None` if it does not live
    /// so long.
    fn conforms<S: KVStore>(store: S, reopen: impl Fn(S) -> Option<S>) {
        let mut store = store;
        assert_eq!(store.get(b"a").unwrap(), None);
        store.remove(b"a").unwrap();
        store.put(b"b", b"2").unwrap();
        store.put(b"a", b"").unwrap();
        assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b""[..]));
        store.commit().unwrap();
        store.put(b"a", b"1").unwrap();
        assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(store.keys().unwrap(), [b"a", b"b"]);
        store.commit().unwrap();
        store.commit().unwrap();
        store.remove(b"b").unwrap();
        assert_eq!(store.get(b"b").unwrap(), None);
        let Some(mut store) = reopen(store) else {
            return;
        };
        assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(
            store.get(b"b").unwrap().as_deref(),
            Some(&b"2"[..]),
            "a removal that was not committed"
        );
    }

    #[test]
    fn memory_conforms() {
        conforms(MemoryKV::default(), |_| None);
    }

    #[cfg(feature = "redb")]
    #[test]
    fn redb_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        conforms(RedbKV::open(&path).unwrap(), |store| {
            drop(store);
            Some(RedbKV::open(&path).unwrap())
        });
    }

    #[cfg(feature = "redb")]
    #[test]
    fn a_store_in_use_or_damaged_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let _open = RedbKV::open(&path).unwrap();
        let error = RedbKV::open(&path).unwrap_err();
        assert!(error.to_string().contains("another"), "{error}");
        let damaged = dir.path().join("b.redb");
        std::fs::write(&damaged, b"this is no database").unwrap();
        let error = RedbKV::open(&damaged).unwrap_err();
        assert!(error.to_string().contains("b.redb"), "{error}");
        assert_eq!(std::fs::read(&damaged).unwrap(), b"this is no database");
    }
}
