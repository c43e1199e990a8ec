//! Finding records.

use super::*;
use crate::limits::RoutingLimits;

#[test]
fn what_is_here_is_found_without_asking_anybody() {
    let mut bench = Bench::with_peers(2);
    let record = value(b"a");
    bench.store.records.insert(record.key, record.clone());
    let ticket = bench.get(record.key);
    assert_eq!(bench.last_events(), [(ticket, Event::Found(record))]);
    assert!(bench.sent.is_empty());
}

#[test]
fn what_is_not_here_is_not_found_where_there_are_no_peers() {
    let mut bench = Bench::with_peers(0);
    let ticket = bench.get(Key::named("x"));
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
}

#[test]
fn every_peer_is_asked_and_the_first_answer_wins() {
    let mut bench = Bench::with_peers(3);
    let record = value(b"a");
    let ticket = bench.get(record.key);
    let hops = Limits::default().routing.hops;
    let finds = bench.finds();
    let asked: Vec<_> = finds.iter().map(|(conn, _, hops)| (*conn, *hops)).collect();
    assert_eq!(asked, [(1, hops), (2, hops), (3, hops)]);
    bench.hears(
        1,
        ProtoMessage::NotFound {
            query: finds[0].1,
            nodes: Vec::new(),
        },
    );
    assert!(bench.events.is_empty());
    for (conn, query, _) in &finds[1..] {
        let (query, record) = (*query, record.clone());
        bench.hears(*conn, ProtoMessage::Found { query, record });
    }
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(record.clone()))]
    );
    assert_eq!(bench.store.records.get(&record.key), Some(&record), "kept");
    assert!(bench.closed.is_empty());
}

#[test]
fn not_found_when_the_last_peer_has_said_so() {
    let mut bench = Bench::with_peers(3);
    let ticket = bench.get(Key::named("x"));
    for (conn, query, _) in bench.finds() {
        assert!(bench.events.is_empty());
        match conn {
            1 => bench.hears(
                conn,
                ProtoMessage::NotFound {
                    query,
                    nodes: Vec::new(),
                },
            ),
            _ => bench.hears(
                conn,
                ProtoMessage::Refused {
                    query,
                    reason: "no".into(),
                },
            ),
        }
    }
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
}

#[test]
fn a_peer_that_lies_is_let_go_and_the_others_are_waited_for() {
    let record = value(b"a");
    let lies = [
        value(b"another"),
        Record::new(record.key, Value::Bytes(b"b".to_vec())),
    ];
    for lie in lies {
        let mut bench = Bench::with_peers(2);
        let ticket = bench.get(record.key);
        let finds = bench.finds();
        bench.hears(
            1,
            ProtoMessage::Found {
                query: finds[0].1,
                record: lie,
            },
        );
        assert_eq!(bench.closed.len(), 1);
        assert!(bench.events.is_empty());
        let truth = ProtoMessage::Found {
            query: finds[1].1,
            record: record.clone(),
        };
        bench.hears(2, truth);
        assert_eq!(
            bench.last_events(),
            [(ticket, Event::Found(record.clone()))]
        );
    }
}

#[test]
fn one_liar_alone_is_as_good_as_nobody() {
    let mut bench = Bench::with_peers(1);
    let ticket = bench.get(Key::named("x"));
    let query = bench.finds()[0].1;
    bench.hears(
        1,
        ProtoMessage::Found {
            query,
            record: value(b"y"),
        },
    );
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
}

/// Once, such an answer left the request open for ever.
#[test]
fn an_answer_of_another_kind_ends_the_request_and_the_connection() {
    let sample = Sample::parts(1);
    let answers = |query| [ProtoMessage::Stored { query }, sample.message(query, 0).0];
    for which in 0..2 {
        let mut bench = Bench::with_peers(1);
        let ticket = bench.get(Key::named("x"));
        let query = bench.finds()[0].1;
        let [stored, part] = answers(query);
        bench.hears(1, if which == 0 { stored } else { part });
        assert_eq!(bench.closed.len(), 1);
        assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
    }
}

#[test]
fn peers_that_vanish_one_by_one_are_not_waited_for() {
    let mut bench = Bench::with_peers(3);
    let ticket = bench.get(Key::named("x"));
    bench.down(2);
    bench.down(1);
    assert!(bench.events.is_empty());
    bench.down(3);
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
}

