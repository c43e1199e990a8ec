//! Counts of the protocol, until the node takes them.

/// Counts of events since they were last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Hops to each record that was found for the user at another node: nodes that were asked one
    /// after the other up to the one that had it.
    pub hops: Vec<u32>,
    /// Forged records of peers.
    pub records_forged: u64,
    /// Records of peers that were refused because a newer version is kept here.
    pub records_stale: u64,
    /// Records that were refused because the quota of the peer or of the signer is exhausted.
    pub over_quota: u64,
    /// Requests that were answered from the cache.
    pub cache_hits: u64,
}
