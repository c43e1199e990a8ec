use std::fmt;
use std::io;
use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::message::{Challenge, MAX_OFFER};
use crate::id::PeerId;
use crate::identity::{GroupSecret, Identity};
use crate::shadow::{Cipher, Shadow};

/// Proof that peers give each other (legacy's `ShadowAuthType`). Both have the same mode; it is
/// never negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing: ids are claimed. For tests and simulations.
    NoAuth = 0,
    /// The keys of their ids. Anybody may join.
    Public = 1,
    /// The keys of their ids, and the group's secret.
    Private = 2,
}

impl Mode {
    pub(super) fn from_wire(number: u8) -> Option<Self> {
        [Mode::NoAuth, Mode::Public, Mode::Private]
            .into_iter()
            .find(|mode| *mode as u8 == number)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::NoAuth => "no-auth",
            Mode::Public => "public",
            Mode::Private => "private",
        })
    }
}

/// Credentials that a node brings into all of its handshakes.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(super) identity: Arc<Identity>,
    pub(super) mode: Mode,
    pub(super) group: Option<GroupSecret>,
    pub(super) ciphers: Vec<Cipher>,
}

impl Credentials {
    /// A member of a network that anybody may join.
    pub fn public(identity: Arc<Identity>) -> Self {
        Credentials {
            identity,
            mode: Mode::Public,
            group: None,
            ciphers: Cipher::preferred(),
        }
    }

    /// A member of a private network.
    pub fn private(identity: Arc<Identity>, group: GroupSecret) -> Self {
        Credentials {
            mode: Mode::Private,
            group: Some(group),
            ..Credentials::public(identity)
        }
    }

    /// A member of a network in which nothing is proved and nothing is encrypted.
    pub fn no_auth(identity: Arc<Identity>) -> Self {
        Credentials {
            mode: Mode::NoAuth,
            ciphers: vec![Cipher::None],
            ..Credentials::public(identity)
        }
    }

    /// Sets the ciphers, the best first. Where peers are authenticated [`Cipher::None`] is left
    /// out: what follows a handshake would be anybody's.
    #[must_use]
    pub fn ciphers(mut self, ciphers: &[Cipher]) -> Self {
        let authenticated = self.mode != Mode::NoAuth;
        self.ciphers = ciphers
            .iter()
            .copied()
            .filter(|cipher| !(authenticated && *cipher == Cipher::None))
            // Peers refuse a PING that offers more.
            .take(MAX_OFFER)
            .collect();
        self
    }

    /// Keeps the ciphers that `shadow` has too, and no other.
    #[must_use]
    pub fn known_to(mut self, shadow: &impl Shadow) -> Self {
        let known = shadow.ciphers();
        self.ciphers.retain(|cipher| known.contains(cipher));
        self
    }

    /// Returns the identity of this node.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Returns the id of this node.
    pub fn id(&self) -> PeerId {
        self.identity.id()
    }

    /// Returns the mode: what peers prove to each other.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

/// Identity of the channel that a handshake is made over. Both sides must have the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Preamble that both sides sent: version and encoding.
    pub preamble: Vec<u8>,
    /// Identity of the transport's channel: for WebRTC the DTLS fingerprints of who connected and
    /// of who accepted, in this order; nothing for TCP.
    pub binding: Vec<u8>,
}

/// The random bytes of one handshake. They are used once and wiped from memory.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Fresh {
    pub(super) challenge: Challenge,
    pub(super) ephemeral: [u8; 32],
}

impl Fresh {
    /// From the system's random source.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        // Filled in place: a temporary copy on the stack would not be wiped.
        let mut fresh = Fresh::from_bytes([0; 32], [0; 32]);
        getrandom::fill(&mut fresh.challenge).map_err(io::Error::other)?;
        getrandom::fill(&mut fresh.ephemeral).map_err(io::Error::other)?;
        Ok(fresh)
    }

    /// From a challenge and an X25519 secret that are known: for test vectors and simulations.
    pub fn from_bytes(challenge: [u8; 32], ephemeral: [u8; 32]) -> Self {
        Fresh {
            challenge,
            ephemeral,
        }
    }
}
