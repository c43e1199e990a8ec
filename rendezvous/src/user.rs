//! Users, and what proves who they are.

use std::fmt;
use std::str::FromStr;

pub use mydht_proto::identity::in_context;
use mydht_small::Excerpt;
use mydht_transports::rendezvous::RtcAddress;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Error of reading an id, a key, a signature or a nonce from text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("invalid {what} `{text}`: expected {digits} hex digits")]
pub struct InvalidHex {
    /// Text that was read.
    pub text: Excerpt,
    /// Name of what was expected.
    pub what: &'static str,
    /// Number of digits that was expected.
    pub digits: usize,
}

macro_rules! hexadecimal {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $len];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Eight digits tell one from another in a log.
                write!(f, "{}…", hex::encode(&self.0[..4]))
            }
        }

        impl FromStr for $name {
            type Err = InvalidHex;

            fn from_str(text: &str) -> Result<Self, InvalidHex> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHex {
                    text: text.into(),
                    what: $what,
                    digits: 2 * $len,
                })?;
                Ok($name(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Not a `&str`: JSON may write a digit as an escape, which has to be undone.
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hexadecimal!(
    /// Id of a user: 32 bytes that follow from its public key (see [`IdOf`]).
    UserId,
    32,
    "user id"
);

hexadecimal!(
    /// An Ed25519 public key (RFC 8032).
    PublicKey,
    32,
    "public key"
);

hexadecimal!(
    /// An Ed25519 signature (RFC 8032).
    Signature,
    64,
    "signature"
);

hexadecimal!(
    /// Bytes that a server has a user sign, so that no signature is of use twice.
    Nonce,
    32,
    "nonce"
);

/// Function that derives an id from a key: a collision-resistant hash of it, or the key itself.
/// `None` for bytes that are no key.
pub type IdOf = fn(&PublicKey) -> Option<UserId>;

/// Someone who can sign.
pub trait Identity {
    /// The Ed25519 key that the signatures are checked by.
    fn public_key(&self) -> PublicKey;

    /// Signs `message` for the purpose that `context` names, as [`in_context`] puts them together.
    fn sign(&self, context: &'static str, message: &[u8]) -> Signature;
}

impl<I: Identity + ?Sized> Identity for std::sync::Arc<I> {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign(&self, context: &'static str, message: &[u8]) -> Signature {
        (**self).sign(context, message)
    }
}

impl Identity for ed25519_dalek::SigningKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.verifying_key().to_bytes())
    }

    fn sign(&self, context: &'static str, message: &[u8]) -> Signature {
        let message = in_context(context, message);
        Signature(ed25519_dalek::Signer::sign(self, &message).to_bytes())
    }
}

/// Whether `signature` is `key`'s over `message`. Keys and signatures that RFC 8032 lets pass but
/// that stand for more than one message or key (small orders) are refused.
pub fn verify(
    key: &PublicKey,
    context: &'static str,
    message: &[u8],
    signature: &Signature,
) -> bool {
    let message = in_context(context, message);
    ed25519_dalek::VerifyingKey::from_bytes(&key.0).is_ok_and(|key| {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&message, &signature).is_ok()
    })
}

impl From<UserId> for RtcAddress {
    /// Names a user by its id.
    fn from(user: UserId) -> Self {
        user.0.into()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The user number `n` of a test.
    pub(crate) fn identity(n: u8) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[n; 32])
    }

    /// In tests the id is the key with its bits turned over, so that nobody takes one for the
    /// other.
    pub(crate) fn id_of(key: &PublicKey) -> Option<UserId> {
        (key.0 != [0; 32]).then(|| UserId(key.0.map(|byte| !byte)))
    }

    pub(crate) fn user(n: u8) -> UserId {
        id_of(&identity(n).public_key()).unwrap()
    }

    #[test]
    fn text_is_hexadecimal_both_ways() {
        let id = UserId([0xab; 32]);
        assert_eq!(id.to_string(), "ab".repeat(32));
        assert_eq!("AB".repeat(32).parse(), Ok(id));
        for wrong in [
            "",
            "ab",
            &"ab".repeat(33),
            &"xy".repeat(32),
            &"é".repeat(32),
        ] {
            let error = wrong.parse::<UserId>().unwrap_err();
            assert_eq!((error.what, error.digits), ("user id", 64), "{wrong}");
        }
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(
            serde_json::from_str::<UserId>(&format!("\"{id}\"")).unwrap(),
            id
        );
        // An escape in it is a string all the same.
        let escaped = format!("\"\\u0061b{}\"", "ab".repeat(31));
        assert_eq!(serde_json::from_str::<UserId>(&escaped).unwrap(), id);
    }

    #[test]
    fn a_signature_is_of_one_key_over_one_message() {
        let (a, b) = (identity(1), identity(2));
        let signature = Identity::sign(&a, "x", b"message");
        assert!(verify(&a.public_key(), "x", b"message", &signature));
        assert!(!verify(&a.public_key(), "x", b"messagf", &signature));
        assert!(!verify(&b.public_key(), "x", b"message", &signature));
        assert!(!verify(&a.public_key(), "y", b"message", &signature));
        // A context that swallows a part of the message is another.
        assert!(!verify(&a.public_key(), "xm", b"essage", &signature));
        for bit in 0..512 {
            let mut forged = signature;
            forged.0[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !verify(&a.public_key(), "x", b"message", &forged),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn keys_of_small_order_prove_nothing() {
        // The neutral element, under which (R = neutral, s = 0) verifies anything without cofactor checks.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify(
            &PublicKey(neutral),
            "x",
            b"anything",
            &Signature(signature)
        ));
    }
}
