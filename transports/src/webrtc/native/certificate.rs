//! The certificate of a process: a fresh key each time, known to peers by its fingerprint in the
//! descriptions.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePrivateKey;
use str0m::config::DtlsCert;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::Encode;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

/// As browsers have it.
const VALID_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Signed by itself, for nothing in particular: peers look at the fingerprint alone (RFC 8827,
/// section 6.5).
struct SelfSigned(Name);

impl BuilderProfile for SelfSigned {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(Vec::new())
    }
}

/// A new key on P-256, and its certificate.
///
/// # Errors
/// When there is no randomness, or no time.
pub(super) fn generate() -> Result<DtlsCert, Box<dyn Error>> {
    let key = loop {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        // One in 2³² is none of the curve's.
        if let Ok(key) = SigningKey::from_slice(&bytes) {
            break key;
        }
    };
    let mut serial = [0; 8];
    getrandom::fill(&mut serial)?;
    let builder = CertificateBuilder::new(
        SelfSigned(Name::from_str("CN=WebRTC")?),
        // RFC 5280, section 4.1.2.2: a serial number is positive, so the highest bit stays zero.
        SerialNumber::from(u64::from_be_bytes(serial) >> 1),
        Validity::from_now(VALID_FOR)?,
        SubjectPublicKeyInfo::from_key(key.verifying_key())?,
    )?;
    let certificate = builder.build::<_, DerSignature>(&key)?.to_der()?;
    let private_key = key.to_pkcs8_der()?.as_bytes().to_vec();
    Ok(DtlsCert {
        certificate,
        private_key,
    })
}
