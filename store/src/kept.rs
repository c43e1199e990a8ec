//! The form in which a record is kept in a key-value store.

use std::io;

use serde::{Deserialize, Serialize};

use crate::Millis;
use mydht_proto::id::{Hash, Key};
use mydht_proto::record::{Record, Value};

/// Record as it is stored. The version comes first, so that forms can be distinguished.
#[derive(Serialize, Deserialize)]
enum Kept {
    V1(Unsigned),
    V2(Record),
}

/// Record of the form before signed ones existed.
#[derive(Serialize, Deserialize)]
struct Unsigned {
    key: Key,
    value: Value,
}

/// Returns the store's key for a record's key.
pub fn key_bytes(key: &Key) -> Vec<u8> {
    // Peers choose the hash of a name key freely, and it may equal a content hash: the kind keeps
    // their entries apart.
    let kind: &[u8] = match key {
        Key::Content(_) => b"c",
        Key::Name(_) => b"n",
        Key::Signed(_) => b"s",
    };
    [kind, &key.hash().0].concat()
}

/// Returns the key that [`key_bytes`] encoded.
///
/// # Errors
/// `InvalidData` if the bytes encode no key.
pub fn key_of(bytes: &[u8]) -> io::Result<Key> {
    let hash = |rest: &[u8]| rest.try_into().map(Hash).ok();
    let key = match bytes.split_first() {
        Some((b'c', rest)) => hash(rest).map(Key::Content),
        Some((b'n', rest)) => hash(rest).map(Key::Name),
        Some((b's', rest)) => hash(rest).map(Key::Signed),
        _ => None,
    };
    key.ok_or_else(|| {
        let why = "something is kept that is no record: another program's store?";
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

/// Returns the time when a record expires.
pub fn expiry(record: &Record) -> Option<Millis> {
    record.seal.as_ref().map(|seal| seal.expires)
}

/// Encodes a record for the store.
///
/// # Errors
/// When bincode cannot encode the record.
pub fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let kept = Kept::V2(record.clone());
    bincode::serde::encode_to_vec(&kept, bincode::config::legacy()).map_err(io::Error::other)
}

/// Decodes a stored record.
///
/// # Errors
/// `InvalidData` if the bytes are damaged, or of a later form.
pub fn decode(bytes: &[u8]) -> io::Result<Record> {
    let kept = bincode::serde::decode_from_slice(bytes, bincode::config::legacy());
    let (kept, _) = kept.map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the record is damaged, or was written by a later mydht: {error}"),
        )
    })?;
    Ok(match kept {
        Kept::V1(Unsigned { key, value }) => Record::new(key, value),
        Kept::V2(record) => record,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_kept_and_in_the_same_order() {
        let hashes = [Hash([0; 32]), Hash::of(b"1"), Hash([255; 32])];
        let mut keys = Vec::new();
        for hash in hashes {
            keys.extend([Key::Content(hash), Key::Name(hash), Key::Signed(hash)]);
        }
        for key in &keys {
            assert_eq!(key_of(&key_bytes(key)).unwrap(), *key);
        }
        keys.sort_unstable();
        assert!(keys.is_sorted_by_key(key_bytes));
        for wrong in [&b""[..], b"c", b"x12345678901234567890123456789012"] {
            assert!(key_of(wrong).is_err());
        }
    }

    #[test]
    fn records_of_the_first_form_are_read() {
        let record = Record::by_content(Value::Bytes(b"old".to_vec()));
        let hash = record.key.hash().0;
        // The form, the kind of key, the hash, the kind of value, its length, the value.
        let kept = [
            &[0; 4][..],
            &[0; 4],
            &hash,
            &[0; 4],
            &3u64.to_le_bytes(),
            b"old",
        ]
        .concat();
        assert_eq!(decode(&kept).unwrap(), record);
        assert_eq!(decode(&encode(&record).unwrap()).unwrap(), record);
        assert!(decode(&kept[..kept.len() - 1]).is_err());
        assert!(decode(&[9; 60]).is_err());
    }
}
