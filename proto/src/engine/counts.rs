//! What the protocol counts, until whoever runs it takes the counts.

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
