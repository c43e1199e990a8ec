//! The typed front of a node, on the virtual clock and over TCP.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mydht::engine::Failure;
use mydht::identity::Identity;
use mydht::memory::{self, MemoryNode, Network};
use mydht::{Call, Error, Key, Record, Value};
use mydht_evloop::VirtualClock;

const DAY: Duration = Duration::from_secs(86_400);

/// Two connected nodes on one virtual clock.
struct Two {
    clock: VirtualClock,
    nodes: Vec<MemoryNode>,
}

impl Two {
    fn new() -> Self {
        let (clock, network) = (VirtualClock::new(1), Network::new());
        let first = memory::node(&network, clock.poll(), &[]).unwrap();
        let known = [first.address];
        let second = memory::node(&network, clock.poll(), &known).unwrap();
        let mut two = Two {
            clock,
            nodes: vec![first, second],
        };
        two.settle();
        two
    }

    fn settle(&mut self) {
        memory::settle(&self.clock, &mut self.nodes).unwrap();
    }

    /// Gives both nodes their turns, and takes the result that the call must have then.
    fn result<T>(&mut self, mut call: Call<T>) -> Result<T, Error> {
        self.settle();
        call.try_take().expect("nothing is left to be done")
    }
}

#[test]
fn bytes_are_put_and_got_with_typed_results() {
    let mut two = Two::new();
    let stored = two.nodes[0].node().put(b"hello");
    let stored = two.result(stored).unwrap();
    assert_eq!(
        stored.key,
        Record::by_content(Value::Bytes(b"hello".to_vec())).key
    );
    assert_eq!(stored.copies, 1);
    let got = two.nodes[1].node().get(&stored.key);
    assert_eq!(two.result(got).unwrap().as_deref(), Some(&b"hello"[..]));

    let name = Key::named("greeting");
    let put = two.nodes[1].node().put_at(name, "hi");
    assert_eq!(two.result(put).unwrap().key, name);
    let got = two.nodes[0].node().get(&name);
    assert_eq!(two.result(got).unwrap(), Some(b"hi".to_vec()));
    let got = two.nodes[0].node().get(&Key::named("nothing"));
    assert_eq!(two.result(got).unwrap(), None);

    let status = two.nodes[0].node().status();
    assert_eq!(two.result(status).unwrap().peers, [two.nodes[1].id]);
    let insight = two.nodes[0].node().insight();
    assert_eq!(two.result(insight).unwrap().peers, 1);
    let links = two.nodes[0].node().links();
    let links = two.result(links).unwrap();
    assert_eq!(links[0].peer, Some(two.nodes[1].id));
}

#[test]
fn a_signed_value_has_versions_that_only_its_signer_makes() {
    let mut two = Two::new();
    let me = Arc::new(Identity::from_seed(&[7; 32]));
    for (sequence, text) in [(1, "here"), (2, "away")] {
        // Whichever node puts it, the version that the network has is the one before.
        let node = two.nodes[sequence - 1].node();
        let put = node.put_signed(&me, b"status", text, DAY);
        let signed = two.result(put).unwrap();
        assert_eq!(signed.seal.sequence, sequence as u64);
        assert_eq!(signed.bytes, text.as_bytes());
    }
    let got = two.nodes[0].node().get_signed(&me.public_key(), b"status");
    let got = two.result(got).unwrap().unwrap();
    assert_eq!((got.bytes, got.seal.sequence), (b"away".to_vec(), 2));
    let other = two.nodes[0].node().get_signed(&me.public_key(), b"mood");
    assert_eq!(two.result(other).unwrap(), None);

    let old = Record::signed(&me, b"status", 1, u64::MAX, Value::Bytes(b"old".to_vec()));
    let stale = two.nodes[0].node().put_record(old);
    let error = two.result(stale).unwrap_err();
    assert!(matches!(error, Error::Failed(Failure::Stale)), "{error}");
    let last = Record::signed(&me, b"end", u64::MAX, u64::MAX, Value::Bytes(b"x".to_vec()));
    let put = two.nodes[0].node().put_record(last);
    two.result(put).unwrap();
    let beyond = two.nodes[0].node().put_signed(&me, b"end", "y", DAY);
    assert!(matches!(two.result(beyond), Err(Error::LastSequence)));
}

