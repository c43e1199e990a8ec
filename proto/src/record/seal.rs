//! Records that only their signer may change.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{InvalidRecord, Record, Value, bytes_or_hex};
use crate::id::{Hash, Key, MAX_SALT, signed_key};
use crate::identity::{Identity, PublicKey};

/// Context of a record's signature: see [`Identity::sign`].
const CONTEXT: &str = "mydht 2026-11-24 a signed record";

/// Signature of a record, with what it covers (after BEP 44's mutable items).
///
/// A key with a seal belongs to one signer and salt, and whoever has the record can check it:
/// nobody else can put another one there, and of two the one with the higher sequence number is
/// right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The signer's public key.
    pub signer: Hash,
    /// Tells the records of one signer apart: at most [`MAX_SALT`] bytes.
    #[serde(with = "bytes_or_hex")]
    pub salt: Vec<u8>,
    /// Number of the version.
    pub sequence: u64,
    /// When it is gone, in milliseconds since 1970 (UTC).
    pub expires: u64,
    #[serde(with = "bytes_or_hex")]
    signature: Vec<u8>,
}

impl Key {
    /// The key of the records that `signer` signs with `salt`.
    pub fn signed(signer: &PublicKey, salt: &[u8]) -> Self {
        signed_key(&Hash(signer.to_bytes()), salt)
    }
}

impl Record {
    /// A record that only `signer` can replace, until it is gone at `expires` (milliseconds since
    /// 1970, UTC). To replace it, sign another one with the same salt and a higher `sequence`.
    ///
    /// ```
    /// use mydht_proto::identity::Identity;
    /// use mydht_proto::{Limits, Record, Value};
    ///
    /// let me = Identity::from_seed(&[1; 32]);
    /// let text = |text: &str| Value::Bytes(text.into());
    /// let first = Record::signed(&me, b"status", 1, u64::MAX, text("here"));
    /// let second = Record::signed(&me, b"status", 2, u64::MAX, text("away"));
    /// assert_eq!(first.key, second.key);
    /// assert!(second.is_newer_than(&first));
    /// assert_eq!(second.validate(&Limits::default()), Ok(()));
    /// ```
    pub fn signed(
        signer: &Identity,
        salt: &[u8],
        sequence: u64,
        expires: u64,
        value: Value,
    ) -> Self {
        let key = Key::signed(&signer.public_key(), salt);
        let message = message(&key, sequence, expires, &value);
        let seal = Seal {
            signer: Hash(signer.public_key().to_bytes()),
            salt: salt.to_vec(),
            sequence,
            expires,
            signature: signer.sign(CONTEXT, &message).to_vec(),
        };
        Record {
            key,
            value,
            seal: Some(Box::new(seal)),
        }
    }

    /// Returns true if this is the one to keep of two records under one key. A record without a
    /// seal is never newer.
    pub fn is_newer_than(&self, other: &Record) -> bool {
        let order = |record: &Record| {
            let seal = record.seal.as_ref()?;
            // With the same number twice, which only the signer can make, all nodes still choose the same one.
            Some((seal.sequence, seal.expires, digest(&record.value)))
        };
        order(self).cmp(&order(other)) == Ordering::Greater
    }

    /// Returns true if the record has expired at `now`, in milliseconds since 1970 (UTC).
    pub fn is_expired(&self, now: u64) -> bool {
        self.seal.as_ref().is_some_and(|seal| seal.expires <= now)
    }

    /// Checks that the record has a seal if and only if its key is a signed one, and that the seal
    /// is valid.
    pub(super) fn check_seal(&self) -> Result<(), InvalidRecord> {
        let (Key::Signed(_), Some(seal)) = (self.key, &self.seal) else {
            return match (self.key, &self.seal) {
                (Key::Signed(_), None) => Err(InvalidRecord::Unsigned),
                (_, Some(_)) => Err(InvalidRecord::NotSignersKey),
                (_, None) => Ok(()),
            };
        };
        if seal.salt.len() > MAX_SALT {
            let len = seal.salt.len();
            return Err(InvalidRecord::LongSalt { len });
        }
        // Checked before the signature, because a hash is far cheaper to verify.
        if self.key != signed_key(&seal.signer, &seal.salt) {
            return Err(InvalidRecord::NotSignersKey);
        }
        let signer = PublicKey::from_bytes(&seal.signer.0);
        let signature = seal.signature.as_slice().try_into().ok();
        let message = message(&self.key, seal.sequence, seal.expires, &self.value);
        match signer.zip(signature) {
            Some((signer, signature)) if signer.verify(CONTEXT, &message, &signature) => Ok(()),
            _ => Err(InvalidRecord::Signature),
        }
    }
}

