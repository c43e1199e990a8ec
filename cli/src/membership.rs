//! In which network a node is, and who it is there: what `node`, `put` and `get` share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mydht::handshake::Credentials;
use mydht::identity::{self, Identity};

#[derive(clap::Args, Clone)]
pub struct Membership {
    /// The file with the key that a node proves its id with; it is made if it is not there. Without
    /// it, the node is another at every start. See `mydht identity`.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Proof that peers give each other. `no-auth` proves and encrypts nothing: for tests, in
    /// networks that you trust.
    #[arg(long, value_enum, default_value_t = Mode::Public)]
    mode: Mode,
    /// The file with the secret of a private network: see `mydht identity new-group`.
    #[arg(long, value_name = "FILE", required_if_eq("mode", "private"))]
    group_secret_file: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The keys of their ids. Anybody may join.
    Public,
    /// The keys of their ids, and the group's secret.
    Private,
    /// Nothing.
    NoAuth,
}

impl Membership {
    /// The keys, read or made.
    pub fn credentials(&self) -> io::Result<Credentials> {
        let identity = match &self.identity {
            Some(path) => identity::load_or_create(path)?,
            None => Identity::generate()?,
        };
        let identity = Arc::new(identity);
        match (self.mode, &self.group_secret_file) {
            (Mode::Private, Some(path)) => {
                Ok(Credentials::private(identity, identity::load(path)?))
            }
            // Ignoring the secret silently would look like protection.
            (_, Some(_)) => Err(io::Error::other(
                "--group-secret-file is for private networks: add --mode private",
            )),
            (Mode::NoAuth, None) => Ok(Credentials::no_auth(identity)),
            (Mode::Public | Mode::Private, None) => Ok(Credentials::public(identity)),
        }
    }
}
