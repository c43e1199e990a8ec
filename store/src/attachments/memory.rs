//! Attachments that live as long as their process.

use std::collections::HashMap;
use std::io;

use bytes::Bytes;

use super::AttachmentStore;
use super::linked::Linked;
use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, Tree};
use mydht_proto::record::AttachmentId;

/// Keeps attachments in memory.
#[derive(Debug, Default)]
pub struct MemoryAttachments {
    linked: Linked,
    arrived: HashMap<AttachmentId, Arrived>,
}

#[derive(Debug)]
struct Arrived {
    tree: Tree,
    parts: HashMap<u64, Bytes>,
    have: PartSet,
}

impl AttachmentStore for MemoryAttachments {
    fn linked(&mut self) -> &mut Linked {
        &mut self.linked
    }

    fn has_arrived(&mut self, id: &AttachmentId) -> io::Result<bool> {
        let arrived = self.arrived.get(id);
        Ok(arrived.is_some_and(|arrived| arrived.have.count() == id.parts()))
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
        arrived.tree.insert(part, &received.node, proof, |_, _| ());
        arrived.parts.insert(part, received.bytes.clone());
        arrived.have.insert(part);
        Ok(arrived.have.count() == id.parts())
    }

    fn read_arrived(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        let found = self.arrived.get(id).and_then(|arrived| {
            let bytes = arrived.parts.get(&part)?.clone();
            Some((bytes, arrived.tree.proof(part)?))
        });
        Ok(found)
    }

    fn close(&mut self, _: &AttachmentId) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(target_arch = "wasm32")]
    fn on_ready(&mut self, wake: super::super::Wake) {
        self.linked.on_ready(wake);
    }
}
