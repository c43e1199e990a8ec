//! Records that their signer changes.

use super::*;
use crate::identity::Identity;

/// Long after any test.
const LATE: u64 = u64::MAX;

fn signed(sequence: u64, text: &str, expires: u64) -> Record {
    let me = Identity::from_seed(&[1; 32]);
    Record::signed(&me, b"", sequence, expires, Value::Bytes(text.into()))
}

/// Every peer that is asked has the record that `of` gives.
fn answer_finds(bench: &mut Bench, of: impl Fn(ConnId) -> Option<Record>) {
    loop {
        let finds = bench.finds();
        if finds.is_empty() {
            return;
        }
        for (conn, query, _) in finds {
            let answer = match of(conn) {
                Some(record) => ProtoMessage::Found { query, record },
                None => ProtoMessage::NotFound {
                    query,
                    nodes: Vec::new(),
                },
            };
            bench.hears(conn, answer);
        }
    }
}

#[test]
fn of_several_versions_the_newest_is_found_and_kept() {
    let mut bench = Bench::with_peers(6);
    let newest = signed(7, "new", LATE);
    let ticket = bench.get(newest.key);
    let kept = newest.clone();
    answer_finds(&mut bench, |conn| match conn {
        1 | 5 => Some(signed(3, "old", LATE)),
        4 => Some(newest.clone()),
        _ => None,
    });
    assert_eq!(bench.last_events(), [(ticket, Event::Found(kept.clone()))]);
    assert_eq!(bench.store.records.get(&kept.key), Some(&kept));
}

#[test]
fn one_that_is_here_is_given_only_if_nobody_has_a_newer_one() {
    for (here, there, expected) in [(2, 1, 2), (1, 2, 2), (2, 2, 2)] {
        let mut bench = Bench::with_peers(2);
        let local = signed(here, "x", LATE);
        bench.store.records.insert(local.key, local.clone());
        bench.get(local.key);
        answer_finds(&mut bench, |_| Some(signed(there, "x", LATE)));
        let Event::Found(found) = bench.last_events().remove(0).1 else {
            panic!("not found");
        };
        assert_eq!(found.seal.unwrap().sequence, expected);
    }
}

#[test]
fn one_that_is_here_is_given_where_there_are_no_peers() {
    let mut bench = Bench::with_peers(0);
    let local = signed(1, "x", LATE);
    bench.store.records.insert(local.key, local.clone());
    let ticket = bench.get(local.key);
    assert_eq!(bench.last_events(), [(ticket, Event::Found(local))]);
}

#[test]
fn what_has_expired_is_not_found_and_not_kept() {
    let now = EPOCH.as_millis() as u64;
    let old = signed(1, "x", now);
    let mut bench = Bench::with_peers(1);
    let ticket = bench.get(old.key);
    answer_finds(&mut bench, |_| Some(old.clone()));
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 4,
            record: old.clone(),
        },
    );
    assert_eq!(bench.refusals().len(), 1);
    bench.ask(Command::Put {
        record: old,
        tree: None,
    });
    assert!(bench.failure().contains("expired"));
    assert!(bench.store.records.is_empty());
}

#[test]
fn an_older_version_replaces_nothing_and_whoever_puts_it_is_told() {
    let mut bench = Bench::with_peers(1);
    let newest = signed(5, "new", LATE);
    bench.store.records.insert(newest.key, newest.clone());
    let old = signed(4, "old", LATE);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 4,
            record: old.clone(),
        },
    );
    let why = "a newer record is kept under this key".to_owned();
    assert_eq!(bench.refusals(), [(1, 4, why)]);
    bench.ask(Command::Put {
        record: old,
        tree: None,
    });
    assert!(bench.failure().contains("higher sequence number"));
    assert_eq!(bench.store.records.get(&newest.key), Some(&newest));
}

#[test]
fn a_forged_version_ends_the_connection_and_the_truth_is_found() {
    let mut bench = Bench::with_peers(2);
    let right = signed(1, "right", LATE);
    let mut forged = signed(9, "wrong", LATE);
    forged.value = Value::Bytes(b"forged".to_vec());
    let ticket = bench.get(right.key);
    answer_finds(&mut bench, |conn| {
        Some(if conn == 1 {
            forged.clone()
        } else {
            right.clone()
        })
    });
    assert_eq!(bench.last_events(), [(ticket, Event::Found(right))]);
    assert_eq!(bench.closed.len(), 1);
}

#[test]
fn a_neighbour_that_asks_others_gives_the_newest_too() {
    let mut bench = Bench::with_peers(4);
    let key = signed(1, "", LATE).key;
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key,
            hops: 1,
        },
    );
    answer_finds(&mut bench, |conn| Some(signed(conn as u64, "x", LATE)));
    let record = signed(4, "x", LATE);
    assert_eq!(
        bench.sent,
        [(1, ProtoMessage::Found { query: 9, record }, None)]
    );
}
