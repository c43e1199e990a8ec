use std::fmt;
use std::io;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::Armor;
use crate::id::{Hash, PeerId};

/// The length of a signature in bytes.
pub const SIGNATURE: usize = 64;

/// An ed25519 signature (RFC 8032).
pub type Signature = [u8; SIGNATURE];

/// The key that a node proves its id with: ed25519 (RFC 8032). It is wiped from memory when it is
/// dropped, and never printed.
///
/// ```
/// use mydht_proto::identity::Identity;
///
/// let me = Identity::generate()?;
/// let signature = me.sign("example 2026 greeting", b"hello");
/// assert!(me.public_key().verify("example 2026 greeting", b"hello", &signature));
/// assert!(!me.public_key().verify("example 2026 farewell", b"hello", &signature));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Identity {
    key: SigningKey,
    id: PeerId,
}

impl Identity {
    /// A new key from the system's random source.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(io::Error::other)?;
        Ok(Identity::from_seed(&seed))
    }

    /// The key of this seed (RFC 8032's private key).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = PublicKey(key.verifying_key()).id();
        Identity { key, id }
    }

    /// Returns the peer id of this identity.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Returns the key that signatures are verified with.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    /// Signs `message` for one purpose. `context` names it, so that what was signed for one is
    /// never taken for another; it is a constant of at most 255 bytes.
    pub fn sign(&self, context: &'static str, message: &[u8]) -> Signature {
        self.key.sign(&in_context(context, message)).to_bytes()
    }
}

/// Returns the bytes that are signed: the context's length (u8), the context, the message. So a
/// signature for one purpose is invalid for any other.
pub fn in_context(context: &'static str, message: &[u8]) -> Vec<u8> {
    debug_assert!(context.len() < 256);
    [&[context.len() as u8], context.as_bytes(), message].concat()
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "identity of {:?}", self.id)
    }
}

impl Armor for Identity {
    const KIND: &'static str = "mydht-identity";

    fn secret(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    fn from_secret(secret: &[u8; 32]) -> Self {
        Identity::from_seed(secret)
    }
}

/// The public half of an [`Identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of these bytes. `None` if they are no point of the curve, or a weak one: of a small
    /// order, which verifies signatures that nobody made.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes)
            .ok()
            .filter(|key| !key.is_weak())
            .map(PublicKey)
    }

    /// The key's encoding.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The id of the peer that has this key: a BLAKE3 hash of it, in a context of its own, so that
    /// a peer's id is never also the hash of a content or of a name. A hash and not the key itself,
    /// so that another kind of key can come without another kind of id.
    pub fn id(&self) -> PeerId {
        PeerId(Hash(blake3::derive_key(
            "mydht 2026-11-24 the id of an ed25519 key",
            self.0.as_bytes(),
        )))
    }

    /// Whether `signature` is this key's, made with [`Identity::sign`] for the same context and
    /// message. As strict as RFC 8032 allows: one message has one signature only that a third party
    /// could not have altered.
    pub fn verify(&self, context: &'static str, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0
            .verify_strict(&in_context(context, message), &signature)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_for_one_key_one_context_and_one_message() {
        let [a, b] = [1, 2].map(|byte| Identity::from_seed(&[byte; 32]));
        let signature = a.sign("x", b"message");
        assert!(a.public_key().verify("x", b"message", &signature));
        assert!(!b.public_key().verify("x", b"message", &signature));
        assert!(!a.public_key().verify("y", b"message", &signature));
        assert!(!a.public_key().verify("x", b"massage", &signature));
        // A context that swallows a part of the message is another.
        assert!(!a.public_key().verify("xm", b"essage", &signature));
        for bit in 0..SIGNATURE * 8 {
            let mut forged = signature;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!a.public_key().verify("x", b"message", &forged), "{bit}");
        }
    }

    #[test]
    fn ids_are_of_the_key_and_no_hash_of_anything_else() {
        let identity = Identity::from_seed(&[7; 32]);
        let key = identity.public_key();
        assert_eq!(identity.id(), key.id());
        assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Some(key));
        assert_ne!(key.id().0, Hash::of(&key.to_bytes()));
        assert_ne!(identity.id(), Identity::from_seed(&[8; 32]).id());
    }

    /// The points of order 1, 2, 4 and 8, in every encoding that decoders are known to take.
    #[test]
    fn weak_keys_are_no_keys() {
        for point in [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            let bytes = hex::decode(point).unwrap().try_into().unwrap();
            assert_eq!(PublicKey::from_bytes(&bytes), None, "{point}");
        }
        // y = 2 is on no point of the curve.
        let mut off = [0; 32];
        off[0] = 2;
        assert_eq!(PublicKey::from_bytes(&off), None);
    }

    #[test]
    fn a_key_is_never_printed() {
        let identity = Identity::from_seed(&[0x5a; 32]);
        assert!(!format!("{identity:?}").contains("5a5a"));
        assert!(!format!("{identity:?}").contains("90, 90"));
    }
}
