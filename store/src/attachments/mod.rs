//! Where the content of attachments is kept.

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

/// Content that is here already and can be given out.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file that is read where it is. Should it change, its parts are not given out any more.
    #[cfg(not(target_arch = "wasm32"))]
    File(PathBuf),
    /// In the browser, which reads it where it is. Should it change, its parts are not given out any more.
    #[cfg(target_arch = "wasm32")]
    Web(WebFile),
}

/// Keeps attachments: whole ones that can be given out, and partial ones that nobody sees as whole.
///
/// Parts come verified: a store only keeps them. As [`KVStore`](super::KVStore), it may give `WouldBlock`.
///
/// Linked content comes before what has arrived: the provided methods ask [`linked`](AttachmentStore::linked) first, so
/// that an implementation is about arrived parts only.
pub trait AttachmentStore {
    /// Returns the content that the store serves from elsewhere. An implementation holds it and does nothing with it.
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

    /// Begins, or goes on with, an attachment that will arrive in parts: gives those that are here.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet>;

    /// Keeps a verified part of an attachment that was opened; true if the attachment is whole now.
    ///
    /// # Errors
    /// When the store cannot be written; `NotFound` if it was not opened.
    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool>;

    /// Returns a part and its proof, if both are here. Partial attachments are served too: each part proves itself.
    ///
    /// # Errors
    /// When the store cannot be read; `InvalidData` if the part is damaged, or linked content has changed.
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

    /// Serves content that is elsewhere, as long as this store is in use. `tree` must be its whole tree.
    fn link(&mut self, tree: Arc<Tree>, content: Content) {
        self.linked().insert(tree, content);
    }

    /// Makes what arrived of one attachment durable and lets go of what it took to write it. What is here stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn close(&mut self, id: &AttachmentId) -> io::Result<()>;

    /// Makes what arrived of all of them durable.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn flush(&mut self) -> io::Result<()>;

    /// Has `wake` called when what gave `WouldBlock` can go on. A store that never waits has no use for it.
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
