//! Refusals past a limit, which name the limit.

use super::*;
use crate::limits::{FlowLimits, ProviderLimits, RoutingLimits, SizeLimits, TransferLimits};

fn the_refusal(bench: &mut Bench) -> String {
    match &bench.refusals()[..] {
        [(_, _, why)] => why.clone(),
        other => panic!("not one refusal: {other:?}"),
    }
}

#[test]
fn records_that_are_too_long() {
    let id = AttachmentId {
        hash: Hash([1; 32]),
        len: 11,
    };
    let long = |name: &str| {
        Record::by_content(Value::Attachment {
            id,
            name: name.into(),
        })
    };
    let cases = [
        (value(b"abcd"), "value_bytes"),
        (long("a"), "attachment_bytes"),
        (
            Record::by_content(Value::Attachment {
                id: AttachmentId { len: 10, ..id },
                name: "abcd".into(),
            }),
            "name_bytes",
        ),
    ];
    for (record, limit) in cases {
        let limits = Limits {
            sizes: SizeLimits {
                value_bytes: 3,
                attachment_bytes: 10,
                name_bytes: 3,
                ..SizeLimits::default()
            },
            ..Limits::default()
        };
        let mut bench = Bench::limited(2, limits);
        bench.hears(
            1,
            ProtoMessage::Store {
                query: 0,
                record: record.clone(),
            },
        );
        assert!(the_refusal(&mut bench).contains(limit));
        bench.ask(Command::Put {
            record: record.clone(),
            tree: None,
        });
        assert!(bench.failure().contains(limit));
        // A record that is found: its holder does not misbehave, and the requester hears why it cannot have it.
        bench.get(record.key);
        bench.hears(
            1,
            ProtoMessage::Find {
                query: 5,
                key: record.key,
                hops: 1,
            },
        );
        for (conn, query, _) in bench.finds() {
            bench.hears(
                conn,
                ProtoMessage::Found {
                    query,
                    record: record.clone(),
                },
            );
        }
        assert!(bench.failure().contains(limit));
        assert!(the_refusal(&mut bench).contains(limit));
        assert!(bench.closed.is_empty());
    }
}

#[test]
fn parts_of_attachments_that_are_too_long() {
    let mut bench = Bench::limited(
        1,
        Limits {
            sizes: SizeLimits {
                attachment_bytes: 10,
                ..SizeLimits::default()
            },
            ..Limits::default()
        },
    );
    let id = AttachmentId {
        hash: Hash([1; 32]),
        len: 11,
    };
    bench.hears(
        1,
        ProtoMessage::Fetch {
            query: 0,
            id,
            part: 0,
        },
    );
    assert!(the_refusal(&mut bench).contains("attachment_bytes"));
}

#[test]
fn downloads() {
    let (first, second) = (Sample::new(10, 1), Sample::new(10, 2));
    let mut bench = Bench::limited(
        3,
        Limits {
            transfers: TransferLimits {
                downloads: 1,
                ..TransferLimits::default()
            },
            ..Limits::default()
        },
    );
    let ticket = bench.get_from_peer(&first);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 0,
            record: second.record(),
        },
    );
    assert!(the_refusal(&mut bench).contains("limit transfers.downloads"));
    bench.hears(
        2,
        ProtoMessage::Fetch {
            query: 0,
            id: second.id(),
            part: 0,
        },
    );
    assert!(the_refusal(&mut bench).contains("limit transfers.downloads"));
    let mut fetches = bench.fetches();
    bench.get_from_peer(&second);
    assert!(bench.failure().contains("limit transfers.downloads"));
    let (conn, query, part) = fetches.remove(0);
    bench.hears_part(conn, query, &first, part);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(first.record()))]
    );
}

#[test]
fn a_download_that_nobody_waits_for_makes_room() {
    let (first, second) = (Sample::parts(40), Sample::new(10, 2));
    let mut bench = Bench::limited(
        3,
        Limits {
            transfers: TransferLimits {
                downloads: 1,
                ..TransferLimits::default()
            },
            ..Limits::default()
        },
    );
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 0,
            record: first.record(),
        },
    );
    bench.down(1);
    assert!(bench.refusals().is_empty(), "who asked is gone");
    bench.up(1);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 0,
            record: first.record(),
        },
    );
    bench.hears(
        2,
        ProtoMessage::Store {
            query: 0,
            record: first.record(),
        },
    );
    bench.down(1);
    bench.fetches();
    let late = |bench: &mut Bench| {
        bench.hears(
            3,
            ProtoMessage::Store {
                query: 9,
                record: second.record(),
            },
        );
        bench.refusals().len()
    };
    assert_eq!(late(&mut bench), 1, "peer 2 waits");
    bench.down(2);
    assert_eq!(late(&mut bench), 0);
    bench.serve(&second);
    assert_eq!(bench.sent, [(3, ProtoMessage::Stored { query: 9 }, None)]);
}

