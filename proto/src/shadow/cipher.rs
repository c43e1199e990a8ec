use std::fmt;

use mydht_cipher::{Aes256CtrHmacSha256, ChaCha20Poly1305, InOutBuf};

use super::kdf::expand;

/// Protection of a connection's records. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cipher {
    /// Not at all: no records, plain bytes.
    None = 0,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305 = 1,
    /// AES-256 in counter mode (NIST SP 800-38A), then HMAC-SHA-256 (RFC 2104) over the encrypted
    /// bytes.
    Aes256CtrHmacSha256 = 2,
}

impl Cipher {
    /// Both ciphers, the one to prefer first: AES where processors have instructions for it (then
    /// it is the faster one), ChaCha20 elsewhere, where AES is slow.
    pub fn preferred() -> Vec<Cipher> {
        let mut both = vec![Cipher::ChaCha20Poly1305, Cipher::Aes256CtrHmacSha256];
        if mydht_cipher::has_aes_and_sha() {
            both.reverse();
        }
        both
    }

    /// The cipher of this number on the wire.
    pub fn from_wire(number: u8) -> Option<Self> {
        [
            Cipher::None,
            Cipher::ChaCha20Poly1305,
            Cipher::Aes256CtrHmacSha256,
        ]
        .into_iter()
        .find(|cipher| *cipher as u8 == number)
    }

    /// The bytes of a record's tag.
    pub(super) fn tag_len(self) -> usize {
        match self {
            Cipher::None => 0,
            Cipher::ChaCha20Poly1305 => 16,
            Cipher::Aes256CtrHmacSha256 => 32,
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cipher::None => "no cipher",
            Cipher::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Cipher::Aes256CtrHmacSha256 => "AES-256-CTR with HMAC-SHA-256",
        })
    }
}

/// The record is not what the holder of the key sealed at this place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forged;

/// A cipher under a key. A number seals one record only.
pub(super) enum Keyed {
    ChaCha(ChaCha20Poly1305),
    Aes(Box<Aes256CtrHmacSha256>),
}

impl Keyed {
    /// `None` for [`Cipher::None`], which has no key.
    pub(super) fn new(cipher: Cipher, secret: &[u8; 32]) -> Option<Self> {
        match cipher {
            Cipher::None => None,
            Cipher::ChaCha20Poly1305 => {
                let key = expand::<32>(secret, &[b"mydht 1 chacha20-poly1305 key"]);
                Some(Keyed::ChaCha(ChaCha20Poly1305::new(&key)))
            }
            Cipher::Aes256CtrHmacSha256 => {
                let key = expand::<32>(secret, &[b"mydht 1 aes-256-ctr key"]);
                // The length of SHA-256's block: the longest key that HMAC takes as it is.
                let mac = expand::<64>(secret, &[b"mydht 1 hmac-sha-256 key"]);
                Some(Keyed::Aes(Box::new(Aes256CtrHmacSha256::new(&key, &mac))))
            }
        }
    }

    /// Encrypts `body` where it is and writes its tag.
    pub(super) fn seal(&self, number: u64, header: &[u8], body: &mut [u8], tag: &mut [u8]) {
        match self {
            Keyed::ChaCha(cipher) => {
                tag.copy_from_slice(&cipher.seal(&nonce(number), header, body));
            }
            Keyed::Aes(cipher) => tag.copy_from_slice(&cipher.seal(number, header, body)),
        }
    }

    /// Proves a record and decrypts `body`. What is not proved is not decrypted: nothing is written
    /// then.
    pub(super) fn open(
        &self,
        number: u64,
        header: &[u8],
        body: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), Forged> {
        let is_proved = match self {
            Keyed::ChaCha(cipher) => cipher.open(&nonce(number), header, body, tag),
            Keyed::Aes(cipher) => cipher.open(number, header, body, tag),
        };
        is_proved.then_some(()).ok_or(Forged)
    }
}

/// RFC 8439's nonce: four zero bytes and the record's number, little-endian.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    nonce
}
