//! What every store of attachments must do.

use super::*;
use crate::attachment::tree::{PART_LEN, PartHasher};

pub(crate) fn sample(len: usize) -> (Vec<u8>, Tree) {
    let content: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    (content, tree)
}

pub(crate) fn part_of(content: &[u8], tree: &Tree, part: u64) -> (ReceivedPart, Vec<Node>) {
    let start = part as usize * PART_LEN;
    let len = tree.id().part_len(part).unwrap();
    let bytes = content[start..start + len].to_vec();
    let node = PartHasher::node_of(part, tree.id().parts() == 1, &bytes);
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
    store.link(
        Arc::new(tree.clone()),
        Content::Bytes(content.clone().into()),
    );
    assert!(store.is_whole(&id).unwrap());
    for part in 0..id.parts() {
        let (received, proof) = part_of(&content, &tree, part);
        let expected = Some((received.bytes, proof));
        assert_eq!(store.read_part(&id, part).unwrap(), expected);
    }
    assert_eq!(store.read_part(&id, u64::MAX).unwrap(), None);
}
