//! The way of a native client to its server: TCP, or TLS over it.

use std::io::{self, Read, Write};
#[cfg(feature = "tls")]
use std::sync::Arc;

#[cfg(feature = "tls")]
use rustls::pki_types::ServerName;
#[cfg(feature = "tls")]
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::address::ServerAddress;
use mydht_transports::websocket::Socket as Tcp;

/// A connection that does not block, encrypted if the server's address says so.
pub(super) enum Secured {
    Plain(Tcp),
    #[cfg(feature = "tls")]
    Tls(Box<StreamOwned<ClientConnection, Tcp>>),
}

impl Secured {
    /// Over a connection that may still be opening. The server must have a certificate for the
    /// address's host that this computer trusts: by the system's store, or the file that the
    /// environment variable `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// When TLS is asked for and there is none in this build, or no certificate is trusted here.
    pub(super) fn new(stream: Tcp, address: &ServerAddress) -> io::Result<Self> {
        if !address.is_tls() {
            return Ok(Secured::Plain(stream));
        }
        Secured::tls(stream, address)
    }

    #[cfg(not(feature = "tls"))]
    fn tls(_: Tcp, _: &ServerAddress) -> io::Result<Self> {
        let why =
            "there is no TLS in this build: build it with the feature `tls`, or connect by ws://";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    #[cfg(feature = "tls")]
    fn tls(stream: Tcp, address: &ServerAddress) -> io::Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Certificates that cannot be parsed are passed over: large stores often have some.
        let (trusted, _) = roots.add_parsable_certificates(found.certs);
        if trusted == 0 {
            let why = match found.errors.first() {
                Some(error) => format!("no certificate is trusted here: {error}"),
                None => "no certificate is trusted here: install the system's, or name a file by SSL_CERT_FILE".into(),
            };
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let config =
            ClientConfig::builder_with_provider(rustls_graviola::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let host = address.host();
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{host}: {error}"))
        })?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Secured::Tls(Box::new(StreamOwned::new(connection, stream))))
    }
}

impl Read for Secured {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Secured::Plain(stream) => stream.read(buf),
            #[cfg(feature = "tls")]
            Secured::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Secured {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Secured::Plain(stream) => stream.write(buf),
            #[cfg(feature = "tls")]
            Secured::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Secured::Plain(stream) => stream.flush(),
            #[cfg(feature = "tls")]
            Secured::Tls(stream) => stream.flush(),
        }
    }
}