#[test]
fn a_silent_peer_is_waited_for_until_the_deadline_and_may_answer_after_it() {
    let mut bench = Bench::with_peers(1);
    let ticket = bench.get(Key::named("x"));
    let query = bench.finds()[0].1;
    assert_eq!(bench.engine.next_deadline(), Some(bench.now + FIND_TIMEOUT));
    bench.passes(FIND_TIMEOUT - Duration::from_nanos(1));
    assert!(bench.events.is_empty());
    bench.passes(Duration::from_nanos(1));
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
    bench.hears(
        1,
        ProtoMessage::NotFound {
            query,
            nodes: Vec::new(),
        },
    );
    assert!(bench.closed.is_empty(), "late is no lie");
    bench.hears(
        1,
        ProtoMessage::NotFound {
            query,
            nodes: Vec::new(),
        },
    );
    assert_eq!(bench.closed.len(), 1, "twice is one");
}

#[test]
fn an_answer_to_nothing_or_to_the_request_of_another_ends_the_connection() {
    let mut bench = Bench::with_peers(2);
    let ticket = bench.get(Key::named("x"));
    let finds = bench.finds();
    bench.hears(
        2,
        ProtoMessage::NotFound {
            query: finds[0].1,
            nodes: Vec::new(),
        },
    );
    assert_eq!(bench.closed.len(), 1);
    assert!(bench.events.is_empty());
    bench.hears(
        1,
        ProtoMessage::NotFound {
            query: u64::MAX,
            nodes: Vec::new(),
        },
    );
    assert_eq!(bench.closed.len(), 2);
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
}

#[test]
fn who_is_silent_three_times_in_a_row_is_let_go() {
    let mut bench = Bench::with_peers(1);
    for round in 0..4 {
        bench.get(Key::named("x"));
        let query = bench.finds()[0].1;
        if round == 0 {
            // An answer in time, or a late one, begins the count anew.
            bench.passes(TIMEOUT);
            bench.hears(
                1,
                ProtoMessage::NotFound {
                    query,
                    nodes: Vec::new(),
                },
            );
            continue;
        }
        assert!(bench.closed.is_empty());
        bench.passes(TIMEOUT);
    }
    assert_eq!(bench.closed, [(1, "it does not answer".to_owned())]);
}

#[test]
fn a_peer_is_answered_from_here() {
    let mut bench = Bench::with_peers(2);
    let record = value(b"a");
    bench.store.records.insert(record.key, record.clone());
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: record.key,
            hops: 3,
        },
    );
    assert_eq!(
        bench.sent,
        [(1, ProtoMessage::Found { query: 9, record }, None)]
    );
}

#[test]
fn others_are_asked_on_behalf_of_a_peer_but_not_the_peer() {
    let mut bench = Bench::with_peers(3);
    // The asker has a second connection.
    bench.up_as(4, peer_id(1));
    let record = value(b"a");
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: record.key,
            hops: 2,
        },
    );
    let finds = bench.finds();
    let asked: Vec<_> = finds.iter().map(|(conn, _, hops)| (*conn, *hops)).collect();
    assert_eq!(
        asked,
        [(2, 0), (3, 0)],
        "no more hops than this node allows"
    );
    bench.hears(
        3,
        ProtoMessage::Found {
            query: finds[1].1,
            record: record.clone(),
        },
    );
    let answer = ProtoMessage::Found {
        query: 9,
        record: record.clone(),
    };
    assert_eq!(bench.sent, [(1, answer, None)]);
    assert!(
        !bench.store.records.contains_key(&record.key),
        "only passed on"
    );
    bench.hears(
        2,
        ProtoMessage::NotFound {
            query: finds[0].1,
            nodes: Vec::new(),
        },
    );
    assert_eq!(bench.sent.len(), 1, "answered once");
}

#[test]
fn a_question_has_a_last_hop() {
    let mut bench = Bench::with_peers(2);
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: Key::named("x"),
            hops: 0,
        },
    );
    assert_eq!(
        bench.sent,
        [(
            1,
            ProtoMessage::NotFound {
                query: 9,
                nodes: Vec::new()
            },
            None
        )]
    );
    // Without others the answer is the same, whatever the hops.
    let mut bench = Bench::with_peers(1);
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: Key::named("x"),
            hops: 3,
        },
    );
    assert_eq!(
        bench.sent,
        [(
            1,
            ProtoMessage::NotFound {
                query: 9,
                nodes: Vec::new()
            },
            None
        )]
    );
}

