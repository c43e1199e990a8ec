use std::fmt;

use mydht_cipher::InOutBuf;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::cipher::{Cipher, Forged, Keyed};
use super::kdf::expand;

/// Records under one key: then the next key is made of this one, and this one is wiped. At most 1
/// GiB.
pub const RECORDS_PER_KEY: u64 = 1 << 16;

/// Secret from which the keys of one direction of a connection are derived. Wiped from memory when
/// it is dropped, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret of 32 bytes that nobody else has.
    pub fn new(bytes: [u8; 32]) -> Self {
        Secret(bytes)
    }
}

/// For tests that compare what two sides agreed on.
#[cfg(test)]
pub(crate) fn secret_bytes(secret: &Secret) -> [u8; 32] {
    secret.0
}

impl From<Zeroizing<[u8; 32]>> for Secret {
    fn from(bytes: Zeroizing<[u8; 32]>) -> Self {
        Secret(*bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// One direction of a connection: its records in order, and the key that each is under.
pub(super) struct Chain {
    cipher: Cipher,
    secret: Secret,
    keyed: Keyed,
    /// The number of the next record.
    number: u64,
}

impl Chain {
    /// `None` for [`Cipher::None`], which has no records.
    pub(super) fn new(cipher: Cipher, secret: Secret) -> Option<Self> {
        let keyed = Keyed::new(cipher, &secret.0)?;
        Some(Chain {
            cipher,
            secret,
            keyed,
            number: 0,
        })
    }

    pub(super) fn tag_len(&self) -> usize {
        self.cipher.tag_len()
    }

    pub(super) fn seal(&mut self, header: &[u8], body: &mut [u8], tag: &mut [u8]) {
        self.keyed.seal(self.number, header, body, tag);
        self.advance();
    }

    pub(super) fn open(
        &mut self,
        header: &[u8],
        body: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), Forged> {
        // Only an authentic record advances the counter.
        self.keyed.open(self.number, header, body, tag)?;
        self.advance();
        Ok(())
    }

    fn advance(&mut self) {
        // It would go round after 2^64 records, under another key by then.
        self.number = self.number.wrapping_add(1);
        if self.number.is_multiple_of(RECORDS_PER_KEY) {
            // Dropping the old secret wipes it, and it cannot be derived from the new one.
            self.secret = expand::<32>(&self.secret.0, &[b"mydht 1 next secret"]).into();
            if let Some(keyed) = Keyed::new(self.cipher, &self.secret.0) {
                self.keyed = keyed;
            }
        }
    }
}
