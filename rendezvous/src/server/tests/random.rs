//! Any sequence of what clients, networks and the backplane may do.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    LogIn(usize, u8),
    Open(usize),
    Close(usize),
    Say(usize, FromClient),
    Raw(usize, String),
    Frame(usize, u8, usize),
    Tick(u32),
    Up(usize),
    Down(usize),
    Kill(usize),
}

const USERS: u8 = 5;

fn message() -> impl Strategy<Value = FromClient> {
    let who = || (0..USERS).prop_map(user);
    let room = || prop::sample::select(vec!["a", "b", ""]).prop_map(str::to_owned);
    prop_oneof![
        room().prop_map(|room| FromClient::Join { room }),
        room().prop_map(|room| FromClient::Leave { room }),
        who().prop_map(|user| FromClient::Find { user }),
        who().prop_map(|user| FromClient::Forget { user }),
        who().prop_map(|user| FromClient::Relay { user }),
        who().prop_map(|user| FromClient::Relay { user }),
        who().prop_map(|user| FromClient::Unrelay { user }),
        (0..USERS, who()).prop_map(|(from, to)| FromClient::Signal {
            sealed: sealed(from, to, "body")
        }),
        Just(FromClient::Ping),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2usize, 0..USERS).prop_map(|(server, n)| Step::LogIn(server, n)),
        1 => (0..2usize).prop_map(Step::Open),
        2 => any::<usize>().prop_map(Step::Close),
        12 => (any::<usize>(), message()).prop_map(|(conn, message)| Step::Say(conn, message)),
        1 => (any::<usize>(), ".{0,40}").prop_map(|(conn, text)| Step::Raw(conn, text)),
        4 => (any::<usize>(), 0..USERS, 0..100usize).prop_map(|(conn, to, len)| Step::Frame(conn, to, len)),
        1 => (1..30u32).prop_map(Step::Tick),
        1 => (0..2usize).prop_map(Step::Up),
        1 => (0..2usize).prop_map(Step::Down),
        1 => (0..2usize).prop_map(Step::Kill),
    ]
}

/// Checks the invariants that hold at any time.
fn check(world: &World) {
    for server in &world.servers {
        let pending = server
            .connections
            .values()
            .filter(|found| found.user.is_none())
            .count();
        assert_eq!(server.pending, pending as u64);
        let by_address: u64 = server.addresses.values().sum();
        assert_eq!(by_address, server.connections.len() as u64);
        for (id, user) in &server.users {
            assert_eq!(server.connections[&user.conn].user, Some(*id));
            for room in &user.rooms {
                assert!(server.rooms[room].local.contains(id));
            }
            for wanted in &user.waiting {
                assert!(server.waiting[wanted].contains(id));
            }
        }
        for (name, room) in &server.rooms {
            assert!(!room.local.is_empty());
            assert!(
                room.local
                    .iter()
                    .all(|id| server.users[id].rooms.contains(name))
            );
        }
        for (wanted, who) in &server.waiting {
            assert!(!who.is_empty());
            assert!(!server.users.contains_key(wanted), "waited for, and here");
            assert!(
                who.iter()
                    .all(|id| server.users[id].waiting.contains(wanted))
            );
        }
        if let Some(cluster) = &server.cluster {
            assert!(cluster_is_quiet(cluster), "a publication without an answer");
        }
    }
    // What a server wants to hear it hears, and no more.
    for (n, server) in world
        .servers
        .iter()
        .enumerate()
        .filter(|(n, _)| world.up[*n])
    {
        let mut wanted: BTreeSet<_> = server
            .users
            .keys()
            .map(|id| format!("mydht:u:{id}"))
            .collect();
        wanted.extend(server.waiting.keys().map(|id| format!("mydht:w:{id}")));
        wanted.extend(server.rooms.keys().map(|name| format!("mydht:r:{name}")));
        wanted.insert("mydht:all".into());
        let has: BTreeSet<_> = world
            .topics
            .iter()
            .filter(|(_, who)| who.contains(&n))
            .map(|(topic, _)| topic.clone())
            .collect();
        assert_eq!(has, wanted);
    }
}

fn cluster_is_quiet(cluster: &Cluster) -> bool {
    format!("{cluster:?}").contains("tickets: {}")
}

fn run(steps: Vec<Step>) {
    let mut world = World::cluster(2);
    let mut conns = vec![world.log_in(0, 0)];
    for step in steps {
        let pick = |n: usize| conns[n % conns.len()];
        match step {
            Step::LogIn(server, n) => {
                let conn = world.open(server);
                world.say(conn, &hello(conn, n));
                conns.push(conn);
            }
            Step::Open(server) => conns.push(world.open(server)),
            Step::Close(n) => {
                let conn = pick(n);
                if world.places.contains_key(&conn) {
                    world.close(conn);
                }
            }
            Step::Say(n, message) => world.say(pick(n), &message),
            Step::Raw(n, text) => world.raw(pick(n), &text),
            Step::Frame(n, to, len) => world.frame(pick(n), to, &vec![0; len]),
            Step::Tick(seconds) => world.tick(seconds),
            Step::Up(n) => world.backplane_up(n),
            Step::Down(n) => world.backplane_down(n),
            Step::Kill(n) => world.kill(n),
        }
        check(&world);
    }
    // Whatever happened, with all servers up again no user is logged in twice, and rooms agree.
    world.backplane_up(0);
    world.backplane_up(1);
    world.tick(21);
    check(&world);
    let [a, b] = &world.servers[..] else {
        panic!("two servers")
    };
    assert!(a.users.keys().all(|id| !b.users.contains_key(id)));
    for (name, room) in &a.rooms {
        let there = b
            .rooms
            .get(name)
            .map(|room| room.local.clone())
            .unwrap_or_default();
        let believed: BTreeSet<_> = room.remote.values().flatten().copied().collect();
        assert_eq!(believed, there, "room {name}");
    }
    // And an end of a relay that is open is open at the other, or was told to nobody.
    let at = |id: &UserId| world.servers.iter().find_map(|server| server.users.get(id));
    for (id, user) in a.users.iter().chain(&b.users) {
        for other in user.relays.keys().filter(|other| at(other).is_none()) {
            let gone = format!("{id} has a relay with {other}, who is not here");
            // An instance that died says nothing: the next frame finds out.
            assert!(world.was_killed, "{gone}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_leaks_or_disagrees(steps in prop::collection::vec(step(), 1..80)) {
        run(steps);
    }
}