#[test]
fn hops_are_clamped_to_the_own_limit() {
    let mut bench = Bench::with_peers(2);
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: Key::named("x"),
            hops: 255,
        },
    );
    let hops = Limits::default().routing.hops;
    assert!(matches!(bench.finds()[..], [(2, _, asked)] if asked == hops - 1));
}

#[test]
fn an_asker_is_answered_before_it_gives_up() {
    let mut bench = Bench::with_peers(2);
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: Key::named("x"),
            hops: 3,
        },
    );
    bench.passes(TIMEOUT * 3 / 4);
    assert_eq!(bench.pick(|_, m| Some(m.name())), ["FIND", "NOTFOUND"]);
}

#[test]
fn nobody_is_asked_for_a_peer_that_left_meanwhile() {
    let mut bench = Bench::with_peers(2);
    bench.answers = false;
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: Key::named("x"),
            hops: 3,
        },
    );
    bench.down(1);
    bench.store_answers();
    assert!(bench.sent.is_empty());
}

#[test]
fn messages_of_who_is_not_there_do_nothing() {
    let mut bench = Bench::with_peers(1);
    let record = Sample::parts(1).record();
    bench.hears(7, ProtoMessage::Store { query: 0, record });
    bench.hears(
        7,
        ProtoMessage::Find {
            query: 0,
            key: Key::named("x"),
            hops: 3,
        },
    );
    bench.hears(
        7,
        ProtoMessage::NotFound {
            query: 0,
            nodes: Vec::new(),
        },
    );
    bench.hears(
        7,
        ProtoMessage::Bye {
            reason: String::new(),
        },
    );
    assert!(bench.sent.is_empty() && bench.closed.is_empty());
}

#[test]
fn only_the_record_is_found_where_its_attachment_is_not_wanted() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(1);
    let query = Query {
        record_only: true,
        ..Query::default()
    };
    let key = sample.record().key;
    let ticket = bench.ask(Command::Query { key, query });
    for (conn, query, _) in bench.finds() {
        let record = sample.record();
        bench.hears(conn, ProtoMessage::Found { query, record });
    }
    let found = Event::Found(sample.record());
    assert_eq!(bench.last_events(), [(ticket, found)]);
    assert!(bench.fetches().is_empty());
}

/// Returns the peers that are asked at first, of thirty, with their hops.
fn first_asked(mode: QueryMode, priority: QueryPriority) -> Vec<u8> {
    let limits = Limits {
        routing: RoutingLimits {
            hops: 4,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(30, limits);
    let query = Query {
        mode: Some(mode),
        priority,
        ..Query::default()
    };
    let key = Key::named("x");
    bench.ask(Command::Query { key, query });
    let finds = bench.finds();
    // All of them end before the bench does.
    for (conn, query, _) in &finds {
        let (query, nodes) = (*query, Vec::new());
        bench.hears(*conn, ProtoMessage::NotFound { query, nodes });
    }
    finds.into_iter().map(|(.., hops)| hops).collect()
}

#[test]
fn a_querys_mode_says_how_deep_others_ask_and_its_priority_how_many() {
    use QueryMode::{AMix, AProxy, Asynch};
    use QueryPriority::{High, Low, Normal};
    assert_eq!(first_asked(Asynch, Normal), [0; 8]);
    assert_eq!(first_asked(AMix(2), Normal), [2; 8]);
    assert_eq!(first_asked(AProxy, Normal), [4; 3]);
    assert_eq!(first_asked(Asynch, Low), [0]);
    assert_eq!(first_asked(Asynch, High), [0; 16]);
    assert_eq!(first_asked(AProxy, Low), [4]);
}

/// A query that goes by the neighbours alone opens no connection, whomever they name; one of the
/// asker's own does.
#[test]
fn by_proxy_nobody_is_connected_with() {
    for (mode, dials) in [(QueryMode::AProxy, false), (QueryMode::Asynch, true)] {
        let mut bench = Bench::with_peers(1);
        let query = Query {
            mode: Some(mode),
            ..Query::default()
        };
        let key = Key::named("x");
        let ticket = bench.ask(Command::Query { key, query });
        for (conn, query, _) in bench.finds() {
            let nodes = vec![contact(77)];
            bench.hears(conn, ProtoMessage::NotFound { query, nodes });
        }
        assert_eq!(!bench.dialed.is_empty(), dials);
        if dials {
            bench.dialed.clear();
            bench.handle(Input::Unreachable(peer_id(77)));
        }
        assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
    }
}
