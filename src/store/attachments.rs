//! Where the content of attachments is kept.

use std::collections::HashMap;
use std::io;
#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;
use std::sync::Arc;

use super::Wake;
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::PartSet;
use crate::attachment::tree::{Node, PART_LEN, Tree};
use crate::record::AttachmentId;

/// Content that is here already and can be given out.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file that is read where it is. Should it change, its parts are not given out any more.
    #[cfg(not(target_arch = "wasm32"))]
    File(PathBuf),
}

/// Keeps attachments: whole ones that can be given out, and partial ones that nobody sees as whole.
///
/// Parts come verified: a store only keeps them. As [`KVStore`](super::KVStore), it may give `WouldBlock`.
pub trait AttachmentStore {
    /// Whether the attachment is here as a whole.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn is_whole(&mut self, id: &AttachmentId) -> io::Result<bool>;

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

    /// A part and its proof, if both are here. Partial attachments are given out too: each part proves itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn read_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Vec<u8>, Vec<Node>)>>;

    /// Gives out content that is elsewhere, as long as this store is in use. `tree` must be its whole tree.
    fn link(&mut self, tree: Tree, content: Content);

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
    ) -> io::Result<Option<(Vec<u8>, Vec<Node>)>> {
        (**self).read_part(id, part)
    }

    fn link(&mut self, tree: Tree, content: Content) {
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

/// Linked content: what both stores do with [`AttachmentStore::link`].
#[derive(Debug, Default)]
pub(super) struct Linked(HashMap<AttachmentId, (Tree, Content)>);

impl Linked {
    pub(super) fn insert(&mut self, tree: Tree, content: Content) {
        self.0.insert(tree.id(), (tree, content));
    }

    pub(super) fn contains(&self, id: &AttachmentId) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn read_part(
        &self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Vec<u8>, Vec<Node>)>> {
        let Some((tree, content)) = self.0.get(id) else {
            return Ok(None);
        };
        let (Some(len), Some(proof)) = (id.part_len(part), tree.proof(part)) else {
            return Ok(None);
        };
        let bytes = match content {
            Content::Bytes(bytes) => {
                let start = usize::try_from(part).unwrap_or(usize::MAX) * PART_LEN;
                bytes.get(start..start + len).map(<[u8]>::to_vec)
            }
            #[cfg(not(target_arch = "wasm32"))]
            Content::File(path) => Some(super::files::read_linked(path, tree, part, len)?),
        };
        Ok(bytes.map(|bytes| (bytes, proof)))
    }
}

/// Keeps attachments in memory.
#[derive(Debug, Default)]
pub struct MemoryAttachments {
    linked: Linked,
    arrived: HashMap<AttachmentId, Arrived>,
}

#[derive(Debug)]
struct Arrived {
    tree: Tree,
    parts: HashMap<u64, Vec<u8>>,
    have: PartSet,
}

impl AttachmentStore for MemoryAttachments {
    fn is_whole(&mut self, id: &AttachmentId) -> io::Result<bool> {
        let arrived = |id| {
            self.arrived
                .get(id)
                .is_some_and(|arrived| arrived.have.count() == arrived.tree.id().parts())
        };
        Ok(self.linked.contains(id) || arrived(id))
    }

    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet> {
        let arrived = self.arrived.entry(*id).or_insert_with(|| Arrived {
            tree: Tree::unknown(*id),
            parts: HashMap::new(),
            have: PartSet::default(),
        });
        Ok(arrived.have.clone())
    }

    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool> {
        let arrived = self.arrived.get_mut(id).ok_or(io::ErrorKind::NotFound)?;
        arrived.tree.insert(part, &received.node, proof);
        arrived.parts.insert(part, received.bytes.clone());
        arrived.have.insert(part);
        Ok(arrived.have.count() == id.parts())
    }

    fn read_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Vec<u8>, Vec<Node>)>> {
        if let Some(found) = self.linked.read_part(id, part)? {
            return Ok(Some(found));
        }
        let found = self.arrived.get(id).and_then(|arrived| {
            let bytes = arrived.parts.get(&part)?.clone();
            Some((bytes, arrived.tree.proof(part)?))
        });
        Ok(found)
    }

    fn link(&mut self, tree: Tree, content: Content) {
        self.linked.insert(tree, content);
    }

    fn close(&mut self, _: &AttachmentId) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::attachment::tree::PartHasher;

    pub(crate) fn sample(len: usize) -> (Vec<u8>, Tree) {
        let content: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
        let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
        (content, tree)
    }

    pub(crate) fn part_of(content: &[u8], tree: &Tree, part: u64) -> (ReceivedPart, Vec<Node>) {
        let start = part as usize * PART_LEN;
        let len = tree.id().part_len(part).unwrap();
        let bytes = content[start..start + len].to_vec();
        let mut hasher = PartHasher::new(part, tree.id().parts() == 1);
        hasher.update(&bytes);
        let node = hasher.finish();
        (ReceivedPart { bytes, node }, tree.proof(part).unwrap())
    }

    /// What every store must do with one attachment.
    pub(crate) fn conforms(store: &mut impl AttachmentStore, len: usize) {
        let (content, tree) = sample(len);
        let id = tree.id();
        assert!(!store.is_whole(&id).unwrap());
        assert_eq!(store.read_part(&id, 0).unwrap(), None);
        assert_eq!(store.open(&id).unwrap(), PartSet::default());
        // Backwards, so that order does not matter.
        for part in (0..id.parts()).rev() {
            assert!(!store.is_whole(&id).unwrap(), "a partial one is not whole");
            let (received, proof) = part_of(&content, &tree, part);
            let whole = store.write_part(&id, part, &received, &proof).unwrap();
            assert_eq!(whole, part == 0);
            let expected = Some((received.bytes, proof));
            assert_eq!(store.read_part(&id, part).unwrap(), expected);
        }
        assert!(store.is_whole(&id).unwrap());
        store.flush().unwrap();
        for part in 0..id.parts() {
            let (received, proof) = part_of(&content, &tree, part);
            let expected = Some((received.bytes, proof));
            assert_eq!(store.read_part(&id, part).unwrap(), expected, "{part}");
        }
        assert_eq!(store.read_part(&id, id.parts()).unwrap(), None);
    }

    #[test]
    fn memory_conforms() {
        let mut store = MemoryAttachments::default();
        for len in [0, 1, PART_LEN, PART_LEN + 1, 5 * PART_LEN + 7] {
            conforms(&mut store, len);
        }
    }

    #[test]
    fn linked_content_is_given_out() {
        let (content, tree) = sample(3 * PART_LEN + 1);
        let id = tree.id();
        let mut store = MemoryAttachments::default();
        store.link(tree.clone(), Content::Bytes(content.clone().into()));
        assert!(store.is_whole(&id).unwrap());
        for part in 0..id.parts() {
            let (received, proof) = part_of(&content, &tree, part);
            let expected = Some((received.bytes, proof));
            assert_eq!(store.read_part(&id, part).unwrap(), expected);
        }
        assert_eq!(store.read_part(&id, u64::MAX).unwrap(), None);
    }
}
