//! Serving of parts.

use super::store::give;
use super::*;
use crate::limits::TransferLimits;

/// A node that has heard of an attachment from peer 1, on behalf of peer 2.
fn a_node_that_knows(sample: &Sample, limits: Limits) -> Bench {
    let mut bench = Bench::limited(3, limits);
    let key = sample.record().key;
    bench.hears(
        2,
        ProtoMessage::Find {
            query: 0,
            key,
            hops: 1,
        },
    );
    for (conn, query, _) in bench.finds() {
        match conn {
            1 => bench.hears(
                conn,
                ProtoMessage::Found {
                    query,
                    record: sample.record(),
                },
            ),
            _ => bench.hears(
                conn,
                ProtoMessage::NotFound {
                    query,
                    nodes: Vec::new(),
                },
            ),
        }
    }
    assert!(matches!(
        bench.sent[..],
        [(2, ProtoMessage::Found { .. }, None)]
    ));
    bench.sent.clear();
    bench
}

fn fetch(sample: &Sample, query: QueryId, part: u64) -> ProtoMessage {
    let id = sample.id();
    ProtoMessage::Fetch { query, id, part }
}

#[test]
fn a_part_that_is_here_is_given_out_with_its_proof() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(0);
    bench.ask(sample.put());
    bench.up(1);
    for part in 0..3 {
        bench.hears(1, fetch(&sample, part, part));
        let (message, received) = sample.message(part, part);
        assert_eq!(bench.sent.pop(), Some((1, message, Some(received.bytes))));
    }
    bench.last_events();
}

#[test]
fn a_part_that_nobody_has_is_refused_and_so_is_one_that_is_none() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(2);
    for part in [0, 3, u64::MAX] {
        bench.hears(1, fetch(&sample, part, part));
        let why = if part == 0 {
            "this part is not here"
        } else {
            "there is no such part"
        };
        assert_eq!(bench.refusals(), [(1, part, why.to_owned())]);
    }
    assert!(bench.sent.is_empty());
}

#[test]
fn a_part_is_fetched_on_behalf_of_a_peer_which_waits() {
    let sample = Sample::parts(2);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.hears(2, fetch(&sample, 70, 1));
    bench.hears(2, fetch(&sample, 71, 1));
    bench.hears(3, fetch(&sample, 72, 0));
    assert!(bench.parts().is_empty());
    bench.serve(&sample);
    let mut parts = bench.parts();
    parts.sort_unstable();
    assert_eq!(parts, [(2, 70, 1), (2, 71, 1), (3, 72, 0)]);
    assert!(bench.store.records.is_empty(), "nobody asked to keep it");
}

#[test]
fn who_is_the_only_one_to_have_it_is_not_asked_on_its_own_behalf() {
    let sample = Sample::parts(2);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.hears(1, fetch(&sample, 70, 0));
    assert_eq!(
        bench.refusals(),
        [(1, 70, "this part is not here".to_owned())]
    );
}

