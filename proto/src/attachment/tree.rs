//! The hash tree of an attachment: each part can be checked alone, as it arrives.
//!
//! An attachment's hash is BLAKE3 of its content, and BLAKE3 is itself a Merkle tree over
//! 1,024-byte chunks, so the chaining values of its subtrees prove a part without any hash of our
//! own (the BLAKE3 paper, section 2.1; the same idea as Bao's). A part is a complete subtree of 64
//! chunks; the last may be shorter.

use std::collections::HashMap;

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::id::Hash;
use crate::record::AttachmentId;

/// Bytes of a part: what is asked for, sent, checked and stored at once. A power of two of BLAKE3
/// chunks.
pub const PART_LEN: usize = 64 * 1024;

/// The most hashes a proof can have: one for each halving of 2^64 bytes in parts.
pub const MAX_PROOF: usize = 48;

/// A node of the tree: a BLAKE3 chaining value, or for a tree of one part the hash itself.
pub type Node = [u8; 32];

/// Returns the offset of part `index` in its attachment, in bytes.
pub fn part_offset(index: u64) -> u64 {
    index.saturating_mul(PART_LEN as u64)
}

impl AttachmentId {
    /// The number of parts: an empty attachment has one, which is empty.
    pub fn parts(&self) -> u64 {
        self.len.div_ceil(PART_LEN as u64).max(1)
    }

    /// The number of bytes of part `index`, or `None` if there is no such part.
    pub fn part_len(&self, index: u64) -> Option<usize> {
        let start = index.checked_mul(PART_LEN as u64)?;
        if index >= self.parts() {
            return None;
        }
        let rest = self.len - start;
        Some(usize::try_from(rest).unwrap_or(PART_LEN).min(PART_LEN))
    }

    /// Whether `node` is part `index` of this attachment, `proof` being the nodes beside the path
    /// from it up to the root.
    pub fn verify(&self, index: u64, node: &Node, proof: &[Node]) -> bool {
        self.climb(index, node, proof, |_, _, _| ()).is_some()
    }

    /// Walks from a leaf to the root and shows every (level, index, node) that the proof names or
    /// implies. `None` if it does not end in the root.
    fn climb(
        &self,
        index: u64,
        node: &Node,
        proof: &[Node],
        mut seen: impl FnMut(usize, u64, &Node),
    ) -> Option<()> {
        let (mut index, mut count) = (index, self.parts());
        if index >= count {
            return None;
        }
        let mut node = *node;
        let mut proof = proof.iter();
        let mut level = 0;
        while count > 1 {
            seen(level, index, &node);
            // A last node without a sibling moves up as it is.
            if index ^ 1 < count {
                let sibling = proof.next()?;
                seen(level, index ^ 1, sibling);
                node = merge(&node, sibling, index, count);
            }
            index /= 2;
            count = count.div_ceil(2);
            level += 1;
        }
        // Rejects a proof with surplus hashes, so that each part has exactly one valid proof.
        (proof.next().is_none() && node == self.hash.0).then_some(())
    }
}

/// The parent of a node and its sibling, `count` nodes being on their level.
fn merge(node: &Node, sibling: &Node, index: u64, count: u64) -> Node {
    let (left, right) = if index.is_multiple_of(2) {
        (node, sibling)
    } else {
        (sibling, node)
    };
    if count == 2 {
        *merge_subtrees_root(left, right, Mode::Hash).as_bytes()
    } else {
        merge_subtrees_non_root(left, right, Mode::Hash)
    }
}

/// Hashes a part as its bytes stream by.
#[derive(Clone, Debug)]
pub struct PartHasher {
    hasher: blake3::Hasher,
    only: bool,
}

impl PartHasher {
    /// For part `index`; `only` if the attachment has no other.
    pub fn new(index: u64, only: bool) -> Self {
        let mut hasher = blake3::Hasher::new();
        if !only {
            // An index that overflows belongs to no attachment: its hash will match nothing.
            // The mask keeps it at the beginning of a chunk: `set_input_offset` panics inside of
            // one.
            hasher.set_input_offset(index.saturating_mul(PART_LEN as u64) & !(PART_LEN as u64 - 1));
        }
        PartHasher { hasher, only }
    }

    /// The node of a part that is here as a whole.
    pub fn node_of(index: u64, only: bool, bytes: &[u8]) -> Node {
        let mut hasher = PartHasher::new(index, only);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Takes the next bytes of the part: [`PART_LEN`] in all, at most.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The part's node.
    pub fn finish(&self) -> Node {
        if self.only {
            *self.hasher.finalize().as_bytes()
        } else if self.hasher.count() == 0 {
            // Only an empty attachment has an empty part: this is a node of no tree.
            [0; 32]
        } else {
            self.hasher.finalize_non_root()
        }
    }
}

/// Names a node: how far above the leaves it is, and its number from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 0 for a leaf.
    pub level: u8,
    /// From the left.
    pub index: u64,
}

