//! Nodes over TCP, in one process: what they exchange, and what they survive.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use crate::ask::Ask;
use mydht::attachment::tree::PART_LEN;
use mydht::engine::{Command, Event};
use mydht::native::{Config, NativeNode, file_record, hash_file};
use mydht::service::Request;
use mydht::store::Content;
use mydht::{Error, Hash, Key, Limits, PeerLimits, Record, Timeouts, Value};

fn node() -> Config {
    Config::listen("127.0.0.1:0".parse().unwrap())
}

/// A node that knows `other` and is connected with it.
fn connected(config: Config, other: &NativeNode) -> NativeNode {
    let node = config.bootstrap(other.address().unwrap()).start().unwrap();
    node.await_peer(Duration::from_secs(20)).wait().unwrap();
    node
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 7) as u8).collect()
}

/// The node answers, so it lives.
fn lives(node: &NativeNode) {
    let key = node.put(b"alive").wait().unwrap().key;
    assert_eq!(
        node.get(&key).wait().unwrap().as_deref(),
        Some(&b"alive"[..])
    );
}

/// Reads until the node closes the connection; a reset is a close too.
fn closed(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn raw(node: &NativeNode) -> TcpStream {
    TcpStream::connect(node.address().unwrap().socket_addr().unwrap()).unwrap()
}

#[test]
fn a_value_is_put_and_got() {
    let a = node().start().unwrap();
    let putter = connected(Config::default(), &a);
    let key = putter.put(b"hello").wait().unwrap().key;
    putter.stop().unwrap();
    let getter = connected(Config::default(), &a);
    let found = getter.get(&key).wait().unwrap();
    assert_eq!(found.as_deref(), Some(&b"hello"[..]));
    assert_eq!(getter.get(&Key::named("nothing")).wait().unwrap(), None);
    getter.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn a_name_is_put_again_and_the_last_is_got() {
    let a = node().start().unwrap();
    let putter = connected(Config::default(), &a);
    let key = Key::named("news");
    putter.put_at(key, b"old").wait().unwrap();
    putter.put_at(key, b"new").wait().unwrap();
    putter.stop().unwrap();
    let getter = connected(Config::default(), &a);
    let found = getter.get(&key).wait().unwrap();
    assert_eq!(found.as_deref(), Some(&b"new"[..]));
    getter.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn a_file_is_put_through_one_node_and_got_through_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("content");
    let content = content(50 * PART_LEN + 123);
    fs::write(&path, &content).unwrap();
    let a = node().store(dir.path().join("a")).start().unwrap();
    let b = connected(node().store(dir.path().join("b")), &a);
    let putter = connected(Config::default(), &a);
    let key = putter.put_file(&path).wait().unwrap().key;
    putter.stop().unwrap();
    let arriving = Config {
        attachments: Some(dir.path().join("c")),
        ..Config::default()
    };
    let getter = connected(arriving, &b);
    let record = getter.get_record(&key).wait().unwrap().unwrap();
    let id = record.value.attachment().unwrap();
    let arrived = dir.path().join("c").join(id.hash.to_string());
    assert!(fs::read(arrived).unwrap() == content);
    getter.stop().unwrap();
    b.stop().unwrap();
    a.stop().unwrap();
    // The node that keeps it gives it out after a restart.
    let a = node().store(dir.path().join("a")).start().unwrap();
    let getter = connected(Config::default(), &a);
    let command = Command::Read { id, part: 50 };
    assert_eq!(getter.get_record(&key).wait().unwrap(), Some(record));
    let last = getter.ask(command, |_, _| ()).unwrap();
    assert_eq!(
        last,
        Event::Part(Some(content[50 * PART_LEN..].to_vec().into()))
    );
    getter.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn two_hundred_gets_at_once_are_all_answered() {
    let a = node().start().unwrap();
    let putter = connected(Config::default(), &a);
    let keys: Vec<Key> = (0..200u32)
        .map(|i| putter.put(i.to_le_bytes()).wait().unwrap().key)
        .collect();
    putter.stop().unwrap();
    let getter = connected(Config::default(), &a);
    let (send, answers) = mpsc::channel();
    for (index, key) in keys.iter().enumerate() {
        let send = send.clone();
        let command = Command::Get { key: *key };
        let reply = move |event| drop(send.send((index, event)));
        getter.node().request(command, reply).unwrap();
    }
    drop(send);
    let mut found = vec![0; keys.len()];
    for (index, event) in answers {
        let value = Value::Bytes((index as u32).to_le_bytes().to_vec());
        assert_eq!(event, Event::Found(Record::by_content(value)));
        found[index] += 1;
    }
    assert!(found.iter().all(|count| *count == 1), "{found:?}");
    getter.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn a_peer_that_sends_garbage_is_told_and_the_node_lives() {
    let a = node().start().unwrap();
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"MYDHT\x01\x63\x00",
        b"MYDHT\x63\x02\x00",
        b"MYDHT\x01\x02\x00\xff\xff\xff\xff",
        b"MYDHT\x01\x02\x00\x04\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00",
    ] {
        let mut stream = raw(&a);
        stream.write_all(garbage).unwrap();
        closed(stream);
    }
    lives(&a);
    a.stop().unwrap();
}

#[test]
fn a_peer_that_stays_silent_is_let_go() {
    let limits = Limits {
        timeouts: Timeouts {
            handshake_timeout: Duration::from_millis(50),
            ..Timeouts::default()
        },
        ..Limits::default()
    };
    let a = Config { limits, ..node() }.start().unwrap();
    closed(raw(&a));
    assert_eq!(a.metrics().snapshot().peers_refused, 1);
    lives(&a);
    a.stop().unwrap();
}

#[test]
fn more_peers_than_the_limit_are_refused_and_the_others_live() {
    let limits = Limits {
        peers: PeerLimits {
            connections: 1,
            ..PeerLimits::default()
        },
        ..Limits::default()
    };
    let a = Config { limits, ..node() }.start().unwrap();
    let peer = connected(Config::default(), &a);
    let other = Config::default()
        .bootstrap(a.address().unwrap())
        .start()
        .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while a.metrics().snapshot().limited == 0 {
        assert!(std::time::Instant::now() < deadline, "it was not refused");
        std::thread::yield_now();
    }
    let key = peer.put(b"still there").wait().unwrap().key;
    assert!(a.get(&key).wait().unwrap().is_some());
    other.stop().unwrap();
    peer.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn a_port_in_use_says_so() {
    let a = node().start().unwrap();
    let error = Config::listen(a.address().unwrap()).start().err().unwrap();
    let in_use = std::io::ErrorKind::AddrInUse;
    assert!(matches!(&error, Error::Io(error) if error.kind() == in_use));
    assert!(error.to_string().contains("another port"), "{error}");
    a.stop().unwrap();
}

#[test]
fn a_store_in_use_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let a = node().store(dir.path()).start().unwrap();
    let error = node().store(dir.path()).start().err().unwrap();
    assert!(error.to_string().contains("--store"), "{error}");
    a.stop().unwrap();
}

#[test]
fn nobody_to_connect_with_says_so() {
    let a = node().start().unwrap();
    let address = a.address().unwrap();
    a.stop().unwrap();
    let lonely = Config::default()
        .bootstrap(address.clone())
        .start()
        .unwrap();
    let error = lonely
        .await_peer(Duration::from_secs(20))
        .wait()
        .unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    lonely.stop().unwrap();
}

#[test]
fn a_peer_that_vanishes_in_the_middle_of_an_attachment_leaves_what_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("content");
    // Enough that it is not all on its way when the first half has come.
    let content = content(1024 * PART_LEN);
    fs::write(&path, &content).unwrap();
    let tree = hash_file(&path, |_| ()).unwrap();
    let record = file_record(None, &path, &tree);
    let key = record.key;
    let id = tree.id();
    let serve = || {
        let provider = node().start().unwrap();
        let command = Request::put(
            record.clone(),
            Some((tree.clone(), Content::File(path.clone()))),
        );
        provider.ask(command, |_, _| ()).unwrap();
        provider
    };
    let arriving = || Config {
        attachments: Some(dir.path().join("arriving")),
        ..Config::default()
    };
    let arrived = dir.path().join("arriving").join(id.hash.to_string());

    let provider = serve();
    let vanish = provider.node();
    let getter = connected(arriving(), &provider);
    let mut reached = 0;
    let outcome = getter.ask(Command::Get { key }, |done, total| {
        reached = done;
        if done > total / 2 {
            // It ends; only the first of these calls finds it.
            let _ = vanish.stop();
        }
    });
    provider.stop().unwrap();
    getter.stop().unwrap();
    let why = outcome.unwrap_err().to_string();
    assert!(why.contains("resume"), "{why}");
    assert!(
        !arrived.exists(),
        "a half-received attachment is no whole one"
    );

    let provider = serve();
    let getter = connected(arriving(), &provider);
    let mut first = None;
    let outcome = getter.ask(Command::Get { key }, |done, _| {
        first.get_or_insert(done);
    });
    assert_eq!(outcome.unwrap(), Event::Found(record));
    assert_eq!(first, Some(reached), "what had come was not fetched again");
    let fetched = getter.metrics().snapshot().parts_in;
    assert_eq!(fetched, id.parts() - reached / PART_LEN as u64);
    provider.stop().unwrap();
    getter.stop().unwrap();
    assert_eq!(Hash::of(&fs::read(arrived).unwrap()), id.hash);
}

#[test]
fn a_lost_bootstrap_peer_is_connected_with_again() {
    let a = node().start().unwrap();
    let address = a.address().unwrap();
    let b = connected(Config::default(), &a);
    a.stop().unwrap();
    let a = Config::listen(address.clone()).start().unwrap();
    let key = a.put(b"after the restart").wait().unwrap().key;
    // It finds the value as soon as it is connected again.
    while b.get(&key).wait().unwrap().is_none() {
        let _ = b.await_peer(Duration::from_secs(20)).wait();
    }
    b.stop().unwrap();
    a.stop().unwrap();
}
