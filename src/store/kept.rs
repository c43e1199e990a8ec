//! The form in which a record is kept in a key-value store.

use std::io;

use serde::{Deserialize, Serialize};

use crate::id::Key;
use crate::record::{Record, Value};
use crate::store::Millis;

/// The version comes first: one form can be told from another.
#[derive(Serialize, Deserialize)]
enum Kept {
    V1(Unsigned),
    V2(Record),
}

/// A record before there were signed ones.
#[derive(Serialize, Deserialize)]
struct Unsigned {
    key: Key,
    value: Value,
}

/// What a record is kept under.
pub(crate) fn key_bytes(key: &Key) -> Vec<u8> {
    let kind: &[u8] = match key {
        Key::Content(_) => b"c",
        Key::Name(_) => b"n",
        Key::Signed(_) => b"s",
    };
    [kind, &key.hash().0].concat()
}

/// When a record is to be gone.
pub(crate) fn expiry(record: &Record) -> Option<Millis> {
    record.seal.as_ref().map(|seal| seal.expires)
}

/// A record as it is kept.
///
/// # Errors
/// What bincode says.
pub(crate) fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let kept = Kept::V2(record.clone());
    bincode::serde::encode_to_vec(&kept, bincode::config::legacy()).map_err(io::Error::other)
}

/// The record that was kept.
///
/// # Errors
/// `InvalidData` if it is damaged, or of a later form.
pub(crate) fn decode(bytes: &[u8]) -> io::Result<Record> {
    let kept = bincode::serde::decode_from_slice(bytes, bincode::config::legacy());
    let (kept, _) = kept.map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is damaged, or of a later form: {error}"),
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
