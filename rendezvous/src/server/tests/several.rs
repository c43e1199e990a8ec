//! Several servers on one backplane.

use super::*;

fn here(n: u8) -> FromServer {
    FromServer::Here { user: user(n) }
}

#[test]
fn users_of_different_servers_talk() {
    let mut world = World::cluster(2);
    let (a, b) = (world.log_in(0, 1), world.log_in(1, 2));
    world.say(a, &FromClient::Find { user: user(2) });
    assert_eq!(world.messages(a), [here(2)]);
    let sealed = sealed(1, user(2), "hello");
    world.say(
        a,
        &FromClient::Signal {
            sealed: sealed.clone(),
        },
    );
    let key = identity(1).public_key();
    assert_eq!(
        world.messages(b),
        [FromServer::Signal {
            from: user(1),
            key,
            sealed
        }]
    );
    world.relay((a, 1), (b, 2));
    world.frame(a, 2, b"there");
    world.frame(b, 1, b"and back");
    assert_eq!(
        world.heard(b),
        [Heard::Frame(relay_frame(&user(1), b"there"))]
    );
    assert_eq!(
        world.heard(a),
        [Heard::Frame(relay_frame(&user(2), b"and back"))]
    );
    world.say(b, &FromClient::Unrelay { user: user(1) });
    assert!(matches!(
        world.messages(a)[..],
        [FromServer::RelayClosed { .. }]
    ));
    world.close(b);
    world.say(
        a,
        &FromClient::Signal {
            sealed: super::sealed(1, user(2), "still there?"),
        },
    );
    assert_eq!(refused(&world.heard(a)).0, Code::Absent);
}

