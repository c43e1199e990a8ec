//! Cryptography for str0m, in Rust alone: dimpl's DTLS over RustCrypto, and hashes.
//!
//! These connections carry data and no media, so nothing is ever encrypted by SRTP. Its keys are
//! derived all the same, because the handshake brings them; its ciphers refuse.

use std::sync::Arc;
use std::time::Instant;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use dimpl::crypto::rust_crypto;
use dimpl::{Config, Dtls};
use hmac::{Hmac, Mac};
use sha1::Digest;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, CryptoProvider,
    Sha1HmacProvider, Sha1Provider, Sha256Provider, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

/// The provider.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        srtp_provider: &Rust,
        sha1_hmac_provider: &Rust,
        sha1_provider: &Rust,
        sha256_provider: &Rust,
        dtls_provider: &Rust,
    }
}

#[derive(Debug)]
struct Rust;

impl Sha1HmacProvider for Rust {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        let Ok(mut hmac) = Hmac::<sha1::Sha1>::new_from_slice(key) else {
            // HMAC takes keys of any length.
            return [0; 20];
        };
        for payload in payloads {
            hmac.update(payload);
        }
        hmac.finalize().into_bytes().into()
    }
}

impl Sha1Provider for Rust {
    fn sha1(&self, data: &[u8]) -> [u8; 20] {
        sha1::Sha1::digest(data).into()
    }
}

impl Sha256Provider for Rust {
    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        sha2::Sha256::digest(data).into()
    }
}

impl DtlsProvider for Rust {
    /// One is made for the process, and given to each connection.
    fn generate_certificate(&self) -> Option<DtlsCert> {
        None
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let mut config = Config::builder().with_crypto_provider(rust_crypto::default_provider());
        if let Some(mtu) = mtu {
            config = config.mtu(mtu);
        }
        let config = Arc::new(config.build().map_err(CryptoError::DtlsImpl)?);
        let certificate = certificate.clone();
        let dtls = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            _ => Dtls::new_auto(config, certificate, now),
        };
        Ok(Box::new(RustDtls(dtls)))
    }
}

#[derive(Debug)]
struct RustDtls(Dtls);

impl DtlsInstance for RustDtls {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

fn no_media() -> CryptoError {
    CryptoError::Other("these connections carry no media".into())
}

impl SrtpProvider for Rust {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Rust
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Rust
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Rust
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        round::<aes::Aes128>(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        round::<aes::Aes256>(key, input, output);
    }
}

/// One block of AES.
fn round<C: KeyInit + BlockCipherEncrypt>(key: &[u8], input: &[u8], output: &mut [u8]) {
    let Ok(cipher) = C::new_from_slice(key) else {
        return;
    };
    let mut block = aes::cipher::Block::<C>::default();
    for (to, from) in block.iter_mut().zip(input) {
        *to = *from;
    }
    cipher.encrypt_block(&mut block);
    for (to, from) in output.iter_mut().zip(block) {
        *to = from;
    }
}

impl SupportedAes128CmSha1_80 for Rust {
    fn create_cipher(&self, _: [u8; 16], _: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(Rust)
    }
}

impl SupportedAeadAes128Gcm for Rust {
    fn create_cipher(&self, _: [u8; 16], _: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Rust)
    }
}

impl SupportedAeadAes256Gcm for Rust {
    fn create_cipher(&self, _: [u8; 32], _: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Rust)
    }
}

impl Aes128CmSha1_80Cipher for Rust {
    fn encrypt(&mut self, _: &[u8; 16], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Err(no_media())
    }

    fn decrypt(&mut self, _: &[u8; 16], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Err(no_media())
    }
}

/// Both of the authenticated ciphers.
macro_rules! no_media {
    ($($cipher:ident),*) => {$(
        impl $cipher for Rust {
            fn encrypt(&mut self, _: &[u8; 12], _: &[u8], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
                Err(no_media())
            }

            fn decrypt(&mut self, _: &[u8; 12], _: &[&[u8]], _: &[u8], _: &mut [u8]) -> Result<usize, CryptoError> {
                Err(no_media())
            }
        }
    )*};
}

no_media!(AeadAes128GcmCipher, AeadAes256GcmCipher);