#[test]
fn a_request_that_fails_says_why_by_its_type() {
    let mut two = Two::new();
    let long = two.nodes[0].node().put(vec![0; 1 << 20]);
    let error = two.result(long).unwrap_err();
    assert!(
        matches!(error, Error::Failed(Failure::Record(_))),
        "{error}"
    );
    assert!(error.to_string().contains("value_bytes"), "{error}");
    let wrong = Key::Content(mydht::Hash::of(b"other"));
    let forged = two.nodes[0].node().put_at(wrong, "x");
    let error = two.result(forged).unwrap_err();
    assert!(
        matches!(error, Error::Failed(Failure::Record(_))),
        "{error}"
    );
}

#[test]
fn the_calls_of_a_node_that_ends_are_closed() {
    let mut two = Two::new();
    let node = two.nodes[0].node();
    let waiting = node.await_peer(DAY);
    node.stop().unwrap();
    let late = node.put(b"x");
    two.settle();
    two.clock.advance(Duration::from_secs(10));
    two.settle();
    drop(waiting);
    let mut late = late;
    let ended = late.try_take().unwrap().unwrap_err();
    assert!(matches!(ended, Error::Failed(Failure::Stopping)), "{ended}");
    let mut after = node.get(&Key::named("x"));
    assert!(matches!(after.try_take(), Some(Err(Error::Closed))));
    assert!(matches!(node.stop(), Err(Error::Closed)));
}

#[cfg(feature = "redb")]
#[test]
fn files_are_shared_and_fetched() {
    use mydht::native::Config;

    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let content: Vec<u8> = (0..300_001_u32).map(|i| (i >> 3) as u8).collect();
    fs::write(&from, &content).unwrap();
    let known = Config::listen("127.0.0.1:0".parse().unwrap())
        .start()
        .unwrap();
    let other = Config::default().bootstrap(known.address().unwrap());
    let other = other.start().unwrap();
    other.await_peer(Duration::from_secs(20)).wait().unwrap();

    let stored = known.put_file(&from).wait().unwrap();
    let moved = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&moved);
    let fetched = other
        .get_file(&stored.key, &to)
        .on_progress(move |done, _| heard.store(done, Ordering::Relaxed))
        .wait();
    assert_eq!(fetched.unwrap().unwrap().len, content.len() as u64);
    assert!(fs::read(&to).unwrap() == content);

    // What is there is replaced by a whole file, or left as it is.
    let nothing = other.get_file(&Key::named("nothing"), &to).wait();
    assert_eq!(nothing.unwrap(), None);
    let bytes = known.put(b"bytes").wait().unwrap().key;
    let error = other.get_file(&bytes, &to).wait().unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    let error = other.get(&stored.key).wait().unwrap_err();
    assert!(matches!(error, Error::IsFile { .. }), "{error}");
    assert!(fs::read(&to).unwrap() == content);
    let missing = known.put_file(dir.path().join("missing")).wait();
    let error = missing.unwrap_err();
    assert!(matches!(&error, Error::File { act: "read", .. }), "{error}");
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2, "nothing is left behind");
    other.stop().unwrap();
    known.stop().unwrap();
}

#[cfg(feature = "redb")]
#[test]
fn hosts_have_names() {
    use mydht::native::Config;

    let known = Config::listen("localhost:0".parse().unwrap())
        .start()
        .unwrap();
    let port = known.address().unwrap().socket_addr().unwrap().port();
    let name: mydht::Address = format!("localhost:{port}").parse().unwrap();
    let other = Config::default().bootstrap(name).start().unwrap();
    other.await_peer(Duration::from_secs(20)).wait().unwrap();
    other.stop().unwrap();
    known.stop().unwrap();
    let nobody = Config::default().bootstrap("nobody.invalid:1".parse::<mydht::Address>().unwrap());
    let error = nobody.start().err().unwrap().to_string();
    assert!(
        error.contains("cannot find the host `nobody.invalid`"),
        "{error}"
    );
}
