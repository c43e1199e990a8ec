use sha2::{Digest, Sha256};

use super::Channel;
use crate::identity::{Identity, PublicKey, Signature};

/// The hash of all that was said, in order: each entry is its length (u32, little-endian) and its
/// bytes.
#[derive(Clone)]
pub(super) struct Transcript(Sha256);

/// Contexts of signatures. The roles are in them, so that no side can be shown its own signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The connecting side.
    Initiator,
    /// The accepting side.
    Responder,
}

impl Role {
    fn context(self) -> &'static str {
        match self {
            Role::Initiator => "mydht handshake 1 initiator",
            Role::Responder => "mydht handshake 1 responder",
        }
    }
}

impl Transcript {
    /// Creates the transcript of what both sides know before they speak: the protocol, the preamble
    /// that both sent, and what identifies the channel.
    pub(super) fn new(channel: &Channel) -> Self {
        let mut transcript = Transcript(Sha256::new());
        transcript.add(b"mydht handshake 1");
        transcript.add(&channel.preamble);
        transcript.add(&channel.binding);
        transcript
    }

    pub(super) fn add(&mut self, entry: &[u8]) {
        // The length prefix keeps bytes from moving between entries under the same hash.
        self.0.update((entry.len() as u32).to_le_bytes());
        self.0.update(entry);
    }

    pub(super) fn value(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }

    pub(super) fn sign(&self, role: Role, identity: &Identity) -> Signature {
        identity.sign(role.context(), &self.value())
    }

    pub(super) fn verify(&self, role: Role, key: &PublicKey, signature: &Signature) -> bool {
        key.verify(role.context(), &self.value(), signature)
    }
}
