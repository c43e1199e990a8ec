//! Parts of attachments on their way to peers.

use bytes::Bytes;

use super::super::context::Context;
use super::super::interface::{ConnId, Output};
use super::super::task::Task;
use super::{Transfers, read_for_peer};
use crate::attachment::tree::Node;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::AttachmentId;

impl Transfers {
    /// Serves a part that a peer asks for.
    pub(in crate::engine) fn asked(
        &self,
        cx: &mut Context,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
    ) {
        if id.len > cx.limits.sizes.attachment_bytes {
            let why = "the attachment is too long for this node (limit sizes.attachment_bytes)";
            return cx.refuse(conn, query, why);
        }
        if id.part_len(part).is_none() {
            return cx.refuse(conn, query, "there is no such part");
        }
        read_for_peer(cx, conn, query, id, part);
    }

    /// Sends a part that the store was asked for. If the store does not have it, the peer waits
    /// until it is fetched.
    pub(in crate::engine) fn part_read(
        &mut self,
        cx: &mut Context,
        (conn, query): (ConnId, QueryId),
        id: AttachmentId,
        part: u64,
        found: Option<(Bytes, Vec<Node>)>,
    ) {
        // Nothing is fetched for a peer that has disconnected meanwhile, and nothing waits.
        if !cx.peers.has(conn) {
            return;
        }
        let Some((bytes, proof)) = found else {
            return self.wait_for_part(cx, conn, query, id, part);
        };
        let message = ProtoMessage::Part {
            query,
            hash: id.hash,
            part,
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            proof,
        };
        cx.outputs
            .push_back(Output::Send(conn, message, Some(bytes)));
        cx.leave(Task::PartSent(conn, id, part));
    }

    /// Lets a peer wait for a part that is not here, if another peer is known to have it.
    fn wait_for_part(
        &mut self,
        cx: &mut Context,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
    ) {
        // Serves from known providers only: a peer's request must not make this node search the
        // network.
        if !self.others_have(&id, conn) {
            return cx.refuse(conn, query, "this part is not here");
        }
        if let Err(why) = self.download_for_peers(cx, id) {
            return cx.refuse(conn, query, why);
        }
        let Some(download) = self.downloads.get_mut(&id) else {
            return cx.refuse(conn, query, "this part is not here");
        };
        match download.wait(part, (conn, query), &cx.limits) {
            Ok(()) => self.demand(cx, id, part),
            Err(why) => cx.refuse(conn, query, why),
        }
    }
}
