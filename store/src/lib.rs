//! Stores for the records and attachments of a MyDHT node.
//!
//! [`KVStore`] is a map from bytes to bytes with expiry and limits, [`AttachmentStore`] keeps content in verified parts. Each
//! has implementations in memory, on disk and in a web browser, which one suite of tests holds to the same promises.
//! A store that has to wait returns `WouldBlock` and wakes whoever asked.

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
