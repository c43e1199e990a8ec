//! The hash trees of whole attachments: the files `HASH.tree`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use mydht_proto::attachment::tree::Tree;
use mydht_proto::record::AttachmentId;

/// Reads the tree of a whole attachment from its leaves, if they match its hash.
///
/// # Errors
/// When the content cannot be read.
pub(super) fn kept_tree(id: &AttachmentId, data: &File, leaves: &Path) -> io::Result<Option<Tree>> {
    let len = data.metadata()?.len();
    let tree = fs::read(leaves)
        .ok()
        .map(|bytes| Tree::from_leaves(len, bytes.as_chunks().0.iter().copied()));
    Ok(tree.filter(|tree| tree.id() == *id))
}

/// Computes the tree of a whole attachment from its content.
///
/// # Errors
/// When the content cannot be read.
pub(super) fn tree_of(id: &AttachmentId, data: &File, leaves: &Path) -> io::Result<Tree> {
    tracing::info!(path = %leaves.display(), "rebuilding the hash tree");
    let tree = Tree::of_reader(data, |_| ())?;
    if tree.id() == *id
        && let Err(error) = fs::write(leaves, leaves_of(&tree))
    {
        // It is made again the next time.
        tracing::warn!(%error, path = %leaves.display(), "cannot write the hash tree");
    }
    Ok(tree)
}

/// Returns the content of `HASH.tree`: the leaves of the tree.
pub(super) fn leaves_of(tree: &Tree) -> Vec<u8> {
    let leaves = (0..tree.id().parts()).filter_map(|part| tree.leaf(part));
    leaves.flatten().copied().collect()
}
