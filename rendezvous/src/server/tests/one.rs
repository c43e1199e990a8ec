//! One server, and clients that keep to the rules.

use super::*;

#[test]
fn a_user_proves_who_it_is_and_is_welcome() {
    let mut world = World::new(1, Limits::default());
    let conn = world.open(0);
    let challenge = FromServer::Challenge {
        version: VERSION,
        nonce: Nonce([1; 32]),
    };
    assert_eq!(world.messages(conn), [challenge]);
    world.say(conn, &hello(conn, 1));
    let welcome = FromServer::Welcome {
        user: user(1),
        alone: false,
    };
    assert_eq!(world.messages(conn), [welcome]);
    world.say(conn, &FromClient::Ping);
    assert_eq!(world.messages(conn), [FromServer::Pong]);
    assert_eq!(world.servers[0].gauges().users, 1);
    assert_eq!(world.servers[0].pending, 0);
}

#[test]
fn a_server_is_also_called_by_the_address_that_was_dialled() {
    let mut world = World::new(1, Limits::default());
    let conn = world.open(0);
    let key = identity(1).public_key();
    let server = "127.0.0.1:9".to_owned();
    let bytes = hello_bytes(&server, &Nonce([1; 32]), &key);
    let signature = Identity::sign(&identity(1), HELLO, &bytes);
    world.say(
        conn,
        &FromClient::Hello {
            version: VERSION,
            key,
            server,
            signature,
        },
    );
    assert!(matches!(
        world.messages(conn)[1],
        FromServer::Welcome { .. }
    ));
}

#[test]
fn the_newest_login_wins_and_the_old_one_is_told() {
    let mut world = World::new(1, Limits::default());
    let old = world.log_in(0, 1);
    let other = world.log_in(0, 2);
    for conn in [old, other] {
        world.say(
            conn,
            &FromClient::Join {
                room: "room".into(),
            },
        );
        world.heard(conn);
    }
    world.heard(old);
    let new = world.log_in(0, 1);
    let heard = world.heard(old);
    assert_eq!(refused(&heard).0, Code::Replaced);
    assert_eq!(heard.last(), Some(&Heard::Closed(close::REPLACED)));
    let left = FromServer::Left {
        room: "room".into(),
        user: user(1),
    };
    assert_eq!(world.messages(other), [left]);
    // What the old connection does from now on concerns nobody.
    world.close(old);
    world.say(
        other,
        &FromClient::Signal {
            sealed: sealed(2, user(1), "still there?"),
        },
    );
    assert!(matches!(
        world.messages(new)[..],
        [FromServer::Signal { .. }]
    ));
}

#[test]
fn what_one_user_says_reaches_the_other_unchanged() {
    let mut world = World::new(1, Limits::default());
    let (a, b) = (world.log_in(0, 1), world.log_in(0, 2));
    let sealed = sealed(1, user(2), "v=0\r\n\u{1F980}");
    world.say(
        a,
        &FromClient::Signal {
            sealed: sealed.clone(),
        },
    );
    let key = identity(1).public_key();
    let signal = FromServer::Signal {
        from: user(1),
        key,
        sealed,
    };
    assert_eq!(world.messages(b), [signal]);
    assert_eq!(world.messages(a), []);
}

#[test]
fn who_is_not_here_is_absent() {
    let mut world = World::new(1, Limits::default());
    let a = world.log_in(0, 1);
    world.say(
        a,
        &FromClient::Signal {
            sealed: sealed(1, user(2), ""),
        },
    );
    assert_eq!(refused(&world.heard(a)), (Code::Absent, None));
    world.say(a, &FromClient::Relay { user: user(2) });
    assert_eq!(refused(&world.heard(a)), (Code::Absent, None));
    world.say(
        a,
        &FromClient::Signal {
            sealed: sealed(1, user(1), ""),
        },
    );
    assert_eq!(refused(&world.heard(a)), (Code::Yourself, None));
    world.say(a, &FromClient::Relay { user: user(1) });
    assert_eq!(refused(&world.heard(a)), (Code::Yourself, None));
    assert_eq!(world.servers[0].gauges().relays, 0);
}

#[test]
fn a_user_is_found_now_or_when_it_comes() {
    let mut world = World::new(1, Limits::default());
    let a = world.log_in(0, 1);
    let find = |n| FromClient::Find { user: user(n) };
    world.say(a, &find(2));
    world.say(a, &find(3));
    let away = |n| FromServer::Away { user: user(n) };
    let here = |n| FromServer::Here { user: user(n) };
    assert_eq!(world.messages(a), [away(2), away(3)]);
    world.say(a, &FromClient::Forget { user: user(3) });
    world.log_in(0, 2);
    world.log_in(0, 3);
    assert_eq!(world.messages(a), [here(2)]);
    world.say(a, &find(3));
    assert_eq!(world.messages(a), [here(3)]);
    world.say(a, &find(1));
    assert_eq!(world.messages(a), [here(1)]);
    assert_eq!(world.servers[0].gauges().waiting, 0);
    // Who waits and leaves is waited with no longer.
    world.say(a, &find(4));
    world.close(a);
    assert!(world.servers[0].waiting.is_empty());
}

