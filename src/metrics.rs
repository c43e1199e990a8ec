//! Counters of a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::engine::Counts;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident),* $(,)?) => {
        /// The counters of a node, shared by its services. Clones count together.
        #[derive(Clone, Debug, Default)]
        pub struct Metrics(Arc<Counters>);

        #[derive(Debug, Default)]
        struct Counters { $($name: AtomicU64),* }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Snapshot { $($(#[doc = $doc])+ pub $name: u64),* }

        impl Snapshot {
            /// Each counter: its name, what it counts, and how much.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($doc),+).trim_ascii(), self.$name)),*].into_iter()
            }
        }

        impl Metrics {
            /// Counts at one moment.
            pub fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.0.$name.load(Ordering::Relaxed)),* }
            }

            $(pub(crate) fn $name(&self, more: u64) {
                // Relaxed is enough: no other memory is synchronized through a counter.
                self.0.$name.fetch_add(more, Ordering::Relaxed);
            })*
        }
    };
}

counters! {
    /// Times a service handed its state back because it would have blocked.
    yields,
    /// Times a service was started again from such a state.
    restarts,
    /// Bytes that a restarted decode read again.
    bytes_replayed,
    /// Bytes that a restarted encode made again and did not write.
    bytes_skipped,
    /// Bytes read from peers.
    bytes_in,
    /// Bytes written to peers.
    bytes_out,
    /// Messages of handshakes read.
    handshakes_in,
    /// Messages decoded.
    messages_in,
    /// Messages encoded.
    messages_out,
    /// Connections accepted or opened.
    connections,
    /// Connections closed because of what the peer did.
    peers_refused,
    /// Connections refused or closed because of a limit of what one peer, one host or all may have.
    limited,
    /// Times that a peer was not read from for a while, because it had its share of the node or
    /// took no answers.
    reads_held,
    /// Times that a peer was not read from for a while because of its rate.
    rate_held,
    /// Services that failed and were started again.
    services_restarted,
    /// Messages between services of the users, handled.
    app_in,
    /// Messages between services of the users, sent.
    app_out,
    /// Messages for a service that this node has not.
    app_dropped,
    /// Signals of peers, carried to other peers.
    signals_carried,
    /// Records that were found for this node's user at another node.
    lookups_found,
    /// Nodes that were asked one after the other, summed over these lookups.
    lookup_hops,
    /// Records of peers that are not what they say.
    records_forged,
    /// Records that peers put here and of which a newer version is here.
    records_stale,
    /// Records that were refused because a peer or a signer has too much here.
    over_quota,
    /// Questions that were answered with what is cached.
    cache_hits,
    /// Parts of attachments received whole and right.
    parts_in,
    /// Parts of attachments sent.
    parts_out,
}

impl Metrics {
    /// Takes in what the protocol has counted.
    pub(crate) fn protocol(&self, counts: &Counts) {
        self.lookups_found(counts.hops.len() as u64);
        self.lookup_hops(counts.hops.iter().copied().map(u64::from).sum());
        self.records_forged(counts.records_forged);
        self.records_stale(counts.records_stale);
        self.over_quota(counts.over_quota);
        self.cache_hits(counts.cache_hits);
    }
}
