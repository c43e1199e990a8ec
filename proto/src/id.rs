//! Names of peers and of values.

use std::fmt;
use std::str::FromStr;

use mydht_small::Excerpt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum length of a salt in bytes (the bound of BEP 44).
pub const MAX_SALT: usize = 64;

/// Error of reading a hash, a peer's id or a key from text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// Text other than 64 hex digits where a hash is expected.
    #[error("invalid hash `{0}`: expected 64 hex digits")]
    Hash(Excerpt),
    /// A key without text.
    #[error("empty key: write a name, 64 hex digits, or signed:SIGNER/SALT")]
    EmptyKey,
    /// A signed key whose salt is over [`MAX_SALT`].
    #[error("salt of {len} bytes in a signed key: choose one of at most {MAX_SALT} bytes")]
    LongSalt {
        /// Length of the salt in bytes.
        len: usize,
    },
}

/// 32 bytes: raw on a binary wire, hexadecimal in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The BLAKE3 hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Hash(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither step can fail: the buffer holds two digits for each byte, and hexadecimal digits
        // are ASCII.
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight digits tell one from another in a log.
        write!(f, "{}…", hex::encode(&self.0[..4]))
    }
}

impl FromStr for Hash {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidId::Hash(text.into()))?;
        Ok(Hash(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Hash)
        }
    }
}

/// Id of a peer: the hash of its key, which it has proved, unless
/// [`Mode::NoAuth`](crate::handshake::Mode::NoAuth) says otherwise. See
/// [`PublicKey::id`](crate::identity::PublicKey::id).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(pub Hash);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PeerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(PeerId)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {:?}", self.0)
    }
}

/// Key of a record.
///
/// As text, 64 hexadecimal digits are the hash of the content; `signed:`, a signer's public key, a
/// slash and a salt are what that signer signs with that salt; and anything else is a name:
///
/// ```
/// use mydht_proto::{Hash, Key};
/// let by_content = Key::of_content(b"hello");
/// assert_eq!(by_content.to_string().parse::<Key>()?, by_content);
/// assert_eq!("greeting".parse::<Key>()?, Key::named("greeting"));
/// # Ok::<(), mydht_proto::id::InvalidId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// The BLAKE3 hash of the value's content: any node can tell whether a value belongs to it.
    Content(Hash),
    /// The hash of a name that somebody chose: whoever stores under it last is right.
    Name(Hash),
    /// The hash of a signer's key and a salt: only the signer can change what is there (see
    /// [`Record::signed`](crate::Record::signed)).
    Signed(Hash),
}

impl Key {
    /// The key of a value by its content.
    pub fn of_content(content: &[u8]) -> Self {
        Key::Content(Hash::of(content))
    }

    /// The key of a value by a name.
    pub fn named(name: &str) -> Self {
        // A context of its own, so that no name is also the hash of a content.
        Key::Name(Hash(blake3::derive_key(
            "mydht 2026-11-23 the key of a name",
            name.as_bytes(),
        )))
    }

    /// The 32 bytes that the key is in a store, of either kind.
    pub fn hash(&self) -> &Hash {
        match self {
            Key::Content(hash) | Key::Name(hash) | Key::Signed(hash) => hash,
        }
    }
}

/// Derives the key of the records that the holder of the public key `signer` signs with `salt`.
pub(crate) fn signed_key(signer: &Hash, salt: &[u8]) -> Key {
    // The signer has a fixed length, so the concatenation is unambiguous.
    let named = [&signer.0, salt].concat();
    Key::Signed(Hash(blake3::derive_key(
        "mydht 2026-11-24 the key of a signed record",
        &named,
    )))
}

impl fmt::Display for Key {
    /// The text form of a content key; a name or a signer is not kept, so such a key shows as
    /// `name:` or `signed:` and the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Content(hash) => hash.fmt(f),
            Key::Name(hash) => write!(f, "name:{hash}"),
            Key::Signed(hash) => write!(f, "signed:{hash}"),
        }
    }
}

impl FromStr for Key {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() {
            return Err(InvalidId::EmptyKey);
        }
        if let Some(hash) = text.strip_prefix("name:") {
            return hash.parse().map(Key::Name);
        }
        if let Some(signed) = text.strip_prefix("signed:") {
            return match signed.split_once('/') {
                Some((signer, salt)) if salt.len() <= MAX_SALT => {
                    Ok(signed_key(&signer.parse()?, salt.as_bytes()))
                }
                Some((_, salt)) => Err(InvalidId::LongSalt { len: salt.len() }),
                // Without a slash the text is the hash of the key, as `Display` writes it.
                None => signed.parse().map(Key::Signed),
            };
        }
        Ok(text.parse().map_or_else(|_| Key::named(text), Key::Content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_survive_text_and_reject_anything_else() {
        let hash = Hash::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        let signs = "+1".repeat(32);
        for wrong in ["", "ab", &"g".repeat(64), &"é".repeat(32), &signs] {
            let error = wrong.parse::<Hash>().unwrap_err();
            assert_eq!(error, InvalidId::Hash(wrong.into()), "{wrong}");
        }
        let error = "x\n".parse::<Hash>().unwrap_err().to_string();
        assert_eq!(error, r"invalid hash `x\n`: expected 64 hex digits");
    }

    #[test]
    fn a_name_is_never_a_content() {
        assert_ne!(Key::named("hello").hash(), Key::of_content(b"hello").hash());
        for key in [Key::named("hello"), Key::Signed(Hash::of(b"key"))] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn a_signers_key_is_named_by_signer_and_salt() {
        let signer = crate::identity::Identity::from_seed(&[1; 32]).public_key();
        let name = Hash(signer.to_bytes());
        for salt in ["", "a/b", &"x".repeat(MAX_SALT)] {
            let key = Key::signed(&signer, salt.as_bytes());
            assert_eq!(format!("signed:{name}/{salt}").parse(), Ok(key));
        }
        let long = format!("signed:{name}/{}", "x".repeat(MAX_SALT + 1));
        let too_long = InvalidId::LongSalt { len: MAX_SALT + 1 };
        for (wrong, error) in [
            (long.as_str(), too_long),
            ("signed:abc/", InvalidId::Hash("abc".into())),
            ("signed:", InvalidId::Hash("".into())),
            ("", InvalidId::EmptyKey),
        ] {
            assert_eq!(wrong.parse::<Key>(), Err(error), "{wrong}");
        }
    }
}
