use proptest::prelude::*;

use super::super::limits::Limits;
use super::super::message::{FromServer, Sealed};
use super::super::server::{Frame, Output, Server};
use super::super::user::tests::{id_of, identity, user};
use super::*;

const SERVER: &str = "ws://signal.example";
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Time {
    Time {
        now: Duration::from_secs(seconds),
        unix_ms: 1_700_000_000_000 + seconds * 1000,
    }
}

fn client(n: u8) -> Client {
    let servers = vec![
        SERVER.parse().unwrap(),
        "ws://other.example".parse().unwrap(),
    ];
    Client::new(Box::new(identity(n)), id_of, servers, u64::from(n))
}

fn events(client: &mut Client) -> Vec<Event> {
    std::iter::from_fn(|| client.event())
        .filter(|event| *event != Event::State)
        .collect()
}

fn actions(client: &mut Client) -> Vec<Action> {
    std::iter::from_fn(|| client.action()).collect()
}

/// Clients and a server, in one process and at one time.
struct Net {
    server: Server,
    clients: Vec<Client>,
    time: Time,
    /// The connection of each client.
    conns: Vec<Option<u64>>,
    next: u64,
    /// Whether the server can be reached.
    up: bool,
}

impl Net {
    fn new(clients: u8) -> Self {
        let mut net = Net {
            server: Server::new(["signal.example:80".into()], Limits::default(), id_of),
            clients: (1..=clients).map(client).collect(),
            time: at(10),
            conns: vec![None; clients.into()],
            next: 1,
            up: true,
        };
        net.settle();
        net
    }

    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for (client, conn) in self.clients.iter_mut().zip(&mut self.conns) {
                client.tick(self.time);
                while let Some(action) = client.action() {
                    quiet = false;
                    match action {
                        Action::Open(_) if !self.up => client.closed(self.time, "refused"),
                        Action::Open(_) => {
                            *conn = Some(self.next);
                            let address = [127, 0, 0, 1].into();
                            let nonce = Nonce([self.next as u8; 32]);
                            self.server.opened(
                                self.time.now,
                                self.next,
                                address,
                                String::new(),
                                nonce,
                            );
                            self.next += 1;
                            client.opened(self.time);
                        }
                        Action::Text(text) => {
                            let conn = conn.expect("a connection");
                            self.server.text(self.time.now, conn, &text);
                        }
                        Action::Binary(bytes) => {
                            let conn = conn.expect("a connection");
                            self.server.binary(self.time.now, conn, &bytes);
                        }
                        Action::Close => {
                            if let Some(conn) = conn.take() {
                                self.server.closed(conn);
                            }
                        }
                    }
                }
            }
            while let Some(output) = self.server.output() {
                quiet = false;
                let (Output::Send(to, _) | Output::Close(to, ..) | Output::Pause(to, _)) = &output
                else {
                    panic!("{output:?}");
                };
                let Some(n) = self.conns.iter().position(|conn| conn == &Some(*to)) else {
                    continue;
                };
                match output {
                    Output::Send(_, Frame::Text(text)) => self.clients[n].text(self.time, &text),
                    Output::Send(_, Frame::Binary(bytes)) => {
                        self.clients[n].binary(self.time, &bytes)
                    }
                    Output::Close(_, _, why) => {
                        self.conns[n] = None;
                        self.clients[n].closed(self.time, &why);
                    }
                    _ => {}
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.time.now += SECOND;
            self.time.unix_ms += 1000;
            self.server.tick(self.time.now);
            self.settle();
        }
    }

    fn states(&self) -> Vec<&State> {
        self.clients.iter().map(Client::state).collect()
    }

    /// The server dies, without a word.
    fn crash(&mut self) {
        self.up = false;
        self.server = Server::new(["signal.example:80".into()], Limits::default(), id_of);
        for (client, conn) in self.clients.iter_mut().zip(&mut self.conns) {
            *conn = None;
            client.closed(self.time, "connection reset");
        }
        self.settle();
    }
}

const ONLINE: State = State::Online { alone: false };

