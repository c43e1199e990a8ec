//! The keys of one layer, and what they do.

use hkdf::Hkdf;
use mydht_cipher::ChaCha20Poly1305;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(super) const KEY: usize = 32;
pub(super) const TAG: usize = 16;

/// Every key is used for one packet, so that the nonce need not change.
const NONCE: [u8; 12] = [0; 12];

/// Keys that a hop shares with the maker of the packet (X25519, HKDF-SHA-256).
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Layer {
    header: [u8; KEY],
    body: [u8; KEY],
    pad: [u8; KEY],
    /// Names the packet at this hop: it is taken once.
    pub(super) name: [u8; KEY],
}

impl Layer {
    /// The layer between `ours` and the hop with the key `theirs`, for a packet with this ephemeral
    /// key. `None` if that gives no secret: the key is of small order.
    pub(super) fn new(
        ours: &StaticSecret,
        theirs: &[u8; KEY],
        ephemeral: &[u8; KEY],
    ) -> Option<Self> {
        let shared = ours.diffie_hellman(&PublicKey::from(*theirs));
        if !shared.was_contributory() {
            return None;
        }
        let keys = Hkdf::<Sha256>::new(Some(ephemeral), shared.as_bytes());
        let mut all = Zeroizing::new([0; 4 * KEY]);
        keys.expand(b"mydht tunnel 1 layer", &mut *all).ok()?;
        let part = |at: usize| {
            let mut key = [0; KEY];
            key.copy_from_slice(&all[at * KEY..(at + 1) * KEY]);
            key
        };
        Some(Layer {
            header: part(0),
            body: part(1),
            pad: part(2),
            name: part(3),
        })
    }

    /// Encrypts the header's slots and gives their tag.
    pub(super) fn seal_header(&self, slots: &mut [u8]) -> [u8; TAG] {
        seal(&self.header, slots)
    }

    /// Decrypts the header's slots. False, and they are as they were, if they are not what was
    /// sealed.
    pub(super) fn open_header(&self, slots: &mut [u8], tag: &[u8; TAG]) -> bool {
        open(&self.header, slots, tag)
    }

    /// Encrypts the body and gives its tag.
    pub(super) fn seal_body(&self, body: &mut [u8]) -> [u8; TAG] {
        seal(&self.body, body)
    }

    pub(super) fn open_body(&self, body: &mut [u8], tag: &[u8; TAG]) -> bool {
        open(&self.body, body, tag)
    }

    /// Returns the key stream that encrypts the header's slots.
    pub(super) fn header_stream(&self, len: usize) -> Vec<u8> {
        let mut stream = vec![0; len];
        // Encrypting zeroes yields the key stream.
        seal(&self.header, &mut stream);
        stream
    }

    /// What this hop puts behind the slots, in the place of the one that it takes.
    pub(super) fn pad(&self, len: usize) -> Vec<u8> {
        let mut pad = vec![0; len];
        seal(&self.pad, &mut pad);
        pad
    }
}

/// ChaCha20-Poly1305 (RFC 8439).
pub(super) fn seal(key: &[u8; KEY], bytes: &mut [u8]) -> [u8; TAG] {
    ChaCha20Poly1305::new(key).seal(&NONCE, &[], bytes)
}

pub(super) fn open(key: &[u8; KEY], bytes: &mut [u8], tag: &[u8; TAG]) -> bool {
    ChaCha20Poly1305::new(key).open(&NONCE, &[], bytes.into(), tag)
}
