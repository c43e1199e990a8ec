//! Who gives out what is on its way here: peers that come, go, and have it over another connection.

use super::super::requests::Request;
use super::super::{ConnId, Engine};
use super::OnArrival;
use crate::record::AttachmentId;

impl Engine {
    /// A provider that will not give out this attachment, or not any more.
    pub(in crate::engine) fn provider_gone(&mut self, id: AttachmentId, conn: ConnId) {
        self.transfers.providers.forget(&id, conn);
        self.requests.abandon(|asked, request| {
            asked == conn && matches!(request, Request::Fetch(of, _) if of == id)
        });
        if let Some(download) = self.transfers.downloads.get_mut(&id) {
            download.providers.retain(|other| *other != conn);
            if let Some(plan) = &mut download.plan {
                plan.remove_provider(conn);
            }
            self.pump(id);
        }
    }

    /// A connection that is gone: as provider, and as one that waits.
    pub(in crate::engine) fn provider_lost(&mut self, conn: ConnId) {
        let mut ids: Vec<AttachmentId> = self.transfers.downloads.keys().copied().collect();
        ids.sort_unstable_by_key(|id| (id.hash, id.len));
        for id in ids {
            if let Some(download) = self.transfers.downloads.get_mut(&id) {
                download.waiting.retain(|_, peers| {
                    peers.retain(|(peer, _)| *peer != conn);
                    !peers.is_empty()
                });
                download.waiting_count = download.waiting.values().map(Vec::len).sum();
                download
                    .then
                    .retain(|then| !matches!(then, OnArrival::Stored(peer, ..) if *peer == conn));
                if download.providers.contains(&conn) {
                    self.provider_gone(id, conn);
                }
            }
        }
        self.transfers.providers.lost(conn);
    }

    /// What `from` was seen to have is had over `to` from now on: another, better connection with the same peer. What was
    /// asked and has not come is asked again there.
    pub(in crate::engine) fn provider_moves(&mut self, from: ConnId, to: ConnId) {
        let mut ids = self.transfers.providers.had_by(from);
        let downloads = self.transfers.downloads.iter();
        let asked = downloads.filter(|(_, download)| download.providers.contains(&from));
        ids.extend(asked.map(|(id, _)| *id));
        ids.sort_unstable_by_key(|id| (id.hash, id.len));
        ids.dedup();
        let most = self.limits.known_providers.max(1);
        for id in ids {
            self.transfers.providers.forget(&id, from);
            self.transfers.providers.note(id, to, most);
            self.requests.abandon(|asked, request| {
                asked == from && matches!(request, Request::Fetch(of, _) if of == id)
            });
            let Some(download) = self.transfers.downloads.get_mut(&id) else {
                continue;
            };
            download.providers.retain(|conn| ![from, to].contains(conn));
            download.providers.push(to);
            if let Some(plan) = &mut download.plan {
                plan.replace_provider(from, to);
            }
            self.pump(id);
        }
    }

    /// `conn` says that it has the attachment.
    pub(in crate::engine) fn note_provider(&mut self, id: AttachmentId, conn: ConnId) {
        let most = self.limits.known_providers.max(1);
        self.transfers.providers.note(id, conn, most);
        if let Some(download) = self.transfers.downloads.get_mut(&id) {
            if !download.providers.contains(&conn) {
                download.providers.push(conn);
            }
            if let Some(plan) = &mut download.plan {
                plan.add_provider(conn);
            }
            self.pump(id);
        }
    }

    /// Whether anybody but `conn` is known to have the attachment.
    pub(in crate::engine) fn others_have(&self, id: &AttachmentId, conn: ConnId) -> bool {
        let download = self.transfers.downloads.get(id);
        let asked = download.map_or(&[][..], |download| &download.providers);
        let mut known = self.transfers.providers.of(id).iter().chain(asked);
        known.any(|other| *other != conn)
    }

    /// The download was not asked for by name until now, or all whom it knew are gone: those near its hash are asked who
    /// has it.
    pub(in crate::engine) fn is_worth_seeking(&mut self, id: &AttachmentId) -> bool {
        let download = self.transfers.downloads.get_mut(id);
        download.is_some_and(|download| !std::mem::replace(&mut download.is_sought, true))
    }

    /// While the lookup goes on, the download may still come to a provider.
    pub(in crate::engine) fn hope(&mut self, id: AttachmentId, lookup: u64) {
        if let Some(download) = self.transfers.downloads.get_mut(&id) {
            download.hopes.insert(lookup);
        }
    }

    /// The lookup is over.
    pub(in crate::engine) fn hope_gone(&mut self, id: AttachmentId, lookup: u64) {
        if let Some(download) = self.transfers.downloads.get_mut(&id)
            && download.hopes.remove(&lookup)
        {
            self.pump(id);
        }
    }
}
