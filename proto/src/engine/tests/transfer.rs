//! Attachments on their way here.

use super::*;
use crate::limits::TransferLimits;

#[test]
fn an_attachment_is_fetched_from_who_has_it_with_progress() {
    for parts in [1, 2, 40] {
        let sample = Sample::parts(parts);
        let mut bench = Bench::with_peers(2);
        let ticket = bench.get_from_peer(&sample);
        bench.serve(&sample);
        let progress: Vec<u64> = (bench.events.iter())
            .filter_map(|(_, event)| match event {
                Event::Progress { done, .. } => Some(*done),
                _ => None,
            })
            .collect();
        assert!(progress.is_sorted());
        assert_eq!(
            (progress.len(), progress.last()),
            (parts, Some(&sample.id().len))
        );
        assert_eq!(
            bench.last_events(),
            [(ticket, Event::Found(sample.record()))]
        );
        assert_eq!(
            bench.store.content(&sample.id()),
            Some(sample.content.clone())
        );
        assert_eq!(bench.store.records.len(), 1);
    }
}

#[test]
fn an_empty_attachment_is_one_empty_part() {
    let sample = Sample::new(0, 0);
    let mut bench = Bench::with_peers(1);
    let ticket = bench.get_from_peer(&sample);
    bench.serve(&sample);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}

