//! Finding the nodes that are near: searches, and the connections made and given up for them.

use super::*;
use crate::address::Address;
use crate::limits::{PeerLimits, RoutingLimits, Timeouts};

/// A node that is asked who is near, and whose peers may be found, each where its number says.
fn open(peers: ConnId, limits: Limits) -> Bench {
    let mut bench = Bench::new(limits);
    bench.quiet = false;
    for conn in 1..=peers {
        bench.up(conn);
        bench.reachable(conn);
    }
    bench
}

/// Nobody that is asked knows anybody.
fn nobody_else(bench: &mut Bench) {
    loop {
        let asked = bench.find_nodes();
        if asked.is_empty() {
            return;
        }
        for (conn, query, _) in asked {
            bench.hears_nodes(conn, query, &[]);
        }
    }
}

#[test]
fn a_node_that_joins_looks_for_itself_once() {
    let limits = Limits {
        routing: RoutingLimits {
            paths: 1,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = open(2, limits);
    let asked = bench.find_nodes();
    assert!(matches!(asked[..], [(1, _, target)] if target == OWN.0));
    bench.hears_nodes(1, asked[0].1, &[2, 7]);
    // The other peer is connected, the third is not.
    assert!(matches!(bench.find_nodes()[..], [(2, ..)]));
    assert_eq!(bench.dialed, [(peer_id(7), at(7))]);
}

#[test]
fn nodes_that_an_answer_names_are_connected_with_and_asked() {
    let limits = Limits {
        routing: RoutingLimits {
            paths: 1,
            parallel: 1,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = open(1, limits);
    nobody_else(&mut bench);
    let record = value(b"far away");
    let ticket = bench.get(record.key);
    let (conn, query, _) = bench.finds()[0];
    let nodes = vec![contact(5), contact(6)];
    bench.hears(conn, ProtoMessage::NotFound { query, nodes });
    assert!(bench.finds().is_empty());
    assert_eq!(bench.dialed.len(), 1, "one path, one question at once");
    let (id, address) = bench.dialed.remove(0);
    bench.up_as(9, id);
    assert!(address == at(5) || address == at(6));
    let (conn, query, _) = bench.finds()[0];
    assert_eq!(conn, 9);
    let found = record.clone();
    bench.hears(
        9,
        ProtoMessage::Found {
            query,
            record: found,
        },
    );
    assert_eq!(bench.last_events(), [(ticket, Event::Found(record))]);
    assert!(bench.dialed.is_empty(), "found is found");
}

#[test]
fn a_node_that_cannot_be_reached_is_passed_by() {
    let mut bench = open(1, Limits::default());
    nobody_else(&mut bench);
    let ticket = bench.get(Key::named("x"));
    let (conn, query, _) = bench.finds()[0];
    let nodes = vec![contact(5), contact(6)];
    bench.hears(conn, ProtoMessage::NotFound { query, nodes });
    for _ in 0..2 {
        assert!(bench.events.is_empty());
        let (id, _) = bench.dialed.remove(0);
        bench.handle(Input::Unreachable(id));
    }
    assert_eq!(bench.last_events(), [(ticket, Event::NotFound)]);
}

#[test]
fn two_searches_for_one_node_make_one_connection() {
    let mut bench = open(1, Limits::default());
    nobody_else(&mut bench);
    for name in ["x", "y"] {
        bench.get(Key::named(name));
        let (conn, query, _) = bench.finds()[0];
        let nodes = vec![contact(5)];
        bench.hears(conn, ProtoMessage::NotFound { query, nodes });
    }
    assert_eq!(bench.dialed.len(), 1);
    bench.up(5);
    assert_eq!(bench.finds().len(), 2);
    bench.dialed.clear();
}

#[test]
fn no_more_connections_are_opened_at_once_than_may_be() {
    let limits = Limits {
        peers: PeerLimits {
            dials: 2,
            ..PeerLimits::default()
        },
        routing: RoutingLimits {
            paths: 1,
            parallel: 8,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = open(1, limits);
    nobody_else(&mut bench);
    bench.get(Key::named("x"));
    let (conn, query, _) = bench.finds()[0];
    let nodes = (5..12).map(contact).collect();
    bench.hears(conn, ProtoMessage::NotFound { query, nodes });
    assert_eq!(bench.dialed.len(), 2);
    // The others wait for their turn.
    for done in 3..=7 {
        let (id, _) = bench.dialed.remove(0);
        bench.handle(Input::Unreachable(id));
        assert_eq!(bench.dialed.len(), 2, "{done} of 7");
    }
    let (id, _) = bench.dialed.remove(0);
    bench.up_as(20, id);
    let (_, query, _) = bench.finds()[0];
    let nodes = vec![];
    bench.hears(20, ProtoMessage::NotFound { query, nodes });
    assert_eq!(bench.dialed.len(), 1);
}

#[test]
fn nobody_is_connected_with_for_a_search_that_has_ended_meanwhile() {
    let limits = Limits {
        peers: PeerLimits {
            dials: 1,
            ..PeerLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = open(2, limits);
    nobody_else(&mut bench);
    let record = value(b"there");
    let ticket = bench.get(record.key);
    let asked = bench.finds();
    let nodes = vec![contact(5), contact(6)];
    bench.hears(
        asked[0].0,
        ProtoMessage::NotFound {
            query: asked[0].1,
            nodes,
        },
    );
    assert_eq!(bench.dialed.len(), 1);
    let (conn, query, _) = asked[1];
    let found = record.clone();
    bench.hears(
        conn,
        ProtoMessage::Found {
            query,
            record: found,
        },
    );
    assert_eq!(bench.last_events(), [(ticket, Event::Found(record))]);
    let (id, _) = bench.dialed.remove(0);
    bench.handle(Input::Unreachable(id));
    assert!(bench.dialed.is_empty());
}

#[test]
fn a_peer_is_told_of_others_and_not_of_itself() {
    let mut bench = open(3, Limits::default());
    // One that does not say where it is found is told to nobody.
    bench.up(4);
    nobody_else(&mut bench);
    let target = peer_id(3).0;
    bench.hears(1, ProtoMessage::FindNode { query: 8, target });
    let told = bench.pick(|conn, message| match message {
        ProtoMessage::Nodes { query: 8, nodes } => Some((conn, nodes.clone())),
        _ => None,
    });
    assert_eq!(told, [(1, vec![contact(3), contact(2)])]);
    bench.hears(
        1,
        ProtoMessage::Find {
            query: 9,
            key: Key::named("x"),
            hops: 0,
        },
    );
    let mut told = bench.pick(|_, message| match message {
        ProtoMessage::NotFound { query: 9, nodes } => Some(nodes.len()),
        _ => None,
    });
    assert_eq!(told.pop(), Some(2));
}

#[test]
fn who_names_too_many_nodes_or_too_long_addresses_is_let_go() {
    let too_long: Address = format!("x:{}", "y".repeat(255)).parse().unwrap();
    let long = Contact {
        id: peer_id(9),
        addresses: [Address::Memory(9), too_long.clone()].into_iter().collect(),
    };
    for nodes in [vec![contact(9); 65], vec![long]] {
        let mut bench = open(1, Limits::default());
        let (conn, query, _) = bench.find_nodes()[0];
        bench.hears(conn, ProtoMessage::Nodes { query, nodes });
        assert_eq!(bench.closed.len(), 1);
        assert!(bench.dialed.is_empty());
    }
    let mut bench = open(1, Limits::default());
    bench.handle(Input::Reachable(1, too_long.into()));
    assert!(bench.closed[0].1.contains("address_bytes"));
}

#[test]
fn an_answer_of_the_other_kind_of_search_is_no_answer() {
    let mut bench = open(1, Limits::default());
    let (conn, query, _) = bench.find_nodes()[0];
    let record = value(b"unasked");
    bench.hears(conn, ProtoMessage::Found { query, record });
    assert_eq!(bench.closed.len(), 1);
}

#[test]
fn copies_go_to_the_nodes_nearest_to_the_key() {
    let limits = Limits {
        routing: RoutingLimits {
            copies: 3,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = open(12, limits);
    nobody_else(&mut bench);
    let record = value(b"record");
    let mut nearest: Vec<ConnId> = (1..=12).collect();
    nearest.sort_by_key(|conn| {
        crate::routing::Distance::between(&peer_id(*conn).0, record.key.hash())
    });
    let ticket = bench.ask(Command::Put { record, tree: None });
    nobody_else(&mut bench);
    let stores = bench.stores();
    let asked: Vec<_> = stores.iter().map(|(conn, _)| *conn).collect();
    assert_eq!(asked, nearest[..3]);
    for (conn, query) in stores {
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    assert_eq!(bench.last_events(), [(ticket, Event::Stored { copies: 3 })]);
}

#[test]
fn a_node_that_stops_gives_its_copies_to_who_is_there() {
    let mut bench = open(2, Limits::default());
    nobody_else(&mut bench);
    let put = |text: &[u8]| Command::Put {
        record: value(text),
        tree: None,
    };
    bench.ask(put(b"searching"));
    assert!(!bench.find_nodes().is_empty());
    bench.handle(Input::Stop);
    assert_eq!(bench.stores().len(), 2);
    // Its store has only just kept this one.
    bench.ask(put(b"keeping"));
    assert_eq!(bench.stores().len(), 2);
    assert!(bench.find_nodes().is_empty());
}

#[test]
fn connections_past_the_limit_are_given_up_when_they_are_not_used() {
    let limits = Limits {
        peers: PeerLimits {
            links: 4,
            ..PeerLimits::default()
        },
        ..Limits::default()
    };
    let idle = limits.peers.link_idle;
    let mut bench = open(9, limits);
    nobody_else(&mut bench);
    bench.passes(Duration::from_secs(1));
    assert!(bench.closed.is_empty(), "they were just used");
    bench.passes(idle);
    assert_eq!(bench.conns.len(), 4);
    assert_eq!(
        bench.engine.next_deadline().map(|at| at > bench.now),
        Some(true)
    );
}

#[test]
fn a_connection_that_the_users_services_use_is_kept() {
    let limits = Limits {
        peers: PeerLimits {
            links: 2,
            ..PeerLimits::default()
        },
        ..Limits::default()
    };
    let idle = limits.peers.link_idle;
    let mut bench = open(9, limits);
    nobody_else(&mut bench);
    let used = [2, 3, 5, 7];
    for _ in 0..8 {
        bench.passes(idle / 4);
        for conn in used {
            bench.handle(Input::Used(conn));
        }
    }
    assert_eq!(bench.conns, used.into());
    bench.passes(idle);
    assert_eq!(bench.conns.len(), 2);
}

#[test]
fn a_connection_that_something_is_waited_for_on_is_kept() {
    let limits = Limits {
        peers: PeerLimits {
            links: 0,
            ..PeerLimits::default()
        },
        timeouts: Timeouts {
            find_timeout: Duration::from_secs(1000),
            ..Timeouts::default()
        },
        ..Limits::default()
    };
    let idle = limits.peers.link_idle;
    let mut bench = open(2, limits);
    nobody_else(&mut bench);
    bench.get(Key::named("x"));
    let (_, query, _) = bench.finds()[0];
    bench.passes(idle * 2);
    assert!(bench.closed.is_empty());
    bench.hears(
        1,
        ProtoMessage::NotFound {
            query,
            nodes: vec![],
        },
    );
    bench.passes(idle * 2);
    assert!(!bench.closed.is_empty());
}

#[test]
fn ranges_of_the_table_are_refreshed_every_hour_while_there_are_peers() {
    let mut bench = open(1, Limits::default());
    nobody_else(&mut bench);
    assert_eq!(bench.engine.next_deadline(), Some(bench.now + HOUR));
    bench.passes(HOUR);
    // It has room for all of them around itself.
    assert!(matches!(bench.find_nodes()[..], [(1, _, OWN_PLACE)]));
    bench.down(1);
    assert_eq!(bench.engine.next_deadline(), None);
    let mut bench = open(60, Limits::default());
    nobody_else(&mut bench);
    bench.passes(HOUR);
    // One range at a time.
    let mut targets = BTreeSet::new();
    for _ in 0..10 {
        targets.extend(bench.find_nodes().iter().map(|asked| asked.2));
        nobody_else(&mut bench);
        bench.passes(Duration::ZERO);
    }
    assert!(
        targets.contains(&OWN_PLACE) && targets.len() > 1,
        "{targets:?}"
    );
}

/// Target of a node that looks for its neighbours.
const OWN_PLACE: Hash = OWN.0;

const HOUR: Duration = Duration::from_secs(3600);
