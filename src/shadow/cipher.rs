use std::fmt;

use aes::Aes256;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Tag};
use ctr::cipher::inout::InOutBuf;
use ctr::cipher::{InnerIvInit, StreamCipher};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::kdf::expand;

/// How the records of a connection are protected. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cipher {
    /// Not at all: no records, plain bytes.
    None = 0,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305 = 1,
    /// AES-256 in counter mode (NIST SP 800-38A), then HMAC-SHA-256 (RFC 2104) over the encrypted bytes.
    Aes256CtrHmacSha256 = 2,
}

impl Cipher {
    /// Both ciphers, the one to prefer first: AES where processors have instructions for it (then it is the faster
    /// one), ChaCha20 elsewhere, where AES is slow.
    pub fn preferred() -> Vec<Cipher> {
        let mut both = vec![Cipher::ChaCha20Poly1305, Cipher::Aes256CtrHmacSha256];
        if hardware::has_aes_and_sha() {
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

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod hardware {
    pub(super) fn has_aes_and_sha() -> bool {
        std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("sha")
    }
}

#[cfg(target_arch = "aarch64")]
mod hardware {
    pub(super) fn has_aes_and_sha() -> bool {
        std::arch::is_aarch64_feature_detected!("aes")
            && std::arch::is_aarch64_feature_detected!("sha2")
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
mod hardware {
    pub(super) fn has_aes_and_sha() -> bool {
        false
    }
}

/// The record is not what the holder of the key sealed at this place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forged;

/// A cipher under a key. A number seals one record only.
pub(super) enum Keyed {
    ChaCha(ChaCha20Poly1305),
    Aes(Box<AesHmac>),
}

pub(super) struct AesHmac {
    cipher: Aes256,
    mac: Hmac<Sha256>,
}

impl Keyed {
    /// `None` for [`Cipher::None`], which has no key.
    pub(super) fn new(cipher: Cipher, secret: &[u8; 32]) -> Option<Self> {
        match cipher {
            Cipher::None => None,
            Cipher::ChaCha20Poly1305 => {
                let key = expand::<32>(secret, &[b"mydht 1 chacha20-poly1305 key"]);
                Some(Keyed::ChaCha(ChaCha20Poly1305::new((&*key).into())))
            }
            Cipher::Aes256CtrHmacSha256 => {
                let key = expand::<32>(secret, &[b"mydht 1 aes-256-ctr key"]);
                // The length of SHA-256's block: the longest key that HMAC takes as it is.
                let mac = expand::<64>(secret, &[b"mydht 1 hmac-sha-256 key"]);
                Some(Keyed::Aes(Box::new(AesHmac {
                    cipher: Aes256::new((&*key).into()),
                    mac: <Hmac<Sha256> as KeyInit>::new((&*mac).into()),
                })))
            }
        }
    }

    /// Encrypts `body` where it is and writes its tag.
    #[expect(
        clippy::expect_used,
        reason = "ChaCha20 takes 256 GiB at once, and a record has 16 KiB at most"
    )]
    pub(super) fn seal(&self, number: u64, header: &[u8], body: &mut [u8], tag: &mut [u8]) {
        match self {
            Keyed::ChaCha(cipher) => {
                let made = cipher
                    .encrypt_inout_detached(&nonce(number).into(), header, body.into())
                    .expect("a record is short");
                tag.copy_from_slice(&made);
            }
            Keyed::Aes(keys) => {
                let AesHmac { cipher, mac } = &**keys;
                keystream(cipher, number).apply_keystream(body);
                tag.copy_from_slice(
                    &authenticate(mac, number, header, body)
                        .finalize()
                        .into_bytes(),
                );
            }
        }
    }

    /// Proves a record and decrypts `body`. What is not proved is not decrypted: nothing is written then.
    pub(super) fn open(
        &self,
        number: u64,
        header: &[u8],
        body: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), Forged> {
        match self {
            Keyed::ChaCha(cipher) => {
                let tag = Tag::try_from(tag).map_err(|_| Forged)?;
                cipher
                    .decrypt_inout_detached(&nonce(number).into(), header, body, &tag)
                    .map_err(|_| Forged)
            }
            Keyed::Aes(keys) => {
                let AesHmac { cipher, mac } = &**keys;
                // Compared in constant time, all 32 bytes of it.
                authenticate(mac, number, header, body.get_in())
                    .verify_slice(tag)
                    .map_err(|_| Forged)?;
                keystream(cipher, number).apply_keystream_inout(body);
                Ok(())
            }
        }
    }
}

/// RFC 8439's nonce: four zero bytes and the record's number, little-endian.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    nonce
}

/// The counter block: the record's number, then the block's number in it, both big-endian u64.
fn keystream(cipher: &Aes256, number: u64) -> Ctr128BE<&Aes256> {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&number.to_be_bytes());
    Ctr128BE::from_core(CtrCore::inner_iv_init(cipher, (&block).into()))
}

/// HMAC over the record's number (u64, big-endian), its header and its encrypted bytes.
fn authenticate(mac: &Hmac<Sha256>, number: u64, header: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(&number.to_be_bytes());
    mac.update(header);
    mac.update(body);
    mac
}
