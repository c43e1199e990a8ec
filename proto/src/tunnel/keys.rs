//! The keys of a hop, and which packets it has taken.

use std::collections::HashSet;

use super::{HopSecret, Peeled, TunnelError, peel};

/// So many packets are taken with one key: their names are remembered as long as it is good.
const PACKETS: usize = 1 << 16;

struct Generation {
    secret: HopSecret,
    taken: HashSet<[u8; 32]>,
}

impl Generation {
    fn new() -> Result<Self, TunnelError> {
        Ok(Generation {
            secret: HopSecret::generate()?,
            taken: HashSet::new(),
        })
    }
}

/// A key and the one before it, by which packets that were on their way are still read. Both are
/// lost when the node stops: who takes it then reads no packet that was sent before.
pub struct Keys {
    now: Generation,
    before: Option<Generation>,
    most: usize,
}

impl Keys {
    /// Generates the first key.
    ///
    /// # Errors
    /// `Random` if the system gives no randomness.
    pub fn new() -> Result<Self, TunnelError> {
        Keys::of(PACKETS)
    }

    /// Generates the first key. A key is replaced once it has taken `most` packets.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(most: usize) -> Result<Self, TunnelError> {
        Ok(Keys {
            now: Generation::new()?,
            before: None,
            most,
        })
    }

    /// Returns the public key with which others make layers.
    pub fn key(&self) -> [u8; 32] {
        self.now.secret.key()
    }

    /// Takes a packet, once. Also says whether the key is another now.
    ///
    /// # Errors
    /// `Broken`, also for a packet that was taken before, and for one of the key before once that
    /// has taken twice as many packets as a key is good for.
    pub fn take(&mut self, packet: &[u8]) -> Result<(Peeled, bool), TunnelError> {
        // Tries the current key first: most packets use it, and each try costs an X25519 operation.
        let all = [Some(&mut self.now), self.before.as_mut()];
        // Packets for the key before do not wear it out, so that their names need a bound too.
        let most = self.most.saturating_mul(2);
        let is_open = |generation: &&mut Generation| generation.taken.len() < most;
        let peeled = all
            .into_iter()
            .flatten()
            .filter(is_open)
            .find_map(|generation| {
                let (name, peeled) = peel(&generation.secret, packet).ok()?;
                generation.taken.insert(name).then_some(peeled)
            });
        let peeled = peeled.ok_or(TunnelError::Broken)?;
        let is_worn = self.now.taken.len() >= self.most;
        if is_worn {
            let worn = std::mem::replace(&mut self.now, Generation::new()?);
            self.before = Some(worn);
        }
        Ok((peeled, is_worn))
    }
}
