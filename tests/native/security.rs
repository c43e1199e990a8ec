//! Proofs, secrets and refusals of a node, over TCP.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ask::Ask;
use mydht::Address;
use mydht::engine::Event;
use mydht::handshake::{Channel, Credentials, Fresh, Handshake};
use mydht::identity::{GroupSecret, Identity};
use mydht::native::{Config, NativeNode};
use mydht::policy::{PeerPolicy, PeerPriority};
use mydht::service::Request;
use mydht::{Key, Limits, PeerId, PeerLimits, Record, Timeouts, Value};
use mydht_transports::tcp::TcpAddress;

const PREAMBLE: &[u8] = b"MYDHT\x01\x02\x00";
const PATIENCE: Duration = Duration::from_secs(20);

fn node() -> Config {
    Config::listen("127.0.0.1:0".parse().unwrap())
}

fn client(address: impl Into<Address>) -> Config {
    Config::default().bootstrap(address)
}

fn connected(config: Config, other: &NativeNode) -> NativeNode {
    let node = config.bootstrap(other.address().unwrap()).start().unwrap();
    node.await_peer(PATIENCE).wait().unwrap();
    node
}

/// Why it cannot connect.
fn refused(config: Config) -> String {
    let node = config.start().unwrap();
    let error = node.await_peer(PATIENCE).wait().unwrap_err().to_string();
    node.stop().unwrap();
    error
}

/// The node answers, so it lives; and nobody is its peer who should not be.
fn lives_alone(node: &NativeNode) {
    let key = node.put(b"alive").wait().unwrap().key;
    let found = node.get(&key).wait().unwrap();
    assert_eq!(found.as_deref(), Some(&b"alive"[..]));
    assert!(node.await_peer(Duration::from_millis(1)).wait().is_err());
}

/// Passes on what two ends say to each other, through `change`, which is told the direction (0:
/// from who connected) and the place in it of what passes.
fn between(
    target: TcpAddress,
    change: impl Fn(usize, usize, &mut [u8]) + Send + Sync + 'static,
) -> (TcpAddress, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let change = Arc::new(change);
    let thread = std::thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(target.0).unwrap();
        let pass = |direction, mut from: TcpStream, mut to: TcpStream| {
            let change = Arc::clone(&change);
            move || {
                let (mut buf, mut place) = ([0; 4096], 0);
                while let Ok(count) = from.read(&mut buf)
                    && count > 0
                {
                    change(direction, place, &mut buf[..count]);
                    place += count;
                    if to.write_all(&buf[..count]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
            }
        };
        let forth = pass(0, near.try_clone().unwrap(), far.try_clone().unwrap());
        let back = pass(1, far, near);
        std::thread::scope(|scope| {
            scope.spawn(forth);
            scope.spawn(back);
        });
    });
    (address.parse().unwrap(), thread)
}

