//! The node as a whole: its peers, its store, time.

use super::*;
use crate::limits::{RoutingLimits, Timeouts};

#[test]
fn status_names_each_peer_once() {
    let mut bench = Bench::with_peers(1);
    bench.up_as(2, peer_id(1));
    let ticket = bench.ask(Command::Status);
    let peers = vec![peer_id(1)];
    let status = Event::Status {
        peers,
        downloads: 0,
    };
    assert_eq!(bench.last_events(), [(ticket, status)]);
}

#[test]
fn what_it_holds_is_counted() {
    let mut bench = Bench::with_peers(3);
    bench.up_as(9, peer_id(1));
    bench.handle(Input::Reachable(2, at(2)));
    let record = value(b"x");
    bench.store.records.insert(record.key, record);
    let ticket = bench.ask(Command::Insight);
    let events = bench.last_events();
    let [(answered, Event::Insight(insight))] = &events[..] else {
        panic!("{events:?}");
    };
    let contacts: usize = insight.buckets.iter().sum();
    assert_eq!(*answered, ticket);
    assert_eq!((insight.peers, contacts, insight.records), (3, 1, 1));
}

#[test]
fn a_first_peer_is_awaited() {
    let mut bench = Bench::with_peers(0);
    let ticket = bench.ask(Command::AwaitPeer(Duration::MAX));
    bench.handle(Input::ConnectFailed("busy".into(), false));
    bench.passes(TIMEOUT);
    assert!(bench.events.is_empty());
    bench.up(1);
    let peers = vec![peer_id(1)];
    let status = Event::Status {
        peers,
        downloads: 0,
    };
    assert_eq!(bench.last_events(), [(ticket, status.clone())]);
    let ticket = bench.ask(Command::AwaitPeer(TIMEOUT));
    assert_eq!(
        bench.last_events(),
        [(ticket, status)],
        "it is there already"
    );
}

#[test]
fn a_peer_that_does_not_come_is_awaited_only_so_long() {
    let mut bench = Bench::with_peers(0);
    bench.ask(Command::AwaitPeer(Duration::from_secs(3)));
    assert_eq!(
        bench.engine.next_deadline(),
        Some(bench.now + Duration::from_secs(3))
    );
    bench.passes(Duration::from_secs(3));
    assert_eq!(bench.failure(), "no peer answered in time");
    bench.ask(Command::AwaitPeer(TIMEOUT));
    bench.handle(Input::ConnectFailed("refused".into(), true));
    assert_eq!(bench.failure(), "refused");
}

#[test]
fn a_peer_that_says_goodbye_is_let_go() {
    let reason = "tired".into();
    let mut bench = Bench::with_peers(1);
    bench.hears(1, ProtoMessage::Bye { reason });
    assert_eq!(bench.closed.len(), 1);
}

#[test]
fn the_user_hears_that_the_store_failed() {
    let sample = Sample::parts(2);
    type Broken = fn(&StoreOp) -> bool;
    let cases: [(Command, Broken); 5] = [
        (
            Command::Get {
                key: Key::named("x"),
            },
            |op| matches!(op, StoreOp::Get(_)),
        ),
        (
            Command::Read {
                id: sample.id(),
                part: 0,
            },
            |op| matches!(op, StoreOp::Read(..)),
        ),
        (sample.put(), |op| matches!(op, StoreOp::Link(..))),
        (sample.put(), |op| matches!(op, StoreOp::Put(..))),
        (
            Command::Put {
                record: value(b"a"),
                tree: None,
            },
            |op| matches!(op, StoreOp::Put(..)),
        ),
    ];
    for (command, broken) in cases {
        let mut bench = Bench::with_peers(1);
        bench.broken = Some(broken);
        bench.ask(command);
        assert_eq!(bench.failure(), "the store of this node failed: disk full");
        assert!(bench.sent.is_empty());
    }
}

#[test]
fn a_peer_hears_that_the_store_failed_but_not_how() {
    let sample = Sample::parts(1);
    let messages = [
        ProtoMessage::Find {
            query: 5,
            key: Key::named("x"),
            hops: 3,
        },
        ProtoMessage::Fetch {
            query: 5,
            id: sample.id(),
            part: 0,
        },
        ProtoMessage::Store {
            query: 5,
            record: value(b"a"),
        },
        ProtoMessage::Store {
            query: 5,
            record: sample.record(),
        },
    ];
    for message in messages {
        let mut bench = Bench::with_peers(2);
        bench.broken = Some(|_| true);
        bench.hears(1, message);
        let why = "the store of this node failed".to_owned();
        assert_eq!(bench.refusals(), [(1, 5, why)]);
        assert!(bench.sent.is_empty());
    }
}

#[test]
fn a_store_that_answers_another_question_has_failed() {
    let mut bench = Bench::with_peers(0);
    bench.answers = false;
    bench.get(Key::named("x"));
    let (ticket, _) = bench.asked.pop_front().unwrap();
    bench.handle(Input::Stored(ticket, Ok(StoreReply::Whole)));
    assert!(bench.failure().contains("answered another request"));
    bench.handle(Input::Stored(ticket, Ok(StoreReply::Record(None))));
    assert!(bench.events.is_empty(), "a second answer is to nothing");
}

#[test]
fn a_part_that_is_here_can_be_read() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(0);
    bench.ask(sample.put());
    bench.last_events();
    let read = |part| Command::Read {
        id: sample.id(),
        part,
    };
    let (first, beyond) = (bench.ask(read(0)), bench.ask(read(2)));
    let part = Event::Part(Some(sample.content[..PART_LEN].to_vec().into()));
    assert_eq!(
        bench.last_events(),
        [(first, part), (beyond, Event::Part(None))]
    );
}

#[test]
fn the_longest_timeout_is_no_overflow() {
    let limits = Limits {
        timeouts: Timeouts {
            request_timeout: Duration::MAX,
            ..Timeouts::default()
        },
        routing: RoutingLimits {
            hops: 255,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, limits);
    let sample = Sample::parts(1);
    bench.get(Key::named("x"));
    bench.ask(sample.put());
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 0,
            record: Sample::new(9, 1).record(),
        },
    );
    bench.passes(TIMEOUT);
    assert!(bench.last_events().is_empty());
}
