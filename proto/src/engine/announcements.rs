//! Announcements: attachments that are here are announced to the nodes nearest to their hash, which
//! name the provider to requesters (libp2p's provider records, BEP 5's `announce_peer`).

use std::collections::VecDeque;
use std::time::Duration;

use super::context::Context;
use super::requests::{Request, SearchId};
use super::searches::{Question, Searches};
use crate::id::Hash;
use crate::msg::ProtoMessage;
use crate::record::AttachmentId;
use crate::routing::Contact;
use mydht_small::BTreeMap;

/// Delay of an announcement: a node that is gone sooner announces nothing.
const DELAY: Duration = Duration::from_secs(30);

/// Maximum attachments whose delay has not elapsed. Further ones are announced when they are
/// republished.
const WAITING: usize = 1024;

/// The attachments that are to be announced.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// Attachments whose delay has not elapsed, with when it does: in that order.
    waiting: VecDeque<(Duration, Hash)>,
    /// Attachments by the search for the nodes nearest to them.
    searches: BTreeMap<SearchId, Hash>,
}

impl Announcements {
    /// Returns when the next delay elapses.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.front().map(|(at, _)| *at)
    }

    /// Announces an attachment after the delay. It is here as a whole, and stays if this node does.
    pub(super) fn add(&mut self, cx: &Context, id: AttachmentId) {
        let waits = self.waiting.iter().any(|(_, hash)| *hash == id.hash);
        if !waits
            && self.waiting.len() < WAITING
            && cx.limits.providers.providers_per_attachment > 0
        {
            let at = cx.now.saturating_add(DELAY);
            // The delay is constant and time never goes back, so the order of insertion is the
            // order of deadlines.
            self.waiting.push_back((at, id.hash));
        }
    }

    /// Begins the announcement of an attachment whose delay has elapsed. Returns false if there is
    /// none.
    pub(super) fn next(&mut self, cx: &mut Context, searches: &mut Searches) -> bool {
        if self.next_deadline().is_none_or(|at| at > cx.now) {
            return false;
        }
        let next = self.waiting.pop_front();
        // Without peers nobody learns it: the next republishing of its record announces it.
        if let Some((_, hash)) = next.filter(|_| !cx.peers.is_empty() && !cx.stopping) {
            let search = searches.begin(cx, hash, Question::FindNode(hash));
            self.searches.insert(search, hash);
        }
        true
    }

    /// Announces the attachment whose search is done to the nearest nodes. Returns false if there
    /// is none.
    pub(super) fn done(
        &mut self,
        cx: &mut Context,
        search: SearchId,
        nearest: impl FnOnce() -> Vec<Contact>,
    ) -> bool {
        let Some(hash) = self.searches.remove(&search) else {
            return false;
        };
        announce(cx, hash, &nearest());
        true
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 2] {
        [self.waiting.len(), self.searches.len()]
    }
}

/// Announces an attachment to those of the nearest nodes that are connected.
pub(super) fn announce(cx: &mut Context, hash: Hash, nearest: &[Contact]) {
    let patience = cx.limits.timeouts.request_timeout;
    for conn in cx.peers.best_of(nearest, cx.limits.routing.copies) {
        cx.request(conn, Request::Provide, patience, |query| {
            ProtoMessage::Provide { query, hash }
        });
    }
}
