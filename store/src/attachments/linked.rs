//! Content that is served in place.

use std::collections::HashMap;
#[cfg(not(target_arch = "wasm32"))]
use std::fs::File;
use std::io;
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

#[cfg(target_arch = "wasm32")]
use super::super::Wake;
#[cfg(not(target_arch = "wasm32"))]
use super::super::disk::{named, read_at};
use super::Content;
#[cfg(target_arch = "wasm32")]
use super::web::Reads;
#[cfg(not(target_arch = "wasm32"))]
use mydht_proto::attachment::tree::part_offset;
use mydht_proto::attachment::tree::{Node, PART_LEN, PartHasher, Tree};
use mydht_proto::record::AttachmentId;

/// Content that a store serves from where it is: the state behind
/// [`AttachmentStore::link`](super::AttachmentStore::link), which every store holds.
#[derive(Debug, Default)]
pub struct Linked {
    contents: HashMap<AttachmentId, (Arc<Tree>, Content)>,
    /// The file that was read last. Kept open only while its parts match their hashes.
    #[cfg(not(target_arch = "wasm32"))]
    file: Option<(AttachmentId, File)>,
    #[cfg(target_arch = "wasm32")]
    reads: Reads,
}

impl Linked {
    pub(super) fn insert(&mut self, tree: Arc<Tree>, content: Content) {
        #[cfg(not(target_arch = "wasm32"))]
        self.file.take_if(|(id, _)| *id == tree.id());
        #[cfg(target_arch = "wasm32")]
        self.reads.forget(&tree.id());
        self.contents.insert(tree.id(), (tree, content));
    }

    pub(super) fn contains(&self, id: &AttachmentId) -> bool {
        self.contents.contains_key(id)
    }

    /// Has `wake` called when what gave `WouldBlock` can go on.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn on_ready(&mut self, wake: Wake) {
        self.reads.on_ready(wake);
    }

    /// Returns a part and its proof, if the content has not changed since it was linked.
    ///
    /// # Errors
    /// When the content cannot be read or has changed; `WouldBlock` to be asked again.
    pub(super) fn read_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        let Some((tree, content)) = self.contents.get(id) else {
            return Ok(None);
        };
        let (Some(len), Some(proof)) = (id.part_len(part), tree.proof(part)) else {
            return Ok(None);
        };
        let is_right = |bytes: &[u8]| {
            let node = PartHasher::node_of(part, id.parts() == 1, bytes);
            Some(&node) == tree.leaf(part)
        };
        let bytes = match content {
            Content::Bytes(bytes) => {
                let start = usize::try_from(part).unwrap_or(usize::MAX) * PART_LEN;
                let is_there = bytes.len() >= start.saturating_add(len);
                return Ok(is_there.then(|| (bytes.slice(start..start + len), proof)));
            }
            #[cfg(not(target_arch = "wasm32"))]
            Content::File(path) => {
                // Put back only if the part is right, so that a file replaced under its name is
                // opened again.
                let file = match self.file.take_if(|(of, _)| of == id) {
                    Some((_, file)) => file,
                    None => File::open(path).map_err(|error| named(path, &error))?,
                };
                let bytes = read_file(&file, path, part, len)?;
                if !is_right(&bytes) {
                    return Err(changed(&path.display().to_string()));
                }
                self.file = Some((*id, file));
                bytes
            }
            #[cfg(target_arch = "wasm32")]
            Content::Web(file) => {
                let bytes = self.reads.part(id, part, file)?;
                if !is_right(&bytes) {
                    return Err(changed("the file"));
                }
                bytes
            }
        };
        Ok(Some((bytes.into(), proof)))
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn read_file(file: &File, path: &Path, part: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    read_at(file, part_offset(part), &mut bytes).map_err(|error| named(path, &error))?;
    Ok(bytes)
}

/// Returns the error for content that changed. Its parts are not served: a peer that receives a
/// part which fails its proof disconnects its sender as misbehaving.
fn changed(what: &str) -> io::Error {
    let why = format!("{what} changed since it was published: publish it again");
    io::Error::new(io::ErrorKind::InvalidData, why)
}
