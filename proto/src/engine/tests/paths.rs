//! Peers with several connections: the best is used, and a worse one is given up when nothing is
//! lost by that.

use super::*;

const DIRECT: u8 = 1;
const RELAYED: u8 = 0;

/// Long enough for all that can be under way.
const QUIET: Duration = FIND_TIMEOUT;

fn fetched_over(bench: &mut Bench) -> Vec<ConnId> {
    bench.fetches().iter().map(|fetch| fetch.0).collect()
}

/// A node with one peer, by a relay: the connection 1.
fn relayed() -> Bench {
    let mut bench = Bench::new(Limits::default());
    bench.up_by(1, peer_id(1), RELAYED);
    bench
}

#[test]
fn what_is_under_way_moves_to_the_better_connection_and_then_the_worse_is_left() {
    let sample = Sample::parts(40);
    let mut bench = relayed();
    let ticket = bench.get_from_peer(&sample);
    let mut asked = bench.fetches();
    assert!(asked.iter().all(|(conn, ..)| *conn == 1));
    let (conn, query, part) = asked[0];
    bench.hears_part(conn, query, &sample, part);
    asked.extend(bench.fetches());
    bench.up_by(2, peer_id(1), DIRECT);
    // All that has not come is asked there, and what still comes over the other is no lie.
    let again = bench.fetches();
    assert!(again.iter().all(|(conn, ..)| *conn == 2));
    assert!(again.iter().any(|fetch| fetch.2 == asked[1].2));
    let (conn, query, part) = asked[1];
    bench.hears_part(conn, query, &sample, part);
    for (conn, query, part) in again {
        bench.hears_part(conn, query, &sample, part);
    }
    bench.serve(&sample);
    let found = Event::Found(sample.record());
    assert_eq!(bench.last_events(), [(ticket, found)]);
    for (conn, query, part) in asked.into_iter().skip(2) {
        bench.hears_part(conn, query, &sample, part);
    }
    assert_eq!(bench.closed, []);
    bench.passes(QUIET);
    assert_eq!(bench.closed, [(1, String::new())]);
    bench.down(2);
    assert!(
        !bench
            .engine
            .held()
            .iter()
            .any(|(what, _)| ["worse", "connected"].contains(what))
    );
}

#[test]
fn a_worse_connection_stays_while_an_answer_is_to_come_on_it() {
    let mut bench = relayed();
    bench.ask(Command::Put {
        record: value(b"x"),
        tree: None,
    });
    let stores = bench.stores();
    let [(1, query)] = stores[..] else {
        panic!("{stores:?}");
    };
    bench.up_by(2, peer_id(1), DIRECT);
    bench.passes(QUIET + Duration::from_secs(1));
    assert_eq!(bench.closed, []);
    bench.hears(1, ProtoMessage::Stored { query });
    assert!(matches!(
        bench.last_events()[..],
        [(_, Event::Stored { copies: 1 })]
    ));
    bench.passes(QUIET - Duration::from_secs(1));
    assert_eq!(bench.closed, []);
    bench.passes(Duration::from_secs(1));
    assert_eq!(bench.closed, [(1, String::new())]);
}

#[test]
fn a_peer_whose_better_connection_is_lost_is_asked_over_the_other() {
    let sample = Sample::parts(3);
    let mut bench = relayed();
    bench.up_by(2, peer_id(1), DIRECT);
    // A second one by the relay is as bad as the first.
    bench.up_by(3, peer_id(1), RELAYED);
    bench.get(sample.record().key);
    let finds = bench.finds();
    let [(2, query, _)] = finds[..] else {
        panic!("{finds:?}");
    };
    let record = sample.record();
    bench.hears(2, ProtoMessage::Found { query, record });
    assert_eq!(fetched_over(&mut bench), [2, 2, 2]);
    bench.down(2);
    assert_eq!(fetched_over(&mut bench), [1, 1, 1]);
    bench.passes(QUIET);
    assert_eq!(bench.closed, [], "they are the best there are");
}
