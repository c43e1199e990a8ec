//! Native nodes that know of each other by a rendezvous server only.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use mydht::native::{Config, NativeNode, RendezvousConfig};

#[allow(dead_code, reason = "a part of what the other suites use")]
use crate::server::Server;

/// Far more than anything takes, so that only what hangs fails.
const LONG: Duration = Duration::from_secs(60);

fn node(server: &Server, relay_only: bool) -> NativeNode {
    let in_room = RendezvousConfig::room(&server.url(), "room").unwrap();
    let with = RendezvousConfig {
        relay_only,
        ..in_room
    };
    Config::default().rendezvous(with).start().unwrap()
}

/// Values and a file of some parts go both ways.
fn put_and_get(a: &NativeNode, b: &NativeNode) {
    for node in [a, b] {
        node.await_peer(LONG).wait().unwrap();
    }
    for (from, to) in [(a, b), (b, a)] {
        let value: Vec<u8> = (0..200_000).map(|i: u32| (i >> 3) as u8).collect();
        let value = [value, from.id().to_string().into()].concat();
        let key = from.put(value.clone()).wait().unwrap().key;
        assert!(to.get(&key).wait().unwrap() == Some(value));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let content: Vec<u8> = (0..3_000_001).map(|i: u32| (i ^ (i >> 9)) as u8).collect();
    fs::write(&path, content).unwrap();
    let key = a.put_file(&path).wait().unwrap().key;
    assert!(b.get_record(&key).wait().unwrap().is_some());
}

#[test]
fn two_nodes_of_a_room_meet_directly() {
    let server = Server::start(&[]);
    let (a, b) = (node(&server, false), node(&server, false));
    put_and_get(&a, &b);
    assert_eq!(server.metric("relayed_bytes_total"), 0);
    // What they have does not depend on the server.
    drop(server);
    put_and_get(&a, &b);
    a.stop().unwrap();
    b.stop().unwrap();
}

#[test]
fn who_wants_the_relay_only_is_met_there() {
    let server = Server::start(&[]);
    let (a, b) = (node(&server, true), node(&server, false));
    put_and_get(&a, &b);
    assert!(server.metric("relayed_bytes_total") > 3_000_000);
    a.stop().unwrap();
    b.stop().unwrap();
}

#[test]
fn the_command_puts_and_gets_by_a_room() {
    let server = Server::start(&[]);
    let mut node = Command::new(env!("CARGO_BIN_EXE_mydht"))
        .args(["node", "--rendezvous", &server.url(), "--room", "here"])
        .spawn()
        .unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_mydht"))
            .args(args)
            .args(["--rendezvous", &server.url(), "--room", "here"])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&["put", "--key", "greeting", "hello"]), "greeting\n");
    assert_eq!(run(&["get", "greeting"]), "hello");
    node.kill().unwrap();
    node.wait().unwrap();
}

#[test]
fn who_reaches_no_server_is_told_so() {
    let mut server = Server::start(&[]);
    let url = server.url();
    server.kill();
    let output = Command::new(env!("CARGO_BIN_EXE_mydht"))
        .args(["get", "--rendezvous", &url, "--timeout", "2", "greeting"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.lines().count() == 1);
    assert!(stderr.contains("nothing listens there"), "{stderr}");
}

/// A node that nobody can connect with by TCP, and whose rendezvous server is this.
fn alone(url: &str, known: &NativeNode) -> NativeNode {
    let with = RendezvousConfig {
        room: None,
        ..RendezvousConfig::room(url, "room").unwrap()
    };
    let node = Config::default()
        .rendezvous(with)
        .bootstrap(known.address().unwrap())
        .start()
        .unwrap();
    node.await_peer(LONG).wait().unwrap();
    node
}

/// Waits until a node is connected directly with another.
fn meets(node: &NativeNode, other: &NativeNode) {
    let until = Instant::now() + LONG;
    loop {
        let links = node.links().wait().unwrap();
        if links.iter().any(|link| {
            link.peer == Some(other.id()) && matches!(link.address, mydht::Address::WebRtc(_))
        }) {
            return;
        }
        assert!(Instant::now() < until, "{links:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_the_server_a_node_that_both_know_makes_the_two_meet() {
    let mut servers = [Server::start(&[]), Server::start(&[])];
    let urls = servers.each_ref().map(Server::url);
    servers.iter_mut().for_each(Server::kill);
    meet_by_a_third(&urls);
}

#[test]
fn at_two_servers_that_know_nothing_of_each_other_they_meet_too() {
    let servers = [Server::start(&[]), Server::start(&[])];
    meet_by_a_third(&servers.each_ref().map(Server::url));
}

/// Two nodes that a third knows by TCP, each with a server of its own.
fn meet_by_a_third([one, other]: &[String; 2]) {
    let known = Config::listen("127.0.0.1:0".parse().unwrap());
    let known = known.start().unwrap();
    let (a, b) = (alone(one, &known), alone(other, &known));
    meets(&a, &b);
    meets(&b, &a);
    assert!(known.metrics().snapshot().signals_carried > 0);
    known.stop().unwrap();
    put_and_get(&a, &b);
    a.stop().unwrap();
    b.stop().unwrap();
}
