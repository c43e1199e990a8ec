//! TLS in the server itself.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// A client has so long from its connection to the end of its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Handshakes under way at once; whoever comes then waits.
const HANDSHAKES: usize = 512;

/// When the system cannot accept (too many open files), it is asked again after so long.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct TlsArgs {
    /// Speak TLS, with this certificate and those that lead to one that clients trust: a file in
    /// PEM, the server's own first. Read once: restart the server when it has changed.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key: a file in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl TlsArgs {
    /// Returns what accepts TLS; `None` if it was not asked for.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not fit each other.
    pub(super) fn acceptor(&self) -> io::Result<Option<TlsAcceptor>> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(None);
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable("certificate", certificate, &error))?;
        let private =
            PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("key", key, &error))?;
        let provider = rustls_graviola::default_provider().into();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(|error| unusable("certificate", certificate, &error))?;
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn unusable(what: &str, path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    let path = path.display();
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("--{what} {path}: {why}"),
    )
}

/// Gives connections whose handshake is done. Each has its handshake for itself, so that one who is
/// slow is waited for by nobody.
pub(super) struct TlsListener {
    address: SocketAddr,
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    accepting: JoinHandle<()>,
}

impl TlsListener {
    pub(super) fn new(listener: TcpListener, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (send, accepted) = mpsc::channel(1);
        Ok(TlsListener {
            address,
            accepted,
            accepting: tokio::spawn(accept(listener, acceptor, send)),
        })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The task that accepts goes on as long as this is there.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    send: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        // Acquired before accepting: past the bound, connections wait in the system's backlog.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections now");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let (handshake, send) = (acceptor.accept(stream), send.clone());
        tokio::spawn(async move {
            let done = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
            // Released when the handshake is over, even if the server takes the connection later.
            drop(permit);
            match done {
                // A server that stops takes nobody.
                Ok(Ok(stream)) => drop(send.send((stream, from)).await),
                Ok(Err(error)) => tracing::debug!(%from, %error, "no TLS handshake"),
                Err(_) => tracing::debug!(%from, "its TLS handshake took too long"),
            }
        });
    }
}