#[test]
fn requests_that_wait_for_an_attachment() {
    let sample = Sample::parts(2);
    let limits = Limits {
        transfers: TransferLimits {
            waiting_requests: 2,
            ..TransferLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(3, limits);
    for query in 0..3 {
        bench.hears(
            1,
            ProtoMessage::Store {
                query,
                record: sample.record(),
            },
        );
    }
    assert!(the_refusal(&mut bench).contains("limit transfers.waiting_requests"));
    for query in 0..3 {
        bench.hears(
            2,
            ProtoMessage::Fetch {
                query,
                id: sample.id(),
                part: 1,
            },
        );
    }
    assert!(the_refusal(&mut bench).contains("limit transfers.waiting_requests"));
    // One that left does not count.
    bench.down(2);
    bench.hears(
        3,
        ProtoMessage::Fetch {
            query: 0,
            id: sample.id(),
            part: 1,
        },
    );
    assert!(bench.refusals().is_empty());
    bench.serve(&sample);
    assert_eq!(bench.parts(), [(3, 0, 1)]);
}

#[test]
fn lookups_for_peers() {
    let mut bench = Bench::limited(
        2,
        Limits {
            routing: RoutingLimits {
                lookups: 1,
                ..RoutingLimits::default()
            },
            ..Limits::default()
        },
    );
    for query in 0..2 {
        bench.hears(
            1,
            ProtoMessage::Find {
                query,
                key: Key::named("x"),
                hops: 3,
            },
        );
    }
    assert!(the_refusal(&mut bench).contains("limit routing.lookups"));
    let (conn, query, _) = bench.finds()[0];
    bench.hears(
        conn,
        ProtoMessage::NotFound {
            query,
            nodes: Vec::new(),
        },
    );
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 2,
            key: Key::named("x"),
            hops: 3,
        },
    );
    assert!(bench.refusals().is_empty());
}

#[test]
fn requests_that_wait_for_the_store() {
    let mut bench = Bench::limited(
        2,
        Limits {
            flow: FlowLimits {
                pending_messages: 2,
                ..FlowLimits::default()
            },
            ..Limits::default()
        },
    );
    bench.answers = false;
    for query in 0..3 {
        bench.hears(
            1,
            ProtoMessage::Find {
                query,
                key: Key::named("x"),
                hops: 0,
            },
        );
    }
    assert!(the_refusal(&mut bench).contains("limit flow.pending_messages"));
    bench.hears(
        2,
        ProtoMessage::Find {
            query: 0,
            key: Key::named("x"),
            hops: 0,
        },
    );
    assert!(bench.refusals().is_empty(), "each peer has its own");
    bench.store_answers();
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 3,
            key: Key::named("x"),
            hops: 0,
        },
    );
    assert!(bench.refusals().is_empty());
}

#[test]
fn providers_that_are_remembered() {
    let samples: Vec<Sample> = (0..3).map(|seed| Sample::new(10, seed)).collect();
    let mut bench = Bench::limited(
        2,
        Limits {
            providers: ProviderLimits {
                known_providers: 2,
                ..ProviderLimits::default()
            },
            ..Limits::default()
        },
    );
    // The first is heard of again before the third: the second is the oldest then.
    for index in [0, 1, 0, 2] {
        let key = samples[index].record().key;
        bench.hears(
            2,
            ProtoMessage::Find {
                query: 0,
                key,
                hops: 1,
            },
        );
        let (conn, query, _) = bench.finds()[0];
        bench.hears(
            conn,
            ProtoMessage::Found {
                query,
                record: samples[index].record(),
            },
        );
    }
    for (index, known) in [(0, true), (1, false), (2, true)] {
        let id = samples[index].id();
        bench.hears(
            2,
            ProtoMessage::Fetch {
                query: 0,
                id,
                part: 0,
            },
        );
        assert_eq!(bench.refusals().is_empty(), known, "{index}");
    }
}

#[test]
fn a_limit_of_no_providers_still_lets_an_attachment_arrive() {
    let sample = Sample::parts(2);
    let mut bench = Bench::limited(
        1,
        Limits {
            providers: ProviderLimits {
                known_providers: 0,
                ..ProviderLimits::default()
            },
            ..Limits::default()
        },
    );
    let ticket = bench.get_from_peer(&sample);
    bench.serve(&sample);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}

/// A peer that answers now and then, but leaves most unanswered, is never silent three times in a
/// row.
#[test]
fn requests_that_a_peer_leaves_unanswered() {
    let limits = Limits {
        transfers: TransferLimits {
            downloads: 0,
            ..TransferLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, limits);
    let mut asked = 0;
    while bench.closed.is_empty() {
        for _ in 0..100 {
            bench.get(Key::named("x"));
        }
        let finds = bench.finds();
        bench.passes(TIMEOUT);
        asked += finds.len();
        assert!(asked < 2 * MAX_OWED, "not bounded");
        bench.hears(
            1,
            ProtoMessage::NotFound {
                query: finds[0].1,
                nodes: Vec::new(),
            },
        );
    }
    assert!(asked > MAX_OWED);
    assert_eq!(
        bench.closed,
        [(1, "it leaves too many requests unanswered".to_owned())]
    );
}