#[test]
fn a_capture_shows_no_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a-secret-plan.txt");
    let line = b"Attack at dawn, by the river, and tell nobody. ";
    std::fs::write(&path, line.repeat(10_000)).unwrap();
    let a = node().start().unwrap();
    let captured = [Mutex::default(), Mutex::default()].map(Arc::new);
    let wires = captured.clone();
    let (proxy, thread) = between(
        TcpAddress(a.address().unwrap().socket_addr().unwrap()),
        move |direction, _, bytes| {
            let wire: &Mutex<Vec<u8>> = &wires[direction];
            wire.lock().unwrap().extend_from_slice(bytes);
        },
    );
    let b = client(proxy.0).start().unwrap();
    b.await_peer(PATIENCE).wait().unwrap();
    let key = b.put_file(&path).wait().unwrap().key;
    let name = Key::named("the plan");
    b.put_at(name, b"Attack at dusk instead").wait().unwrap();
    assert!(b.get_record(&key).wait().unwrap().is_some());
    assert!(b.get_record(&name).wait().unwrap().is_some());
    let (a_id, b_id) = (a.id(), b.id());
    b.stop().unwrap();
    a.stop().unwrap();
    thread.join().unwrap();
    let wires = captured.map(|wire| std::mem::take(&mut *wire.lock().unwrap()));
    assert!(wires[0].len() > line.len() * 10_000);
    for wire in &wires {
        // Beside the preamble, nothing that can be read: no content, no name, no key, no id, nothing of an encoding.
        assert!(wire.starts_with(PREAMBLE));
        let rest = &wire[PREAMBLE.len()..];
        let pieces: [&[u8]; 9] = [
            b"Attack",
            b"dawn",
            b"secret",
            b"MYDHT",
            b"this node stops",
            &key.hash().0[..8],
            &name.hash().0[..8],
            &a_id.0.0[..8],
            &b_id.0.0[..8],
        ];
        for plain in pieces {
            let shows = rest.windows(plain.len()).any(|window| window == plain);
            assert!(!shows, "{:?}", String::from_utf8_lossy(plain));
        }
        assert!(!rest.windows(16).any(|window| window == [0; 16]));
    }
    // What is encrypted has no pattern: each byte is about as frequent as each other.
    let mut counts = [0usize; 256];
    wires[0]
        .iter()
        .for_each(|byte| counts[usize::from(*byte)] += 1);
    let even = wires[0].len() / 256;
    assert!(
        counts
            .iter()
            .all(|count| *count > even / 2 && *count < even * 2)
    );
}

/// Somebody in between changes one bit: the connection ends, whichever it was, and both nodes live.
#[test]
fn a_changed_bit_ends_the_connection_and_no_node() {
    let a = node().start().unwrap();
    let mut changed = 0;
    let places = (0..2).flat_map(|direction| (0..200usize).map(move |at| (direction, at * 3 + 1)));
    for (direction, place) in places {
        let done = Arc::new(AtomicBool::new(false));
        let doing = Arc::clone(&done);
        let (proxy, thread) = between(
            TcpAddress(a.address().unwrap().socket_addr().unwrap()),
            move |way, start, bytes| {
                if way == direction
                    && let Some(byte) = place.checked_sub(start).and_then(|at| bytes.get_mut(at))
                {
                    *byte ^= 4;
                    doing.store(true, SeqCst);
                }
            },
        );
        let limits = Limits {
            timeouts: Timeouts {
                request_timeout: Duration::from_millis(300),
                handshake_timeout: Duration::from_millis(300),
                ..Timeouts::default()
            },
            peers: PeerLimits {
                // It would find the way around whoever is in between.
                dials: 0,
                ..PeerLimits::default()
            },
            ..Limits::default()
        };
        let b = Config {
            limits,
            ..client(proxy.0)
        }
        .start()
        .unwrap();
        let mut kept = b.await_peer(Duration::from_millis(600)).wait().is_ok();
        let record = Record::by_content(Value::Bytes(vec![place as u8; 400]));
        let content = None;
        let put = Request::put(record, content);
        kept &= matches!(b.ask(put, |_, _| ()), Ok(Event::Stored { copies: 1 }));
        assert_ne!(
            kept,
            done.load(SeqCst),
            "direction {direction}, byte {place}"
        );
        changed += usize::from(!kept);
        b.stop().unwrap();
        thread.join().unwrap();
    }
    // All of the handshake and some records, both ways.
    assert!(changed > 250, "{changed}");
    lives_alone(&a);
    a.stop().unwrap();
}

