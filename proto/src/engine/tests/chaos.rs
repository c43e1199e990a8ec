//! One node among peers that say anything, with a store that answers anything, at any time.

use crate::limits::{
    FlowLimits, PeerLimits, ProviderLimits, RoutingLimits, SizeLimits, TransferLimits,
};
use proptest::prelude::*;

use super::*;

/// Next step. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Up(ConnId, u8),
    Down(ConnId),
    Ask(u8, u8),
    ConnectFailed(bool),
    /// A request of a peer: kind, subject, part, hops.
    Request(ConnId, u8, u8, u64),
    /// An answer to something that was asked, as it should be.
    Right(usize),
    /// An answer of any kind, to something that was asked or to nothing.
    Wrong(ConnId, u8, u8, usize),
    /// The store does what it was asked first.
    Store,
    /// The store fails, or answers another question.
    StoreFails(u8),
    Passes(u32),
    /// Outcome of a dial: the peer, another peer, or a failure.
    Dialed(u8),
    Reachable(ConnId),
}

fn conn() -> impl Strategy<Value = ConnId> {
    0usize..12
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (conn(), any::<u8>()).prop_map(|(conn, id)| Step::Up(conn, id)),
        1 => conn().prop_map(Step::Down),
        4 => any::<(u8, u8)>().prop_map(|(kind, what)| Step::Ask(kind, what)),
        1 => any::<bool>().prop_map(Step::ConnectFailed),
        5 => (conn(), any::<(u8, u8)>(), 0u64..5)
            .prop_map(|(conn, (kind, what), part)| Step::Request(conn, kind, what, part)),
        12 => any::<usize>().prop_map(Step::Right),
        1 => (conn(), any::<(u8, u8)>(), any::<usize>())
            .prop_map(|(conn, (kind, what), query)| Step::Wrong(conn, kind, what, query)),
        16 => Just(Step::Store),
        1 => any::<u8>().prop_map(Step::StoreFails),
        2 => (0u32..30_000).prop_map(Step::Passes),
        4 => any::<u8>().prop_map(Step::Dialed),
        2 => conn().prop_map(Step::Reachable),
    ]
}

struct Chaos {
    bench: Bench,
    samples: Vec<Sample>,
}

impl Chaos {
    fn new() -> Self {
        let limits = Limits {
            transfers: TransferLimits {
                downloads: 2,
                waiting_requests: 3,
                parts_in_flight: 2,
            },
            routing: RoutingLimits {
                lookups: 3,
                hops: 2,
                closest: 4,
                copies: 2,
                ..RoutingLimits::default()
            },
            providers: ProviderLimits {
                known_providers: 2,
                ..ProviderLimits::default()
            },
            flow: FlowLimits {
                pending_messages: 8,
                ..FlowLimits::default()
            },
            sizes: SizeLimits {
                value_bytes: 8,
                ..SizeLimits::default()
            },
            peers: PeerLimits {
                dials: 2,
                links: 3,
                link_idle: Duration::from_secs(5),
                ..PeerLimits::default()
            },
            ..Limits::default()
        };
        let mut bench = Bench::new(limits);
        bench.answers = false;
        bench.quiet = false;
        Chaos {
            bench,
            samples: (0..3)
                .map(|n| Sample::new(usize::from(n) * PART_LEN + 5, n))
                .collect(),
        }
    }

    fn sample(&self, what: u8) -> &Sample {
        &self.samples[usize::from(what) % self.samples.len()]
    }

    fn record(&self, what: u8) -> Record {
        match what % 8 {
            0 => value(b"right"),
            1 => value(b"much too long"),
            2 => Record::new(Key::named("x"), Value::Bytes(b"any".to_vec())),
            3 => Record::new(value(b"right").key, Value::Bytes(b"forged".to_vec())),
            4 => {
                let record = self.sample(what / 8).record();
                Record::new(Key::named("x"), record.value)
            }
            _ => self.sample(what / 8).record(),
        }
    }

