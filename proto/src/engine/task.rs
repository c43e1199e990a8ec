//! Work that one organ leaves to another.

use super::interface::{ConnId, Ticket};
use super::requests::SearchId;
use crate::id::PeerId;
use crate::msg::QueryId;
use crate::record::{AttachmentId, Record};
use crate::routing::Search;

/// Work that an organ leaves to another, carried out by the dispatcher in the order in which it was
/// left.
///
/// Organs do not know each other. An organ writes its own outputs first and leaves tasks last, so
/// that outputs come in the order of their causes.
#[derive(Debug)]
pub(super) enum Task {
    /// Report of a search, for the organ that began it.
    Report(SearchId, Report),
    /// End a connection, for a reason.
    Disconnect(ConnId, String),
    /// Fetch an attachment.
    Download(AttachmentId, OnArrival),
    /// Note that a connection is said to have an attachment.
    Provider(AttachmentId, ConnId),
    /// Keep a download alive while a search may still find providers of it.
    Hope(AttachmentId, SearchId),
    /// End the hope that a search finds providers: it is over.
    HopeOver(AttachmentId, SearchId),
    /// Search for providers of an attachment that is being fetched.
    Seek(AttachmentId),
    /// Account for a part that was sent to a peer.
    PartSent(ConnId, AttachmentId, u64),
    /// Announce an attachment that is here as a whole.
    Announce(AttachmentId),
    /// Republish the next record.
    RepublishNext,
}

/// Report of a search to the organ that began it.
#[derive(Debug)]
pub(super) enum Report {
    /// A peer of a search with [`Question::Connect`](super::searches::Question) is connected. The
    /// search goes on when the report was dealt with.
    Connected(PeerId, ConnId),
    /// The search is over, with this result.
    Done(Search),
}

/// Act that waits for an attachment to be whole.
#[derive(Debug)]
pub(super) enum OnArrival {
    /// Answer the user's get.
    Found(Ticket, Record),
    /// Answer a peer's request to store.
    Stored(ConnId, QueryId, Record),
}
