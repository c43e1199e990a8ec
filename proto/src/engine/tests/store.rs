//! A store in memory that does what it is asked at once.

use super::*;
use std::cell::RefCell;

use bytes::Bytes;

use crate::attachment::fetch::PartSet;
use crate::attachment::tree::Node;

thread_local! {
    /// The content that users of this thread's engines may give with a put. The engine passes on
    /// the tree alone.
    static GIVEN: RefCell<HashMap<AttachmentId, Bytes>> = RefCell::default();
}

/// Makes `content` available to every [`StoreOp::Link`] of its tree.
pub(in crate::engine) fn give(id: AttachmentId, content: &[u8]) {
    GIVEN.with_borrow_mut(|given| given.insert(id, Bytes::copy_from_slice(content)));
}

/// Attachments in memory, as parts.
#[derive(Default)]
pub(super) struct ModelAttachments(HashMap<AttachmentId, Arrived>);

struct Arrived {
    tree: Tree,
    parts: HashMap<u64, Bytes>,
    have: PartSet,
}

impl ModelAttachments {
    fn is_whole(&self, id: &AttachmentId) -> bool {
        let whole = |arrived: &Arrived| arrived.have.count() == id.parts();
        self.0.get(id).is_some_and(whole)
    }

    fn open(&mut self, id: &AttachmentId) -> PartSet {
        let arrived = self.0.entry(*id).or_insert_with(|| Arrived {
            tree: Tree::unknown(*id),
            parts: HashMap::new(),
            have: PartSet::default(),
        });
        arrived.have.clone()
    }

    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool> {
        let arrived = self.0.get_mut(id).ok_or(io::ErrorKind::NotFound)?;
        arrived.tree.insert(part, &received.node, proof, |_, _| ());
        arrived.parts.insert(part, received.bytes.clone());
        arrived.have.insert(part);
        Ok(arrived.have.count() == id.parts())
    }

    /// Serves a part with its proof, if both are here.
    pub(super) fn read_part(&self, id: &AttachmentId, part: u64) -> Option<(Bytes, Vec<Node>)> {
        let arrived = self.0.get(id)?;
        Some((arrived.parts.get(&part)?.clone(), arrived.tree.proof(part)?))
    }

    /// Keeps all of the content that was [given](give) for this tree.
    pub(super) fn link(&mut self, tree: &Tree) {
        let id = tree.id();
        let content = GIVEN.with_borrow(|given| given[&id].clone());
        let mut have = PartSet::default();
        let mut parts = HashMap::new();
        for part in 0..id.parts() {
            let start = part as usize * PART_LEN;
            let end = content.len().min(start + PART_LEN);
            parts.insert(part, content.slice(start..end));
            have.insert(part);
        }
        let tree = tree.clone();
        self.0.insert(id, Arrived { tree, parts, have });
    }
}

/// A store in memory: what the store service does with its two stores.
#[derive(Default)]
pub(in crate::engine) struct ModelStore {
    pub(super) records: HashMap<Key, Record>,
    pub(super) attachments: ModelAttachments,
}

impl ModelStore {
    pub(super) fn run(&mut self, op: StoreOp) -> io::Result<StoreReply> {
        let attachments = &mut self.attachments;
        Ok(match op {
            StoreOp::Get(key) => {
                let record = self.records.get(&key).cloned();
                let whole = match record.as_ref().and_then(|r| r.value.attachment()) {
                    Some(id) => attachments.is_whole(&id),
                    None => true,
                };
                StoreReply::Record(record.filter(|_| whole))
            }
            StoreOp::Next(after) => {
                let later = |key: &&Key| after.is_none_or(|after| **key > after);
                StoreReply::Key(self.records.keys().filter(later).min().copied())
            }
            StoreOp::Put(record, _)
                if self
                    .records
                    .get(&record.key)
                    .is_some_and(|kept| kept.is_newer_than(&record)) =>
            {
                StoreReply::Stale
            }
            StoreOp::Put(record, _) => {
                self.records.insert(record.key, record);
                StoreReply::Done
            }
            StoreOp::Link(tree, _) => {
                attachments.link(&tree);
                StoreReply::Done
            }
            StoreOp::Open(id) if attachments.is_whole(&id) => StoreReply::Whole,
            StoreOp::Open(id) => StoreReply::Partial(attachments.open(&id)),
            StoreOp::Write(id, part, received, proof) => {
                assert!(id.verify(part, &received.node, &proof), "not verified");
                StoreReply::Written(attachments.write_part(&id, part, &received, &proof)?)
            }
            StoreOp::Read(id, part) => StoreReply::Part(attachments.read_part(&id, part)),
            StoreOp::Close(_) => StoreReply::Done,
            StoreOp::Usage => StoreReply::Usage(Usage {
                entries: self.records.len(),
                ..Usage::default()
            }),
        })
    }

    /// The whole content of an attachment, if it is here.
    pub(super) fn content(&mut self, id: &AttachmentId) -> Option<Vec<u8>> {
        let parts = (0..id.parts()).map(|part| self.attachments.read_part(id, part));
        let parts: Option<Vec<_>> = parts.collect();
        Some(parts?.into_iter().flat_map(|(bytes, _)| bytes).collect())
    }
}
