//! Names of peers and of values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::{MAX_SALT, signed_key};

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
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight digits tell one from another in a log.
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("«{text}» is no hash: 64 hexadecimal digits are needed");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
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

/// Who a peer is: the hash of its key, which it has proved, unless [`Mode::NoAuth`](crate::handshake::Mode::NoAuth) says
/// otherwise. See [`PublicKey::id`](crate::identity::PublicKey::id).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(pub Hash);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PeerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(PeerId)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {:?}", self.0)
    }
}

/// What a value is found by.
///
/// As text, 64 hexadecimal digits are the hash of the content; `signed:`, a signer's public key, a slash and a salt are
/// what that signer signs with that salt; and anything else is a name:
///
/// ```
/// use mydht_proto::{Hash, Key};
/// let by_content = Key::of_content(b"hello");
/// assert_eq!(by_content.to_string().parse::<Key>()?, by_content);
/// assert_eq!("greeting".parse::<Key>()?, Key::named("greeting"));
/// # Ok::<(), String>(())
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

impl fmt::Display for Key {
    /// The text form of a content key; a name or a signer is not kept, so such a key shows as `name:` or `signed:` and the
    /// hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Content(hash) => hash.fmt(f),
            Key::Name(hash) => write!(f, "name:{hash}"),
            Key::Signed(hash) => write!(f, "signed:{hash}"),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a key cannot be empty".into());
        }
        if let Some(hash) = text.strip_prefix("name:") {
            return hash.parse().map(Key::Name);
        }
        if let Some(signed) = text.strip_prefix("signed:") {
            return match signed.split_once('/') {
                Some((signer, salt)) if salt.len() <= MAX_SALT => {
                    Ok(signed_key(&signer.parse()?, salt.as_bytes()))
                }
                Some(_) => Err("a salt has at most 64 bytes: take a shorter one".into()),
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
        for wrong in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong}");
        }
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
        for wrong in [&long, "signed:abc/", "signed:"] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong}");
        }
    }
}
