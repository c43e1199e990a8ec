use std::fmt;
use std::io;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Armor;

/// Secret that the members of a private network share: 32 random bytes, never a password. Whoever
/// has spoken with a member can try guesses against what it said, as many as it likes; nobody
/// guesses 32 random bytes.
///
/// It is wiped from memory when it is dropped, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct GroupSecret([u8; 32]);

impl GroupSecret {
    /// A new secret from the system's random source.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        let mut secret = GroupSecret([0; 32]);
        getrandom::fill(&mut secret.0).map_err(io::Error::other)?;
        Ok(secret)
    }

    /// A secret that was made elsewhere: by a random source, not by a person.
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        GroupSecret(secret)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for GroupSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupSecret")
    }
}

impl Armor for GroupSecret {
    const KIND: &'static str = "mydht-group";

    fn secret(&self) -> &[u8; 32] {
        &self.0
    }

    fn from_secret(secret: &[u8; 32]) -> Self {
        GroupSecret(*secret)
    }
}
