//! Records: values under keys.

mod invalid;
mod seal;

pub use invalid::InvalidRecord;
pub use seal::Seal;

pub use crate::id::MAX_SALT;

use serde::{Deserialize, Serialize};

use crate::id::{Hash, Key};
use crate::limits::Limits;

/// Identity of an attachment's content: enough to check every part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttachmentId {
    /// The BLAKE3 hash of the whole content.
    pub hash: Hash,
    /// Its length in bytes.
    pub len: u64,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Bytes that travel inside messages.
    Bytes(#[serde(with = "bytes_or_hex")] Vec<u8>),
    /// Content that travels after messages, in parts.
    Attachment {
        /// Identity of the content.
        id: AttachmentId,
        /// File name where it came from: a last path component, for people only.
        name: String,
    },
}

impl Value {
    /// The hash of the content.
    pub fn hash(&self) -> Hash {
        match self {
            Value::Bytes(bytes) => Hash::of(bytes),
            Value::Attachment { id, .. } => id.hash,
        }
    }

    /// The attachment, if the value is one.
    pub fn attachment(&self) -> Option<AttachmentId> {
        match self {
            Value::Bytes(_) => None,
            Value::Attachment { id, .. } => Some(*id),
        }
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Key of the record.
    pub key: Key,
    /// Value of the record.
    pub value: Value,
    /// For a signed key, and only there: who signed it, and which version it is.
    pub seal: Option<Box<Seal>>,
}

impl Record {
    /// A record found by its content.
    pub fn by_content(value: Value) -> Self {
        Record {
            key: Key::Content(value.hash()),
            value,
            seal: None,
        }
    }

    /// A record found by `key`.
    pub fn new(key: Key, value: Value) -> Self {
        Record {
            key,
            value,
            seal: None,
        }
    }

    /// Returns true if the record is not what its key names, so that whoever serves it misbehaves.
    pub fn is_forged(&self) -> bool {
        let other = |hash| hash != self.value.hash();
        matches!(self.key, Key::Content(hash) if other(hash)) || self.check_seal().is_err()
    }

    /// Checks everything about a record that follows from the record alone: its key, its seal and
    /// its lengths.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn validate(&self, limits: &Limits) -> Result<(), InvalidRecord> {
        if let Key::Content(hash) = self.key
            && hash != self.value.hash()
        {
            return Err(InvalidRecord::OtherContent(hash));
        }
        self.check_seal()?;
        match &self.value {
            Value::Bytes(bytes) if bytes.len() > limits.sizes.value_bytes => {
                Err(InvalidRecord::LongValue {
                    len: bytes.len(),
                    limit: limits.sizes.value_bytes,
                })
            }
            Value::Attachment { id, .. } if id.len > limits.sizes.attachment_bytes => {
                Err(InvalidRecord::LongAttachment {
                    len: id.len,
                    limit: limits.sizes.attachment_bytes,
                })
            }
            Value::Attachment { name, .. } if name.len() > limits.sizes.name_bytes => {
                Err(InvalidRecord::LongName {
                    len: name.len(),
                    limit: limits.sizes.name_bytes,
                })
            }
            _ => Ok(()),
        }
    }
}

/// Byte strings: raw on a binary wire, hexadecimal in text (a JSON array of numbers is four times
/// the size).
pub(crate) mod bytes_or_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error, de::Visitor};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.serialize_str(&hex::encode(bytes))
        } else {
            s.serialize_bytes(bytes)
        }
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a byte string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        if d.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(d)?;
            hex::decode(text.as_ref()).map_err(D::Error::custom)
        } else {
            d.deserialize_byte_buf(Bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SizeLimits;

    #[test]
    fn a_record_under_the_hash_of_another_content_is_refused() {
        let limits = Limits::default();
        let good = Record::by_content(Value::Bytes(b"a".to_vec()));
        assert_eq!(good.validate(&limits), Ok(()));
        let forged = Record::new(good.key, Value::Bytes(b"b".to_vec()));
        let other = InvalidRecord::OtherContent(*good.key.hash());
        assert_eq!(forged.validate(&limits), Err(other));
        let named = Record::new(Key::named("n"), Value::Bytes(b"b".to_vec()));
        assert_eq!(named.validate(&limits), Ok(()));
    }

    #[test]
    fn limits_are_named_in_the_error() {
        let limits = Limits {
            sizes: SizeLimits {
                value_bytes: 1,
                attachment_bytes: 1,
                ..SizeLimits::default()
            },
            ..Limits::default()
        };
        let long = Record::by_content(Value::Bytes(vec![0; 2]));
        let error = long.validate(&limits).unwrap_err();
        assert_eq!(error, InvalidRecord::LongValue { len: 2, limit: 1 });
        assert!(error.to_string().contains("value_bytes"), "{error}");
        let big = Record::by_content(Value::Attachment {
            id: AttachmentId {
                hash: Hash([0; 32]),
                len: 2,
            },
            name: String::new(),
        });
        let error = big.validate(&limits).unwrap_err();
        assert_eq!(error, InvalidRecord::LongAttachment { len: 2, limit: 1 });
        assert!(error.to_string().contains("attachment_bytes"), "{error}");
    }
}