/// Returns what a program that only pretends may say when it is asked to prove itself.
fn lies() -> Vec<Vec<u8>> {
    let public = || Arc::new(Credentials::public(Arc::new(Identity::generate().unwrap())));
    let channel = Channel {
        preamble: PREAMBLE.to_vec(),
        binding: Vec::new(),
    };
    let (_, ping) = Handshake::connect(public(), None, &Fresh::generate().unwrap(), PATIENCE);
    let mut pong = Handshake::accept(public(), Fresh::generate().unwrap(), PATIENCE)
        .receive(&ping[2..], &channel, Duration::ZERO, |_| true)
        .unwrap()
        .send
        .unwrap();
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = ping.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let offered = usize::from(ping[5]);
    let mut off_the_curve = [0; 32];
    off_the_curve[0] = 2;
    let mut lies = vec![
        // A fresh key that is none, identities that are none, another mode, version and kind.
        with(6 + offered + 32, &[0; 32]),
        with(6 + offered + 64, &[0; 32]),
        with(6 + offered + 64, &off_the_curve),
        with(4, &[0]),
        with(4, &[2]),
        with(4, &[9]),
        with(3, &[0]),
        with(2, &[3]),
        with(2, &[99]),
        // Messages of no length, and of every length.
        vec![0, 0],
        vec![0xff, 0xff],
        vec![1, 0, 1],
        // A forged PONG, where a PING must come; and twice a PING.
        pong.clone(),
        [&ping[..], &ping].concat(),
        [&ping[..], &[82, 0, 3, 1], &[0; 80]].concat(),
    ];
    // A PONG whose signature is not there.
    pong.truncate(2 + 68 + 48);
    pong[0] = 68 + 48;
    lies.push(pong);
    lies
}

#[test]
fn a_peer_that_lies_about_its_keys_is_refused_and_the_node_lives() {
    let a = node().start().unwrap();
    for lie in lies() {
        let mut stream = TcpStream::connect(a.address().unwrap().socket_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(PREAMBLE).unwrap();
        stream.write_all(&lie).unwrap();
        let mut heard = Vec::new();
        if let Err(error) = stream.read_to_end(&mut heard) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
    assert!(a.metrics().snapshot().peers_refused > 0);
    lives_alone(&a);
    a.stop().unwrap();
}

#[test]
fn a_node_that_connects_with_a_liar_lives() {
    for lie in lies() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let liar = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.write_all(&[PREAMBLE, &lie].concat());
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard);
        });
        let a = client(address).start().unwrap();
        liar.join().unwrap();
        lives_alone(&a);
        a.stop().unwrap();
    }
}

fn member(group: u8) -> Config {
    let identity = Arc::new(Identity::generate().unwrap());
    let group = GroupSecret::from_bytes([group; 32]);
    Config {
        credentials: Some(Credentials::private(identity, group)),
        ..node()
    }
}

