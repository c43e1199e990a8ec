//! Nodes over TCP, in one process.

use std::fs;
use std::io::Write;
use std::time::Duration;

use mydht::attachment::tree::PART_LEN;
use mydht::native::{Config, NativeNode};
use mydht::{Command, Event, Key, Limits};

const LOCAL: &str = "127.0.0.1:0";

fn node() -> Config {
    Config::listen(LOCAL.parse().unwrap())
}

fn client(of: &NativeNode) -> NativeNode {
    let client = Config::default()
        .bootstrap(of.address().unwrap())
        .start()
        .unwrap();
    let wait = Command::AwaitPeer(Duration::from_secs(10));
    assert!(matches!(
        client.ask(wait, |_, _| ()).unwrap(),
        Event::Status { .. }
    ));
    client
}

#[test]
fn a_value_is_put_and_got() {
    let a = node().start().unwrap();
    let putter = client(&a);
    let key = putter.put_bytes(None, b"hello").unwrap();
    putter.stop().unwrap();
    let getter = client(&a);
    assert_eq!(
        getter.get_bytes(&key).unwrap().as_deref(),
        Some(&b"hello"[..])
    );
    assert_eq!(getter.get_bytes(&Key::named("nothing")).unwrap(), None);
    getter.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn a_file_is_put_through_one_node_and_got_through_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("content");
    let content: Vec<u8> = (0..50 * PART_LEN + 123).map(|i| (i / 7) as u8).collect();
    fs::write(&path, &content).unwrap();
    let a = node().store(dir.path().join("a")).start().unwrap();
    let b = node()
        .store(dir.path().join("b"))
        .bootstrap(a.address().unwrap())
        .start()
        .unwrap();
    let putter = client(&a);
    let key = putter.put_file(None, &path).unwrap();
    putter.stop().unwrap();
    let getter = Config {
        attachments: Some(dir.path().join("c")),
        ..Config::default()
    }
    .bootstrap(b.address().unwrap())
    .start()
    .unwrap();
    getter
        .ask(Command::AwaitPeer(Duration::from_secs(10)), |_, _| ())
        .unwrap();
    let record = getter.get(&key).unwrap().unwrap();
    let id = record.value.attachment().unwrap();
    assert_eq!(
        fs::read(dir.path().join("c").join(id.hash.to_string())).unwrap(),
        content
    );
    getter.stop().unwrap();
    b.stop().unwrap();
    a.stop().unwrap();
}
