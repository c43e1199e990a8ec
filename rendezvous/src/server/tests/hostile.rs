//! One server, and clients that lie, flood and stall.

use super::*;

#[test]
fn a_hello_that_proves_nothing_is_refused() {
    type Change = fn(&mut FromClient);
    let table: [(Change, Code); 5] = [
        (
            |hello| {
                if let FromClient::Hello { version, .. } = hello {
                    *version += 1;
                }
            },
            Code::Version,
        ),
        (
            |hello| {
                if let FromClient::Hello { server, .. } = hello {
                    *server = "evil.example:443".into();
                }
            },
            Code::WrongServer,
        ),
        (
            |hello| {
                if let FromClient::Hello { key, .. } = hello {
                    *key = identity(2).public_key();
                }
            },
            Code::NotProved,
        ),
        (
            |hello| {
                if let FromClient::Hello { signature, .. } = hello {
                    signature.0[0] ^= 1;
                }
            },
            Code::NotProved,
        ),
        // The answer to another challenge.
        (|message| *message = hello(99, 1), Code::NotProved),
    ];
    for (change, code) in table {
        let mut world = World::new(1, Limits::default());
        let conn = world.open(0);
        world.heard(conn);
        let mut hello = hello(conn, 1);
        change(&mut hello);
        world.say(conn, &hello);
        let heard = world.heard(conn);
        assert_eq!(refused(&heard).0, code);
        assert_eq!(heard.last(), Some(&Heard::Closed(close::POLICY)));
        assert_eq!(world.servers[0].gauges(), Gauges::default());
        assert_eq!(world.servers[0].pending, 0);
    }
}

#[test]
fn what_comes_out_of_turn_or_is_no_message_ends_the_connection() {
    let relay = serde_json::to_string(&FromClient::Relay { user: user(2) }).unwrap();
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{\"type\":\"dance\"}",
        "{\"type\":\"find\",\"user\":\"12\"}",
        &"[".repeat(1000),
    ] {
        let mut world = World::new(1, Limits::default());
        let stranger = world.open(0);
        let conn = world.log_in(0, 1);
        world.heard(stranger);
        for conn in [stranger, conn] {
            world.raw(conn, text);
            let heard = world.heard(conn);
            assert_eq!(refused(&heard).0, Code::Malformed, "{text}");
            assert_eq!(heard.len(), 2, "{heard:?}");
        }
        assert_eq!(world.servers[0].gauges(), Gauges::default());
    }
    let mut world = World::new(1, Limits::default());
    let stranger = world.open(0);
    world.heard(stranger);
    world.raw(stranger, &relay);
    assert_eq!(refused(&world.heard(stranger)).0, Code::OutOfTurn);
    let stranger = world.open(0);
    world.heard(stranger);
    world.frame(stranger, 1, b"");
    assert_eq!(refused(&world.heard(stranger)).0, Code::OutOfTurn);
    let conn = world.log_in(0, 1);
    world.say(conn, &hello(conn, 1));
    assert_eq!(refused(&world.heard(conn)).0, Code::OutOfTurn);
    let conn = world.log_in(0, 1);
    world.servers[0].binary(world.now, conn, b"no relay frame");
    world.settle();
    assert_eq!(refused(&world.heard(conn)).0, Code::Malformed);
}

#[test]
fn each_limit_is_named_when_it_is_reached() {
    let limits = Limits {
        message_bytes: 1000,
        body_bytes: 100,
        relay_frame_bytes: 50,
        rooms: 3,
        rooms_per_user: 2,
        members_per_room: 2,
        room_name_bytes: 8,
        waiting_per_user: 2,
        relays_per_user: 2,
        ..Limits::default()
    };
    let mut world = World::new(1, limits);
    let (a, b, c) = (world.log_in(0, 1), world.log_in(0, 2), world.log_in(0, 3));
    let join = |room: &str| FromClient::Join { room: room.into() };
    let limit = |world: &mut World, conn, name: &str| {
        assert_eq!(
            refused(&world.heard(conn)),
            (Code::Limit, Some(name.into()))
        );
    };
    world.say(
        a,
        &FromClient::Signal {
            sealed: sealed(1, user(2), &"x".repeat(101)),
        },
    );
    limit(&mut world, a, "body_bytes");
    world.say(a, &join("123456789"));
    limit(&mut world, a, "room_name_bytes");
    for name in ["", "a\nb"] {
        world.say(a, &join(name));
        assert_eq!(refused(&world.heard(a)).0, Code::RoomName);
    }
    world.say(a, &join("1"));
    world.say(b, &join("1"));
    world.heard(a);
    world.heard(b);
    world.say(c, &join("1"));
    limit(&mut world, c, "members_per_room");
    world.say(a, &join("2"));
    world.heard(a);
    world.say(a, &join("3"));
    limit(&mut world, a, "rooms_per_user");
    world.say(a, &join("2"));
    assert!(matches!(world.messages(a)[..], [FromServer::Joined { .. }]));
    world.say(b, &join("3"));
    world.heard(b);
    world.say(c, &join("4"));
    limit(&mut world, c, "rooms");
    for n in [11, 12] {
        world.say(a, &FromClient::Find { user: user(n) });
    }
    world.heard(a);
    world.say(a, &FromClient::Find { user: user(12) });
    assert!(matches!(world.messages(a)[..], [FromServer::Away { .. }]));
    world.say(a, &FromClient::Find { user: user(13) });
    limit(&mut world, a, "waiting_per_user");
    let d = world.log_in(0, 4);
    for n in [1, 2] {
        world.say(c, &FromClient::Relay { user: user(n) });
    }
    world.say(c, &FromClient::Relay { user: user(4) });
    limit(&mut world, c, "relays_per_user");
    world.say(d, &FromClient::Relay { user: user(3) });
    assert!(
        matches!(&world.messages(d)[..], [FromServer::RelayClosed { reason, .. }] if reason.contains("relays_per_user"))
    );
    world.heard(a);
    world.heard(b);
    world.relay((a, 1), (b, 2));
    world.frame(a, 2, &[0; 51]);
    limit(&mut world, a, "relay_frame_bytes");
    world.raw(a, &" ".repeat(1001));
    let heard = world.heard(a);
    assert_eq!(refused(&heard), (Code::Limit, Some("message_bytes".into())));
    assert_eq!(heard.last(), Some(&Heard::Closed(close::TOO_BIG)));
}

