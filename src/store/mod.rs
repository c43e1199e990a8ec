//! Where records and attachments are kept.

mod attachments;
#[cfg(not(target_arch = "wasm32"))]
mod disk;
#[cfg(all(feature = "redb", not(target_arch = "wasm32")))]
mod folder;
pub(crate) mod kept;
mod kv;
#[cfg(not(target_arch = "wasm32"))]
mod root;
#[cfg(target_arch = "wasm32")]
mod web;

pub use attachments::{AttachmentStore, Chunks, Content, MemoryAttachments};
#[cfg(not(target_arch = "wasm32"))]
pub use attachments::{FileAttachments, KeptFile};
#[cfg(all(feature = "redb", not(target_arch = "wasm32")))]
pub use folder::{Folder, KeptRecord};
pub use kept::decode as record_of;
#[cfg(target_arch = "wasm32")]
pub(crate) use kv::refused;
pub(crate) use kv::wall_clock;
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
