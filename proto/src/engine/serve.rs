//! Parts of attachments on their way to peers.

use bytes::Bytes;

use super::{AfterStore, ConnId, Engine, Output, StoreOp};
use crate::attachment::tree::Node;
use crate::msg::{ProtoMessage, QueryId};
use crate::record::AttachmentId;

impl Engine {
    /// A peer asks for a part.
    pub(super) fn asked_for_part(
        &mut self,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
    ) {
        if id.len > self.limits.attachment_bytes {
            let why = "the attachment is too long for this node (limit attachment_bytes)";
            return self.refuse(conn, query, why);
        }
        if id.part_len(part).is_none() {
            return self.refuse(conn, query, "there is no such part");
        }
        self.read_for_peer(conn, query, id, part);
    }

    pub(super) fn read_for_peer(
        &mut self,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
    ) {
        let after = AfterStore::PeerRead(conn, query, id, part);
        self.store(StoreOp::Read(id, part), after);
    }

    pub(super) fn part_read(
        &mut self,
        conn: ConnId,
        query: QueryId,
        id: AttachmentId,
        part: u64,
        found: Option<(Bytes, Vec<Node>)>,
    ) {
        // For one who left meanwhile nothing is fetched, and nothing waits.
        if !self.peers.contains_key(&conn) {
            return;
        }
        let Some((bytes, proof)) = found else {
            return self.wait_for_part(conn, query, id, part);
        };
        let message = ProtoMessage::Part {
            query,
            hash: id.hash,
            part,
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            proof,
        };
        self.outputs
            .push_back(Output::Send(conn, message, Some(bytes)));
        self.copy_progress(conn, id, part);
        self.demand(id, part);
    }

    /// The part is not here. If somebody else is known to have it, the peer waits while it is fetched.
    fn wait_for_part(&mut self, conn: ConnId, query: QueryId, id: AttachmentId, part: u64) {
        if !self.others_have(&id, conn) {
            return self.refuse(conn, query, "this part is not here");
        }
        if let Err(why) = self.download_for_peers(id) {
            return self.refuse(conn, query, why);
        }
        match self.transfers.wait(&id, part, (conn, query), &self.limits) {
            Ok(()) => self.demand(id, part),
            Err(why) => self.refuse(conn, query, why),
        }
    }
}
