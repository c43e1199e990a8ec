//! Several nodes that speak with each other, in any order of what is on its way.

mod wanted;

use crate::limits::{PeerLimits, ProviderLimits, RoutingLimits, TransferLimits};
use proptest::prelude::*;

use super::*;
use crate::address::Address;

/// Numbers from a seed (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() >> 33) as usize % most.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// One direction of a connection: who receives, on which of its connections, and what is on its
/// way.
struct Way {
    to: usize,
    conn: ConnId,
    messages: VecDeque<(ProtoMessage, Option<bytes::Bytes>)>,
}

struct Network {
    nodes: Vec<Bench>,
    ways: HashMap<(usize, ConnId), Way>,
    next_conn: ConnId,
    random: Random,
    found: Vec<(usize, Record)>,
    /// Requests and what the last word on each was.
    ended: HashMap<(usize, Ticket), Event>,
    /// Nodes tell each other where they are found.
    reachable: bool,
    /// Nodes that have left.
    gone: BTreeSet<usize>,
}

impl Network {
    fn new(nodes: usize, seed: u64, limits: &Limits) -> Self {
        let node = |number| {
            let mut bench = Bench::of(peer_id(number), limits.clone());
            bench.answers = false;
            bench.quiet = false;
            bench
        };
        Network {
            nodes: (0..nodes).map(node).collect(),
            ways: HashMap::new(),
            next_conn: 0,
            random: Random(seed | 1),
            found: Vec::new(),
            ended: HashMap::new(),
            reachable: false,
            gone: BTreeSet::new(),
        }
    }

    /// Creates nodes that name their addresses, each of which began with one that was there before.
    fn of_reachable(nodes: usize, seed: u64, limits: &Limits) -> Self {
        let mut network = Network::new(nodes, seed, limits);
        network.reachable = true;
        for node in 1..nodes {
            let known = network.random.below(node);
            network.connect(node, known);
            while network.step(0) {}
        }
        network
    }

    /// Connects two nodes. A connection has the same number plus one at its other end.
    fn connect(&mut self, a: usize, b: usize) {
        let (at_a, at_b) = (self.next_conn, self.next_conn + 1);
        self.next_conn += 2;
        let way = |to, conn| Way {
            to,
            conn,
            messages: VecDeque::new(),
        };
        self.ways.insert((a, at_a), way(b, at_b));
        self.ways.insert((b, at_b), way(a, at_a));
        self.nodes[a].up_as(at_a, peer_id(b));
        self.nodes[b].up_as(at_b, peer_id(a));
        if self.reachable {
            self.nodes[a].handle(Input::Reachable(at_a, at(b)));
            self.nodes[b].handle(Input::Reachable(at_b, at(a)));
        }
        self.collect(a);
        self.collect(b);
    }

    /// Ends a connection. What is on its way is lost.
    fn cut(&mut self, node: usize, conn: ConnId) {
        let Some(way) = self.ways.remove(&(node, conn)) else {
            return;
        };
        self.ways.remove(&(way.to, way.conn));
        for (node, conn) in [(node, conn), (way.to, way.conn)] {
            if self.nodes[node].conns.contains(&conn) {
                self.nodes[node].down(conn);
                self.collect(node);
            }
        }
    }

    /// A node leaves for good, with all that it keeps.
    fn leave(&mut self, node: usize) {
        self.gone.insert(node);
        let conns: Vec<ConnId> = self.nodes[node].conns.iter().copied().collect();
        for conn in conns {
            self.cut(node, conn);
        }
    }

    /// Brings what a node does onto its way.
    fn collect(&mut self, node: usize) {
        for (conn, message, part) in std::mem::take(&mut self.nodes[node].sent) {
            if let Some(way) = self.ways.get_mut(&(node, conn)) {
                way.messages.push_back((message, part));
            }
        }
        for (ticket, event) in self.nodes[node].last_events() {
            if let Event::Found(record) = &event {
                self.found.push((node, record.clone()));
            }
            self.ended.insert((node, ticket), event);
        }
        for (conn, _) in std::mem::take(&mut self.nodes[node].closed) {
            self.cut(node, conn);
        }
        for (id, addresses) in std::mem::take(&mut self.nodes[node].dialed) {
            match addresses[..] {
                [Address::Memory(other)]
                    if peer_id(other as usize) == id && !self.gone.contains(&(other as usize)) =>
                {
                    self.connect(node, other as usize);
                }
                _ => {
                    self.nodes[node].handle(Input::Unreachable(id));
                    self.collect(node);
                }
            }
        }
    }

