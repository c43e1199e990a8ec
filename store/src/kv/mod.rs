//! Key-value stores: one trait, one place for expiry and limits, and a [`Backend`] for each place
//! to keep bytes in.

mod backend;
#[cfg(target_arch = "wasm32")]
mod browser;
mod frame;
mod ledger;
mod limited;
#[cfg(not(target_arch = "wasm32"))]
mod log;
mod memory;
#[cfg(feature = "redb")]
mod redb;
mod stay;

#[cfg(test)]
pub(super) mod tests;

pub use backend::{Backend, Changes, Entry};
#[cfg(target_arch = "wasm32")]
pub(super) use browser::given;
#[cfg(target_arch = "wasm32")]
pub(crate) use browser::refused;
#[cfg(target_arch = "wasm32")]
pub use browser::{IndexedDb, IndexedDbKV, LocalStorage, LocalStorageKV};
pub use ledger::StoreLimits;
pub use limited::Kv;
pub use limited::wall_clock;
#[cfg(not(target_arch = "wasm32"))]
pub use log::{FileKV, LogFile};
pub use memory::{Memory, MemoryKV};
#[cfg(feature = "redb")]
pub use redb::{Redb, RedbKV};
pub use stay::Stay;

use std::io;
use std::rc::Rc;

pub use mydht_proto::engine::Usage;

/// Milliseconds since 1970 (UTC): the time that a stored value is gone at.
pub type Millis = u64;

/// Callback of a store for when an operation that returned `WouldBlock` can go on. Called on the
/// thread of the store, which it must not call back.
pub type Wake = Rc<dyn Fn()>;

/// An entry as [`KVStore::page`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Key of the entry.
    pub key: Vec<u8>,
    /// Length of the value, in bytes.
    pub len: u64,
    /// Expiry, and whether the entry is the node's own.
    pub stay: Stay,
}

/// A map from bytes to bytes.
///
/// Puts and removals are visible at once, and durable after [`commit`](Self::commit): after a
/// crash, either all of them or none. A commit that fails drops them all: the store is then as the
/// commit before left it. What each store means by "durable" is in
/// [docs/stores.md](https://github.com/cheme/mydht/blob/main/docs/stores.md).
///
/// A store that has to wait (IndexedDB) returns `WouldBlock`, and calls its [`Wake`] when the
/// caller should repeat the operation with the same arguments. An operation has no effect while it
/// returns `WouldBlock`.
///
/// ```
/// use mydht_store::{KVStore, MemoryKV};
///
/// let mut store = MemoryKV::default();
/// store.put(b"greeting", b"hello", None)?;
/// store.commit()?;
/// assert_eq!(store.get(b"greeting")?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(store.page(None, 10)?[0].key, b"greeting");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait KVStore {
    /// Returns the value under `key`, unless it has expired.
    ///
    /// # Errors
    /// When the store cannot be read; `WouldBlock` to be asked again.
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// Puts a value, which expires at `expires` if given. At the store's limits, expired entries
    /// are removed first, and then those unused for the longest are evicted, but none of the node's
    /// own.
    ///
    /// # Errors
    /// When the value cannot be written; `FileTooLarge` if it is longer than the store's limit;
    /// `StorageFull` if the node's own values leave no space; `WouldBlock` to be asked again.
    fn put(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()>;

    /// Puts a value of the node's own, which is never evicted: it stays until it expires or is
    /// removed. The key stays the node's own even if a peer's value is put under it.
    ///
    /// # Errors
    /// As `put`.
    fn put_own(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()>;

    /// Removes the value under `key`, if there is one.
    ///
    /// # Errors
    /// As `put`; `WouldBlock` only while a commit is waited for.
    fn remove(&mut self, key: &[u8]) -> io::Result<()>;

    /// Returns up to `most` entries with keys after `after`, in the order of keys as bytes. Returns
    /// fewer only at the end. To iterate, call again with the last key: entries put or removed
    /// meanwhile are seen if their keys come later.
    ///
    /// # Errors
    /// As `get`.
    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>>;

    /// Returns the number of entries and bytes in the store.
    ///
    /// # Errors
    /// As `get`.
    fn usage(&mut self) -> io::Result<Usage>;

    /// Makes all puts and removals so far durable.
    ///
    /// # Errors
    /// When the changes could not be made durable: they are dropped then. `WouldBlock` to be asked
    /// again.
    fn commit(&mut self) -> io::Result<()>;

    /// Sets the callback for when an operation that returned `WouldBlock` can go on. A store that
    /// never waits ignores it.
    fn on_ready(&mut self, wake: Wake) {
        drop(wake);
    }
}

impl<S: KVStore + ?Sized> KVStore for Box<S> {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        (**self).get(key)
    }

    fn put(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()> {
        (**self).put(key, value, expires)
    }

    fn put_own(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()> {
        (**self).put_own(key, value, expires)
    }

    fn remove(&mut self, key: &[u8]) -> io::Result<()> {
        (**self).remove(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        (**self).page(after, most)
    }

    fn usage(&mut self) -> io::Result<Usage> {
        (**self).usage()
    }

    fn commit(&mut self) -> io::Result<()> {
        (**self).commit()
    }

    fn on_ready(&mut self, wake: Wake) {
        (**self).on_ready(wake);
    }
}
