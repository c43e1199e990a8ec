//! The hash trees of whole attachments: the files `HASH.tree`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use mydht_proto::attachment::tree::Tree;
use mydht_proto::record::AttachmentId;

/// The tree of a whole attachment by its leaves, if they are right.
///
/// # Errors
/// When the content cannot be looked at.
pub(super) fn kept_tree(id: &AttachmentId, data: &File, leaves: &Path) -> io::Result<Option<Tree>> {
    let len = data.metadata()?.len();
    let tree = fs::read(leaves)
        .ok()
        .map(|bytes| Tree::from_leaves(len, bytes.as_chunks().0.iter().copied()));
    Ok(tree.filter(|tree| tree.id() == *id))
}

/// The same by its content.
///
/// # Errors
/// When the content cannot be read.
pub(super) fn tree_of(id: &AttachmentId, data: &File, leaves: &Path) -> io::Result<Tree> {
    tracing::info!(path = %leaves.display(), "the hash tree is made again");
    let tree = Tree::of_reader(data, |_| ())?;
    if tree.id() == *id
        && let Err(error) = fs::write(leaves, leaves_of(&tree))
    {
        // It is made again the next time.
        tracing::warn!(%error, path = %leaves.display(), "the hash tree could not be kept");
    }
    Ok(tree)
}

/// What `HASH.tree` holds.
pub(super) fn leaves_of(tree: &Tree) -> Vec<u8> {
    let leaves = (0..tree.id().parts()).filter_map(|part| tree.leaf(part));
    leaves.flatten().copied().collect()
}
