//! Connections that are being opened.

use std::collections::{HashMap, VecDeque};

use super::requests::SearchId;
use crate::id::PeerId;
use crate::routing::Contact;

/// Connections that are being opened, and the searches that wait for them.
#[derive(Debug, Default)]
pub(super) struct Dials {
    /// Searches that wait, by the peer that is being connected with.
    open: HashMap<PeerId, Vec<SearchId>>,
    /// Peers to connect with when fewer connections are being opened, first come first served. No
    /// longer than all searches may ask at once.
    queue: VecDeque<(Contact, SearchId)>,
}

/// Outcome of a wish to connect with a peer.
#[derive(Debug)]
pub(super) enum Dial {
    /// The connection is to be opened now.
    Connect(Contact),
    /// The search waits: for a connection that is being opened, or for its turn.
    Wait,
    /// The peer has no address, or this node opens no connections.
    Impossible,
}

impl Dials {
    /// Registers that `search` wants to ask `contact`. At most `most` connections are opened at
    /// once.
    pub(super) fn dial(&mut self, contact: Contact, search: SearchId, most: usize) -> Dial {
        // Checked first: a dial under way also serves a search that knows no address of the peer.
        if let Some(waiting) = self.open.get_mut(&contact.id) {
            waiting.push(search);
            return Dial::Wait;
        }
        if contact.addresses.is_empty() || most == 0 {
            return Dial::Impossible;
        }
        if self.open.len() < most {
            self.open.insert(contact.id, vec![search]);
            return Dial::Connect(contact);
        }
        self.queue.push_back((contact, search));
        Dial::Wait
    }

    /// Removes a dial that has ended, and returns the searches that waited for it.
    pub(super) fn ended(&mut self, id: &PeerId) -> Vec<SearchId> {
        self.open.remove(id).unwrap_or_default()
    }

    /// Takes the next peer from the queue if fewer than `most` connections are being opened.
    pub(super) fn next_queued(&mut self, most: usize) -> Option<(Contact, SearchId)> {
        if self.open.len() >= most {
            return None;
        }
        self.queue.pop_front()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 2] {
        [self.open.len(), self.queue.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::id::Hash;

    fn contact(number: u8, address: Option<u64>) -> Contact {
        Contact {
            id: PeerId(Hash([number; 32])),
            addresses: address.map(Address::Memory).into_iter().collect(),
        }
    }

    #[test]
    fn no_more_connections_are_opened_at_once_than_the_limit() {
        let mut dials = Dials::default();
        let first = dials.dial(contact(1, Some(10)), 10, 1);
        assert!(
            matches!(first, Dial::Connect(contact) if contact.addresses == Address::Memory(10).into())
        );
        assert!(matches!(
            dials.dial(contact(1, Some(10)), 11, 1),
            Dial::Wait
        ));
        assert!(matches!(
            dials.dial(contact(2, Some(11)), 12, 1),
            Dial::Wait
        ));
        assert_eq!(dials.next_queued(1), None);
        assert_eq!(dials.ended(&contact(1, Some(10)).id), [10, 11]);
        assert_eq!(dials.next_queued(1), Some((contact(2, Some(11)), 12)));
        assert_eq!(dials.held(), [0, 0]);
    }

    #[test]
    fn a_peer_without_address_or_a_node_without_dials_opens_none() {
        let mut dials = Dials::default();
        let without_address = dials.dial(contact(1, None), 1, 8);
        assert!(matches!(without_address, Dial::Impossible));
        let without_dials = dials.dial(contact(1, Some(10)), 1, 0);
        assert!(matches!(without_dials, Dial::Impossible));
    }
}