    fn ask(&mut self, node: usize, command: Command) -> (usize, Ticket) {
        let ticket = self.nodes[node].ask(command);
        self.collect(node);
        (node, ticket)
    }

    /// Does one thing of all that can be done. False if there is nothing. A part is spoilt in
    /// `spoil` ways out of ten thousand.
    fn step(&mut self, spoil: usize) -> bool {
        let mut ready: Vec<(usize, Option<ConnId>)> = Vec::new();
        for ((node, conn), way) in &self.ways {
            if !way.messages.is_empty() {
                ready.push((*node, Some(*conn)));
            }
        }
        for (node, bench) in self.nodes.iter().enumerate() {
            if !bench.asked.is_empty() {
                ready.push((node, None));
            }
        }
        ready.sort_unstable();
        if ready.is_empty() {
            return false;
        }
        let node = match ready[self.random.below(ready.len())] {
            (node, None) => {
                self.nodes[node].store_answers();
                node
            }
            (node, Some(conn)) => {
                let Some(way) = self.ways.get_mut(&(node, conn)) else {
                    return true;
                };
                let (to, conn) = (way.to, way.conn);
                let Some((message, bytes)) = way.messages.pop_front() else {
                    return true;
                };
                let part = bytes.map(|bytes| {
                    let mut bytes = bytes.to_vec();
                    if self.random.below(10_000) < spoil && !bytes.is_empty() {
                        bytes[0] ^= 1;
                    }
                    received(&message, bytes)
                });
                self.nodes[to].handle(Input::Message(conn, message, part));
                to
            }
        };
        self.collect(node);
        true
    }

    fn passes(&mut self, time: Duration) {
        for node in 0..self.nodes.len() {
            self.nodes[node].passes(time);
            self.collect(node);
        }
    }

    /// Lets everything that is under way come to its end.
    fn run_out(&mut self) {
        for _ in 0..40 {
            while self.step(0) {}
            self.passes(Duration::from_secs(5));
        }
    }

    /// The first node keeps what there is, before it has peers.
    fn first_has(&mut self, samples: &[Sample]) {
        for sample in samples {
            self.ask(0, sample.put());
        }
        let record = value(b"v");
        self.ask(0, Command::Put { record, tree: None });
        while self.step(0) {}
    }

    /// All other nodes get it, at about the same time.
    fn everybody_gets(&mut self, samples: &[Sample]) -> Vec<((usize, Ticket), Record)> {
        let mut records: Vec<Record> = samples.iter().map(Sample::record).collect();
        records.push(value(b"v"));
        let mut asked = Vec::new();
        for node in 1..self.nodes.len() {
            for record in &records {
                let request = self.ask(node, Command::Get { key: record.key });
                asked.push((request, record.clone()));
                for _ in 0..self.random.below(20) {
                    self.step(0);
                }
            }
        }
        asked
    }

    fn check_found(&mut self, samples: &[Sample]) {
        for (node, record) in std::mem::take(&mut self.found) {
            let Some(id) = record.value.attachment() else {
                continue;
            };
            let sample = samples.iter().find(|sample| sample.id() == id).unwrap();
            let content = self.nodes[node].store.content(&id);
            assert_eq!(
                content.as_ref(),
                Some(&sample.content),
                "not whole, or not right"
            );
        }
    }
}

fn samples() -> Vec<Sample> {
    let sizes = [0, 100, PART_LEN, 3 * PART_LEN + 1, 6 * PART_LEN];
    (0..)
        .zip(sizes)
        .map(|(seed, len)| Sample::new(len, seed))
        .collect()
}

