//! Providers that peers name in answer to a search.

use crate::id::PeerId;
use crate::routing::Contact;

/// Providers that count of those that one peer names: a liar names nobody who has the attachment.
const NAMED_BY_ONE: usize = 4;

/// Providers that a search has heard of. No peer is in it twice.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<PeerId>);

impl Named {
    /// Adds the contacts that a peer names, `most` in all and without the node `own`. Returns those
    /// that are new.
    pub(super) fn add(
        &mut self,
        contacts: Vec<Contact>,
        own: &PeerId,
        most: usize,
    ) -> Vec<Contact> {
        let mut new = Vec::new();
        for contact in contacts.into_iter().take(NAMED_BY_ONE) {
            let is_new = contact.id != *own && !self.0.contains(&contact.id);
            if is_new && self.0.len() < most {
                self.0.push(contact.id);
                new.push(contact);
            }
        }
        new
    }
}
