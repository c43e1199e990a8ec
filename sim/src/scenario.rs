//! Scenarios to simulate.

use std::time::Duration;

use mydht_transports::memory::Partition;

use super::weather::Weather;
use mydht_proto::{Limits, PeerLimits, RoutingLimits};

/// A network that is divided for a while, in the middle of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// For how long.
    pub lasts: Duration,
    /// Fate of what is sent across.
    pub how: Partition,
    /// From its end to the first lookup: so long the halves have to find each other.
    pub rest: Duration,
}

/// Scenario to simulate: its fields, the seed among them, decide the run.
///
/// 1. Nodes join, one after the other, each by one that is there.
/// 2. After a rest, values are put through nodes at random. If there is a [`Split`], it lasts
///    meanwhile.
/// 3. Values are looked up through nodes at random, while nodes are replaced by others.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Decides whatever is not decided here.
    pub seed: u64,
    /// Nodes.
    pub peers: usize,
    /// Between two that join.
    pub join_every: Duration,
    /// From the last that joins to the first put.
    pub settle: Duration,
    /// Values put.
    pub puts: usize,
    /// Over how long, if no [`Split`] says so.
    pub put_for: Duration,
    /// Values looked up.
    pub lookups: usize,
    /// Over how long.
    pub lookup_for: Duration,
    /// Which share of the nodes is replaced in an hour, while values are looked up. Half of those
    /// that go say so, the others lose power.
    pub churn: f64,
    /// Which share of the nodes is hostile: they name nobody but each other, forge what they are
    /// asked for, and keep nothing that they were to keep.
    pub hostile: f64,
    /// A network in two halves.
    pub split: Option<Split>,
    /// Latency and loss of the network.
    pub weather: Weather,
    /// Contacts in a bucket of the routing table, and contacts that a search looks for: Kademlia's
    /// k.
    pub bucket: usize,
    /// Bounds of each node.
    pub limits: Limits,
}

impl Scenario {
    /// A quiet network of so many nodes: nobody leaves, nobody lies.
    pub fn quiet(peers: usize, seed: u64) -> Self {
        Scenario {
            seed,
            peers,
            join_every: Duration::from_millis(100),
            settle: Duration::from_secs(60),
            puts: 100,
            put_for: Duration::from_secs(60),
            lookups: 200,
            lookup_for: Duration::from_secs(120),
            churn: 0.0,
            hostile: 0.0,
            split: None,
            weather: Weather::default(),
            bucket: 20,
            limits: Limits {
                // A browser keeps few connections.
                peers: PeerLimits {
                    links: 8,
                    ..PeerLimits::default()
                },
                // Each step of a search is the searcher's own, so that its hops can be counted.
                routing: RoutingLimits {
                    hops: 0,
                    ..RoutingLimits::default()
                },
                ..Limits::default()
            },
        }
    }

    /// When the puts begin and end, and when the lookups begin and end.
    pub(super) fn times(&self) -> [Duration; 4] {
        let joined = self.join_every * u32::try_from(self.peers).unwrap_or(u32::MAX);
        let puts = joined + self.settle;
        let (put_for, rest) = match self.split {
            Some(split) => (split.lasts, split.rest),
            // What a put needs until its copies are where they belong.
            None => (self.put_for, self.limits.timeouts.request_timeout),
        };
        let lookups = puts + put_for + rest;
        [puts, puts + put_for, lookups, lookups + self.lookup_for]
    }
}
