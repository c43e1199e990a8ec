//! The keys of a handshake: fresh X25519 keys, the group's secret, and what was said, through HKDF.

use mydht_cipher::ChaCha20Poly1305;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::Refusal;
use super::message::TAG;
use super::transcript::Transcript;
use crate::identity::GroupSecret;
use crate::shadow::{Secret, expand, extract};

/// Secret from which all keys of one handshake are derived. Wiped when it is dropped.
pub(super) struct Schedule(Zeroizing<[u8; 32]>);

/// A key that seals one message.
pub(super) struct MessageKey(Zeroizing<[u8; 32]>);

impl Schedule {
    /// Mixes the two fresh keys and, in a private network, its secret: who has not both has none of
    /// the keys.
    pub(super) fn new(
        ours: StaticSecret,
        theirs: &[u8; 32],
        group: Option<&GroupSecret>,
    ) -> Result<Self, Refusal> {
        let shared = ours.diffie_hellman(&PublicKey::from(*theirs));
        // All zeroes (in constant time): their key is of a small order, RFC 7748, section 6.1.
        if !shared.was_contributory() {
            return Err(Refusal::WeakExchange);
        }
        // Without a salt, HKDF uses HashLen zero bytes (RFC 5869, section 2.2).
        let salt = group.map_or(&[0; 32], GroupSecret::as_bytes);
        Ok(Schedule(extract(salt, shared.as_bytes())))
    }

    /// The key of a message, bound to what was said before it.
    pub(super) fn message_key(&self, purpose: &'static str, said: &Transcript) -> MessageKey {
        MessageKey(self.expand(purpose, said))
    }

    /// The secrets of the two directions: from who connected, and from who accepted.
    pub(super) fn secrets(&self, said: &Transcript) -> (Secret, Secret) {
        (
            self.expand("mydht handshake 1 from initiator", said).into(),
            self.expand("mydht handshake 1 from responder", said).into(),
        )
    }

    fn expand(&self, purpose: &'static str, said: &Transcript) -> Zeroizing<[u8; 32]> {
        expand(&self.0, &[purpose.as_bytes(), &said.value()])
    }
}

impl MessageKey {
    /// Encrypts what is said next and appends the tag. A key seals once, so its nonce is zero.
    pub(super) fn seal(self, said: &Transcript, mut body: Vec<u8>) -> Vec<u8> {
        let tag = ChaCha20Poly1305::new(&self.0).seal(&[0; 12], &said.value(), &mut body);
        body.extend_from_slice(&tag);
        body
    }

    /// Proves and decrypts what [`seal`](Self::seal) made.
    pub(super) fn open(self, said: &Transcript, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (body, tag) = sealed
            .split_last_chunk::<TAG>()
            .ok_or(Refusal::Malformed("it is too short"))?;
        let mut body = body.to_vec();
        let inout = body.as_mut_slice().into();
        match ChaCha20Poly1305::new(&self.0).open(&[0; 12], &said.value(), inout, tag) {
            true => Ok(body),
            false => Err(Refusal::NotProved),
        }
    }
}