#[test]
fn no_more_parts_are_asked_of_a_peer_than_may_be_in_flight() {
    let sample = Sample::parts(9);
    let limits = Limits {
        transfers: TransferLimits {
            parts_in_flight: 3,
            ..TransferLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, limits);
    bench.get_from_peer(&sample);
    let fetches = bench.fetches();
    assert_eq!(fetches.len(), 3);
    bench.hears_part(1, fetches[0].1, &sample, fetches[0].2);
    assert_eq!(bench.fetches().len(), 1);
    // The store is slow: what arrives is in memory, so no more is asked for.
    bench.answers = false;
    for (conn, query, part) in &fetches[1..] {
        bench.hears_part(*conn, *query, &sample, *part);
    }
    let more = bench.fetches();
    assert_eq!(more.len(), 2);
    bench.hears_part(1, more[0].1, &sample, more[0].2);
    assert_eq!(bench.fetches().len(), 0);
    bench.store_answers();
    assert_eq!(bench.fetches().len(), 1);
}

#[test]
fn no_parts_in_flight_are_taken_as_one() {
    let sample = Sample::parts(3);
    let mut bench = Bench::limited(
        1,
        Limits {
            transfers: TransferLimits {
                parts_in_flight: 0,
                ..TransferLimits::default()
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

/// Two providers, and one of them misbehaves in the way that `wrong` does: it is disconnected, and
/// all is fetched.
fn refetched_from_another(wrong: impl Fn(&mut Bench, &Sample, QueryId, u64)) {
    let sample = Sample::parts(4);
    let mut bench = Bench::with_peers(2);
    let ticket = bench.get(sample.record().key);
    for (conn, query, _) in bench.finds() {
        bench.hears(
            conn,
            ProtoMessage::Found {
                query,
                record: sample.record(),
            },
        );
    }
    let fetches = bench.fetches();
    let of = |conn| fetches.iter().filter(move |fetch| fetch.0 == conn);
    assert!(
        of(1).count() > 0 && of(2).count() == 0,
        "asked before the second was known"
    );
    let (_, query, part) = fetches[0];
    wrong(&mut bench, &sample, query, part);
    assert_eq!(bench.closed.len(), 1, "not disconnected");
    assert_eq!(bench.closed[0].0, 1);
    let again = bench.fetches();
    assert!(!again.is_empty());
    for (conn, query, part) in again {
        assert_eq!(conn, 2);
        bench.hears_part(conn, query, &sample, part);
    }
    bench.serve(&sample);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
    assert_eq!(
        bench.store.content(&sample.id()),
        Some(sample.content.clone())
    );
}

#[test]
fn a_wrong_part_is_fetched_from_another() {
    refetched_from_another(|bench, sample, query, part| {
        let (message, received) = sample.message(query, part);
        let mut bytes = received.bytes.to_vec();
        bytes[0] ^= 1;
        let received = super::received(&message, bytes);
        bench.handle(Input::Message(1, message, Some(received)));
    });
}

#[test]
fn a_part_with_a_forged_proof_is_fetched_from_another() {
    refetched_from_another(|bench, sample, query, part| {
        let (mut message, received) = sample.message(query, part);
        if let ProtoMessage::Part { proof, .. } = &mut message {
            proof[0] = a_node();
        }
        bench.handle(Input::Message(1, message, Some(received)));
    });
}

#[test]
fn a_part_that_is_too_short_is_fetched_from_another() {
    refetched_from_another(|bench, sample, query, part| {
        let (message, mut received) = sample.message(query, part);
        received.bytes.truncate(received.bytes.len() - 1);
        bench.handle(Input::Message(1, message, Some(received)));
    });
}

#[test]
fn another_part_than_was_asked_for_is_fetched_from_another() {
    refetched_from_another(|bench, sample, query, part| {
        bench.hears_part(1, query, sample, part + 1);
    });
}

#[test]
fn a_part_of_another_attachment_is_fetched_from_another() {
    refetched_from_another(|bench, _, query, part| {
        bench.hears_part(1, query, &Sample::new(4 * PART_LEN, 1), part);
    });
}

#[test]
fn a_part_without_content_is_fetched_from_another() {
    refetched_from_another(|bench, sample, query, part| {
        let (message, _) = sample.message(query, part);
        bench.hears(1, message);
    });
}

#[test]
fn who_gives_a_part_twice_or_unasked_is_let_go() {
    refetched_from_another(|bench, sample, query, part| {
        bench.hears_part(1, query, sample, part);
        assert!(bench.closed.is_empty());
        bench.hears_part(1, query, sample, part);
    });
    refetched_from_another(|bench, sample, _, part| bench.hears_part(1, 1 << 40, sample, part));
}

#[test]
fn what_a_lost_provider_owed_is_asked_of_the_other() {
    let sample = Sample::parts(6);
    let mut bench = Bench::with_peers(2);
    let ticket = bench.get(sample.record().key);
    for (conn, query, _) in bench.finds() {
        bench.hears(
            conn,
            ProtoMessage::Found {
                query,
                record: sample.record(),
            },
        );
    }
    let fetches = bench.fetches();
    bench.hears_part(1, fetches[0].1, &sample, fetches[0].2);
    bench.down(1);
    bench.serve(&sample);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}

#[test]
fn a_provider_that_refuses_is_not_asked_again_and_its_late_parts_do_no_harm() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(2);
    let ticket = bench.get(sample.record().key);
    for (conn, query, _) in bench.finds() {
        bench.hears(
            conn,
            ProtoMessage::Found {
                query,
                record: sample.record(),
            },
        );
    }
    let fetches = bench.fetches();
    bench.hears(
        1,
        ProtoMessage::Refused {
            query: fetches[0].1,
            reason: "busy".into(),
        },
    );
    bench.hears_part(1, fetches[1].1, &sample, fetches[1].2);
    assert!(bench.closed.is_empty());
    let again = bench.fetches();
    assert_eq!(again.len(), 3);
    for (conn, query, part) in again {
        assert_eq!(conn, 2);
        bench.hears_part(conn, query, &sample, part);
    }
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}

#[test]
fn a_silent_provider_is_given_up_while_one_that_gives_parts_has_time() {
    let sample = Sample::parts(4);
    let mut bench = Bench::limited(
        1,
        Limits {
            transfers: TransferLimits {
                parts_in_flight: 4,
                ..TransferLimits::default()
            },
            ..Limits::default()
        },
    );
    bench.get_from_peer(&sample);
    let fetches = bench.fetches();
    let almost = TIMEOUT - Duration::from_secs(1);
    for (conn, query, part) in &fetches[..3] {
        bench.passes(almost);
        bench.hears_part(*conn, *query, &sample, *part);
    }
    // Asking for something is not giving anything.
    bench.passes(almost);
    bench.hears(
        1,
        ProtoMessage::Fetch {
            query: 0,
            id: sample.id(),
            part: 9,
        },
    );
    bench.passes(almost);
    assert_eq!(
        bench.failure(),
        "no peer serves the rest of the attachment now: 3 of 4 parts are kept, get it again to resume"
    );
}

#[test]
fn a_get_goes_on_where_the_last_one_stopped() {
    let sample = Sample::parts(4);
    let mut bench = Bench::with_peers(1);
    bench.get_from_peer(&sample);
    for (conn, query, part) in bench.fetches() {
        if part % 2 == 1 {
            bench.hears_part(conn, query, &sample, part);
        }
    }
    bench.down(1);
    assert!(bench.failure().contains("2 of 4 parts are kept"));
    assert!(
        bench.store.records.is_empty(),
        "a partial one is not to be seen"
    );
    bench.up(1);
    let ticket = bench.get_from_peer(&sample);
    let (done, total) = (2 * PART_LEN as u64 - 9, sample.id().len);
    assert_eq!(bench.events, [(ticket, Event::Progress { done, total })]);
    let fetches = bench.fetches();
    let parts: Vec<u64> = fetches.iter().map(|fetch| fetch.2).collect();
    assert_eq!(parts, [0, 2]);
    for (conn, query, part) in fetches {
        bench.hears_part(conn, query, &sample, part);
    }
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}

/// Once, the get failed although all parts were here.
#[test]
fn a_provider_may_leave_as_soon_as_its_last_part_has_arrived() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(1);
    let ticket = bench.get_from_peer(&sample);
    bench.answers = false;
    for (conn, query, part) in bench.fetches() {
        bench.hears_part(conn, query, &sample, part);
    }
    bench.down(1);
    assert!(bench.last_events().is_empty());
    while bench.store_answers() {}
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}

#[test]
fn a_provider_that_leaves_before_there_is_a_plan_is_not_waited_for() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(1);
    bench.get(sample.record().key);
    bench.answers = false;
    let (_, query, _) = bench.finds()[0];
    bench.hears(
        1,
        ProtoMessage::Found {
            query,
            record: sample.record(),
        },
    );
    bench.down(1);
    assert!(bench.events.is_empty());
    bench.store_answers();
    assert!(bench.failure().contains("0 of 2 parts are kept"));
    assert!(bench.sent.is_empty());
}

#[test]
fn who_says_it_first_need_not_have_it_while_others_may() {
    let sample = Sample::parts(1);
    let mut bench = Bench::with_peers(2);
    let ticket = bench.get(sample.record().key);
    let finds = bench.finds();
    bench.hears(
        1,
        ProtoMessage::Found {
            query: finds[0].1,
            record: sample.record(),
        },
    );
    let (_, query, _) = bench.fetches()[0];
    bench.hears(
        1,
        ProtoMessage::Refused {
            query,
            reason: "not really".into(),
        },
    );
    assert!(bench.last_events().is_empty());
    bench.hears(
        2,
        ProtoMessage::Found {
            query: finds[1].1,
            record: sample.record(),
        },
    );
    bench.serve(&sample);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
    // And when the others have not, it is known.
    let other = Sample::new(10, 1);
    bench.get(other.record().key);
    let finds = bench.finds();
    bench.hears(
        1,
        ProtoMessage::Found {
            query: finds[0].1,
            record: other.record(),
        },
    );
    let (_, query, _) = bench.fetches()[0];
    bench.hears(
        1,
        ProtoMessage::Refused {
            query,
            reason: "not really".into(),
        },
    );
    bench.hears(
        2,
        ProtoMessage::NotFound {
            query: finds[1].1,
            nodes: Vec::new(),
        },
    );
    assert!(bench.failure().contains("0 of 1 parts"));
}

#[test]
fn two_gets_and_a_store_of_one_attachment_are_one_download() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(1);
    let first = bench.get_from_peer(&sample);
    let second = bench.get_from_peer(&sample);
    bench.hears(
        1,
        ProtoMessage::Store {
            query: 8,
            record: sample.record(),
        },
    );
    let fetches = bench.fetches();
    assert_eq!(fetches.len(), 2);
    for (conn, query, part) in fetches {
        bench.hears_part(conn, query, &sample, part);
    }
    let found = Event::Found(sample.record());
    assert_eq!(
        bench.last_events(),
        [(first, found.clone()), (second, found)]
    );
    assert_eq!(bench.sent, [(1, ProtoMessage::Stored { query: 8 }, None)]);
}

#[test]
fn a_store_that_fails_while_parts_arrive_ends_the_download_once() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(1);
    bench.get_from_peer(&sample);
    bench.broken = Some(|op| matches!(op, StoreOp::Write(..)));
    for (conn, query, part) in bench.fetches() {
        bench.hears_part(conn, query, &sample, part);
    }
    assert_eq!(bench.failure(), "the store of this node failed: disk full");
    assert!(bench.closed.is_empty(), "the peer is not at fault");
}

