//! Shapes of types: they tell where a message ends, from its length fields.

use std::sync::Arc;

/// Which [`Node`] of a shape.
pub(super) type Id = u32;

/// Layout of a type's bytes in bincode's legacy wire (fixed integers, little endian, u64 lengths,
/// u32 variants).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// So many bytes, whatever they are.
    Fixed(usize),
    /// One byte of UTF-8 and those that it announces.
    Char,
    /// A length, then so many bytes.
    Bytes,
    /// A length, then so many of this.
    Many(Id),
    /// A byte; if it is one, then this: a `Fixed` or an `All`.
    Option(Id),
    /// One after the other.
    All(Vec<Id>),
    /// A variant's number, then this: a `Fixed` or an `All`. None: the variant could not be traced.
    Variants(Vec<Option<Id>>),
}

/// Shape of a type's messages in bincode's legacy wire: a hint for [`Replay`](super::Replay), which
/// then decodes a message without frames once instead of two or three times.
///
/// It is traced from the type's `Deserialize` (`Shape::of`, with the feature `serde`). That sees
/// what `Deserialize` asks for, not why: an implementation by hand that asks for other things when
/// it meets other values can be traced wrongly. So the shape is never believed: the decoder has the
/// last word on where a message ends, and a message that the shape finds incomplete is tried all
/// the same when the source has gone quiet.
#[derive(Clone, Debug)]
pub struct Shape {
    pub(super) nodes: Arc<[Node]>,
    pub(super) root: Id,
}

impl Shape {
    /// From nodes that may refer to each other in circles. What has a fixed size is folded into one
    /// node.
    pub(super) fn new(mut nodes: Vec<Node>, root: Id) -> Self {
        let sizes = fixed_sizes(&nodes);
        // In place, so that the ids in other nodes stay right.
        for (node, size) in nodes.iter_mut().zip(&sizes) {
            if let Some(size) = size {
                *node = Node::Fixed(*size);
            }
        }
        let plain: Vec<bool> = nodes
            .iter()
            .map(|node| matches!(node, Node::Fixed(_) | Node::All(_)))
            .collect();
        let mut more = Vec::new();
        let mut add = |node| {
            more.push(node);
            (plain.len() + more.len() - 1) as Id
        };
        let mut as_parts = |id: &mut Id| {
            if !plain[*id as usize] {
                *id = add(Node::All(vec![*id]));
            }
        };
        for node in &mut nodes {
            match node {
                Node::Option(part) => as_parts(part),
                Node::Variants(variants) => variants.iter_mut().flatten().for_each(&mut as_parts),
                _ => {}
            }
        }
        for node in &mut nodes {
            if let Node::All(parts) = node {
                *parts = join_fixed(parts, &sizes, |size| add(Node::Fixed(size)));
            }
        }
        nodes.extend(more);
        Self {
            nodes: nodes.into(),
            root,
        }
    }
}

/// The sizes of the nodes that have one. A node in a circle has none: it starts without and never
/// gets one.
fn fixed_sizes(nodes: &[Node]) -> Vec<Option<usize>> {
    let mut sizes = vec![None; nodes.len()];
    loop {
        let mut changed = false;
        for (i, node) in nodes.iter().enumerate() {
            if sizes[i].is_some() {
                continue;
            }
            let size = |id: &Id| sizes[*id as usize];
            let found = match node {
                Node::Fixed(n) => Some(*n),
                Node::All(parts) => parts
                    .iter()
                    .try_fold(0usize, |sum, id| sum.checked_add(size(id)?)),
                Node::Variants(variants) => {
                    let mut all = variants.iter().map(|id| id.as_ref().and_then(size));
                    match all.next().flatten() {
                        Some(first) if all.all(|other| other == Some(first)) => {
                            first.checked_add(VARIANT)
                        }
                        _ => None,
                    }
                }
                Node::Char | Node::Bytes | Node::Many(_) | Node::Option(_) => None,
            };
            if found.is_some() {
                sizes[i] = found;
                changed = true;
            }
        }
        if !changed {
            return sizes;
        }
    }
}

/// Bytes of a variant's number.
pub(super) const VARIANT: usize = 4;

/// Puts neighbours of fixed size together.
fn join_fixed(
    parts: &[Id],
    sizes: &[Option<usize>],
    mut fixed: impl FnMut(usize) -> Id,
) -> Vec<Id> {
    let mut joined = Vec::new();
    let mut rest = parts;
    while !rest.is_empty() {
        let run = rest
            .iter()
            .map_while(|id| sizes[*id as usize])
            .collect::<Vec<_>>();
        let sum = run.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
        match sum {
            Some(sum) if run.len() > 1 => joined.push(fixed(sum)),
            // A part without a fixed size is a run of none, and is taken by itself.
            _ => joined.extend_from_slice(&rest[..run.len().max(1)]),
        }
        rest = &rest[run.len().max(1)..];
    }
    joined
}