#[test]
fn clients_log_in_and_talk() {
    let mut net = Net::new(2);
    assert_eq!(net.states(), [&ONLINE, &ONLINE]);
    let time = net.time;
    net.clients[0]
        .signal(time, user(2), Kind::Offer, "offer".into())
        .unwrap();
    net.clients[0]
        .signal(time, user(2), Kind::Candidate, "candidate".into())
        .unwrap();
    net.clients[1].find(user(1));
    net.settle();
    let heard = events(&mut net.clients[1]);
    let signal = |kind, body: &str| Event::Signal(user(1), kind, body.into());
    let expected = [
        signal(Kind::Offer, "offer"),
        signal(Kind::Candidate, "candidate"),
        Event::Here(user(1)),
    ];
    assert_eq!(heard, expected);
    net.clients[1]
        .signal(time, user(9), Kind::Offer, String::new())
        .unwrap();
    net.settle();
    assert!(
        matches!(&events(&mut net.clients[1])[..], [Event::Unreachable(who, _)] if *who == user(9))
    );
    // For an hour nothing happens, and they stay.
    net.pass(3600);
    assert_eq!(net.states(), [&ONLINE, &ONLINE]);
    assert_eq!(net.server.counters().logins, 2);
}

#[test]
fn relays_open_carry_and_close() {
    let mut net = Net::new(2);
    net.clients[0].relay(user(2)).unwrap();
    assert_eq!(net.clients[0].relay_send(user(2), b"early"), Err(Offline));
    net.settle();
    assert_eq!(events(&mut net.clients[1]), [Event::RelayAsked(user(1))]);
    net.clients[1].relay(user(1)).unwrap();
    net.settle();
    assert_eq!(events(&mut net.clients[0]), [Event::RelayOpen(user(2))]);
    assert_eq!(events(&mut net.clients[1]), [Event::RelayOpen(user(1))]);
    net.clients[0].relay_send(user(2), b"bytes").unwrap();
    net.settle();
    assert_eq!(
        events(&mut net.clients[1]),
        [Event::Frame(user(1), b"bytes".into())]
    );
    net.clients[1].unrelay(user(1));
    net.settle();
    assert!(matches!(
        events(&mut net.clients[0])[..],
        [Event::RelayClosed(..)]
    ));
    assert_eq!(net.clients[0].relay_send(user(2), b"late"), Err(Offline));
    // Nobody is there.
    net.clients[0].relay(user(7)).unwrap();
    net.settle();
    assert!(matches!(
        events(&mut net.clients[0])[..],
        [Event::RelayClosed(..), Event::Unreachable(..)]
    ));
}

/// Several frames may be on their way when a relay dies: the first refusal says so, and the others
/// come when the next relay was asked for already.
#[test]
fn refusals_of_frames_over_the_relay_of_before_leave_the_next_one_alone() {
    let mut net = Net::new(2);
    net.settle();
    events(&mut net.clients[0]);
    net.clients[0].relay(user(2)).unwrap();
    let refusal = FromServer::Error(Refusal {
        code: Code::NoRelay,
        limit: None,
        user: Some(user(2)),
        room: None,
        text: "no relay is open with this user".into(),
    });
    let refusal = serde_json::to_string(&refusal).unwrap();
    net.clients[0].text(net.time, &refusal);
    assert_eq!(events(&mut net.clients[0]), []);
    net.clients[1].relay(user(1)).unwrap();
    net.settle();
    assert_eq!(events(&mut net.clients[0]), [Event::RelayOpen(user(2))]);
}

