use chacha20poly1305::{AeadInOut, KeyInit, Tag};
use ctr::cipher::inout::InOutBuf;

/// ChaCha20-Poly1305 (RFC 8439) under a key. A nonce seals one record only.
pub struct ChaCha20Poly1305(chacha20poly1305::ChaCha20Poly1305);

impl ChaCha20Poly1305 {
    /// Under a key.
    #[inline(never)]
    pub fn new(key: &[u8; 32]) -> Self {
        ChaCha20Poly1305(chacha20poly1305::ChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts `body` where it is and gives its tag, which is over `header` too.
    #[expect(
        clippy::expect_used,
        reason = "ChaCha20 takes 256 GiB at once, which no slice of a record has"
    )]
    #[inline(never)]
    pub fn seal(&self, nonce: &[u8; 12], header: &[u8], body: &mut [u8]) -> [u8; 16] {
        self.0
            .encrypt_inout_detached(nonce.into(), header, body.into())
            .expect("a record is short")
            .into()
    }

    /// Proves a record and decrypts `body`. False if it is not what was sealed: nothing is written
    /// then.
    #[must_use]
    #[inline(never)]
    pub fn open(
        &self,
        nonce: &[u8; 12],
        header: &[u8],
        body: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> bool {
        Tag::try_from(tag).is_ok_and(|tag| {
            let opened = self
                .0
                .decrypt_inout_detached(nonce.into(), header, body, &tag);
            opened.is_ok()
        })
    }
}
