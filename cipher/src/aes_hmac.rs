use aes::Aes256;
use ctr::cipher::inout::InOutBuf;
use ctr::cipher::{InnerIvInit, StreamCipher};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// AES-256 in counter mode (NIST SP 800-38A), then HMAC-SHA-256 (RFC 2104) over the encrypted
/// bytes. A number seals one record only.
pub struct Aes256CtrHmacSha256 {
    cipher: Aes256,
    mac: Hmac<Sha256>,
}

impl Aes256CtrHmacSha256 {
    /// Under two keys: the one of the MAC has the length of SHA-256's block, the longest that HMAC
    /// takes as it is.
    #[inline(never)]
    pub fn new(key: &[u8; 32], mac: &[u8; 64]) -> Self {
        Aes256CtrHmacSha256 {
            cipher: Aes256::new(key.into()),
            mac: <Hmac<Sha256> as KeyInit>::new(mac.into()),
        }
    }

    /// Encrypts `body` where it is and gives its tag, which is over `header` too.
    #[inline(never)]
    pub fn seal(&self, number: u64, header: &[u8], body: &mut [u8]) -> [u8; 32] {
        // Encrypted first, so that `open` can prove a record before it decrypts anything.
        self.keystream(number).apply_keystream(body);
        let mac = self.authenticate(number, header, body);
        mac.finalize().into_bytes().into()
    }

    /// Proves a record and decrypts `body`. False if it is not what was sealed: nothing is written
    /// then.
    #[must_use]
    #[inline(never)]
    pub fn open(&self, number: u64, header: &[u8], body: InOutBuf<'_, '_, u8>, tag: &[u8]) -> bool {
        let mac = self.authenticate(number, header, body.get_in());
        // Compared in constant time, all 32 bytes of it.
        if mac.verify_slice(tag).is_err() {
            return false;
        }
        self.keystream(number).apply_keystream_inout(body);
        true
    }

    /// The counter block: the record's number, then the block's number in it, both big-endian u64.
    fn keystream(&self, number: u64) -> Ctr128BE<&Aes256> {
        let mut block = [0; 16];
        // Records and blocks have halves of their own, so no counter block serves two records.
        block[..8].copy_from_slice(&number.to_be_bytes());
        Ctr128BE::from_core(CtrCore::inner_iv_init(&self.cipher, (&block).into()))
    }

    /// HMAC over the record's number (u64, big-endian), its header and its encrypted bytes.
    fn authenticate(&self, number: u64, header: &[u8], body: &[u8]) -> Hmac<Sha256> {
        // A clone of the keyed state: the key's block is not hashed again for each record.
        let mut mac = self.mac.clone();
        mac.update(&number.to_be_bytes());
        mac.update(header);
        mac.update(body);
        mac
    }
}
