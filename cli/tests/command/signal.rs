//! `mydht signal`, as its users see it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mydht::identity::Identity;
use mydht_evloop::traits::{Ready, Registerable};
use mydht_evloop::{Events, Poll};
use mydht_rendezvous::id_of;
use mydht_rendezvous::{
    Config, Event, Handle, Relay, Running, ServerRendezvous, State, UserId, start,
};
use mydht_transports::rendezvous::{Rendezvous, Signal, SignalKind};
use mydht_transports::{Stream, Transport};

use crate::server::Server;

/// Far more than anything takes, so that only what hangs fails.
const LONG: Duration = Duration::from_secs(60);

/// A client, and what it hears.
struct User {
    running: Running<Poll>,
    events: Receiver<Event>,
}

impl User {
    fn start(seed: u8, servers: &[String]) -> Self {
        let (send, events) = channel();
        let config = Config {
            identity: Box::new(Identity::from_seed(&[seed; 32])),
            id_of,
            servers: servers.iter().map(|url| url.parse().unwrap()).collect(),
            seed: seed.into(),
        };
        let running = start(config, move |event| drop(send.send(event))).unwrap();
        User { running, events }
    }

    fn handle(&self) -> Handle<Poll> {
        self.running.handle()
    }

    fn id(&self) -> UserId {
        self.handle().user()
    }

    /// Waits until it hears what it should, and gives all that it heard until then.
    fn hears(&self, what: impl Fn(&Event) -> bool) -> Vec<Event> {
        let until = Instant::now() + LONG;
        let mut heard = Vec::new();
        loop {
            let event = self
                .events
                .recv_timeout(until.saturating_duration_since(Instant::now()))
                .unwrap_or_else(|_| panic!("{}; heard only {heard:?}", self.handle().state()));
            let done = what(&event);
            heard.push(event);
            if done {
                return heard;
            }
        }
    }

    fn becomes(&self, what: impl Fn(&State) -> bool) {
        let until = Instant::now() + LONG;
        while !what(&self.handle().state()) {
            let wait = until.saturating_duration_since(Instant::now());
            let state = self.handle().state();
            self.events
                .recv_timeout(wait)
                .unwrap_or_else(|_| panic!("it is still {state}"));
        }
    }

    fn is_online(&self) {
        self.becomes(|state| matches!(state, State::Online { .. }));
    }
}

fn waits(state: &State) -> bool {
    matches!(state, State::Waiting { why, .. } if !why.is_empty())
}

/// User that returns what it receives over a relay.
struct Echo {
    poll: Poll,
    events: Events,
}

impl Echo {
    fn new() -> Self {
        Echo {
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(16),
        }
    }

    fn wait(&mut self) {
        self.poll.poll(&mut self.events, Some(LONG)).unwrap();
        assert!(!self.events.is_empty(), "nothing happens");
    }

    /// Sends `len` bytes from one user to the other and back.
    fn run(&mut self, from: &User, to: &User, len: usize) -> std::io::Result<()> {
        let mut near = Relay::new(from.handle());
        let mut far = Relay::new(to.handle());
        Registerable::register(&near, &self.poll, 0, Ready::Readable)?;
        Registerable::register(&far, &self.poll, 1, Ready::Readable)?;
        let sent: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let here = near.connect_with(&to.id().into())?;
        Registerable::register(&here, &self.poll, 2, Ready::Both)?;
        let (mut write, mut read) = (here.write_stream(), here.read_stream());
        let mut there = None;
        let (mut out, mut at_far, mut back) = (0, Vec::<u8>::new(), Vec::<u8>::new());
        let (mut echoed, mut buf) = (0, vec![0; 20_000]);
        while back.len() < len {
            let before = (out, at_far.len(), echoed, back.len());
            if there.is_none()
                && let Ok((stream, peer)) = far.accept()
            {
                assert_eq!(peer, from.id().into());
                Registerable::register(&stream, &self.poll, 3, Ready::Both)?;
                there = Some((stream.write_stream(), stream.read_stream(), stream));
            }
            out += blocks(write.write(&sent[out..]))?;
            if let Some((write, read, _)) = &mut there {
                let count = blocks(read.read(&mut buf))?;
                at_far.extend(&buf[..count]);
                echoed += blocks(write.write(&at_far[echoed..]))?;
            }
            let count = blocks(read.read(&mut buf))?;
            back.extend(&buf[..count]);
            if before == (out, at_far.len(), echoed, back.len()) {
                self.wait();
            }
        }
        assert!(back == sent);
        Ok(())
    }
}