/// Hops enough for any of these networks.
const HOPS: u8 = 6;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Connections are lost and made, parts spoilt, time jumps: each request has one end ([`Bench`]
    /// sees to it), and what is found is whole and right.
    #[test]
    fn faults_lose_requests_but_neither_their_ends_nor_the_truth(
        seed in any::<u64>(),
        nodes in 2usize..6,
        requests in 1usize..12,
    ) {
        let samples = samples();
        let limits = Limits { transfers: TransferLimits { parts_in_flight: 2, downloads: 3, ..TransferLimits::default() }, providers: ProviderLimits { known_providers: 3, ..ProviderLimits::default() },  ..Limits::default() };
        let mut network = Network::new(nodes, seed, &limits);
        let mut asked = Vec::new();
        for _ in 0..requests {
            for _ in 0..network.random.below(80) {
                network.step(200);
            }
            let (a, b) = (network.random.below(nodes), network.random.below(nodes));
            if a != b && !network.random.one_in(3) {
                network.connect(a, b);
            }
            let mut ends: Vec<_> = network.ways.keys().copied().collect();
            ends.sort_unstable();
            if network.random.one_in(4) && !ends.is_empty() {
                let (node, conn) = ends[network.random.below(ends.len())];
                network.cut(node, conn);
            }
            if network.random.one_in(5) {
                let seconds = network.random.below(30) as u64;
                network.passes(Duration::from_secs(seconds));
            }
            let sample = &samples[network.random.below(samples.len())];
            let command = match network.random.below(5) {
                0 | 1 => sample.put(),
                2 => Command::Put { record: value(&[seed as u8]), tree: None },
                3 => Command::Get { key: value(&[seed as u8]).key },
                _ => Command::Get { key: sample.record().key },
            };
            let node = network.random.below(nodes);
            asked.push(network.ask(node, command));
            network.check_found(&samples);
        }
        network.run_out();
        network.check_found(&samples);
        for request in asked {
            prop_assert!(network.ended.contains_key(&request), "no end");
        }
    }

    /// Without faults, what one node has is found at once from every node within reach of it in a
    /// tree, in whatever order things arrive.
    #[test]
    fn without_faults_what_is_within_reach_is_found(seed in any::<u64>(), nodes in 2usize..6) {
        let samples = samples();
        let mut network = Network::new(nodes, seed, &Limits { routing: RoutingLimits { hops: HOPS, ..RoutingLimits::default() },  ..Limits::default() });
        network.first_has(&samples);
        for node in 1..nodes {
            let parent = network.random.below(node);
            network.connect(parent, node);
        }
        let asked = network.everybody_gets(&samples);
        while network.step(0) {}
        for (request, record) in asked {
            prop_assert_eq!(network.ended.get(&request), Some(&Event::Found(record)));
        }
        network.check_found(&samples);
    }

    /// In a mesh, nodes may come to wait for each other until the requests time out, and may have
    /// to ask again.
    #[test]
    fn in_a_mesh_what_is_within_reach_is_found_in_the_end(
        seed in any::<u64>(),
        nodes in 3usize..6,
        extra in 1usize..4,
    ) {
        let samples = samples();
        let mut network = Network::new(nodes, seed, &Limits { routing: RoutingLimits { hops: HOPS, ..RoutingLimits::default() },  ..Limits::default() });
        network.first_has(&samples);
        for node in 1..nodes {
            let parent = network.random.below(node);
            network.connect(parent, node);
        }
        for _ in 0..extra {
            let (a, b) = (network.random.below(nodes), network.random.below(nodes));
            if a != b {
                network.connect(a, b);
            }
        }
        let mut asked = network.everybody_gets(&samples);
        for _ in 0..10 {
            network.run_out();
            network.check_found(&samples);
            let failed = asked.extract_if(.., |(request, record)| {
                network.ended.get(request) != Some(&Event::Found(record.clone()))
            });
            let failed: Vec<_> = failed.collect();
            for ((node, _), record) in failed {
                let again = network.ask(node, Command::Get { key: record.key });
                asked.push((again, record));
            }
        }
        for (request, record) in asked {
            prop_assert_eq!(network.ended.get(&request), Some(&Event::Found(record)));
        }
    }

    /// A put reaches the peers that are there, and they have all of it.
    #[test]
    fn a_put_leaves_whole_copies_with_all_peers(seed in any::<u64>(), peers in 1usize..4) {
        let samples = samples();
        let mut network = Network::new(peers + 1, seed, &Limits::default());
        (1..=peers).for_each(|peer| network.connect(0, peer));
        let asked: Vec<_> = samples.iter().map(|sample| network.ask(0, sample.put())).collect();
        while network.step(0) {}
        for request in asked {
            prop_assert_eq!(network.ended.get(&request), Some(&Event::Stored { copies: peers }));
        }
        for node in 1..=peers {
            for sample in &samples {
                let content = network.nodes[node].store.content(&sample.id());
                prop_assert_eq!(content.as_ref(), Some(&sample.content));
                prop_assert!(network.nodes[node].store.records.contains_key(&sample.record().key));
            }
        }
    }
}