#[test]
fn after_a_crash_all_come_back_over_time_to_where_they_were() {
    let mut net = Net::new(20);
    for client in &mut net.clients {
        client.join("room");
    }
    net.clients[0].find(user(99));
    net.clients[0].relay(user(2)).unwrap();
    net.settle();
    net.clients
        .iter_mut()
        .for_each(|client| drop(events(client)));
    net.crash();
    assert!(
        net.states()
            .iter()
            .all(|state| matches!(state, State::Waiting { .. }))
    );
    assert!(matches!(
        events(&mut net.clients[0])[..],
        [Event::RelayClosed(..)]
    ));
    // What is said meanwhile is kept.
    net.clients[0]
        .signal(net.time, user(2), Kind::Bye, "kept".into())
        .unwrap();
    net.pass(5);
    net.up = true;
    let mut online = Vec::new();
    for _ in 0..60 {
        net.pass(1);
        online.push(
            net.states()
                .iter()
                .filter(|state| ***state == ONLINE)
                .count(),
        );
    }
    assert_eq!(online.last(), Some(&20));
    assert!(
        online.iter().any(|count| (2..18).contains(count)),
        "not all at once: {online:?}"
    );
    assert!(
        events(&mut net.clients[1]).contains(&Event::Signal(user(1), Kind::Bye, "kept".into()))
            || events(&mut net.clients[0])
                .iter()
                .any(|event| matches!(event, Event::Unreachable(..)))
    );
    assert_eq!(net.server.gauges().rooms, 1);
    assert_eq!(net.server.gauges().waiting, 1);
}

#[test]
fn what_could_not_be_said_in_time_is_reported() {
    let mut client = client(1);
    client.tick(at(1));
    client
        .signal(at(1), user(2), Kind::Offer, "offer".into())
        .unwrap();
    client.closed(at(2), "no route");
    assert!(client.deadline().unwrap() <= at(31).now);
    client.tick(at(31));
    assert!(matches!(&events(&mut client)[..], [Event::Unreachable(who, _)] if *who == user(2)));
    for _ in 0..KEPT {
        client
            .signal(at(31), user(2), Kind::Offer, String::new())
            .unwrap();
    }
    assert_eq!(
        client.signal(at(31), user(2), Kind::Offer, String::new()),
        Err(Offline)
    );
}

