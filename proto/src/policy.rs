//! Peers that a node talks to.

use std::collections::HashMap;

use crate::id::PeerId;

/// Priority of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerPriority {
    /// Refused: at the first message, by the id that the peer claims, and again once the id is
    /// proved.
    Blocked,
    /// Accepted as long as a place is free.
    #[default]
    Normal,
    /// Accepted. Where all places are taken (`PeerLimits::connections`), a peer of a lower priority
    /// is disconnected for it.
    Preferred,
}

/// Decides whom a node talks to (legacy's name; its `challenge`, `signmsg` and `checkmsg` are the
/// [`handshake`](crate::handshake)'s now).
///
/// It is asked for ids that are only claimed, too: so it should be quick, and remember nothing of
/// what it was asked.
pub trait PeerMgmtMeths: Send {
    /// Returns the priority of `peer`.
    fn accept(&self, peer: &PeerId) -> PeerPriority;

    /// The node's user says what `peer` is from now on.
    fn set_priority(&mut self, peer: PeerId, priority: PeerPriority);
}

/// A list of peers, and what all others are.
///
/// ```
/// use mydht_proto::identity::Identity;
/// use mydht_proto::policy::{PeerMgmtMeths, PeerPolicy, PeerPriority};
///
/// let [a, b] = [Identity::generate()?.id(), Identity::generate()?.id()];
/// let mut policy = PeerPolicy::default();
/// policy.set_priority(a, PeerPriority::Blocked);
/// assert_eq!(policy.accept(&a), PeerPriority::Blocked);
/// assert_eq!(policy.accept(&b), PeerPriority::Normal);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerPolicy {
    listed: HashMap<PeerId, PeerPriority>,
    others: PeerPriority,
}

impl PeerPolicy {
    /// Nobody but those who are listed afterwards.
    pub fn closed() -> Self {
        PeerPolicy {
            others: PeerPriority::Blocked,
            ..PeerPolicy::default()
        }
    }

    /// Sets the priority of `peers`.
    #[must_use]
    pub fn with(mut self, priority: PeerPriority, peers: impl IntoIterator<Item = PeerId>) -> Self {
        self.listed
            .extend(peers.into_iter().map(|peer| (peer, priority)));
        self
    }
}

impl PeerMgmtMeths for PeerPolicy {
    fn accept(&self, peer: &PeerId) -> PeerPriority {
        self.listed.get(peer).copied().unwrap_or(self.others)
    }

    fn set_priority(&mut self, peer: PeerId, priority: PeerPriority) {
        self.listed.insert(peer, priority);
    }
}