/// The nodes of one level as far as they are known, 64 to a block.
type Level = HashMap<u64, Box<Block>>;

#[derive(Clone, Debug)]
struct Block {
    known: u64,
    nodes: [Node; 64],
}

fn known(level: &Level, index: u64) -> Option<&Node> {
    let block = level.get(&(index / 64))?;
    let bit = index % 64;
    (block.known >> bit & 1 == 1).then(|| &block.nodes[bit as usize])
}

/// True if it was not known.
fn learn(level: &mut Level, index: u64, node: &Node) -> bool {
    let block = level.entry(index / 64).or_insert_with(|| {
        Box::new(Block {
            known: 0,
            nodes: [[0; 32]; 64],
        })
    });
    let bit = index % 64;
    let new = block.known >> bit & 1 == 0;
    block.known |= 1 << bit;
    block.nodes[bit as usize] = *node;
    new
}

/// The tree of an attachment as far as it is known: whole for one that is here, partly for one on
/// its way.
///
/// Its memory follows what is known, not what a peer says the length is: about 64 bytes a part
/// where all are known.
#[derive(Clone, Debug)]
pub struct Tree {
    id: AttachmentId,
    /// From the leaves up, without the root; a tree of one part has one level of one node.
    levels: Vec<Level>,
}

impl Tree {
    /// A tree of which nothing but the root is known.
    pub fn unknown(id: AttachmentId) -> Self {
        // ceil(log2(parts)): the number of levels below the root.
        let depth = u64::BITS - (id.parts() - 1).leading_zeros();
        Tree {
            id,
            levels: vec![Level::new(); depth.max(1) as usize],
        }
    }

    /// The whole tree of the content with these leaves.
    pub fn from_leaves(len: u64, leaves: impl IntoIterator<Item = Node>) -> Self {
        let hash = Hash([0; 32]);
        let mut tree = Tree::unknown(AttachmentId { hash, len });
        for (index, leaf) in (0..).zip(leaves) {
            learn(&mut tree.levels[0], index, &leaf);
        }
        // A missing leaf leaves the hash of zeroes, which no content has.
        tree.id.hash = Hash(tree.fill().unwrap_or(hash.0));
        tree
    }

    /// Returns the attachment that the tree is of.
    pub fn id(&self) -> AttachmentId {
        self.id
    }

    /// Takes a part's node and its proof, if they lead to the root; `new` hears the nodes that were
    /// not known before.
    pub fn insert(
        &mut self,
        index: u64,
        node: &Node,
        proof: &[Node],
        mut new: impl FnMut(Place, &Node),
    ) -> bool {
        if !self.id.verify(index, node, proof) {
            return false;
        }
        let Tree { id, levels } = self;
        let mut take = |level: usize, index, node: &Node| {
            if let Some(nodes) = levels.get_mut(level)
                && learn(nodes, index, node)
            {
                // There are fewer than 64 levels.
                new(
                    Place {
                        level: level as u8,
                        index,
                    },
                    node,
                );
            }
        };
        // `climb` reports no node of a tree with a single part, so the leaf is learned here.
        take(0, index, node);
        // Climbs a second time: no node may be learned before the whole proof has been verified.
        id.climb(index, node, proof, take);
        true
    }

    /// Takes a node on trust, from an own, earlier check. False if the tree has no such place.
    pub fn restore(&mut self, place: Place, node: &Node) -> bool {
        let level = usize::from(place.level);
        // The level is read from a file, and a shift by 64 or more would overflow.
        let count = self.id.parts().div_ceil(1 << level.min(63));
        match self.levels.get_mut(level) {
            Some(nodes) if place.index < count => {
                learn(nodes, place.index, node);
                true
            }
            _ => false,
        }
    }

    /// The node of part `index`, if it is known.
    pub fn leaf(&self, index: u64) -> Option<&Node> {
        known(&self.levels[0], index)
    }

    /// The node at `place`, if it is known.
    pub fn node(&self, place: Place) -> Option<&Node> {
        known(self.levels.get(usize::from(place.level))?, place.index)
    }

    /// The number of levels, without the root's; 1 for a tree of one part.
    pub fn depth(&self) -> u8 {
        // There are fewer than 64.
        self.levels.len() as u8
    }