fn blocks(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

#[test]
fn it_answers_http() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/health").1, "ok\n");
    let (head, body) = server.get("/");
    assert!(
        head.starts_with("HTTP/1.1 200") && body.contains("MyDHT"),
        "{head}"
    );
    assert!(server.get("/../Cargo.toml").0.starts_with("HTTP/1.1 404"));
    assert!(server.get("/none").0.starts_with("HTTP/1.1 404"));
    assert!(!server.get("/signal").0.starts_with("HTTP/1.1 101"));
    assert_eq!(server.metric("users"), 0);
}

#[test]
fn its_command_line_says_what_is_wrong() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_mydht"))
            .arg("signal")
            .args(args)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (good, limits, _) = run(&["--limit", "list"]);
    assert!(good && limits.contains("members_per_room=64\n"));
    let taken = Server::start(&[]);
    for (args, why) in [
        (["--limit", "cats=3"], "members_per_room"),
        (["--limit", "rooms"], "NAME=NUMBER"),
        (["--backplane", "nonsense"], "redis://HOST:PORT"),
        (
            ["--listen", &taken.address],
            "another program listens there",
        ),
    ] {
        let (good, stdout, stderr) = run(&args);
        assert!(
            !good && stdout.is_empty() && stderr.lines().count() == 1 && stderr.contains(why),
            "{stderr}"
        );
    }
}

