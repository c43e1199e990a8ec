//! Stores for the records and attachments of a MyDHT node.
//!
//! ```text
//!        records                        attachments
//!        KVStore                        AttachmentStore
//!           |                              |
//!   Kv: expiry, limits,            +-------+--------+--------------+
//!   uncommitted changes            |                |              |
//!           |              FileAttachments  MemoryAttachments   Chunks
//!        Backend  <------------------------------------------------+
//!           |
//!   +-------+-------+-----------+-------------+
//! Memory  LogFile  Redb     IndexedDb    LocalStorage
//!         native   native    browser       browser
//! ```
//!
//! A store that has to wait returns `WouldBlock` and wakes its caller. The feature `testing`
//! exports the conformance suites that all of these pass.
//!
//! Start here:
//!
//! * [`KVStore`]: a map from bytes to bytes with expiry and limits. [`MemoryKV`] is the simplest.
//! * [`Backend`]: the interface to implement for a store of your own. [`Kv`] makes it a
//!   [`KVStore`].
//! * [`AttachmentStore`]: content in verified parts. [`MemoryAttachments`] is the simplest.
//! * [`Chunks`]: attachments in any [`Backend`].

#![forbid(unsafe_code)]

mod attachments;
#[cfg(not(target_arch = "wasm32"))]
mod disk;
#[cfg(all(feature = "redb", not(target_arch = "wasm32")))]
mod folder;
pub mod kept;
mod kv;
#[cfg(not(target_arch = "wasm32"))]
mod root;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(target_arch = "wasm32")]
mod web;
#[cfg(target_arch = "wasm32")]
mod web_file;

pub use attachments::{AttachmentStore, Chunks, Content, Linked, MemoryAttachments};
#[cfg(not(target_arch = "wasm32"))]
pub use attachments::{FileAttachments, KeptFile};
#[cfg(all(feature = "redb", not(target_arch = "wasm32")))]
pub use folder::{Folder, KeptRecord, UnreadableRecord};
pub use kept::decode as record_of;
#[cfg(target_arch = "wasm32")]
pub(crate) use kv::refused;
pub use kv::wall_clock;
pub use kv::{
    Backend, Changes, Entry, KVStore, Kv, Listed, Memory, MemoryKV, Millis, Stay, StoreLimits,
    Usage, Wake,
};
#[cfg(not(target_arch = "wasm32"))]
pub use kv::{FileKV, LogFile};
#[cfg(target_arch = "wasm32")]
pub use kv::{IndexedDb, IndexedDbKV, LocalStorage, LocalStorageKV};
#[cfg(feature = "redb")]
pub use kv::{Redb, RedbKV};
#[cfg(not(target_arch = "wasm32"))]
pub use root::FileRoot;
#[cfg(target_arch = "wasm32")]
pub use web::{KeptWebFile, WebFiles};
#[cfg(target_arch = "wasm32")]
pub use web_file::WebFile;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