#[test]
fn members_of_a_room_see_each_other_come_and_go() {
    let mut world = World::new(1, Limits::default());
    let (a, b) = (world.log_in(0, 1), world.log_in(0, 2));
    let room = || "room".to_owned();
    let join = FromClient::Join { room: room() };
    world.say(a, &join);
    assert_eq!(
        world.messages(a),
        [FromServer::Joined {
            room: room(),
            members: vec![]
        }]
    );
    world.say(b, &join);
    assert_eq!(
        world.messages(b),
        [FromServer::Joined {
            room: room(),
            members: vec![user(1)]
        }]
    );
    assert_eq!(
        world.messages(a),
        [FromServer::Entered {
            room: room(),
            user: user(2)
        }]
    );
    // Joining again only says who is there.
    world.say(a, &join);
    assert_eq!(
        world.messages(a),
        [FromServer::Joined {
            room: room(),
            members: vec![user(2)]
        }]
    );
    assert_eq!(world.messages(b), []);
    world.say(a, &FromClient::Leave { room: room() });
    assert_eq!(
        world.messages(b),
        [FromServer::Left {
            room: room(),
            user: user(1)
        }]
    );
    world.say(a, &FromClient::Leave { room: room() });
    assert_eq!(refused(&world.heard(a)).0, Code::NotInRoom);
    world.close(b);
    assert_eq!(world.servers[0].gauges().rooms, 0);
}

#[test]
fn bytes_are_relayed_between_two_that_both_want_it() {
    let mut world = World::new(1, Limits::default());
    let (a, b) = (world.log_in(0, 1), world.log_in(0, 2));
    world.frame(a, 2, b"too early");
    assert_eq!(refused(&world.heard(a)).0, Code::NoRelay);
    world.say(a, &FromClient::Relay { user: user(2) });
    world.frame(a, 2, b"too early still");
    assert_eq!(refused(&world.heard(a)).0, Code::NoRelay);
    assert_eq!(
        world.messages(b),
        [FromServer::RelayAsked { user: user(1) }]
    );
    world.say(b, &FromClient::Relay { user: user(1) });
    world.heard(a);
    world.heard(b);
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
    assert_eq!(world.servers[0].gauges().relays, 2);
    world.say(a, &FromClient::Unrelay { user: user(2) });
    assert!(matches!(
        world.messages(b)[..],
        [FromServer::RelayClosed { .. }]
    ));
    world.frame(b, 1, b"too late");
    assert_eq!(refused(&world.heard(b)).0, Code::NoRelay);
    world.relay((b, 2), (a, 1));
    world.close(b);
    assert!(matches!(
        world.messages(a)[..],
        [FromServer::RelayClosed { .. }]
    ));
    assert_eq!(world.servers[0].gauges().relays, 0);
}

#[test]
fn a_restart_tells_everyone_when_to_come_back() {
    let mut world = World::new(1, Limits::default());
    let conns = [world.log_in(0, 1), world.log_in(0, 2), world.open(0)];
    world.heard(conns[2]);
    world.servers[0].restart();
    world.settle();
    for conn in conns {
        let restarting = FromServer::Restarting { spread_ms: 5000 };
        let expected = [Heard::Message(restarting), Heard::Closed(close::RESTART)];
        // Those that leave a room or a relay hear of each other no more.
        assert_eq!(world.heard(conn), expected);
    }
    assert_eq!(world.servers[0].gauges(), Gauges::default());
}

#[test]
fn a_connection_that_says_nothing_is_given_up() {
    let mut world = World::new(1, Limits::default());
    let stranger = world.open(0);
    let (idle, alive) = (world.log_in(0, 1), world.log_in(0, 2));
    world.heard(stranger);
    world.tick(9);
    assert_eq!(world.heard(stranger), []);
    world.tick(1);
    assert_eq!(
        refused(&world.heard(stranger)),
        (Code::TimedOut, Some("login_timeout_ms".into()))
    );
    for _ in 0..3 {
        world.tick(20);
        world.say(alive, &FromClient::Ping);
    }
    assert_eq!(
        refused(&world.heard(idle)),
        (Code::TimedOut, Some("idle_timeout_ms".into()))
    );
    assert_eq!(world.messages(alive).len(), 3);
}
