//! A store in memory that does what it is asked at once.

use super::*;
use crate::store::{MemoryAttachments, Usage};

/// A store in memory: what the store service does with its two stores.
#[derive(Default)]
pub(in crate::engine) struct ModelStore {
    pub(super) records: HashMap<Key, Record>,
    pub(super) attachments: MemoryAttachments,
}

impl ModelStore {
    pub(super) fn run(&mut self, op: StoreOp) -> io::Result<StoreReply> {
        let attachments = &mut self.attachments;
        Ok(match op {
            StoreOp::Get(key) => {
                let record = self.records.get(&key).cloned();
                let whole = match record.as_ref().and_then(|r| r.value.attachment()) {
                    Some(id) => attachments.is_whole(&id)?,
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
            StoreOp::Link(tree, content) => {
                attachments.link(tree, content);
                StoreReply::Done
            }
            StoreOp::Open(id) if attachments.is_whole(&id)? => StoreReply::Whole,
            StoreOp::Open(id) => StoreReply::Partial(attachments.open(&id)?),
            StoreOp::Write(id, part, received, proof) => {
                assert!(id.verify(part, &received.node, &proof), "not verified");
                StoreReply::Written(attachments.write_part(&id, part, &received, &proof)?)
            }
            StoreOp::Read(id, part) => StoreReply::Part(attachments.read_part(&id, part)?),
            StoreOp::Close(id) => {
                attachments.close(&id)?;
                StoreReply::Done
            }
            StoreOp::Usage => StoreReply::Usage(Usage {
                entries: self.records.len(),
                ..Usage::default()
            }),
        })
    }

    /// The whole content of an attachment, if it is here.
    pub(super) fn content(&mut self, id: &AttachmentId) -> Option<Vec<u8>> {
        let parts = (0..id.parts()).map(|part| self.attachments.read_part(id, part).unwrap());
        let parts: Option<Vec<_>> = parts.collect();
        Some(parts?.into_iter().flat_map(|(bytes, _)| bytes).collect())
    }
}
