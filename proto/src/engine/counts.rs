//! What the protocol counts, until whoever runs it takes the counts.

use super::{ConnId, Engine};

/// What has happened since the counts were last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of each record that was found for the user at another node: how many nodes were asked one after the other until there
    /// was one that had it.
    pub hops: Vec<u32>,
    /// Records of peers that are not what they say.
    pub records_forged: u64,
    /// Records that peers put here and of which a newer version is here.
    pub records_stale: u64,
    /// Records that were refused because a peer or a signer has too much here.
    pub over_quota: u64,
    /// Questions that were answered with what is cached.
    pub cache_hits: u64,
}

/// A peer that gave so many forged records is let go.
const MAX_LIES: u32 = 3;

impl Engine {
    /// What has happened since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// A peer gave what it cannot have believed: it is worth less to the routing, and goes when it does so again and again.
    pub(super) fn lied(&mut self, conn: ConnId, what: &str) {
        self.counts.records_forged += 1;
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        tracing::warn!(conn, peer = %peer.id, %what, "a peer lied");
        peer.lies += 1;
        let (id, is_over) = (peer.id, peer.lies >= MAX_LIES);
        self.route.failed(&id);
        if is_over {
            self.disconnect(conn, format!("it gave {what}, not for the first time"));
        }
    }
}