    /// The proof of part `index`, if enough of the tree is known.
    pub fn proof(&self, index: u64) -> Option<Vec<Node>> {
        let (mut index, mut count) = (index, self.id.parts());
        let mut proof = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            if index ^ 1 < count {
                proof.push(*known(level, index ^ 1)?);
            }
            index /= 2;
            count = count.div_ceil(2);
        }
        Some(proof)
    }

    /// Fills in what follows from the leaves and gives the root, or `None` if a leaf is missing.
    pub fn fill(&mut self) -> Option<Node> {
        let mut count = self.id.parts();
        if count == 1 {
            return self.leaf(0).copied();
        }
        for level in 0..self.levels.len() {
            let mut root = None;
            for parent in 0..count.div_ceil(2) {
                let left = *known(&self.levels[level], 2 * parent)?;
                let node = if 2 * parent + 1 < count {
                    let right = known(&self.levels[level], 2 * parent + 1)?;
                    // Any even index works here: it only tells `merge` that the first node is the
                    // left child.
                    merge(&left, right, 0, count)
                } else {
                    left
                };
                match self.levels.get_mut(level + 1) {
                    Some(above) => drop(learn(above, parent, &node)),
                    None => root = Some(node),
                }
            }
            count = count.div_ceil(2);
            if root.is_some() {
                return root;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    fn sizes() -> impl Iterator<Item = usize> {
        let edges = [0, 1, 1024, 1025];
        let parts = (1..=9).flat_map(|n| [n * PART_LEN - 1, n * PART_LEN, n * PART_LEN + 1]);
        edges.into_iter().chain(parts)
    }

    #[test]
    fn the_root_is_the_blake3_hash_of_the_content() {
        for len in sizes() {
            let content = content(len);
            let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
            assert_eq!(tree.id().hash, Hash::of(&content), "{len} bytes");
            assert_eq!(tree.id().len, len as u64);
        }
    }

    #[test]
    fn every_part_proves_itself_and_nothing_else() {
        for len in sizes() {
            let content = content(len);
            let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
            let id = tree.id();
            for index in 0..id.parts() {
                let proof = tree.proof(index).unwrap();
                let node = tree.leaf(index).unwrap();
                assert!(id.verify(index, node, &proof), "{len}: part {index}");
                assert!(proof.len() <= MAX_PROOF);
                let mut wrong = *node;
                wrong[0] ^= 1;
                assert!(!id.verify(index, &wrong, &proof));
                assert!(!id.verify(index + id.parts(), node, &proof));
                let mut longer = proof.clone();
                longer.push([0; 32]);
                assert!(!id.verify(index, node, &longer));
                if let Some(shorter) = proof.split_last() {
                    assert!(!id.verify(index, node, shorter.1));
                }
            }
        }
    }

    #[test]
    fn a_tree_grows_from_proofs_in_any_order() {
        let content = content(7 * PART_LEN + 5);
        let whole = Tree::of_reader(&content[..], |_| ()).unwrap();
        let mut grown = Tree::unknown(whole.id());
        let mut news = Vec::new();
        for index in [7, 0, 3, 1, 6, 5, 2, 4] {
            let proof = whole.proof(index).unwrap();
            let leaf = whole.leaf(index).unwrap();
            assert!(grown.insert(index, leaf, &proof, |place, node| news.push((place, *node))));
            assert_eq!(grown.proof(index), Some(proof));
        }
        assert_eq!(grown.fill(), Some(whole.id().hash.0));
        assert!(!grown.insert(0, &[0; 32], &whole.proof(0).unwrap(), |_, _| ()));
        // Each node is new once, and a tree of them proves the same parts.
        let mut restored = Tree::unknown(whole.id());
        let places: std::collections::BTreeSet<_> = news.iter().map(|(place, _)| *place).collect();
        assert_eq!(places.len(), news.len());
        assert!(
            news.iter()
                .all(|(place, node)| restored.restore(*place, node))
        );
        for index in 0..8 {
            assert_eq!(restored.proof(index), whole.proof(index));
        }
        for (level, index) in [(0, 8), (3, 0), (2, 2), (200, 0)] {
            assert!(!restored.restore(Place { level, index }, &[0; 32]));
        }
    }

    #[test]
    fn part_lengths_add_up() {
        for len in sizes() {
            let id = AttachmentId {
                hash: Hash([0; 32]),
                len: len as u64,
            };
            let sum: usize = (0..id.parts()).filter_map(|i| id.part_len(i)).sum();
            assert_eq!(sum, len);
            assert_eq!(id.part_len(id.parts()), None);
            assert_eq!(id.part_len(u64::MAX), None);
        }
    }
}