#[test]
fn servers_are_tried_in_turn_with_growing_waits() {
    let mut client = client(1);
    let (mut tried, mut now, mut waits) = (Vec::new(), at(1), Vec::new());
    for _ in 0..6 {
        client.tick(now);
        for action in actions(&mut client) {
            if let Action::Open(server) = action {
                tried.push(server.name());
            }
        }
        client.closed(now, "refused");
        let State::Waiting { until, why } = client.state() else {
            panic!()
        };
        assert_eq!(why, "refused");
        waits.push(*until - now.now);
        // Nothing happens before its time.
        client.tick(Time {
            now: *until - Duration::from_millis(1),
            ..now
        });
        assert!(matches!(client.state(), State::Waiting { .. }));
        now.now = client.deadline().unwrap();
    }
    let [a, b] = ["signal.example:80", "other.example:80"];
    assert_eq!(tried, [a, b, a, b, a, b]);
    assert!(waits[5] > waits[0] * 4, "{waits:?}");
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let mut one = client(1);
    one.tick(at(1));
    assert_eq!(one.deadline(), Some(at(11).now));
    one.tick(at(11));
    assert!(matches!(one.state(), State::Waiting { .. }));
    assert_eq!(actions(&mut one).last(), Some(&Action::Close));

    let mut net = Net::new(1);
    let client = &mut net.clients[0];
    client.tick(at(30));
    assert_eq!(actions(client), [Action::Text(r#"{"type":"ping"}"#.into())]);
    client.tick(at(54));
    actions(client);
    assert_eq!(client.state(), &ONLINE);
    client.tick(at(55));
    assert!(client.state().to_string().contains("silent"));
}

#[test]
fn who_is_replaced_does_not_come_back_by_itself() {
    let mut net = Net::new(2);
    net.clients[1] = client(1);
    net.conns[1] = None;
    net.settle();
    assert!(matches!(net.clients[0].state(), State::Ended(why) if why.contains("elsewhere")));
    assert_eq!(net.clients[1].state(), &ONLINE);
    net.pass(100);
    assert!(matches!(net.clients[0].state(), State::Ended(_)));
    assert_eq!(
        net.clients[0].signal(net.time, user(2), Kind::Bye, String::new()),
        Err(Offline)
    );
    assert_eq!(net.clients[0].deadline(), None);
    assert_eq!(net.server.counters().replaced, 1);
}

#[test]
fn a_restart_brings_everyone_back_to_the_same_server_spread_over_time() {
    let mut net = Net::new(20);
    net.server.restart();
    net.settle();
    let untils: BTreeSet<_> = net
        .clients
        .iter()
        .map(|client| match client.state() {
            State::Waiting { until, .. } => *until - net.time.now,
            other => panic!("{other}"),
        })
        .collect();
    assert!(
        untils.len() > 15 && untils.iter().all(|wait| *wait <= 5 * SECOND),
        "{untils:?}"
    );
    assert_eq!(net.clients[0].server().unwrap().name(), "signal.example:80");
    net.pass(6);
    assert!(net.states().iter().all(|state| **state == ONLINE));
}

#[test]
fn a_server_that_lies_is_found_out() {
    let sealed = |n: u8, seq| {
        Sealed::new(
            &identity(n),
            user(1),
            Kind::Offer,
            seq,
            at(60).unix_ms,
            "body".into(),
        )
    };
    let key = identity(2).public_key();
    let mut net = Net::new(1);
    let client = &mut net.clients[0];
    let mut say = |from, key, sealed| {
        let message = FromServer::Signal { from, key, sealed };
        client.text(at(10), &serde_json::to_string(&message).unwrap());
        events(client)
    };
    assert!(matches!(
        say(user(2), key, sealed(2, 1))[..],
        [Event::Signal(..)]
    ));
    assert_eq!(
        say(user(2), key, sealed(2, 1)),
        [Event::Dropped(user(2), Rejected::Replayed)]
    );
    assert_eq!(
        say(user(3), key, sealed(2, 2)),
        [Event::Dropped(user(3), Rejected::WrongKey)]
    );
    assert_eq!(
        say(user(2), key, sealed(3, 3)),
        [Event::Dropped(user(2), Rejected::Forged)]
    );
    let mut old = sealed(2, 4);
    old = Sealed::new(&identity(2), old.to, old.kind, 4, 5, old.body);
    assert_eq!(
        say(user(2), key, old),
        [Event::Dropped(user(2), Rejected::Expired)]
    );
    // Frames of a relay that was not asked for.
    client.binary(at(10), &relay_frame(&user(2), b"unasked"));
    assert_eq!(events(client), []);
    let other = FromServer::Welcome {
        user: user(2),
        alone: false,
    };
    client.text(at(10), &serde_json::to_string(&other).unwrap());
    assert!(client.state().to_string().contains("out of turn"));
}

proptest! {
    /// Whatever a server says, at whatever time, a client neither panics nor stops trying.
    #[test]
    fn any_server_is_survived(steps in prop::collection::vec((0u8..12, 0u64..40, ".{0,30}"), 1..60)) {
        let mut client = client(1);
        let mut seconds = 1;
        for (step, pass, noise) in steps {
            seconds += pass;
            let time = at(seconds);
            let say = |message| serde_json::to_string(&message).unwrap();
            match step {
                0 => client.opened(time),
                1 => client.closed(time, &noise),
                2 => client.text(time, &noise),
                3 => client.binary(time, noise.as_bytes()),
                4 => client.text(time, &say(FromServer::Challenge { version: VERSION, nonce: Nonce([1; 32]) })),
                5 => client.text(time, &say(FromServer::Welcome { user: user(1), alone: pass % 2 == 0 })),
                6 => client.text(time, &say(FromServer::RelayOpen { user: user(2) })),
                7 => client.text(time, &say(FromServer::Restarting { spread_ms: u64::MAX })),
                8 => client.text(time, &say(FromServer::Alone { alone: true })),
                9 => drop(client.relay(user(2))),
                10 => drop(client.signal(time, user(2), Kind::Offer, noise)),
                _ => client.tick(time),
            }
            prop_assert!(!matches!(client.state(), State::Ended(_)));
            // There is always a time at which it goes on.
            prop_assert!(client.deadline().unwrap() <= time.now + Duration::from_secs(61));
        }
    }
}
