//! Key-value stores: one trait, one place for expiry and limits, and a [`Backend`] for each place to keep bytes in.

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

/// What a store calls when an operation that gave `WouldBlock` can go on. On the thread of the store; it must not call
/// the store back.
pub type Wake = Rc<dyn Fn()>;

/// An entry as [`KVStore::page`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Vec<u8>,
    /// The length of its value, in bytes.
    pub len: u64,
    /// How long it stays.
    pub stay: Stay,
}

/// A map from bytes to bytes.
///
/// What was put and removed is seen at once, and kept for good after [`commit`](Self::commit): all of it, or after a
/// crash none. A commit that fails keeps nothing of it: the store is then what it was after the one before. What each
/// store means by "for good" is in [docs/stores.md](https://github.com/cheme/mydht/blob/main/docs/stores.md).
///
/// A store that has to wait (IndexedDB) gives `WouldBlock`, and is asked again with the same arguments when it calls its
/// [`Wake`]. No operation has an effect before it gives something else.
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
    /// The value under `key`, unless it has expired.
    ///
    /// # Errors
    /// When it cannot be read; `WouldBlock` to be asked again.
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// Puts a value that is gone at `expires`, if that is said. Where the store's limits are reached, what expired is
    /// removed for it, and then what nobody has asked for the longest, but nothing that is the node's own.
    ///
    /// # Errors
    /// When it cannot be written, or is longer than the store may be; `StorageFull` where the node's own values take
    /// all the room; `WouldBlock` to be asked again.
    fn put(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()>;

    /// The same for a value that is the node's own: it goes when it expires or is removed, and not to make room. The
    /// key stays the node's own whoever puts another value under it.
    ///
    /// # Errors
    /// As `put`.
    fn put_own(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()>;

    /// Removes a value. Nothing if there is none.
    ///
    /// # Errors
    /// As `put`; `WouldBlock` only while a commit is waited for.
    fn remove(&mut self, key: &[u8]) -> io::Result<()>;

    /// Up to `most` entries with keys after `after`, in their order as bytes; fewer only where they end. To iterate,
    /// ask again with the last key: what is put or removed meanwhile is seen if it comes later.
    ///
    /// # Errors
    /// As `get`.
    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>>;

    /// What is in the store.
    ///
    /// # Errors
    /// As `get`.
    fn usage(&mut self) -> io::Result<Usage>;

    /// Makes what was put and removed durable.
    ///
    /// # Errors
    /// When it could not be made durable: it is forgotten then. `WouldBlock` to be asked again.
    fn commit(&mut self) -> io::Result<()>;

    /// Has `wake` called when what gave `WouldBlock` can go on. A store that never waits has no use for it.
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
