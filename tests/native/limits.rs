//! Limits of one peer: each is reached, named, and no other peer's trouble.

use std::io::Write;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, node_of, settle};
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::{FlowLimits, Key, Limits, PeerLimits, Record, Value};
use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::{Memory, MemoryStream};
use mydht_transports::{Stream, Transport};

fn node(
    clock: &VirtualClock,
    network: &Network,
    limits: Limits,
    known: &[&MemoryNode],
) -> MemoryNode {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let mut parts = memory::components(network, clock.poll(), Bincode, Records, stores).unwrap();
    parts.limits = limits;
    parts.bootstrap = known.iter().map(|node| node.address).collect();
    node_of(parts).unwrap()
}

fn ask(node: &MemoryNode, command: Command) -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    let reply = move |event| drop(send.send(event));
    node.node().request(command, reply).unwrap();
    events
}

fn connect(from: &mut Memory<Poll>, to: &MemoryNode) -> MemoryStream<Poll> {
    Transport::<Poll>::connect_with(from, &to.address).unwrap()
}

/// Turns for one node, while others have none.
fn alone(node: &mut MemoryNode) {
    for _ in 0..50 {
        node.turn().unwrap();
    }
}

fn peers(nodes: &mut [MemoryNode]) -> usize {
    let status = ask(&nodes[0], Command::Status);
    alone(&mut nodes[0]);
    match status.try_recv() {
        Ok(Event::Status { peers, .. }) => peers.len(),
        other => panic!("{other:?}"),
    }
}

/// Gets of names that nobody knows: each asks every peer.
fn questions(node: &MemoryNode, count: usize) -> Vec<Receiver<Event>> {
    (0..count)
        .map(|i| Command::Get {
            key: Key::named(&format!("name {i}")),
        })
        .map(|get| ask(node, get))
        .collect()
}

fn answered(asked: &mut Vec<Receiver<Event>>) -> usize {
    let before = asked.len();
    asked.retain(|events| match events.try_recv() {
        Ok(event) => {
            assert_eq!(event, Event::NotFound);
            false
        }
        Err(_) => true,
    });
    before - asked.len()
}

#[test]
fn connections_per_host() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let limits = Limits {
        peers: PeerLimits {
            connections_per_host: 2,
            ..PeerLimits::default()
        },
        ..Limits::default()
    };
    let mut nodes = [node(&clock, &network, limits, &[])];
    let (mut one, mut other) = (network.endpoint(), network.endpoint());
    let held: Vec<_> = (0..3).map(|_| connect(&mut one, &nodes[0])).collect();
    settle(&clock, &mut nodes).unwrap();
    let counted = nodes[0].metrics.snapshot();
    assert_eq!((counted.connections, counted.limited), (2, 1));
    // Another host is not concerned, and room is made by who leaves.
    let _other = connect(&mut other, &nodes[0]);
    drop(held);
    settle(&clock, &mut nodes).unwrap();
    let _again = connect(&mut one, &nodes[0]);
    settle(&clock, &mut nodes).unwrap();
    let counted = nodes[0].metrics.snapshot();
    assert_eq!((counted.connections, counted.limited), (4, 1));
}

#[test]
fn connections_per_peer() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let limits = Limits {
        peers: PeerLimits {
            connections_per_peer: 2,
            ..PeerLimits::default()
        },
        ..Limits::default()
    };
    let first = node(&clock, &network, limits, &[]);
    let thrice = [&first, &first, &first];
    let second = node(&clock, &network, Limits::default(), &thrice);
    let mut nodes = [first, second];
    settle(&clock, &mut nodes).unwrap();
    let counted = nodes[0].metrics.snapshot();
    assert_eq!((counted.connections, counted.limited), (3, 1));
    assert_eq!(peers(&mut nodes), 1);
    let mut asked = questions(&nodes[1], 10);
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(answered(&mut asked), 10);
}