#[test]
fn who_comes_to_another_server_is_found() {
    let mut world = World::cluster(2);
    let a = world.log_in(0, 1);
    world.say(a, &FromClient::Find { user: user(2) });
    assert_eq!(world.messages(a), [FromServer::Away { user: user(2) }]);
    let b = world.log_in(1, 2);
    assert_eq!(world.messages(a), [here(2)]);
    assert_eq!(world.servers[0].gauges().waiting, 0);
    world.close(b);
    world.close(a);
    let left: Vec<_> = world
        .topics
        .iter()
        .filter(|(topic, servers)| !servers.is_empty() && *topic != "mydht:all")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_room_spans_servers() {
    let mut world = World::cluster(3);
    let conns = [
        world.log_in(0, 1),
        world.log_in(1, 2),
        world.log_in(1, 3),
        world.log_in(2, 4),
    ];
    for conn in conns {
        world.say(
            conn,
            &FromClient::Join {
                room: "room".into(),
            },
        );
    }
    for (n, conn) in (1u8..).zip(conns) {
        let mut seen = BTreeSet::new();
        for message in world.messages(conn) {
            match message {
                FromServer::Joined { members, .. } => seen.extend(members),
                FromServer::Entered { user, .. } => assert!(seen.insert(user), "told twice"),
                other => panic!("{other:?}"),
            }
        }
        let others: BTreeSet<_> = (1..=4).filter(|m| *m != n).map(user).collect();
        assert_eq!(seen, others, "user {n}");
    }
    world.close(conns[1]);
    let left = FromServer::Left {
        room: "room".into(),
        user: user(2),
    };
    for conn in [conns[0], conns[2], conns[3]] {
        assert_eq!(world.messages(conn), std::slice::from_ref(&left));
    }
    // A server that dies says nothing: the others miss its word.
    world.kill(1);
    world.tick(21);
    let left = FromServer::Left {
        room: "room".into(),
        user: user(3),
    };
    for conn in [conns[0], conns[3]] {
        assert_eq!(world.messages(conn), std::slice::from_ref(&left));
    }
    // One that goes says so.
    world.servers[2].leave_cluster();
    world.settle();
    let left = FromServer::Left {
        room: "room".into(),
        user: user(4),
    };
    assert_eq!(world.messages(conns[0]), [left]);
}

#[test]
fn a_login_elsewhere_replaces_this_one() {
    let mut world = World::cluster(2);
    let old = world.log_in(0, 1);
    let b = world.log_in(0, 2);
    world.relay((old, 1), (b, 2));
    world.heard(b);
    let new = world.log_in(1, 1);
    assert_eq!(refused(&world.heard(old)).0, Code::Replaced);
    assert_eq!(world.messages(new), []);
    assert_eq!(world.servers[0].gauges().users, 1);
    // The relay of the old login is not the new one's, and who had it hears that at once.
    let closed = |heard: &[FromServer]| matches!(heard, [FromServer::RelayClosed { .. }]);
    assert!(closed(&world.messages(b)));
    world.frame(b, 1, b"for the old one");
    assert_eq!(refused(&world.heard(b)).0, Code::NoRelay);
    assert_eq!(world.heard(new), []);
    world.relay((new, 1), (b, 2));
    world.heard(b);
    // The same where it logs in at the other's server.
    let nearer = world.log_in(0, 1);
    assert_eq!(refused(&world.heard(new)).0, Code::Replaced);
    assert!(closed(&world.messages(b)));
    assert_eq!(world.messages(nearer), []);
    let new = world.log_in(1, 1);
    world.heard(nearer);
    // And back again.
    let newest = world.log_in(0, 1);
    assert_eq!(refused(&world.heard(new)).0, Code::Replaced);
    assert_eq!(world.messages(newest), []);
}

#[test]
fn a_user_that_came_back_can_open_its_relay_anew() {
    let mut world = World::cluster(3);
    let old = world.log_in(0, 1);
    let b = world.log_in(1, 2);
    world.relay((old, 1), (b, 2));
    world.kill(0);
    let new = world.log_in(2, 1);
    world.say(new, &FromClient::Relay { user: user(2) });
    assert_eq!(
        world.messages(new),
        [FromServer::RelayOpen { user: user(2) }]
    );
    let heard = world.messages(b);
    assert!(
        matches!(
            heard[..],
            [FromServer::RelayClosed { .. }, FromServer::RelayOpen { .. }]
        ),
        "{heard:?}"
    );
    world.frame(b, 1, b"again");
    assert_eq!(world.heard(new).len(), 1);
}

#[test]
fn of_two_logins_at_once_one_remains() {
    let mut world = World::cluster(2);
    world.held = true;
    let (a, b) = (world.log_in(0, 1), world.log_in(1, 1));
    world.held = false;
    world.settle();
    assert_eq!(refused(&world.heard(a)).0, Code::Replaced);
    assert_eq!(world.heard(b), []);
}

#[test]
fn both_ends_of_a_relay_may_ask_at_once() {
    let mut world = World::cluster(2);
    let (a, b) = (world.log_in(0, 1), world.log_in(1, 2));
    world.held = true;
    world.say(a, &FromClient::Relay { user: user(2) });
    world.say(b, &FromClient::Relay { user: user(1) });
    world.held = false;
    world.settle();
    assert_eq!(world.messages(a), [FromServer::RelayOpen { user: user(2) }]);
    assert_eq!(world.messages(b), [FromServer::RelayOpen { user: user(1) }]);
}

#[test]
fn users_are_told_when_the_backplane_breaks_and_all_recovers() {
    let mut world = World::cluster(2);
    let (a, b) = (world.log_in(0, 1), world.log_in(1, 2));
    let room = || "room".to_owned();
    for conn in [a, b] {
        world.say(conn, &FromClient::Join { room: room() });
    }
    world.heard(a);
    world.heard(b);
    world.relay((a, 1), (b, 2));
    world.say(a, &FromClient::Find { user: user(3) });
    world.heard(a);
    world.backplane_down(0);
    world.backplane_down(1);
    let lost = world.messages(a);
    let [
        FromServer::Left { .. },
        FromServer::RelayClosed { .. },
        FromServer::Alone { alone: true },
    ] = &lost[..]
    else {
        panic!("{lost:?}");
    };
    world.heard(b);
    world.say(
        a,
        &FromClient::Signal {
            sealed: sealed(1, user(2), ""),
        },
    );
    let heard = world.heard(a);
    assert_eq!(refused(&heard).0, Code::Absent);
    assert!(format!("{heard:?}").contains("other servers"));
    let late = world.open(0);
    world.say(late, &hello(late, 4));
    assert_eq!(
        world.messages(late)[1],
        FromServer::Welcome {
            user: user(4),
            alone: true
        }
    );
    world.tick(30);
    // Somebody came to the other server meanwhile, and somebody joined.
    world.log_in(1, 3);
    world.say(late, &FromClient::Join { room: room() });
    world.heard(late);
    world.heard(a);
    world.backplane_up(0);
    world.backplane_up(1);
    let back = world.messages(a);
    let entered = FromServer::Entered {
        room: room(),
        user: user(2),
    };
    assert_eq!(back[0], FromServer::Alone { alone: false });
    assert!(
        back.contains(&entered) && back.contains(&here(3)),
        "{back:?}"
    );
    let entered = FromServer::Entered {
        room: room(),
        user: user(4),
    };
    assert!(world.messages(b).contains(&entered));
    world.relay((b, 2), (a, 1));
}

#[test]
fn a_login_twice_while_the_servers_were_apart_ends_as_one() {
    let mut world = World::cluster(2);
    world.backplane_down(0);
    world.backplane_down(1);
    let (a, b) = (world.log_in(0, 1), world.log_in(1, 1));
    world.backplane_up(0);
    world.backplane_up(1);
    assert_eq!(
        world.servers[0].gauges().users + world.servers[1].gauges().users,
        1
    );
    let ended = [a, b].map(|conn| {
        world
            .heard(conn)
            .iter()
            .any(|heard| matches!(heard, Heard::Closed(_)))
    });
    assert_ne!(ended[0], ended[1]);
}

#[test]
fn nonsense_on_the_backplane_does_no_harm() {
    let mut world = World::cluster(2);
    let a = world.log_in(0, 1);
    let topics = [
        "mydht:all",
        "mydht:u:12",
        "mydht:r:room",
        "other",
        &format!("mydht:u:{}", user(1)),
    ];
    for topic in topics {
        for bytes in [
            &b""[..],
            b"\x01",
            b"{}",
            b"\"Arrived\"",
            b"{\"Alive\":{\"instance\":7}}",
            &[1; 40],
            &[0xff; 9],
        ] {
            world.servers[0].backplane(world.now, Backplane::Message(topic.into(), bytes.into()));
            world.settle();
        }
    }
    world.say(a, &FromClient::Ping);
    assert!(world.messages(a).contains(&FromServer::Pong));
}

#[test]
fn who_left_a_server_that_was_cut_off_has_no_relay_when_it_is_back() {
    let mut world = World::cluster(2);
    let a = world.log_in(0, 1);
    let b = world.log_in(1, 2);
    world.relay((a, 1), (b, 2));
    world.backplane_down(1);
    world.close(b);
    world.heard(a);
    world.backplane_up(1);
    assert!(matches!(
        world.messages(a)[..],
        [FromServer::RelayClosed { .. }]
    ));
}

#[test]
fn who_left_a_room_at_a_server_that_was_cut_off_is_not_in_it_when_it_is_back() {
    let mut world = World::cluster(2);
    let a = world.log_in(0, 1);
    let b = world.log_in(1, 2);
    let room = || "room".to_owned();
    for conn in [a, b] {
        world.say(conn, &FromClient::Join { room: room() });
    }
    world.backplane_down(1);
    world.say(b, &FromClient::Leave { room: room() });
    world.heard(a);
    world.backplane_up(1);
    let left = FromServer::Left {
        room: room(),
        user: user(2),
    };
    assert_eq!(world.messages(a), [left]);
}