/// The bytes that are signed: key, sequence, expiry (u64, little-endian), and the value's digest.
fn message(key: &Key, sequence: u64, expires: u64, value: &Value) -> Vec<u8> {
    [
        // All fields have a fixed length, so the signed bytes are unambiguous.
        &key.hash().0[..],
        &sequence.to_le_bytes(),
        &expires.to_le_bytes(),
        &digest(value),
    ]
    .concat()
}

/// A hash of everything about a value. Its layout does not depend on how messages are encoded.
fn digest(value: &Value) -> [u8; 32] {
    let bytes = match value {
        // The leading byte separates the two kinds: bytes could otherwise imitate an attachment.
        Value::Bytes(bytes) => [&[0][..], bytes].concat(),
        Value::Attachment { id, name } => {
            [&[1][..], &id.hash.0, &id.len.to_le_bytes(), name.as_bytes()].concat()
        }
    };
    blake3::derive_key("mydht 2026-11-24 the value of a signed record", &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::record::AttachmentId;

    fn record() -> Record {
        let value = Value::Bytes(b"value".to_vec());
        Record::signed(&Identity::from_seed(&[1; 32]), b"salt", 3, 1000, value)
    }

    #[test]
    fn whatever_is_changed_about_a_signed_record_is_noticed() {
        type Change = fn(&mut Record);
        fn seal(record: &mut Record) -> &mut Seal {
            record.seal.as_mut().unwrap()
        }
        use InvalidRecord::{LongSalt, NotSignersKey, Signature, Unsigned};
        let changes: [(Change, InvalidRecord); 11] = [
            (
                |record| record.value = Value::Bytes(b"other".to_vec()),
                Signature,
            ),
            (|record| record.key = Key::named("x"), NotSignersKey),
            (
                |record| record.key = Key::Signed(Hash([0; 32])),
                NotSignersKey,
            ),
            (|record| record.seal = None, Unsigned),
            (|record| seal(record).sequence += 1, Signature),
            (|record| seal(record).expires += 1, Signature),
            (|record| seal(record).salt.push(0), NotSignersKey),
            (
                |record| seal(record).salt = vec![0; MAX_SALT + 1],
                LongSalt { len: MAX_SALT + 1 },
            ),
            (
                |record| seal(record).signer = Hash::of(b"somebody"),
                NotSignersKey,
            ),
            (|record| seal(record).signature[63] ^= 1, Signature),
            (|record| seal(record).signature.truncate(63), Signature),
        ];
        let limits = Limits::default();
        assert_eq!(record().validate(&limits), Ok(()));
        for (at, (change, error)) in changes.into_iter().enumerate() {
            let mut changed = record();
            change(&mut changed);
            assert_eq!(changed.validate(&limits), Err(error), "change {at}");
            assert!(changed.is_forged(), "change {at}");
        }
    }

    #[test]
    fn nobody_else_has_the_same_key() {
        let other = Identity::from_seed(&[2; 32]).public_key();
        assert_ne!(Key::signed(&other, b"salt"), record().key);
        let own = Identity::from_seed(&[1; 32]).public_key();
        assert_ne!(Key::signed(&own, b"pepper"), record().key);
        assert_eq!(Key::signed(&own, b"salt"), record().key);
    }

    #[test]
    fn the_higher_number_is_right_and_of_equal_ones_always_the_same() {
        let me = Identity::from_seed(&[1; 32]);
        let of = |sequence, text: &str| {
            Record::signed(&me, b"", sequence, 1000, Value::Bytes(text.into()))
        };
        assert!(of(2, "a").is_newer_than(&of(1, "z")));
        assert!(!of(1, "z").is_newer_than(&of(2, "a")));
        assert!(!of(1, "a").is_newer_than(&of(1, "a")));
        let (a, b) = (of(1, "a"), of(1, "b"));
        assert_ne!(a.is_newer_than(&b), b.is_newer_than(&a));
    }

    #[test]
    fn it_is_gone_when_it_says() {
        assert!(!record().is_expired(999));
        assert!(record().is_expired(1000));
        assert!(!Record::by_content(Value::Bytes(vec![])).is_expired(u64::MAX));
    }

    /// The bytes that docs/wire.md gives: another implementation signs the same.
    #[test]
    fn what_is_signed_is_what_docs_wire_says() {
        let attachment = Value::Attachment {
            id: AttachmentId {
                hash: Hash([7; 32]),
                len: 258,
            },
            name: "a".into(),
        };
        let bytes = [&[1][..], &[7; 32], &[2, 1, 0, 0, 0, 0, 0, 0], b"a"].concat();
        let context = "mydht 2026-11-24 the value of a signed record";
        assert_eq!(digest(&attachment), blake3::derive_key(context, &bytes));
        let signed = message(&Key::Signed(Hash([9; 32])), 1, 2, &attachment);
        assert_eq!(signed.len(), 32 + 8 + 8 + 32);
        assert_eq!(signed[..32], [9; 32]);
        assert_eq!(
            signed[32..48],
            [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
        );
    }
}
