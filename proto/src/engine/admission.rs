//! Admission of records that peers want kept here.

use super::after_store::AfterStore;
use super::context::Context;
use super::interface::{ConnId, Owner, StoreOp};
use super::quotas::Quotas;
use super::task::{OnArrival, Task};
use crate::msg::QueryId;
use crate::record::Record;

/// Checks records that peers want kept here, and counts them against their quotas.
#[derive(Debug, Default)]
pub(super) struct Admission {
    pub(super) quotas: Quotas,
}

impl Admission {
    /// Keeps a record for a peer, unless it is refused.
    pub(super) fn store(&mut self, cx: &mut Context, conn: ConnId, query: QueryId, record: Record) {
        if !self.admits(cx, conn, query, &record) {
            return;
        }
        match record.value.attachment() {
            None => {
                let after = AfterStore::PeerPut(conn, query, record.key);
                cx.ask_store(StoreOp::Put(record, Owner::Others), after);
            }
            Some(id) => {
                cx.leave(Task::Provider(id, conn));
                cx.leave(Task::Download(id, OnArrival::Stored(conn, query, record)));
            }
        }
    }

    /// Keeps a record for a peer and stores copies of it, unless it is refused. `searches` is how
    /// many are under way.
    pub(super) fn propagate(
        &mut self,
        cx: &mut Context,
        (conn, query): (ConnId, QueryId),
        record: Record,
        searches: usize,
    ) {
        if record.value.attachment().is_some() {
            return cx.refuse(conn, query, "an attachment cannot be propagated: store it");
        }
        if searches >= cx.limits.routing.lookups {
            return cx.refuse(
                conn,
                query,
                "too many lookups at once (limit routing.lookups)",
            );
        }
        if self.admits(cx, conn, query, &record) {
            let after = AfterStore::PeerPropagate(conn, query, record.clone());
            cx.ask_store(StoreOp::Put(record, Owner::Others), after);
        }
    }

    /// Returns true if the record may be kept. Otherwise tells the peer why not.
    fn admits(&mut self, cx: &mut Context, conn: ConnId, query: QueryId, record: &Record) -> bool {
        if let Err(what) = record.validate(&cx.limits) {
            cx.refuse(conn, query, &what.to_string());
            // A record over a limit is not forged: the peer may have wider limits than this node.
            if record.is_forged() {
                cx.forged(conn, "a forged record to keep");
            }
            return false;
        }
        if record.is_expired(cx.unix_millis()) {
            cx.refuse(conn, query, "the record has expired");
            return false;
        }
        // Checked last because it also counts: a record that is rejected anyway must not use up the
        // quota.
        if let Err(why) = self.quotas.count(cx, conn, record) {
            cx.counts.over_quota += 1;
            cx.refuse(conn, query, why);
            return false;
        }
        true
    }
}
