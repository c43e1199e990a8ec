//! Reasons for which a request of the node's user fails.

use crate::record::InvalidRecord;

/// Reason for which a request of the node's user failed.
///
/// "Nobody has it" is not among them: a lookup that asked everybody has succeeded, and found
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Invalid record: one that the user puts, or one that was found and is over a limit of this
    /// node.
    #[error(transparent)]
    Record(#[from] InvalidRecord),
    /// Record whose expiry has passed.
    #[error("the record has expired already: give it a later time, or set this computer's clock")]
    Expired,
    /// Content that is not the attachment of the record that it was given with.
    #[error("the content is not the record's attachment: hash the file again, it may have changed")]
    OtherContent,
    /// Attachment that was to be propagated.
    #[error("an attachment cannot be propagated: put it")]
    PropagatedAttachment,
    /// Newer version of the record in this node's store.
    #[error("a newer record is kept under this key: sign it with a higher sequence number")]
    Stale,
    /// Put that no peer took, while this node keeps the record.
    #[error("kept here, but by no peer: {reason}")]
    NotReplicated {
        /// Reason of the last peer that refused it.
        reason: String,
    },
    /// Wait for a first peer that exceeded its time.
    #[error("no peer answered in time")]
    NoPeer,
    /// Failure of the last connection with a bootstrap peer.
    #[error("{reason}")]
    Unreachable {
        /// Address, and error of the transport or of the handshake.
        reason: String,
    },
    /// Attachment that could not be fetched whole.
    #[error("{reason}")]
    NotFetched {
        /// Parts that are here, and what to do.
        reason: String,
    },
    /// Failure of this node's store.
    #[error("the store of this node failed: {reason}")]
    Store {
        /// Error of the store.
        reason: String,
    },
    /// Request to a node that is being stopped.
    #[error("the node is being stopped")]
    Stopping,
    /// Panic of the node's protocol at this request.
    #[error("the node failed at this request: its log says why")]
    Panicked,
}
