//! Who was seen to have which attachment.

use std::collections::HashMap;

use super::ConnId;
use crate::record::AttachmentId;
use mydht_small::BTreeMap;

#[derive(Debug)]
struct Known {
    /// Its place in `order`.
    noted: u64,
    conns: Vec<ConnId>,
}

/// The attachments that were heard of last, and who has them. `known` and `order` name the same attachments.
#[derive(Debug, Default)]
pub(super) struct Providers {
    next: u64,
    known: HashMap<AttachmentId, Known>,
    /// What was heard of longest ago comes first, and is forgotten first.
    order: BTreeMap<u64, AttachmentId>,
}

impl Providers {
    /// `conn` says that it has `id`. Of more than `most` attachments the oldest are forgotten.
    pub(super) fn note(&mut self, id: AttachmentId, conn: ConnId, most: usize) {
        let noted = self.next;
        self.next += 1;
        let known = self.known.entry(id).or_insert(Known {
            noted,
            conns: Vec::new(),
        });
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

    /// Who has `id`.
    pub(super) fn of(&self, id: &AttachmentId) -> &[ConnId] {
        self.known.get(id).map_or(&[], |known| &known.conns)
    }

    /// What `conn` has.
    pub(super) fn had_by(&self, conn: ConnId) -> Vec<AttachmentId> {
        let known = self.known.iter();
        let had = known.filter(|(_, known)| known.conns.contains(&conn));
        had.map(|(id, _)| *id).collect()
    }

    /// `conn` does not give out `id`.
    pub(super) fn forget(&mut self, id: &AttachmentId, conn: ConnId) {
        if let Some(known) = self.known.get_mut(id) {
            known.conns.retain(|other| *other != conn);
            if known.conns.is_empty() {
                self.order.remove(&known.noted);
                self.known.remove(id);
            }
        }
    }

    /// `conn` is gone.
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