proptest! {
    // Each case is a network of over a hundred nodes.
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// All nodes that keep a record at first leave, some each hour, and it is found all the same.
    #[test]
    fn a_record_outlives_the_nodes_that_keep_it(seed in any::<u64>()) {
        const NODES: usize = 60;
        let limits = Limits { routing: RoutingLimits { hops: 0, closest: 8, copies: 4, ..RoutingLimits::default() },  ..Limits::default() };
        let mut network = Network::of_reachable(NODES, seed, &limits);
        let record = value(b"lasts");
        let put = Command::Put { record: record.clone(), tree: None };
        let request = network.ask(0, put);
        while network.step(0) {}
        prop_assert_eq!(network.ended.get(&request), Some(&Event::Stored { copies: 4 }));
        let has = |network: &Network, node: usize| {
            network.nodes[node].store.records.contains_key(&record.key)
        };
        let first: Vec<usize> = (0..NODES).filter(|node| has(&network, *node)).collect();
        for some in first.chunks(3) {
            some.iter().for_each(|node| network.leave(*node));
            while network.step(0) {}
            // Two rounds: in the first, mostly one node puts it again, and that may have just done so.
            for _ in 0..2 {
                network.passes(Duration::from_secs(3600 + 3600 / 8));
                while network.step(0) {}
            }
        }
        let alive = (0..NODES).filter(|node| !network.gone.contains(node));
        let asker = alive.rev().find(|node| !has(&network, *node)).unwrap();
        let request = network.ask(asker, Command::Get { key: record.key });
        while network.step(0) {}
        prop_assert_eq!(network.ended.get(&request), Some(&Event::Found(record)));
    }

    /// Nodes that know only the one that they began with find what any of them has put, and with
    /// few questions.
    #[test]
    fn in_a_network_where_nobody_knows_all_every_value_is_found(seed in any::<u64>()) {
        const NODES: usize = 120;
        let limits = Limits { routing: RoutingLimits { hops: 0, closest: 8, copies: 4, ..RoutingLimits::default() }, peers: PeerLimits { links: 24, ..PeerLimits::default() },  ..Limits::default() };
        let mut network = Network::of_reachable(NODES, seed, &limits);
        network.passes(Duration::from_secs(60));
        while network.step(0) {}
        let mut values = Vec::new();
        for number in 0..20_u8 {
            let record = value(&[number]);
            let node = network.random.below(NODES);
            let put = Command::Put { record: record.clone(), tree: None };
            let request = network.ask(node, put);
            while network.step(0) {}
            prop_assert_eq!(network.ended.get(&request), Some(&Event::Stored { copies: 4 }));
            values.push(record);
        }
        for record in values {
            let node = network.random.below(NODES);
            let request = network.ask(node, Command::Get { key: record.key });
            while network.step(0) {}
            prop_assert_eq!(network.ended.get(&request), Some(&Event::Found(record)));
        }
        network.passes(Duration::from_secs(60));
        for node in &network.nodes {
            prop_assert!(node.conns.len() < NODES / 2, "{} links", node.conns.len());
        }
    }
}