    fn message(&self, kind: u8, what: u8, query: QueryId, part: u64) -> ProtoMessage {
        let id = self.sample(what).id();
        match kind % 12 {
            0 => ProtoMessage::Find {
                query,
                key: self.record(what).key,
                hops: kind / 9,
            },
            1 => ProtoMessage::Store {
                query,
                record: self.record(what),
            },
            2 => ProtoMessage::Fetch { query, id, part },
            9 => ProtoMessage::FindNode {
                query,
                target: id.hash,
            },
            10 => ProtoMessage::Nodes {
                query,
                nodes: vec![contact(what.into()); usize::from(what)],
            },
            11 => ProtoMessage::Hello { addresses: at(9) },
            3 => ProtoMessage::Found {
                query,
                record: self.record(what),
            },
            4 => ProtoMessage::NotFound {
                query,
                nodes: Vec::new(),
            },
            5 => ProtoMessage::Stored { query },
            6 => ProtoMessage::Refused {
                query,
                reason: "no".into(),
            },
            7 => ProtoMessage::Bye {
                reason: "bye".into(),
            },
            _ => ProtoMessage::Refused {
                query: QueryId::MAX,
                reason: String::new(),
            },
        }
    }

    fn answer(&mut self, index: usize, right: bool) {
        let asked = |(_, message, _): &(ConnId, ProtoMessage, Option<bytes::Bytes>)| {
            use ProtoMessage as M;
            matches!(
                message,
                M::Find { .. } | M::FindNode { .. } | M::Store { .. } | M::Fetch { .. }
            )
        };
        self.bench.sent.retain(asked);
        if self.bench.sent.is_empty() {
            return;
        }
        let known = !index.is_multiple_of(3);
        let index = index % self.bench.sent.len();
        let (conn, message, _) = self.bench.sent.remove(index);
        match message {
            ProtoMessage::Find { query, .. } if !right => {
                self.bench.hears(conn, ProtoMessage::Stored { query });
            }
            ProtoMessage::Find { query, key, .. } => {
                let mut records = (0..=255).map(|what| self.record(what));
                let answer = match records.find(|record| known && record.key == key) {
                    Some(record) => ProtoMessage::Found { query, record },
                    None => ProtoMessage::NotFound {
                        query,
                        nodes: vec![contact(200 + index)],
                    },
                };
                drop(records);
                self.bench.hears(conn, answer);
            }
            ProtoMessage::FindNode { query, .. } if right => {
                self.bench
                    .hears_nodes(conn, query, &[conn, index % 7, 100 + index]);
            }
            ProtoMessage::FindNode { query, .. } => {
                self.bench.hears(conn, ProtoMessage::Stored { query });
            }
            ProtoMessage::Store { query, .. } => {
                let answer = match right {
                    true => ProtoMessage::Stored { query },
                    false => ProtoMessage::NotFound {
                        query,
                        nodes: Vec::new(),
                    },
                };
                self.bench.hears(conn, answer);
            }
            ProtoMessage::Fetch { query, id, part } => {
                let sample = self.samples.iter().find(|sample| sample.id() == id);
                let sample = sample.unwrap().clone();
                // Where the wrong thing is wanted: another part, if there is one.
                let part = if right { part } else { (part + 1) % id.parts() };
                self.bench.hears_part(conn, query, &sample, part);
            }
            _ => {}
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Up(conn, id) if !self.bench.conns.contains(&conn) => {
                self.bench.up_as(conn, peer_id(usize::from(id % 4)));
            }
            Step::Up(..) => {}
            // Also of one that is not up.
            Step::Down(conn) => self.bench.down(conn),
            Step::Ask(kind, what) => {
                let id = self.sample(what).id();
                let command = match kind % 6 {
                    0 => Command::Put {
                        record: self.record(what),
                        tree: None,
                    },
                    1 => self.sample(what).put(),
                    2 => Command::Read {
                        id,
                        part: u64::from(kind / 6),
                    },
                    3 => Command::AwaitPeer(Duration::from_millis(u64::from(what) * 100)),
                    _ => Command::Get {
                        key: self.record(what).key,
                    },
                };
                self.bench.ask(command);
            }
            Step::ConnectFailed(hopeless) => {
                self.bench
                    .handle(Input::ConnectFailed("no".into(), hopeless));
            }
            Step::Request(conn, kind, what, part) => {
                let query = u64::from(kind);
                let message = self.message([0, 1, 2, 9][usize::from(kind % 4)], what, query, part);
                self.bench.hears(conn, message);
            }
            Step::Right(index) => self.answer(index, true),
            Step::Wrong(conn, kind, what, query) => match kind % 3 {
                0 => self.answer(query, false),
                1 => {
                    let message = self.message(kind / 3, what, query as u64 % 200, 0);
                    self.bench.hears(conn, message);
                }
                _ => {
                    let sample = self.sample(what).clone();
                    self.bench.hears_part(conn, query as u64 % 200, &sample, 0);
                }
            },
            Step::Store => {
                self.bench.store_answers();
            }
            Step::StoreFails(how) => {
                let Some((ticket, _)) = self.bench.asked.pop_front() else {
                    return;
                };
                let result = match how % 4 {
                    0 => Ok(StoreReply::Done),
                    1 => Ok(StoreReply::Written(false)),
                    2 => Ok(StoreReply::Part(None)),
                    _ => Err(io::Error::other("disk full")),
                };
                self.bench.handle(Input::Stored(ticket, result));
            }
            Step::Dialed(how) => {
                let Some((id, _)) = self.bench.dialed.pop() else {
                    return;
                };
                let conn = (6..12).find(|conn| !self.bench.conns.contains(conn));
                match conn {
                    Some(conn) if how % 3 > 0 => self.bench.up_as(conn, id),
                    _ => self.bench.handle(Input::Unreachable(id)),
                }
            }
            Step::Reachable(conn) => self.bench.reachable(conn),
            Step::Passes(millis) => self.bench.passes(Duration::from_millis(millis.into())),
        }
    }