#[test]
fn no_more_is_fetched_for_peers_than_they_take() {
    let sample = Sample::parts(40);
    let limits = Limits {
        transfers: TransferLimits {
            parts_in_flight: 4,
            ..TransferLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = a_node_that_knows(&sample, limits);
    bench.hears(2, fetch(&sample, 70, 0));
    bench.serve(&sample);
    let here = |bench: &mut Bench| {
        let id = sample.id();
        let part = |part| bench.store.attachments.read_part(&id, part);
        (0..40).filter(|index| part(*index).is_some()).count()
    };
    assert_eq!(here(&mut bench), 5, "one, and four ahead");
    // Taking what is here already moves the window too.
    bench.hears(2, fetch(&sample, 71, 4));
    bench.serve(&sample);
    assert_eq!(here(&mut bench), 9);
}

#[test]
fn waiting_peers_are_refused_when_the_part_is_not_to_be_had() {
    type Ending = fn(&mut Bench);
    let endings: [(Ending, usize); 4] = [
        (|bench| bench.down(1), 2),
        (|bench| bench.passes(TIMEOUT), 2),
        (
            |bench| {
                let (conn, query, _) = bench.fetches()[0];
                bench.hears(
                    conn,
                    ProtoMessage::Refused {
                        query,
                        reason: "no".into(),
                    },
                );
            },
            2,
        ),
        (
            |bench| {
                bench.down(2);
                bench.down(1);
            },
            1,
        ),
    ];
    for (ending, refused) in endings {
        let sample = Sample::parts(2);
        let mut bench = a_node_that_knows(&sample, Limits::default());
        bench.hears(2, fetch(&sample, 70, 0));
        bench.hears(3, fetch(&sample, 71, 1));
        ending(&mut bench);
        assert_eq!(bench.refusals().len(), refused);
        assert!(bench.parts().is_empty());
    }
}

#[test]
fn waiting_peers_are_refused_when_the_store_fails_before_there_is_a_plan() {
    let sample = Sample::parts(2);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.broken = Some(|op| matches!(op, StoreOp::Open(_)));
    bench.hears(2, fetch(&sample, 70, 0));
    assert_eq!(
        bench.refusals(),
        [(2, 70, "the part is not to be had now".to_owned())]
    );
}

#[test]
fn waiting_peers_are_served_when_the_store_has_all_of_it_after_all() {
    let sample = Sample::parts(1);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.answers = false;
    bench.hears(2, fetch(&sample, 70, 0));
    bench.store_answers();
    give(sample.id(), &sample.content);
    bench.store.attachments.link(&sample.tree);
    while bench.store_answers() {}
    assert_eq!(bench.parts(), [(2, 70, 0)]);
}

/// A store may have a part whose proof it does not know yet. Once, the peer waited for ever.
#[test]
fn a_part_that_is_kept_but_cannot_be_given_out_is_refused() {
    let sample = Sample::parts(2);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.answers = false;
    bench.hears(2, fetch(&sample, 70, 0));
    bench.store_answers();
    let (open, _) = bench.asked.pop_front().unwrap();
    let mut have = crate::attachment::fetch::PartSet::default();
    have.insert(0);
    bench.handle(Input::Stored(open, Ok(StoreReply::Partial(have))));
    bench.hears(2, fetch(&sample, 71, 0));
    bench.store_answers();
    let why = "this part cannot be served yet".to_owned();
    assert_eq!(bench.refusals(), [(2, 71, why)]);
}

#[test]
fn nothing_is_fetched_for_a_peer_that_left_meanwhile() {
    let sample = Sample::parts(2);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.answers = false;
    bench.hears(2, fetch(&sample, 70, 0));
    bench.down(2);
    bench.store_answers();
    assert!(bench.sent.is_empty() && bench.asked.is_empty());
}

#[test]
fn a_download_that_nobody_waits_for_is_dropped_after_a_while() {
    let sample = Sample::parts(40);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.hears(2, fetch(&sample, 70, 0));
    bench.serve(&sample);
    let downloads = |bench: &mut Bench| {
        bench.ask(Command::Status);
        match bench.last_events().pop() {
            Some((_, Event::Status { downloads, .. })) => downloads,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(downloads(&mut bench), 1);
    let start = bench.now;
    while downloads(&mut bench) == 1 {
        let deadline = bench.engine.next_deadline().unwrap();
        bench.passes(deadline - bench.now);
    }
    assert_eq!(bench.now, start + TIMEOUT);
    // And is taken up again when it is.
    bench.parts();
    bench.hears(2, fetch(&sample, 71, 39));
    bench.serve(&sample);
    assert_eq!(bench.parts(), [(2, 71, 39)]);
}

#[test]
fn two_nodes_do_not_wait_for_each_other() {
    let sample = Sample::parts(1);
    let mut bench = a_node_that_knows(&sample, Limits::default());
    bench.get(sample.record().key);
    for (conn, query, _) in bench.finds() {
        let record = sample.record();
        bench.hears(conn, ProtoMessage::Found { query, record });
    }
    let (conn, query, part) = bench.fetches()[0];
    bench.hears(conn, fetch(&sample, 70, part));
    let why = "this part was asked of you".to_owned();
    assert_eq!(bench.refusals(), [(conn, 70, why)]);
    bench.hears_part(conn, query, &sample, part);
    assert_eq!(bench.last_events().len(), 1);
}

#[test]
fn the_last_part_can_be_had_without_those_before_it() {
    let sample = Sample::parts(40);
    let limits = Limits {
        transfers: TransferLimits {
            parts_in_flight: 4,
            ..TransferLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = a_node_that_knows(&sample, limits);
    bench.hears(2, fetch(&sample, 70, 39));
    let fetches = bench.fetches();
    assert!(matches!(fetches[..], [(1, _, 39)]));
    let (conn, query, part) = fetches[0];
    bench.hears_part(conn, query, &sample, part);
    assert_eq!(bench.parts(), [(2, 70, 39)]);
}

/// Housekeeping looks through tables, so that it must not run for each message.
#[test]
fn served_messages_need_no_housekeeping() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(30);
    let record = value(b"value");
    let key = record.key;
    bench.ask(sample.put());
    bench.ask(Command::Put { record, tree: None });
    bench.passes(Duration::from_secs(1));
    let before = bench.engine.tidied;
    for query in 0..1000 {
        let conn = 1 + query as ConnId % 30;
        bench.hears(conn, fetch(&sample, query, query % 3));
        let find = ProtoMessage::Find {
            query: query + 1000,
            key,
            hops: 0,
        };
        bench.hears(conn, find);
    }
    assert_eq!(bench.engine.tidied, before);
    bench.passes(Duration::from_secs(3600));
    assert!(bench.engine.tidied > before, "it runs when it is due");
}
