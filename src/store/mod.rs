//! Where records and attachments are kept.

mod attachments;
#[cfg(not(target_arch = "wasm32"))]
mod disk;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod kv;

pub use attachments::{AttachmentStore, Content, MemoryAttachments};
#[cfg(not(target_arch = "wasm32"))]
pub use files::FileAttachments;
pub use kv::{
    Backend, Changes, Entry, KVStore, Kv, Listed, Memory, MemoryKV, Millis, StoreLimits, Usage,
    Wake,
};
#[cfg(not(target_arch = "wasm32"))]
pub use kv::{FileKV, LogFile};
#[cfg(feature = "redb")]
pub use kv::{Redb, RedbKV};
