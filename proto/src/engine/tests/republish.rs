//! Republishing of records.

use super::*;
use crate::limits::RoutingLimits;

/// A round and the most that it may be late.
const ROUND: Duration = Duration::from_secs(3600 + 3600 / 8);

/// A node that has put these while it had no peers, and now has some.
fn keeps(records: &[Record], peers: ConnId) -> Bench {
    let mut bench = Bench::with_peers(0);
    for record in records {
        let record = record.clone();
        bench.ask(Command::Put { record, tree: None });
    }
    bench.last_events();
    (1..=peers).for_each(|conn| bench.up(conn));
    bench
}

fn stored(bench: &mut Bench) -> usize {
    let stores = bench.stores();
    for (conn, query) in &stores {
        let query = *query;
        bench.hears(*conn, ProtoMessage::Stored { query });
    }
    stores.len()
}

#[test]
fn a_record_is_put_again_each_hour_and_not_sooner() {
    let mut bench = keeps(&[value(b"a")], 3);
    for _ in 0..3 {
        bench.passes(Duration::from_secs(3599));
        assert_eq!(bench.stores(), []);
        bench.passes(ROUND - Duration::from_secs(3599));
        assert_eq!(stored(&mut bench), 3);
        assert_eq!(bench.stores(), []);
    }
    assert!(bench.events.is_empty(), "the user did not ask");
}

#[test]
fn records_are_put_again_one_at_a_time() {
    let records: Vec<Record> = (0..5u8).map(|byte| value(&[byte])).collect();
    let mut bench = keeps(&records, 2);
    bench.passes(ROUND);
    let mut seen = BTreeSet::new();
    for _ in &records {
        let sent = std::mem::take(&mut bench.sent);
        assert_eq!(sent.len(), 2);
        for (conn, message, _) in sent {
            let ProtoMessage::Store { query, record } = message else {
                panic!("{message:?}");
            };
            seen.insert(record.key);
            bench.hears(conn, ProtoMessage::Stored { query });
        }
    }
    assert!(bench.sent.is_empty());
    assert_eq!(seen, records.iter().map(|record| record.key).collect());
}

#[test]
fn what_a_peer_has_put_lately_is_left_to_that_peer() {
    let mut bench = keeps(&[value(b"mine")], 2);
    bench.passes(Duration::from_secs(1800));
    for record in [value(b"mine"), value(b"its")] {
        let query = 7;
        bench.hears(1, ProtoMessage::Store { query, record });
    }
    bench.sent.clear();
    bench.passes(ROUND - Duration::from_secs(1800));
    assert_eq!(bench.stores(), []);
    // It has not put them again.
    bench.passes(ROUND);
    assert_eq!(stored(&mut bench), 2);
    assert_eq!(stored(&mut bench), 2);
    assert_eq!(stored(&mut bench), 0);
}

#[test]
fn a_round_that_all_peers_left_goes_on_when_there_are_others() {
    let records: Vec<Record> = (0..3u8).map(|byte| value(&[byte])).collect();
    let mut bench = keeps(&records, 1);
    bench.passes(ROUND);
    assert_eq!(stored(&mut bench), 1);
    bench.down(1);
    assert_eq!(bench.engine.next_deadline(), None);
    bench.sent.clear();
    bench.up(2);
    // The second was under way when the peer left.
    assert_eq!(stored(&mut bench), 1);
    assert_eq!(stored(&mut bench), 0);
}

#[test]
fn a_store_that_fails_ends_the_round_and_no_other() {
    let mut bench = keeps(&[value(b"a")], 1);
    for broken in [
        (|op: &StoreOp| matches!(op, StoreOp::Next(_))) as fn(&StoreOp) -> bool,
        |op| matches!(op, StoreOp::Get(_)),
    ] {
        bench.broken = Some(broken);
        bench.passes(ROUND);
        assert_eq!(bench.stores(), []);
    }
    bench.broken = None;
    bench.passes(ROUND);
    assert_eq!(stored(&mut bench), 1);
}

#[test]
fn nothing_is_put_again_where_that_is_not_wanted_or_there_is_no_time() {
    let never = Limits {
        routing: RoutingLimits {
            republish: Duration::ZERO,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, never);
    bench.store.records.insert(value(b"a").key, value(b"a"));
    bench.passes(ROUND * 10);
    assert_eq!(bench.stores(), []);
    let mut bench = keeps(&[value(b"a")], 1);
    bench.handle(Input::Stop);
    bench.passes(ROUND);
    assert_eq!(bench.stores(), []);
}

#[test]
fn an_attachment_that_is_not_whole_is_not_put_again() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(1);
    let record = sample.record();
    bench.store.records.insert(record.key, record);
    bench.passes(ROUND);
    assert_eq!(bench.stores(), []);
}

#[test]
fn a_peer_that_does_not_answer_holds_up_nothing() {
    let records = [value(b"a"), value(b"b")];
    let mut bench = keeps(&records, 1);
    bench.passes(ROUND);
    assert_eq!(bench.stores().len(), 1);
    bench.passes(TIMEOUT);
    assert_eq!(bench.stores().len(), 1, "the next");
}
