//! Reasons to reject a record.

use crate::id::{Hash, MAX_SALT};

/// Error of validating a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// A content key with a value that does not have this hash.
    #[error("the content does not belong to the key {0:?}")]
    OtherContent(Hash),
    /// A value over the limit `sizes.value_bytes`.
    #[error(
        "a value of {len} bytes is over the limit sizes.value_bytes ({limit}): put it as a file"
    )]
    LongValue {
        /// Length of the value in bytes.
        len: usize,
        /// Maximum length in bytes.
        limit: usize,
    },
    /// An attachment over the limit `sizes.attachment_bytes`.
    #[error("an attachment of {len} bytes is over the limit sizes.attachment_bytes ({limit})")]
    LongAttachment {
        /// Length of the attachment in bytes.
        len: u64,
        /// Maximum length in bytes.
        limit: u64,
    },
    /// An attachment whose name is over the limit `sizes.name_bytes`.
    #[error(
        "a name of {len} bytes is over the limit sizes.name_bytes ({limit}): choose a shorter one"
    )]
    LongName {
        /// Length of the name in bytes.
        len: usize,
        /// Maximum length in bytes.
        limit: usize,
    },
    /// A signed key without a seal.
    #[error("a record under a signed key has no signature")]
    Unsigned,
    /// A seal under a key that is not derived from its signer and salt.
    #[error("a signed record is not under its signer's key")]
    NotSignersKey,
    /// A salt over [`MAX_SALT`].
    #[error("the salt of a signed record has {len} bytes: choose one of at most {MAX_SALT} bytes")]
    LongSalt {
        /// Length of the salt in bytes.
        len: usize,
    },
    /// A signature that the signer's key does not verify.
    #[error("the signature of a record is not its signer's")]
    Signature,
}