#[test]
fn messages_per_second_hold_a_peer_back_and_lose_nothing() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let limits = Limits {
        flow: FlowLimits {
            messages_per_second: 20,
            messages_per_turn: 4,
            ..FlowLimits::default()
        },
        ..Limits::default()
    };
    let first = node(&clock, &network, limits, &[]);
    let second = node(&clock, &network, Limits::default(), &[&first]);
    let mut nodes = [first, second];
    settle(&clock, &mut nodes).unwrap();
    let mut asked = questions(&nodes[1], 200);
    settle(&clock, &mut nodes).unwrap();
    // A burst of a second's worth, and what was in flight when it was over.
    let at_once = answered(&mut asked);
    assert!((15..=25).contains(&at_once), "{at_once} at once");
    for second in 1..=4 {
        let before = asked.len();
        for _ in 0..100 {
            clock.advance(Duration::from_millis(10));
            settle(&clock, &mut nodes).unwrap();
        }
        answered(&mut asked);
        let more = before - asked.len();
        assert!((15..=25).contains(&more), "{more} in second {second}");
    }
    for _ in 0..10 {
        clock.advance(Duration::from_secs(1));
        settle(&clock, &mut nodes).unwrap();
    }
    answered(&mut asked);
    assert!(asked.is_empty(), "{} unanswered", asked.len());
    let counted = nodes[0].metrics.snapshot();
    assert!(counted.rate_held > 0 && counted.limited == 0, "{counted:?}");
}

#[test]
fn a_peer_that_asks_faster_than_it_takes_is_held_back_and_answered() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    network.set_capacity(500);
    let limits = Limits {
        flow: FlowLimits {
            pending_messages: 8,
            messages_per_turn: 4,
            ..FlowLimits::default()
        },
        ..Limits::default()
    };
    let first = node(&clock, &network, limits, &[]);
    let second = node(&clock, &network, Limits::default(), &[&first]);
    let mut nodes = [first, second];
    settle(&clock, &mut nodes).unwrap();
    let mut asked = questions(&nodes[1], 500);
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(answered(&mut asked), 500);
    let counted = nodes[0].metrics.snapshot();
    assert!(
        counted.reads_held > 0 && counted.limited == 0,
        "{counted:?}"
    );
}

#[test]
fn a_peer_that_takes_nothing_is_let_go_after_stall_timeout() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    network.set_capacity(2000);
    let first = node(&clock, &network, Limits::default(), &[]);
    let second = node(&clock, &network, Limits::default(), &[&first]);
    let mut nodes = [first, second];
    settle(&clock, &mut nodes).unwrap();
    let record = Record::by_content(Value::Bytes(vec![7; 10_000]));
    let put = Command::Put {
        record: record.clone(),
        tree: None,
    };
    // Kept by the first only: the second forgets nothing, so it must not have it.
    ask(&nodes[0], put);
    alone(&mut nodes[0]);
    let _asked: Vec<_> = (0..5)
        .map(|_| ask(&nodes[1], Command::Get { key: record.key }))
        .collect();
    // It asks, and is never seen again.
    for _ in 0..3 {
        nodes[1].turn().unwrap();
    }
    let stall = Limits::default().timeouts.stall_timeout;
    alone(&mut nodes[0]);
    clock.advance(stall - Duration::from_millis(1));
    assert_eq!(peers(&mut nodes), 1);
    clock.advance(Duration::from_millis(1));
    alone(&mut nodes[0]);
    assert_eq!(peers(&mut nodes), 0);
    assert_eq!(nodes[0].metrics.snapshot().limited, 1);
}

/// The legacy main loop ended at an event whose token it did not know.
#[test]
fn an_event_of_a_connection_that_is_gone_is_no_panic() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let mut nodes = [node(&clock, &network, Limits::default(), &[])];
    let mut raw = network.endpoint();
    for round in 0..20usize {
        let held: Vec<_> = (0..20).map(|_| connect(&mut raw, &nodes[0])).collect();
        if round % 2 == 0 {
            settle(&clock, &mut nodes).unwrap();
        }
        for (index, stream) in held.iter().enumerate() {
            let garbage = &b"MYDHT\x01\x02\x00\xff\xff\xff\xff"[..index % 13];
            stream.write_stream().write_all(garbage).unwrap();
            if (round + index) % 3 == 0 {
                stream.disconnect();
            }
        }
        // All of this is one batch of events, and much of it is about what the first of them closes.
        drop(held);
        nodes[0].turn().unwrap();
    }
    settle(&clock, &mut nodes).unwrap();
    let record = Record::by_content(Value::Bytes(b"alive".to_vec()));
    let put = Command::Put { record, tree: None };
    let events = ask(&nodes[0], put);
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(events.try_recv(), Ok(Event::Stored { copies: 0 }));
}
