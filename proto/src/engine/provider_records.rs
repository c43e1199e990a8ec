//! Provider records: kept by the nodes nearest to an attachment's hash, for requesters.

use std::collections::HashMap;
use std::time::Duration;

use super::context::Context;
use super::interface::ConnId;
use crate::id::{Hash, PeerId};
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::routing::{Contact, Distance};
use mydht_small::BTreeMap;

#[derive(Debug)]
struct Provider {
    contact: Contact,
    until: Duration,
}

/// Announcements of peers, bounded in all, by attachment and by peer.
///
/// A peer speaks for itself only, so nobody can send those who ask to somebody else. It is not
/// written down: whoever provides says so again each hour, and the others that were told still
/// know.
#[derive(Debug, Default)]
pub(super) struct ProviderRecords {
    /// Providers by the distance of the attachment's hash from this node: the farthest is evicted
    /// for a nearer one.
    kept: BTreeMap<Distance, Vec<Provider>>,
    by_peer: HashMap<PeerId, usize>,
    count: usize,
    /// No later than the first expiry: the map is looked through only when it has passed.
    first_until: Option<Duration>,
}

impl ProviderRecords {
    /// Keeps the announcement of a peer.
    pub(super) fn announced(&mut self, cx: &mut Context, conn: ConnId, query: QueryId, hash: Hash) {
        let Some(peer) = cx.peers.get(conn) else {
            return;
        };
        if peer.addresses.is_empty() {
            let why = "nobody can be sent to you: say first where you can be connected with";
            return cx.refuse(conn, query, why);
        }
        let contact = peer.contact();
        let distance = Distance::between(&cx.own.0, &hash);
        match self.note(distance, contact, cx.now, &cx.limits) {
            Ok(()) => cx.send(conn, ProtoMessage::Stored { query }),
            Err(why) => cx.refuse(conn, query, why),
        }
    }

    /// Names the providers of an attachment to a peer.
    pub(super) fn asked(&self, cx: &mut Context, conn: ConnId, query: QueryId, target: Hash) {
        let asker = cx.peers.id(conn);
        let distance = Distance::between(&cx.own.0, &target);
        let providers = self.of(&distance, asker.as_ref());
        let nodes = cx.nodes_near(&target, conn);
        let answer = ProtoMessage::Providers {
            query,
            providers,
            nodes,
        };
        cx.send(conn, answer);
    }

    /// Notes at `now` that `contact` has the attachment that lies at `distance`.
    ///
    /// # Errors
    /// The limit that is exhausted.
    fn note(
        &mut self,
        distance: Distance,
        contact: Contact,
        now: Duration,
        limits: &Limits,
    ) -> Result<(), &'static str> {
        let until = now.saturating_add(limits.providers.provider_expiry);
        let here = self.kept.get_mut(&distance);
        let here = here.map(|providers| {
            let same = |provider: &&mut Provider| provider.contact.id == contact.id;
            (providers.len(), providers.iter_mut().find(same))
        });
        match here {
            Some((_, Some(provider))) => {
                // `first_until` may now be too early, which costs one extra scan of the map.
                *provider = Provider { contact, until };
                return Ok(());
            }
            Some((count, None)) if count >= limits.providers.providers_per_attachment => {
                return Err(
                    "this attachment has providers enough here (limit providers.providers_per_attachment)",
                );
            }
            _ => {}
        }
        let of_peer = self.by_peer.get(&contact.id).copied().unwrap_or_default();
        // Checked before `make_room`: a peer at its own bound must not evict the records of others.
        if of_peer >= limits.providers.provider_records_per_peer {
            return Err("you provide too much (limit providers.provider_records_per_peer)");
        }
        if self.count >= limits.providers.provider_records && !self.make_room(&distance) {
            return Err("too much is provided already (limit providers.provider_records)");
        }
        *self.by_peer.entry(contact.id).or_default() += 1;
        self.count += 1;
        self.first_until = Some(self.first_until.map_or(until, |first| first.min(until)));
        let provider = Provider { contact, until };
        self.kept.entry(distance).or_default().push(provider);
        Ok(())
    }

    /// Forgets the farthest attachment, if it is farther than `distance`.
    fn make_room(&mut self, distance: &Distance) -> bool {
        let last = self.kept.last_key_value();
        if last.is_none_or(|(farthest, _)| farthest <= distance) {
            return false;
        }
        let farthest = self.kept.pop_last();
        for provider in farthest.into_iter().flat_map(|(_, providers)| providers) {
            self.gone(&provider.contact.id);
        }
        true
    }

    fn gone(&mut self, peer: &PeerId) {
        self.count -= 1;
        if let Some(count) = self.by_peer.get_mut(peer) {
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(peer);
            }
        }
    }

    /// Returns the providers of the attachment that lies at `distance`, without `asker`, the latest
    /// first.
    fn of(&self, distance: &Distance, asker: Option<&PeerId>) -> Vec<Contact> {
        let kept = self.kept.get(distance).map_or(&[][..], Vec::as_slice);
        let others = kept.iter().filter(|p| Some(&p.contact.id) != asker);
        let mut others: Vec<_> = others.collect();
        others.sort_by_key(|provider| std::cmp::Reverse(provider.until));
        others.into_iter().map(|p| p.contact.clone()).collect()
    }

    /// Returns true if a record may have expired at `now`.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.first_until.is_some_and(|first| first <= now)
    }

    /// Forgets records that have expired at `now`.
    pub(super) fn expire(&mut self, now: Duration) {
        if !self.is_due(now) {
            return;
        }
        let mut void = Vec::new();
        let mut first: Option<Duration> = None;
        self.kept.retain(|_, providers| {
            void.extend(providers.extract_if(.., |p| p.until <= now));
            let next = providers.iter().map(|provider| provider.until).min();
            first = first.into_iter().chain(next).min();
            !providers.is_empty()
        });
        self.first_until = first;
        for provider in void {
            self.gone(&provider.contact.id);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let kept: usize = self.kept.values().map(Vec::len).sum();
        assert_eq!(kept, self.count, "out of step");
        assert_eq!(self.by_peer.values().sum::<usize>(), kept, "out of step");
        kept
    }
}