#[test]
fn answers_of_the_store_to_an_earlier_download_do_not_touch_the_next() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(1);
    bench.get_from_peer(&sample);
    bench.answers = false;
    let fetches = bench.fetches();
    bench.hears_part(1, fetches[0].1, &sample, fetches[0].2);
    let (write, _) = bench.asked.pop_front().unwrap();
    bench.hears(
        1,
        ProtoMessage::Refused {
            query: fetches[1].1,
            reason: "no".into(),
        },
    );
    bench.handle(Input::Stored(write, Err(io::Error::other("disk full"))));
    assert!(bench.failure().contains("disk full"));
    bench.answers = true;
    let next = bench.get_from_peer(&sample);
    bench.handle(Input::Stored(write, Ok(StoreReply::Written(true))));
    bench.serve(&sample);
    assert_eq!(bench.last_events(), [(next, Event::Found(sample.record()))]);
}

#[test]
fn a_store_that_loses_parts_ends_the_download() {
    let sample = Sample::parts(1);
    let mut bench = Bench::with_peers(1);
    bench.get_from_peer(&sample);
    bench.answers = false;
    let (conn, query, part) = bench.fetches()[0];
    bench.hears_part(conn, query, &sample, part);
    let (write, _) = bench.asked.pop_front().unwrap();
    bench.handle(Input::Stored(write, Ok(StoreReply::Written(false))));
    assert!(bench.failure().contains("does not have all parts"));
}
