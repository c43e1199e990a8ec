//! Connections that were seen to have an attachment.

use std::collections::HashMap;

use super::interface::ConnId;
use crate::record::AttachmentId;
use mydht_small::BTreeMap;

#[derive(Debug)]
struct Known {
    /// Key of this attachment in `order`.
    noted: u64,
    conns: Vec<ConnId>,
}

/// Attachments that were heard of last, with the connections that have them. `known` and `order`
/// name the same attachments.
#[derive(Debug, Default)]
pub(super) struct KnownProviders {
    next: u64,
    known: HashMap<AttachmentId, Known>,
    /// Attachments by when they were last heard of. The oldest is evicted first.
    order: BTreeMap<u64, AttachmentId>,
}

impl KnownProviders {
    /// Notes that `conn` has `id`. Of more than `most` attachments the oldest are forgotten.
    pub(super) fn note(&mut self, id: AttachmentId, conn: ConnId, most: usize) {
        let noted = self.next;
        self.next += 1;
        let known = self.known.entry(id).or_insert(Known {
            noted,
            conns: Vec::new(),
        });
        // No effect for a new entry: its number is not in `order` yet.
        self.order.remove(&known.noted);
        known.noted = noted;
        self.order.insert(noted, id);
        if !known.conns.contains(&conn) {
            known.conns.push(conn);
        }
        while self.order.len() > most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.known.remove(&oldest);
        }
    }

    /// Returns the connections that have `id`.
    pub(super) fn of(&self, id: &AttachmentId) -> &[ConnId] {
        self.known.get(id).map_or(&[], |known| &known.conns)
    }

    /// Returns the attachments that `conn` has.
    pub(super) fn had_by(&self, conn: ConnId) -> Vec<AttachmentId> {
        let known = self.known.iter();
        let had = known.filter(|(_, known)| known.conns.contains(&conn));
        had.map(|(id, _)| *id).collect()
    }

    /// Forgets that `conn` has `id`.
    pub(super) fn forget(&mut self, id: &AttachmentId, conn: ConnId) {
        if let Some(known) = self.known.get_mut(id) {
            known.conns.retain(|other| *other != conn);
            if known.conns.is_empty() {
                self.order.remove(&known.noted);
                self.known.remove(id);
            }
        }
    }

    /// Forgets a connection that has ended.
    pub(super) fn lost(&mut self, conn: ConnId) {
        let order = &mut self.order;
        self.known.retain(|_, known| {
            known.conns.retain(|other| *other != conn);
            if known.conns.is_empty() {
                order.remove(&known.noted);
            }
            !known.conns.is_empty()
        });
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        assert_eq!(self.known.len(), self.order.len(), "out of step");
        self.known.len()
    }
}
