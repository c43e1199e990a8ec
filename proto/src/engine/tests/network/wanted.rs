//! Values that many look for, and attachments that only one node has.

use super::*;
use crate::limits::{PeerLimits, RoutingLimits, SizeLimits, StorageLimits};

proptest! {
    // Each case is a network of dozens of nodes.
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// Many look for one value: it comes to be cached where it was looked for in vain, never in the
    /// place of what a node keeps, within the bound, and for a while.
    #[test]
    fn what_many_look_for_is_cached_and_displaces_nothing(seed in any::<u64>(), is_on in any::<bool>()) {
        const NODES: usize = 60;
        let cache_bytes = if is_on { 1 << 20 } else { 0 };
        let limits = Limits { routing: RoutingLimits { hops: 0, closest: 8, copies: 3, ..RoutingLimits::default() }, storage: StorageLimits { cache_bytes, ..StorageLimits::default() },  ..Limits::default() };
        let mut network = Network::of_reachable(NODES, seed, &limits);
        let record = value(b"wanted");
        let put = Command::Put { record: record.clone(), tree: None };
        network.ask(0, put);
        while network.step(0) {}
        let kept = |network: &Network| -> Vec<usize> {
            let records = network.nodes.iter().map(|node| node.store.records.len());
            records.collect()
        };
        let before = kept(&network);
        let askers: Vec<usize> = (0..NODES).filter(|node| before[*node] == 0).collect();
        for asker in &askers {
            let request = network.ask(*asker, Command::Get { key: record.key });
            while network.step(0) {}
            prop_assert_eq!(network.ended.get(&request), Some(&Event::Found(record.clone())));
        }
        // Whoever has found it keeps it, unless it was cached there, and nobody keeps less.
        for (node, (before, after)) in before.into_iter().zip(kept(&network)).enumerate() {
            let cached = network.nodes[node].engine.cache.held();
            prop_assert!(after >= before && after + cached > 0, "node {node}");
        }
        let cached: usize = network.nodes.iter().map(|node| node.engine.cache.held()).sum();
        prop_assert_eq!(cached > 0, is_on, "{} cached", cached);
        network.passes(Duration::from_secs(3600));
        let cached: usize = network.nodes.iter().map(|node| node.engine.cache.held()).sum();
        prop_assert_eq!(cached, 0);
    }

    /// A file that nobody but its owner would keep is found all the same, by whoever looks for it.
    #[test]
    fn what_nobody_else_keeps_is_had_from_its_owner(seed in any::<u64>()) {
        const NODES: usize = 40;
        let limits = Limits { routing: RoutingLimits { hops: 0, closest: 8, copies: 4, ..RoutingLimits::default() }, sizes: SizeLimits { attachment_bytes: 10, ..SizeLimits::default() },  ..Limits::default() };
        let mut network = Network::of_reachable(NODES, seed, &limits);
        let sample = Sample::parts(3);
        let (owner, asker) = (0, NODES - 1);
        for node in [owner, asker] {
            let limits = std::sync::Arc::make_mut(&mut network.nodes[node].engine.cx.limits);
            limits.sizes.attachment_bytes = 1 << 30;
        }
        let put = network.ask(owner, sample.put());
        while network.step(0) {}
        let refused = matches!(network.ended.get(&put), Some(Event::Failed(_) | Event::Stored { copies: 1 }));
        prop_assert!(refused, "{:?}", network.ended.get(&put));
        network.passes(Duration::from_secs(30));
        while network.step(0) {}
        let request = network.ask(asker, Command::Get { key: sample.record().key });
        while network.step(0) {}
        prop_assert_eq!(network.ended.get(&request), Some(&Event::Found(sample.record())));
        let content = network.nodes[asker].store.content(&sample.id());
        prop_assert_eq!(content.as_ref(), Some(&sample.content));
    }
    /// A node that opens no connections puts and gets by its neighbours: in a network of many hops,
    /// what it puts is where it belongs, and it finds what others have put.
    #[test]
    fn by_proxy_a_node_without_connections_of_its_own_is_a_full_member(seed in any::<u64>()) {
        const NODES: usize = 50;
        let limits = Limits { routing: RoutingLimits { hops: 4, closest: 8, copies: 4, ..RoutingLimits::default() }, peers: PeerLimits { links: 64, ..PeerLimits::default() },  ..Limits::default() };
        let mut network = Network::of_reachable(NODES, seed, &limits);
        // It is connected with two, which nobody told where it is found.
        let mut mute = Network::new(NODES + 1, seed, &limits).nodes.pop().unwrap();
        mute.quiet = true;
        network.nodes.push(mute);
        network.reachable = false;
        network.connect(NODES, 0);
        network.connect(NODES, 1);
        while network.step(0) {}
        let (own, others) = (value(b"own"), value(b"others"));
        let request = network.ask(NODES, Command::Propagate { record: own.clone() });
        let put = Command::Put { record: others.clone(), tree: None };
        network.ask(NODES / 2, put);
        while network.step(0) {}
        let stored = matches!(network.ended.get(&request), Some(Event::Stored { copies: 1.. }));
        prop_assert!(stored);
        // The nearest of all have it.
        let mut all: Vec<usize> = (0..NODES).collect();
        let far = |node: &usize| crate::routing::Distance::between(&peer_id(*node).0, own.key.hash());
        all.sort_by_key(far);
        let has = |node: &usize| network.nodes[*node].store.records.contains_key(&own.key);
        prop_assert!(all[..4].iter().filter(|node| has(node)).count() >= 3);
        let before = network.nodes[NODES].conns.len();
        let query = Query { mode: Some(QueryMode::AProxy), ..Query::default() };
        let get = network.ask(NODES, Command::Query { key: own.key, query });
        while network.step(0) {}
        prop_assert_eq!(network.ended.get(&get), Some(&Event::Found(own)));
        let get = network.ask(NODES, Command::Query { key: others.key, query });
        while network.step(0) {}
        prop_assert_eq!(network.ended.get(&get), Some(&Event::Found(others)));
        prop_assert_eq!(network.nodes[NODES].conns.len(), before, "it connected with others");
    }
}