    /// Checks the invariants that hold at any time.
    fn check(&mut self) {
        let limits = self.bench.engine.cx.limits.clone();
        for (what, count) in self.bench.engine.held() {
            let most = match what {
                "downloads" => limits.transfers.downloads,
                "dials" => limits.peers.dials,
                "providers" => limits.providers.known_providers,
                "outputs" => 0,
                _ => usize::MAX,
            };
            assert!(count <= most, "{count} {what}");
        }
        let deadline = self.bench.engine.next_deadline();
        assert!(
            deadline.is_none_or(|at| at > self.bench.now),
            "a tick would spin"
        );
        for (_, event) in self.bench.last_events() {
            if let Event::Found(record) = event
                && let Some(id) = record.value.attachment()
            {
                let sample = self.samples.iter().find(|sample| sample.id() == id);
                let content = self.bench.store.content(&id);
                assert_eq!(content.as_ref(), sample.map(|sample| &sample.content));
            }
        }
        for (_, message, part) in &self.bench.sent {
            if let (
                ProtoMessage::Part {
                    hash, part, proof, ..
                },
                Some(bytes),
            ) = (message, part)
            {
                let sample = self.samples.iter().find(|s| s.id().hash == *hash);
                let received = received(message, bytes.clone());
                assert!(sample.is_some_and(|s| s.id().verify(*part, &received.node, proof)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// No panic, no limit passed, no lie told; and what [`Bench`] checks at its end.
    #[test]
    fn whatever_happens_each_request_has_one_end(steps in proptest::collection::vec(step(), 0..300)) {
        let mut chaos = Chaos::new();
        for step in steps {
            chaos.take(step);
            chaos.check();
        }
    }
}