#[test]
fn a_private_network_is_its_members() {
    let a = member(1).start().unwrap();
    let b = connected(member(1), &a);
    let key = b.put(b"among us").wait().unwrap().key;
    assert_eq!(
        a.get(&key).wait().unwrap().as_deref(),
        Some(&b"among us"[..])
    );
    let address = a.address().unwrap();
    let why = refused(member(2).bootstrap(address.clone()));
    assert!(why.contains("private network"), "{why}");
    let why = refused(client(address.clone()));
    assert!(why.contains("--mode"), "{why}");
    let no_auth = Credentials::no_auth(Arc::new(Identity::generate().unwrap()));
    let credentials = Some(no_auth);
    let why = refused(Config {
        credentials,
        ..client(address)
    });
    assert!(why.contains("--mode"), "{why}");
    b.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn nothing_is_proved_only_where_both_say_so() {
    let no_auth = || Config {
        credentials: Some(Credentials::no_auth(Arc::new(
            Identity::generate().unwrap(),
        ))),
        ..node()
    };
    let a = no_auth().start().unwrap();
    let b = connected(no_auth(), &a);
    let key = b.put(b"in plain").wait().unwrap().key;
    assert!(a.get(&key).wait().unwrap().is_some());
    refused(client(a.address().unwrap()));
    b.stop().unwrap();
    a.stop().unwrap();
}

fn known() -> (Credentials, PeerId) {
    let credentials = Credentials::public(Arc::new(Identity::generate().unwrap()));
    let id = credentials.id();
    (credentials, id)
}

#[test]
fn a_blocked_peer_is_refused_and_let_go() {
    let (credentials, id) = known();
    let policy = PeerPolicy::default().with(PeerPriority::Blocked, [id]);
    let a = Config { policy, ..node() }.start().unwrap();
    let blocked = Config {
        credentials: Some(credentials),
        ..client(a.address().unwrap())
    };
    let why = refused(blocked.clone());
    assert!(why.contains("does not accept"), "{why}");
    // Until the user changes its mind; and again.
    a.node().set_priority(id, PeerPriority::Normal).unwrap();
    let b = blocked.start().unwrap();
    b.await_peer(PATIENCE).wait().unwrap();
    a.await_peer(PATIENCE).wait().unwrap();
    a.node().set_priority(id, PeerPriority::Blocked).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while a.await_peer(Duration::ZERO).wait().is_ok() {
        assert!(std::time::Instant::now() < deadline, "it is still there");
        std::thread::yield_now();
    }
    b.stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn a_closed_node_takes_those_that_it_knows() {
    let (credentials, id) = known();
    let policy = PeerPolicy::closed().with(PeerPriority::Preferred, [id]);
    let a = Config { policy, ..node() }.start().unwrap();
    let why = refused(client(a.address().unwrap()));
    assert!(why.contains("does not accept"), "{why}");
    let b = Config {
        credentials: Some(credentials),
        ..Config::default()
    };
    connected(b, &a).stop().unwrap();
    a.stop().unwrap();
}

#[test]
fn where_there_is_no_room_a_preferred_peer_takes_anothers_place() {
    let (credentials, id) = known();
    let a = Config {
        policy: PeerPolicy::default().with(PeerPriority::Preferred, [id]),
        limits: Limits {
            peers: PeerLimits {
                connections: 2,
                ..PeerLimits::default()
            },
            ..Limits::default()
        },
        ..node()
    }
    .start()
    .unwrap();
    let first = connected(Config::default(), &a);
    let second = connected(Config::default(), &a);
    a.await_peer(PATIENCE).wait().unwrap();
    let preferred = Config {
        credentials: Some(credentials),
        ..Config::default()
    };
    let preferred = connected(preferred, &a);
    let key = preferred.put(b"there is room").wait().unwrap().key;
    // It is one of two again, and the one before it stayed.
    assert!(first.get(&key).wait().unwrap().is_some());
    assert!(a.metrics().snapshot().limited > 0);
    for node in [preferred, second, first, a] {
        node.stop().unwrap();
    }
}

#[test]
fn handshakes_in_flight_are_bounded() {
    for limits in [
        Limits {
            peers: PeerLimits {
                handshakes: 3,
                ..PeerLimits::default()
            },
            ..Limits::default()
        },
        Limits {
            peers: PeerLimits {
                handshakes_per_host: 3,
                ..PeerLimits::default()
            },
            ..Limits::default()
        },
    ] {
        let a = Config { limits, ..node() }.start().unwrap();
        let raw = || TcpStream::connect(a.address().unwrap().socket_addr().unwrap()).unwrap();
        let silent: Vec<TcpStream> = (0..3).map(|_| raw()).collect();
        // The next is closed at once.
        let mut heard = Vec::new();
        let _ = raw().read_to_end(&mut heard);
        assert!(heard.is_empty());
        assert_eq!(a.metrics().snapshot().limited, 1);
        // When they are gone there is room. It may be refused once more before that is noticed, and tries again.
        drop(silent);
        let b = client(a.address().unwrap()).start().unwrap();
        let deadline = std::time::Instant::now() + PATIENCE;
        while let Err(error) = b.await_peer(PATIENCE).wait() {
            assert!(std::time::Instant::now() < deadline, "{error}");
            std::thread::sleep(Duration::from_millis(20));
        }
        b.stop().unwrap();
        a.stop().unwrap();
    }
}
