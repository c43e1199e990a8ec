//! HKDF with SHA-256 (RFC 5869), in the two forms that are needed.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// HKDF-Extract.
pub(crate) fn extract(salt: &[u8], secret: &[u8]) -> Zeroizing<[u8; 32]> {
    let (key, _) = Hkdf::<Sha256>::extract(Some(salt), secret);
    Zeroizing::new(key.into())
}

/// HKDF-Expand of a key that [`extract`] or this made, for the purpose that `info` names.
#[expect(
    clippy::expect_used,
    reason = "a key has 32 bytes, which is enough, and N is far below 255 × 32"
)]
pub(crate) fn expand<const N: usize>(key: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::from_prk(key)
        .expect("32 bytes are a key")
        .expand_multi_info(info, &mut *out)
        .expect("N is short enough");
    out
}
