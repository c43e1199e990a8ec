//! Content that is given out from where it is.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::Content;
use crate::attachment::tree::{Node, PART_LEN, Tree};
use crate::record::AttachmentId;

/// Linked content: what both stores do with [`AttachmentStore::link`].
#[derive(Debug, Default)]
pub(super) struct Linked(HashMap<AttachmentId, (Arc<Tree>, Content)>);

impl Linked {
    pub(super) fn insert(&mut self, tree: Arc<Tree>, content: Content) {
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
