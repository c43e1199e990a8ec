//! How the node is, for its user.

use super::Usage;
use super::{Engine, Event, Insight, Ticket};
use crate::id::PeerId;

impl Engine {
    /// Tells the user how the node is.
    pub(super) fn status(&mut self, ticket: Ticket) {
        let mut peers: Vec<PeerId> = self.peers.values().map(|peer| peer.id).collect();
        peers.sort_unstable();
        // One that is connected twice is one peer.
        peers.dedup();
        let downloads = self.transfers.count();
        self.reply(ticket, Event::Status { peers, downloads });
    }

    /// What the node holds, with what its store said of itself.
    pub(super) fn insight(&self, usage: &Usage) -> Insight {
        Insight {
            peers: self.links.conns().count(),
            buckets: self.route.buckets(),
            searches: self.searches.count(),
            downloads: self.transfers.count(),
            records: usage.entries,
            record_bytes: usage.bytes,
        }
    }
}
