//! Providers of attachments that are on their way here: known ones, searches for more, and changes
//! of connection.

use super::super::context::Context;
use super::super::interface::ConnId;
use super::super::named::Named;
use super::super::requests::{Request, SearchId};
use super::super::searches::{Question, Searches};
use super::{Seek, Transfers};
use crate::record::AttachmentId;
use crate::routing::Contact;

impl Transfers {
    /// Forgets a provider that does not serve this attachment, or not any more.
    pub(in crate::engine) fn provider_gone(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        conn: ConnId,
    ) {
        self.providers.forget(&id, conn);
        abandon(cx, id, conn);
        if let Some(download) = self.downloads.get_mut(&id) {
            download.remove_provider(conn);
            self.pump(cx, id);
        }
    }

    /// Returns all downloads, in an order that does not change from run to run.
    pub(in crate::engine) fn downloads(&self) -> Vec<AttachmentId> {
        let mut ids: Vec<AttachmentId> = self.downloads.keys().copied().collect();
        ids.sort_unstable_by_key(|id| (id.hash, id.len));
        ids
    }

    /// Removes a connection that has ended from a download: as a provider, and as one that waits.
    pub(in crate::engine) fn conn_lost(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        conn: ConnId,
    ) {
        let Some(download) = self.downloads.get_mut(&id) else {
            return;
        };
        download.forget_waiting(conn);
        match download.providers.contains(&conn) {
            true => self.provider_gone(cx, id, conn),
            false => self.note_idle(id),
        }
    }

    /// Forgets everything that a connection which has ended was seen to have.
    pub(in crate::engine) fn forget_conn(&mut self, conn: ConnId) {
        self.providers.lost(conn);
    }

    /// Returns the attachments that `conn` was seen to have, or was asked for.
    pub(in crate::engine) fn provided_by(&self, conn: ConnId) -> Vec<AttachmentId> {
        let mut ids = self.providers.had_by(conn);
        let downloads = self.downloads.iter();
        let asked = downloads.filter(|(_, download)| download.providers.contains(&conn));
        ids.extend(asked.map(|(id, _)| *id));
        ids.sort_unstable_by_key(|id| (id.hash, id.len));
        ids.dedup();
        ids
    }

    /// Fetches an attachment over `to` instead of `from`: another connection with the same peer.
    /// Parts that were asked for and have not come are asked for again.
    pub(in crate::engine) fn provider_moves(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        from: ConnId,
        to: ConnId,
    ) {
        self.providers.forget(&id, from);
        self.providers
            .note(id, to, cx.limits.providers.known_providers.max(1));
        // Abandoned, not removed: the peer may still answer over the old connection.
        abandon(cx, id, from);
        let Some(download) = self.downloads.get_mut(&id) else {
            return;
        };
        download.replace_provider(from, to);
        self.pump(cx, id);
    }

    /// Notes that `conn` has the attachment.
    pub(in crate::engine) fn note_provider(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        conn: ConnId,
    ) {
        self.providers
            .note(id, conn, cx.limits.providers.known_providers.max(1));
        if let Some(download) = self.downloads.get_mut(&id) {
            download.add_provider(conn);
            self.pump(cx, id);
        }
    }

    /// Returns true if a connection other than `conn` is known to have the attachment.
    pub(super) fn others_have(&self, id: &AttachmentId, conn: ConnId) -> bool {
        let download = self.downloads.get(id);
        let asked = download.map_or(&[][..], |download| &download.providers);
        let mut known = self.providers.of(id).iter().chain(asked);
        known.any(|other| *other != conn)
    }

    /// Searches for providers among the nodes near the attachment's hash, once in a download.
    pub(in crate::engine) fn seek(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        id: AttachmentId,
    ) {
        let Some(download) = self.downloads.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut download.is_sought, true) {
            return;
        }
        let search = searches.begin(cx, id.hash, Question::Providers(id.hash));
        download.hopes.insert(search);
        let named = Named::default();
        self.seeks.insert(search, Seek { id, named });
    }

    /// Connects with the providers that a peer names, as far as they are new to the search.
    pub(in crate::engine) fn named(
        &mut self,
        cx: &mut Context,
        searches: &mut Searches,
        search: SearchId,
        contacts: Vec<Contact>,
    ) {
        let Some(seek) = self.seeks.get_mut(&search) else {
            return;
        };
        let id = seek.id;
        let new = seek.named.add(
            contacts,
            &cx.own,
            cx.limits.providers.providers_per_attachment,
        );
        if !new.is_empty() {
            let meet = searches.begin_among(cx, id.hash, new, Question::Connect);
            self.meets.insert(meet, id);
            self.hope(id, meet);
        }
    }

    /// Fetches parts from a named provider that is connected now.
    pub(in crate::engine) fn met(&mut self, cx: &mut Context, search: SearchId, conn: ConnId) {
        if let Some(id) = self.meets.get(&search).copied() {
            self.note_provider(cx, id, conn);
        }
    }

    /// Goes on with the download whose search is done. Returns false if there is none.
    pub(in crate::engine) fn search_done(&mut self, cx: &mut Context, search: SearchId) -> bool {
        let sought = self.seeks.remove(&search).map(|seek| seek.id);
        let Some(id) = sought.or_else(|| self.meets.remove(&search)) else {
            return false;
        };
        self.hope_over(cx, id, search);
        true
    }

    /// Keeps a download alive while a search may still find providers.
    pub(in crate::engine) fn hope(&mut self, id: AttachmentId, search: SearchId) {
        if let Some(download) = self.downloads.get_mut(&id) {
            download.hopes.insert(search);
        }
    }

    /// Goes on with a download after a search that might have found providers.
    pub(in crate::engine) fn hope_over(
        &mut self,
        cx: &mut Context,
        id: AttachmentId,
        search: SearchId,
    ) {
        if let Some(download) = self.downloads.get_mut(&id)
            && download.hopes.remove(&search)
        {
            self.pump(cx, id);
        }
    }
}

/// Gives up the requests to `conn` for parts of an attachment.
fn abandon(cx: &mut Context, id: AttachmentId, conn: ConnId) {
    cx.requests.abandon(|asked, request| {
        asked == conn && matches!(request, Request::Fetch(of, _) if of == id)
    });
}
