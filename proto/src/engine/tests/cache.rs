//! Caching of values that others looked for here and found elsewhere.

use super::*;
use crate::limits::StorageLimits;

/// Peer 1 gives a record, and it is looked for again.
fn finds_after_cache(limits: Limits, record: &Record) -> bool {
    let mut bench = Bench::limited(2, limits);
    let (given, key) = (record.clone(), record.key);
    bench.hears(1, ProtoMessage::Cache { record: given });
    bench.hears(
        2,
        ProtoMessage::Find {
            query: 3,
            key,
            hops: 0,
        },
    );
    assert!(
        bench.store.records.is_empty(),
        "it is apart from what is kept"
    );
    let sent = std::mem::take(&mut bench.sent);
    match &sent[..] {
        [
            (
                2,
                ProtoMessage::Found {
                    query: 3,
                    record: found,
                },
                None,
            ),
        ] => {
            assert_eq!(found, record);
            true
        }
        [(2, ProtoMessage::NotFound { query: 3, .. }, None)] => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_values_under_their_hash_are_cached_and_only_where_there_is_room() {
    let none = Limits {
        storage: StorageLimits {
            cache_bytes: 0,
            ..StorageLimits::default()
        },
        ..Limits::default()
    };
    let named = Record::new(Key::named("x"), Value::Bytes(b"x".to_vec()));
    assert!(finds_after_cache(Limits::default(), &value(b"x")));
    assert!(!finds_after_cache(none, &value(b"x")));
    assert!(!finds_after_cache(Limits::default(), &named));
    assert!(!finds_after_cache(
        Limits::default(),
        &Sample::parts(1).record()
    ));
}

#[test]
fn a_forged_record_is_not_cached_and_its_giver_is_noted() {
    let mut bench = Bench::with_peers(1);
    let record = Record::new(value(b"a").key, Value::Bytes(b"b".to_vec()));
    for _ in 0..3 {
        let record = record.clone();
        bench.hears(1, ProtoMessage::Cache { record });
    }
    assert_eq!(bench.engine.take_counts().records_forged, 3);
    assert_eq!(bench.closed.len(), 1);
    assert_eq!(bench.engine.cache.held(), 0);
}

#[test]
fn what_is_cached_is_gone_after_a_while() {
    let mut bench = Bench::with_peers(1);
    let record = value(b"a");
    bench.hears(1, ProtoMessage::Cache { record });
    assert_eq!(bench.engine.cache.held(), 1);
    bench.passes(Duration::from_secs(3600));
    assert_eq!(bench.engine.cache.held(), 0);
}

#[test]
fn of_those_that_were_asked_in_vain_the_nearest_gets_a_copy() {
    let record = value(b"a");
    let mut bench = Bench::with_peers(3);
    bench.quiet = false;
    let ticket = bench.get(record.key);
    let mut finds = bench.finds();
    let far =
        |conn: &ConnId| crate::routing::Distance::between(&peer_id(*conn).0, record.key.hash());
    finds.sort_by_key(|(conn, ..)| far(conn));
    let [nearest, next, last] = finds[..] else {
        panic!("{finds:?}");
    };
    for (conn, query, _) in [next, nearest] {
        let nodes = Vec::new();
        bench.hears(conn, ProtoMessage::NotFound { query, nodes });
    }
    let (query, given) = (last.1, record.clone());
    bench.hears(
        last.0,
        ProtoMessage::Found {
            query,
            record: given,
        },
    );
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(record.clone()))]
    );
    assert_eq!(
        bench.sent,
        [(nearest.0, ProtoMessage::Cache { record }, None)]
    );
}
