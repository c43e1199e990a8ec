//! Keeping records, here and with peers.

use super::*;

fn put_value(bench: &mut Bench) -> Ticket {
    let record = value(b"a");
    bench.ask(Command::Put { record, tree: None })
}

#[test]
fn without_peers_a_record_is_kept_here() {
    let mut bench = Bench::with_peers(0);
    let ticket = put_value(&mut bench);
    assert_eq!(bench.last_events(), [(ticket, Event::Stored { copies: 0 })]);
    assert_eq!(bench.store.records.len(), 1);
}

#[test]
fn copies_are_counted_when_all_peers_have_answered() {
    let mut bench = Bench::with_peers(3);
    let ticket = put_value(&mut bench);
    let stores = bench.stores();
    assert_eq!(stores.len(), 3);
    let (conn, query) = stores[0];
    bench.hears(conn, ProtoMessage::Stored { query });
    let (conn, query) = stores[1];
    bench.hears(
        conn,
        ProtoMessage::Refused {
            query,
            reason: "full".into(),
        },
    );
    assert!(bench.events.is_empty());
    let (conn, query) = stores[2];
    bench.hears(conn, ProtoMessage::Stored { query });
    assert_eq!(bench.last_events(), [(ticket, Event::Stored { copies: 2 })]);
}

#[test]
fn a_peer_that_is_connected_twice_keeps_one_copy() {
    let mut bench = Bench::with_peers(1);
    bench.up_as(2, peer_id(1));
    let ticket = put_value(&mut bench);
    for (conn, query) in bench.stores() {
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    assert_eq!(bench.last_events(), [(ticket, Event::Stored { copies: 1 })]);
}

#[test]
fn where_no_peer_keeps_it_the_user_hears_why() {
    let mut bench = Bench::with_peers(1);
    put_value(&mut bench);
    let (conn, query) = bench.stores()[0];
    bench.hears(
        conn,
        ProtoMessage::Refused {
            query,
            reason: "full".into(),
        },
    );
    assert_eq!(bench.failure(), "kept here, but by no peer: full");
    put_value(&mut bench);
    bench.down(1);
    assert_eq!(bench.failure(), "kept here, but by no peer: the peer left");
    bench.up(2);
    put_value(&mut bench);
    bench.passes(TIMEOUT);
    assert!(bench.failure().ends_with("the peer did not answer in time"));
}

/// Once, such an answer left the put open for ever.
#[test]
fn an_answer_of_another_kind_is_a_refusal() {
    let mut bench = Bench::with_peers(1);
    put_value(&mut bench);
    let (conn, query) = bench.stores()[0];
    bench.hears(
        conn,
        ProtoMessage::NotFound {
            query,
            nodes: Vec::new(),
        },
    );
    assert!(bench.failure().ends_with("the peer broke the protocol"));
    assert_eq!(bench.closed.len(), 1);
}

#[test]
fn what_is_put_must_be_what_the_record_says() {
    let (sample, other) = (Sample::new(10, 0), Sample::new(10, 1));
    let wrong = [
        Command::Put {
            record: sample.record(),
            tree: None,
        },
        Command::Put {
            record: sample.record(),
            tree: Some(other.tree.clone()),
        },
        Command::Put {
            record: value(b"a"),
            tree: Some(other.tree.clone()),
        },
        Command::Put {
            record: Record::new(value(b"a").key, Value::Bytes(b"b".to_vec())),
            tree: None,
        },
    ];
    for command in wrong {
        let mut bench = Bench::with_peers(1);
        bench.ask(command);
        bench.failure();
        assert!(bench.store.records.is_empty() && bench.sent.is_empty());
    }
}

#[test]
fn a_put_makes_progress_as_peers_take_parts_and_never_goes_back() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(2);
    let ticket = bench.ask(sample.put());
    let stores = bench.stores();
    let id = sample.id();
    for (conn, part) in [(1, 0), (2, 0), (1, 1), (2, 1), (1, 0)] {
        bench.hears(
            conn,
            ProtoMessage::Fetch {
                query: 70 + part,
                id,
                part,
            },
        );
    }
    let total = id.len;
    let progress = |done| (ticket, Event::Progress { done, total });
    assert_eq!(bench.events, [progress(PART_LEN as u64), progress(total)]);
    for (conn, query) in stores {
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    assert_eq!(bench.last_events(), [(ticket, Event::Stored { copies: 2 })]);
}

#[test]
fn who_takes_parts_is_given_time_but_not_for_asking_again_and_again() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(1);
    let ticket = bench.ask(sample.put());
    let id = sample.id();
    let almost = TIMEOUT - Duration::from_secs(1);
    for part in 0..3 {
        bench.passes(almost);
        bench.hears(
            1,
            ProtoMessage::Fetch {
                query: part,
                id,
                part,
            },
        );
    }
    assert!(bench.last_events().is_empty());
    bench.passes(almost);
    bench.hears(
        1,
        ProtoMessage::Fetch {
            query: 9,
            id,
            part: 0,
        },
    );
    bench.passes(almost);
    assert!(bench.failure().ends_with("the peer did not answer in time"));
    let _ = ticket;
}

