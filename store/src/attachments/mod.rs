//! Stores for the content of attachments.

#[cfg(not(target_arch = "wasm32"))]
mod arriving;
mod chunks;
#[cfg(not(target_arch = "wasm32"))]
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod in_place;
#[cfg(not(target_arch = "wasm32"))]
mod kept_tree;
#[cfg(not(target_arch = "wasm32"))]
mod known;
mod linked;
mod memory;
#[cfg(any(test, target_arch = "wasm32"))]
mod slices;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(test)]
mod tests;

pub use chunks::Chunks;
#[cfg(not(target_arch = "wasm32"))]
pub use files::{FileAttachments, KeptFile};
pub use linked::Linked;
pub use memory::MemoryAttachments;

use std::io;
#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::Wake;
#[cfg(target_arch = "wasm32")]
use crate::WebFile;
use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, Tree};
use mydht_proto::record::AttachmentId;

/// Whole content that can be served without being received first.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, read in place. Its parts are no longer served once it changes.
    #[cfg(not(target_arch = "wasm32"))]
    File(PathBuf),
    /// A file of the browser, which reads it in place. Its parts are no longer served once it
    /// changes.
    #[cfg(target_arch = "wasm32")]
    Web(WebFile),
}

/// A store of attachments: whole ones, and partial ones that are never taken for whole.
///
/// Parts come verified: a store only keeps them. As a [`KVStore`](super::KVStore), it may return
/// `WouldBlock`.
///
/// Linked content comes before what has arrived: the provided methods ask
/// [`linked`](AttachmentStore::linked) first, so that an implementation is about arrived parts
/// only.
pub trait AttachmentStore {
    /// Returns the content that the store serves from elsewhere. An implementation holds it and
    /// does nothing with it.
    fn linked(&mut self) -> &mut Linked;

    /// Returns whether all parts of the attachment have arrived.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn has_arrived(&mut self, id: &AttachmentId) -> io::Result<bool>;

    /// Returns an arrived part and its proof, if both are here.
    ///
    /// # Errors
    /// When the store cannot be read; `InvalidData` if the part is damaged.
    fn read_arrived(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>>;

    /// Returns whether the attachment is here as a whole, linked or arrived.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn is_whole(&mut self, id: &AttachmentId) -> io::Result<bool> {
        Ok(self.linked().contains(id) || self.has_arrived(id)?)
    }

    /// Begins or resumes an attachment that arrives in parts, and returns the parts that have
    /// arrived.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet>;

    /// Stores a verified part of an opened attachment. Returns whether the attachment is whole now.
    ///
    /// # Errors
    /// When the store cannot be written; `NotFound` if the attachment was not opened.
    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool>;

    /// Returns a part and its proof, if both are here. Partial attachments are served too: each
    /// part proves itself.
    ///
    /// # Errors
    /// When the store cannot be read; `InvalidData` if the part is damaged, or linked content has
    /// changed.
    fn read_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        if self.linked().contains(id) {
            return self.linked().read_part(id, part);
        }
        self.read_arrived(id, part)
    }

    /// Serves content that is kept elsewhere, for as long as this store is in use. `tree` must be
    /// its whole tree.
    fn link(&mut self, tree: Arc<Tree>, content: Content) {
        self.linked().insert(tree, content);
    }

    /// Makes the arrived parts of one attachment durable and frees the files and buffers for
    /// writing it. The parts stay.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn close(&mut self, id: &AttachmentId) -> io::Result<()>;

    /// Makes the arrived parts of all attachments durable.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn flush(&mut self) -> io::Result<()>;

    /// Sets the callback for when an operation that returned `WouldBlock` can go on. A store that
    /// never waits ignores it.
    fn on_ready(&mut self, wake: Wake) {
        drop(wake);
    }
}

impl<S: AttachmentStore + ?Sized> AttachmentStore for Box<S> {
    fn linked(&mut self) -> &mut Linked {
        (**self).linked()
    }

    fn has_arrived(&mut self, id: &AttachmentId) -> io::Result<bool> {
        (**self).has_arrived(id)
    }

    fn read_arrived(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        (**self).read_arrived(id, part)
    }

    fn is_whole(&mut self, id: &AttachmentId) -> io::Result<bool> {
        (**self).is_whole(id)
    }

    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet> {
        (**self).open(id)
    }

    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool> {
        (**self).write_part(id, part, received, proof)
    }

    fn read_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        (**self).read_part(id, part)
    }

    fn link(&mut self, tree: Arc<Tree>, content: Content) {
        (**self).link(tree, content);
    }

    fn close(&mut self, id: &AttachmentId) -> io::Result<()> {
        (**self).close(id)
    }

    fn flush(&mut self) -> io::Result<()> {
        (**self).flush()
    }

    fn on_ready(&mut self, wake: Wake) {
        (**self).on_ready(wake);
    }
}