#[test]
fn users_find_each_other_signal_and_relay() {
    let server = Server::start(&[]);
    let urls = [server.url()];
    let a = User::start(1, &urls);
    a.handle().join("room");
    a.hears(|event| matches!(event, Event::Joined(_, members) if members.is_empty()));
    let b = User::start(2, &urls);
    b.handle().join("room");
    b.hears(|event| *event == Event::Joined("room".into(), vec![a.id()]));
    a.hears(|event| *event == Event::Entered("room".into(), b.id()));

    let poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let mut from = ServerRendezvous::new(a.handle());
    let mut to = ServerRendezvous::new(b.handle());
    Registerable::register(&to, &poll, 0, Ready::Readable).unwrap();
    from.send(&b.id().into(), SignalKind::Offer, "offer".into())
        .unwrap();
    let heard = loop {
        match to.receive() {
            Ok(signal) => break signal,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        assert!(poll.poll(&mut events, Some(LONG)).unwrap() > 0);
    };
    let (peer, kind) = (a.id().into(), SignalKind::Offer);
    assert_eq!(
        heard,
        Signal::From {
            peer,
            kind,
            body: "offer".into()
        }
    );

    // More than all windows and buffers on the way.
    Echo::new().run(&a, &b, 3_000_000).unwrap();
    assert!(server.metric("relayed_bytes_total") > 6_000_000);
    drop(b);
    a.hears(|event| matches!(event, Event::Left(..)));
}

#[test]
fn too_fast_a_relay_is_slow_and_loses_nothing() {
    let server = Server::start(&[
        "--limit",
        "relay_bytes_per_second=1000000",
        "--limit",
        "relay_burst=100000",
    ]);
    let urls = [server.url()];
    let (a, b) = (User::start(1, &urls), User::start(2, &urls));
    a.is_online();
    b.is_online();
    Echo::new().run(&a, &b, 600_000).unwrap();
    assert!(server.metric("pauses_total") > 0);
}

#[test]
fn a_restarted_server_has_its_users_back() {
    let mut server = Server::start(&["--limit", "restart_spread_ms=100"]);
    let users = [1, 2, 3].map(|seed| User::start(seed, &[server.url()]));
    users.iter().for_each(User::is_online);
    server.terminate();
    assert!(server.process.wait().unwrap().success());
    for user in &users {
        user.becomes(waits);
    }
    // At the same address.
    let again = Server::start(&["--listen", &server.address]);
    users.iter().for_each(User::is_online);
    // And after a death without a word.
    server = again;
    server.kill();
    for user in &users {
        user.becomes(waits);
    }
    let again = Server::start(&["--listen", &server.address]);
    users.iter().for_each(User::is_online);
    assert_eq!(again.metric("users"), 3);
}

#[test]
fn a_server_that_is_not_there_at_first_is_found_later() {
    let (mut gone, there) = (Server::start(&[]), Server::start(&[]));
    let urls = [gone.url(), there.url()];
    gone.kill();
    let user = User::start(1, &urls);
    user.is_online();
    // The same user elsewhere: this one stays away.
    let again = User::start(1, &[there.url()]);
    again.is_online();
    user.becomes(|state| matches!(state, State::Ended(_)));
    // What is no rendezvous server.
    let other = User::start(2, &[format!("{}/health", there.url())]);
    other.becomes(|state| state.to_string().contains("no rendezvous server"));
}

/// A Redis of the test's own, on a port of its own; nothing is written to disk.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    /// `None` where there is none to be started.
    fn start(port: Option<u16>) -> Option<Self> {
        let port = port.unwrap_or_else(|| {
            std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        });
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Redis { process, port };
        let until = Instant::now() + LONG;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(redis)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has ended already in some tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_alone(state: &State) -> bool {
    *state == State::Online { alone: true }
}

fn is_together(state: &State) -> bool {
    *state == State::Online { alone: false }
}

#[test]
fn two_servers_are_one_and_survive_a_death_and_the_backplanes() {
    let Some(mut redis) = Redis::start(None) else {
        println!("skipped: no redis-server on PATH (cargo xtask test installs Debian's)");
        return;
    };
    let backplane = redis.url();
    let one = Server::start(&["--backplane", &backplane]);
    let mut two = Server::start(&["--backplane", &backplane]);
    let a = User::start(1, &[one.url()]);
    let b = User::start(2, &[two.url(), one.url()]);
    for user in [&a, &b] {
        user.handle().join("room");
        user.becomes(is_together);
    }
    a.hears(|event| *event == Event::Entered("room".into(), b.id()));
    Echo::new().run(&a, &b, 300_000).unwrap();

    // One of the servers dies. Its users come to the other, and are found there.
    two.kill();
    b.becomes(waits);
    b.becomes(is_together);
    a.handle().find(b.id());
    a.hears(|event| *event == Event::Here(b.id()));
    // The relay of before is found to be dead when it is used: what was on it is lost, and another one opens.
    let over_the_old_one = Echo::new().run(&a, &b, 300_000);
    if let Err(lost) = over_the_old_one {
        assert_eq!(lost.kind(), std::io::ErrorKind::ConnectionReset, "{lost}");
        Echo::new().run(&a, &b, 300_000).unwrap();
    }
    let three = Server::start(&["--backplane", &backplane]);
    let c = User::start(3, &[three.url()]);
    c.handle().join("room");
    a.hears(|event| *event == Event::Entered("room".into(), c.id()));
    Echo::new().run(&a, &c, 300_000).unwrap();

    // The backplane dies: all are told, and each server goes on with its own.
    redis.kill();
    a.hears(|event| *event == Event::Left("room".into(), c.id()));
    for user in [&a, &b, &c] {
        user.becomes(is_alone);
    }
    assert!(one.get("/health").1.contains("backplane"));
    Echo::new().run(&a, &b, 300_000).unwrap();
    let lost = Echo::new().run(&a, &c, 1).unwrap_err();
    assert!(lost.to_string().contains("other servers"), "{lost}");

    // It is back: so is everything else.
    let port = redis.port;
    redis = Redis::start(Some(port)).unwrap();
    for user in [&a, &b, &c] {
        user.becomes(is_together);
    }
    a.hears(|event| *event == Event::Entered("room".into(), c.id()));
    Echo::new().run(&c, &b, 300_000).unwrap();
    // One that stops by itself says so, and its users leave at once.
    three.terminate();
    a.hears(|event| *event == Event::Left("room".into(), c.id()));
    redis.kill();
}