#[test]
fn a_value_that_a_peer_stores_is_acknowledged_when_it_is_kept() {
    let mut bench = Bench::with_peers(1);
    bench.answers = false;
    let record = value(b"a");
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 4,
            record: record.clone(),
        },
    );
    assert!(bench.sent.is_empty());
    bench.store_answers();
    assert_eq!(bench.sent, [(1, ProtoMessage::Stored { query: 4 }, None)]);
    assert_eq!(bench.store.records.get(&record.key), Some(&record));
}

#[test]
fn a_forged_record_is_refused() {
    let mut bench = Bench::with_peers(1);
    let record = Record::new(value(b"a").key, Value::Bytes(b"b".to_vec()));
    bench.hears(1, ProtoMessage::Store { query: 4, record });
    assert_eq!(bench.refusals().len(), 1);
    assert!(bench.store.records.is_empty());
}

#[test]
fn an_attachment_is_pulled_from_who_stores_it_and_acknowledged_when_whole_and_kept() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(2);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 4,
            record: sample.record(),
        },
    );
    let fetches = bench.fetches();
    assert!(fetches.iter().all(|(conn, ..)| *conn == 1));
    assert_eq!(fetches.len(), 3);
    for (conn, query, part) in fetches {
        assert!(bench.sent.is_empty());
        assert!(
            bench.store.records.is_empty(),
            "no record before its attachment"
        );
        bench.hears_part(conn, query, &sample, part);
    }
    assert_eq!(bench.sent, [(1, ProtoMessage::Stored { query: 4 }, None)]);
    assert_eq!(
        bench.store.content(&sample.id()),
        Some(sample.content.clone())
    );
    bench.sent.clear();
    // What is here already is not pulled again.
    bench.hears(
        2,
        ProtoMessage::Store {
            query: 5,
            record: sample.record(),
        },
    );
    assert_eq!(bench.sent, [(2, ProtoMessage::Stored { query: 5 }, None)]);
}

#[test]
fn an_attachment_whose_record_cannot_be_kept_is_not_acknowledged() {
    let sample = Sample::parts(1);
    let mut bench = Bench::with_peers(1);
    bench.broken = Some(|op| matches!(op, StoreOp::Put(..)));
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 4,
            record: sample.record(),
        },
    );
    bench.serve(&sample);
    assert_eq!(bench.refusals().len(), 1);
    assert!(bench.sent.is_empty());
}

#[test]
fn a_store_whose_asker_does_not_give_the_parts_is_refused() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(1);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 4,
            record: sample.record(),
        },
    );
    let (conn, query, _) = bench.fetches()[0];
    bench.hears(
        conn,
        ProtoMessage::Refused {
            query,
            reason: "no".into(),
        },
    );
    assert_eq!(
        bench.refusals(),
        [(1, 4, "the attachment did not arrive".to_owned())]
    );
}

#[test]
fn by_proxy_the_nearest_neighbours_are_asked_and_only_they() {
    let mut bench = Bench::with_peers(9);
    bench.quiet = false;
    let record = value(b"a");
    let ticket = bench.ask(Command::Propagate {
        record: record.clone(),
    });
    let asked = bench.pick(|conn, message| match message {
        ProtoMessage::Propagate { query, .. } => Some((conn, *query)),
        _ => None,
    });
    assert_eq!(asked.len(), 3);
    assert!(bench.sent.is_empty() && bench.dialed.is_empty());
    for (conn, query) in asked {
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    assert_eq!(bench.last_events(), [(ticket, Event::Stored { copies: 3 })]);
    bench.ask(Command::Propagate {
        record: Sample::parts(1).record(),
    });
    assert!(bench.failure().contains("put it"));
}

#[test]
fn a_proxy_keeps_a_record_answers_and_puts_it_with_others() {
    let mut bench = Bench::with_peers(3);
    let record = value(b"a");
    let given = record.clone();
    bench.hears(
        1,
        ProtoMessage::Propagate {
            query: 4,
            record: given,
        },
    );
    assert_eq!(bench.store.records.get(&record.key), Some(&record));
    assert!(
        bench
            .sent
            .contains(&(1, ProtoMessage::Stored { query: 4 }, None))
    );
    let stores = bench.stores();
    assert_eq!(stores.len(), 3);
    // What becomes of these is nobody's to hear, and the peer that asked may be gone.
    bench.down(1);
    for (conn, query) in stores.into_iter().filter(|(conn, _)| *conn != 1) {
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    assert!(bench.last_events().is_empty());
    // It is taken as a record to store is: checked, counted.
    let forged = Record::new(record.key, Value::Bytes(b"b".to_vec()));
    for record in [forged, Sample::parts(1).record()] {
        bench.hears(2, ProtoMessage::Propagate { query: 5, record });
        assert_eq!(bench.refusals().len(), 1);
    }
}