#[test]
fn connections_are_bounded_in_all_by_address_and_before_the_login() {
    let tight = Limits {
        connections: 4,
        connections_per_address: 2,
        pending_logins: 3,
        ..Limits::default()
    };
    let mut world = World::new(1, tight);
    let first = [world.open_from(0, 1), world.open_from(0, 1)];
    let third = world.open_from(0, 1);
    assert_eq!(
        refused(&world.heard(third)).1.as_deref(),
        Some("connections_per_address")
    );
    let other = world.open_from(0, 2);
    let pending = world.open_from(0, 3);
    assert_eq!(
        refused(&world.heard(pending)).1.as_deref(),
        Some("pending_logins")
    );
    world.say(other, &hello(other, 1));
    world.open_from(0, 3);
    let full = world.open_from(0, 4);
    assert_eq!(
        refused(&world.heard(full)).1.as_deref(),
        Some("connections")
    );
    world.close(full);
    for conn in first {
        world.close(conn);
    }
    assert_eq!(world.servers[0].gauges().connections, 2);
    let again = world.open_from(0, 1);
    assert!(matches!(
        world.messages(again)[..],
        [FromServer::Challenge { .. }]
    ));
    assert_eq!(world.servers[0].addresses.len(), 3);
}

#[test]
fn a_flood_is_refused_and_ends() {
    let limits = Limits {
        messages_per_second: 10,
        messages_burst: 5,
        refusals: 20,
        ..Limits::default()
    };
    let mut world = World::new(1, limits);
    let conn = world.log_in(0, 1);
    for _ in 0..4 {
        world.say(conn, &FromClient::Ping);
    }
    assert_eq!(world.messages(conn), vec![FromServer::Pong; 4]);
    world.say(conn, &FromClient::Ping);
    assert_eq!(
        refused(&world.heard(conn)),
        (Code::Limit, Some("messages_per_second".into()))
    );
    // Who slows down is welcome again.
    world.now += SECOND / 10;
    world.say(conn, &FromClient::Ping);
    assert_eq!(world.messages(conn), [FromServer::Pong]);
    for _ in 0..21 {
        world.say(conn, &FromClient::Ping);
    }
    assert_eq!(
        world.heard(conn).last(),
        Some(&Heard::Closed(close::POLICY))
    );
    assert_eq!(world.servers[0].gauges().users, 0);
}

#[test]
fn who_has_too_much_relayed_is_read_more_slowly() {
    let limits = Limits {
        relay_bytes_per_second: 1000,
        relay_burst: 1000,
        ..Limits::default()
    };
    let mut world = World::new(1, limits);
    let (a, b) = (world.log_in(0, 1), world.log_in(0, 2));
    world.relay((a, 1), (b, 2));
    world.frame(a, 2, &[0; 500]);
    assert_eq!(world.heard(a), []);
    world.frame(a, 2, &[0; 934]);
    assert_eq!(world.heard(a), [Heard::Paused(SECOND / 2)]);
    assert_eq!(world.heard(b).len(), 2, "nothing is lost");
}

#[test]
fn who_reads_too_slowly_loses_the_relay_and_then_the_connection() {
    let limits = Limits {
        outgoing_bytes: 10_000,
        relay_frame_bytes: 4000,
        ..Limits::default()
    };
    let mut world = World::new(1, limits);
    let (a, b) = (world.log_in(0, 1), world.log_in(0, 2));
    world.relay((a, 1), (b, 2));
    // As if nothing had been sent since.
    world.servers[0].connections.get_mut(&b).unwrap().queued = 2000;
    world.frame(a, 2, &[0; 2000]);
    assert!(matches!(world.heard(b)[..], [Heard::Frame(_)]));
    world.servers[0].connections.get_mut(&b).unwrap().queued = 3001;
    world.frame(a, 2, &[0; 2000]);
    assert!(
        matches!(&world.messages(b)[..], [FromServer::RelayClosed { reason, .. }] if reason.contains("outgoing_bytes"))
    );
    assert!(
        matches!(&world.messages(a)[..], [FromServer::RelayClosed { reason, .. }] if reason.contains("outgoing_bytes"))
    );
    world.servers[0].connections.get_mut(&b).unwrap().queued = 10_000;
    world.say(b, &FromClient::Ping);
    assert_eq!(world.heard(b), [Heard::Closed(close::POLICY)]);
    assert_eq!(world.servers[0].gauges().users, 1);
}

#[test]
fn what_a_closed_connection_still_says_is_nobodys() {
    let mut world = World::new(1, Limits::default());
    let conn = world.log_in(0, 1);
    world.raw(conn, "nonsense");
    world.heard(conn);
    world.say(conn, &FromClient::Ping);
    world.frame(conn, 1, b"");
    world.servers[0].sent(conn, 100);
    world.close(conn);
    world.close(conn);
    assert_eq!(world.heard(conn), []);
    assert_eq!(world.servers[0].gauges(), Gauges::default());
}
