//! Continuations of requests to the store.

use super::interface::{ConnId, Ticket};
use super::query::Query;
use crate::id::Key;
use crate::msg::QueryId;
use crate::record::{AttachmentId, Record};

/// Continuation of a request to the store.
#[derive(Debug)]
pub(super) enum AfterStore {
    Nothing,
    LocalGet(Ticket, Key, Query),
    PeerGet(ConnId, QueryId, Key, u8),
    LocalLink(Ticket, Record),
    /// The flag is set if the neighbours store the copies.
    LocalPut(Ticket, Record, bool),
    PeerPut(ConnId, QueryId, Key),
    PeerPropagate(ConnId, QueryId, Record),
    /// The attachment and the number of its download.
    Opened(AttachmentId, u64),
    /// The attachment, the number of its download, and the part.
    Written(AttachmentId, u64, u64),
    PeerRead(ConnId, QueryId, AttachmentId, u64),
    LocalRead(Ticket),
    NextKept,
    Republish,
    Insight(Ticket),
}

impl AfterStore {
    /// Returns the peer on whose behalf the store was asked.
    pub(super) fn peer(&self) -> Option<ConnId> {
        match self {
            AfterStore::PeerGet(conn, ..)
            | AfterStore::PeerPut(conn, ..)
            | AfterStore::PeerPropagate(conn, ..)
            | AfterStore::PeerRead(conn, ..) => Some(*conn),
            _ => None,
        }
    }
}
