//! `mydht signal` with TLS of its own, and nodes that connect with it by `https://`.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::str::FromStr;
use std::time::Duration;

use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use tempfile::TempDir;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::EncodePem;
use x509_cert::der::asn1::OctetString;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

#[allow(dead_code, reason = "a part of what the other suites use")]
use crate::server::Server;

/// A certificate of 127.0.0.1, signed by itself.
struct OfThisComputer(Name);

impl BuilderProfile for OfThisComputer {
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
        certificate: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let address = GeneralName::IpAddress(OctetString::new(&[127, 0, 0, 1][..])?);
        let names = SubjectAltName(vec![address]);
        Ok(vec![names.to_extension(certificate.subject(), &[])?])
    }
}

struct Certificate {
    /// Folder of the files.
    _dir: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn new(seed: u8) -> Self {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let builder = CertificateBuilder::new(
            OfThisComputer(Name::from_str("CN=This computer").unwrap()),
            SerialNumber::from(u64::from(seed)),
            Validity::from_now(Duration::from_secs(3600)).unwrap(),
            SubjectPublicKeyInfo::from_key(key.verifying_key()).unwrap(),
        )
        .unwrap();
        let built = builder.build::<_, DerSignature>(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let [certificate, key_file] =
            ["certificate.pem", "key.pem"].map(|name| dir.path().join(name));
        fs::write(&certificate, built.to_pem(LineEnding::LF).unwrap()).unwrap();
        fs::write(&key_file, key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
        Certificate {
            _dir: dir,
            certificate,
            key: key_file,
        }
    }

    fn arguments(&self) -> [&str; 4] {
        let [certificate, key] = [&self.certificate, &self.key].map(|path| path.to_str().unwrap());
        ["--certificate", certificate, "--key", key]
    }
}

/// The command, which trusts this certificate and no other.
fn mydht(trusted: &Certificate) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mydht"));
    command
        .env("SSL_CERT_FILE", &trusted.certificate)
        .env_remove("SSL_CERT_DIR");
    command
}

fn get(trusted: &Certificate, server: &Server, timeout: &str) -> Output {
    mydht(trusted)
        .args(["get", "greeting", "--room", "here", "--timeout", timeout])
        .args(["--rendezvous", &server.url()])
        .output()
        .unwrap()
}

#[test]
fn nodes_meet_by_a_server_with_tls() {
    let certificate = Certificate::new(1);
    let server = Server::start(&certificate.arguments());
    assert!(server.url().starts_with("https://"), "{}", server.url());
    // One who says nothing, and one who speaks no TLS, are in nobody's way.
    let silent = TcpStream::connect(&server.address).unwrap();
    let mut plain = TcpStream::connect(&server.address).unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\n\r\n").unwrap();
    let mut node = mydht(&certificate)
        .args(["node", "--rendezvous", &server.url(), "--room", "here"])
        .spawn()
        .unwrap();
    let put = mydht(&certificate)
        .args(["put", "--key", "greeting", "hello", "--room", "here"])
        .args(["--rendezvous", &server.url()])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&put.stderr);
    assert!(put.status.success(), "{stderr}");
    let got = get(&certificate, &server, "30");
    assert_eq!(String::from_utf8_lossy(&got.stdout), "hello");
    node.kill().unwrap();
    node.wait().unwrap();
    drop(silent);
}

#[test]
fn a_server_whose_certificate_is_not_trusted_is_not_used() {
    let (trusted, other) = (Certificate::new(1), Certificate::new(2));
    let server = Server::start(&other.arguments());
    let output = get(&trusted, &server, "2");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert!(stderr.contains("certificate"), "{stderr}");
}

#[test]
fn files_that_are_no_certificate_or_not_its_key_are_named() {
    let (certificate, other) = (Certificate::new(1), Certificate::new(2));
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let table = [
        (
            path(&certificate.key),
            path(&certificate.key),
            "--certificate",
        ),
        (
            path(&certificate.certificate),
            path(&other.key),
            "--certificate",
        ),
        (
            path(&certificate.certificate),
            path(&certificate.certificate),
            "--key",
        ),
        ("none.pem".into(), path(&certificate.key), "none.pem"),
    ];
    for (certificate, key, named) in table {
        let output = Command::new(env!("CARGO_BIN_EXE_mydht"))
            .args(["signal", "--certificate", &certificate, "--key", &key])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && stderr.lines().count() == 1,
            "{stderr}"
        );
        assert!(stderr.contains(named), "{stderr}");
    }
}
