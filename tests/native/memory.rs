//! Nodes on a virtual clock, over pipes that are choppy on purpose.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use mydht::attachment::tree::{PART_LEN, Tree};
use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, settle};
use mydht::service::Request;
use mydht::store::Content;
use mydht::{Key, Record, Value};
use mydht_evloop::VirtualClock;
use mydht_transports::memory::Faults;

/// Nodes in a row: each knows the one before it.
fn chain(clock: &VirtualClock, network: &Network, count: usize) -> Vec<MemoryNode> {
    let mut nodes: Vec<MemoryNode> = Vec::new();
    for _ in 0..count {
        let known: Vec<_> = nodes.last().map(|node| node.address).into_iter().collect();
        nodes.push(memory::node(network, clock.poll(), &known).unwrap());
    }
    settle(clock, &mut nodes).unwrap();
    nodes
}

fn ask(node: &MemoryNode, command: impl Into<Request>) -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    let reply = move |event| drop(send.send(event));
    node.node().request(command, reply).unwrap();
    events
}

/// The last event, and that it is the only one that ends the request.
fn last(events: &Receiver<Event>) -> Event {
    let heard: Vec<Event> = events.try_iter().collect();
    let (last, progress) = heard.split_last().expect("an answer");
    assert!(
        progress
            .iter()
            .all(|event| matches!(event, Event::Progress { .. }))
    );
    last.clone()
}

/// A file: its content, and the command that puts it.
fn file(len: usize) -> (Vec<u8>, Record, Request) {
    let content: Vec<u8> = (0..len).map(|i| (i * 31 / 7) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    let record = Record::by_content(Value::Attachment {
        id: tree.id(),
        name: "file".into(),
    });
    let put = Request::put(
        record.clone(),
        Some((tree, Content::Bytes(content.clone().into()))),
    );
    (content, record, put)
}

/// Puts a value and a file on the first node and gets both from the last.
fn exchange(seed: u64, faults: impl FnMut() -> Faults + Send + 'static, file_len: usize) {
    let clock = VirtualClock::new(seed);
    let network = Network::new();
    network.set_faults(faults);
    let mut nodes = chain(&clock, &network, 2);
    let record = Record::by_content(Value::Bytes(b"a value".to_vec()));
    let put = Command::Put {
        record: record.clone(),
        tree: None,
    };
    let putting = ask(&nodes[0], put);
    let (content, file_record, put_file) = file(file_len);
    let putting_file = ask(&nodes[0], put_file);
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(last(&putting), Event::Stored { copies: 1 });
    assert_eq!(last(&putting_file), Event::Stored { copies: 1 });
    // A third node asks the second, which passes it on.
    let known = nodes[1].address;
    nodes.push(memory::node(&network, clock.poll(), &[known]).unwrap());
    settle(&clock, &mut nodes).unwrap();
    for expected in [record, file_record] {
        let getting = ask(&nodes[2], Command::Get { key: expected.key });
        settle(&clock, &mut nodes).unwrap();
        assert_eq!(last(&getting), Event::Found(expected.clone()));
        let Some(id) = expected.value.attachment() else {
            continue;
        };
        let mut arrived = Vec::new();
        for part in 0..id.parts() {
            let reading = ask(&nodes[2], Command::Read { id, part });
            settle(&clock, &mut nodes).unwrap();
            match last(&reading) {
                Event::Part(Some(bytes)) => arrived.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
        assert!(arrived == content);
    }
    assert_eq!(
        clock.now(),
        Duration::ZERO,
        "nothing had to wait for a time-out"
    );
}

#[test]
fn a_value_and_a_file_reach_a_third_node() {
    exchange(1, Faults::none, 20 * PART_LEN + 5);
}

#[test]
fn every_split_of_what_nodes_say_changes_nothing() {
    // Somewhat more than all that one connection carries with a file of 40 bytes.
    for stop in 0..2600 {
        exchange(stop, move || Faults::stop_at([stop]), 40);
    }
}

#[test]
fn a_block_at_every_read_and_write_changes_nothing() {
    exchange(1, || Faults::block_every_call(1), 400);
    exchange(1, || Faults::block_every_call(1000), 2 * PART_LEN + 1);
}

#[test]
fn any_schedule_of_partial_reads_and_writes_changes_nothing() {
    for seed in 0..60 {
        let mut next = seed * 1000;
        let faults = move || {
            next += 1;
            Faults::seeded(next, 1 + (seed as usize * 37) % 3000, (seed % 70) as u8)
        };
        exchange(seed, faults, PART_LEN + 17);
    }
}

#[test]
fn small_pipes_hold_nothing_up() {
    let clock = VirtualClock::new(1);
    let network = Network::new();
    network.set_capacity(100);
    let mut nodes = chain(&clock, &network, 2);
    let (_, record, put) = file(5 * PART_LEN);
    let putting = ask(&nodes[0], put);
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(last(&putting), Event::Stored { copies: 1 });
    let getting = ask(&nodes[1], Command::Get { key: record.key });
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(last(&getting), Event::Found(record));
}

#[test]
fn a_question_passes_as_many_peers_as_it_may_and_no_more() {
    let clock = VirtualClock::new(1);
    let network = Network::new();
    let mut nodes = chain(&clock, &network, 6);
    let record = Record::by_content(Value::Bytes(b"far away".to_vec()));
    // Put where nobody is told: the first node keeps it, and its only neighbour.
    let put = Command::Put {
        record: record.clone(),
        tree: None,
    };
    ask(&nodes[0], put);
    settle(&clock, &mut nodes).unwrap();
    // The fifth asks the fourth, which asks the third, which asks the second.
    let getting = ask(&nodes[4], Command::Get { key: record.key });
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(last(&getting), Event::Found(record.clone()));
    let unknown = ask(
        &nodes[0],
        Command::Get {
            key: Key::named("nothing"),
        },
    );
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(last(&unknown), Event::NotFound);
}

#[test]
fn a_silent_peer_costs_a_get_its_time_and_nothing_else() {
    let clock = VirtualClock::new(1);
    let network = Network::new();
    let mut nodes = chain(&clock, &network, 2);
    let getting = ask(
        &nodes[1],
        Command::Get {
            key: Key::named("nothing"),
        },
    );
    // The first node is not given a turn: it is there, and says nothing.
    let (_, rest) = nodes.split_first_mut().unwrap();
    for _ in 0..10 {
        rest[0].turn().unwrap();
    }
    assert!(getting.try_recv().is_err());
    for _ in 0..60 {
        clock.advance(Duration::from_secs(1));
        rest[0].turn().unwrap();
        if let Ok(event) = getting.try_recv() {
            assert_eq!(event, Event::NotFound);
            return;
        }
    }
    panic!("the get was never answered");
}

#[test]
fn what_a_peer_said_before_it_left_is_heard() {
    let clock = VirtualClock::new(1);
    let network = Network::new();
    let mut nodes = chain(&clock, &network, 2);
    let record = Record::by_content(Value::Bytes(b"last words".to_vec()));
    let put = Command::Put {
        record: record.clone(),
        tree: None,
    };
    ask(&nodes[1], put);
    // It hears that the other is the nearest, says this, and is gone before the other has its turn.
    let mut leaving = nodes.remove(1);
    leaving.turn().unwrap();
    nodes[0].turn().unwrap();
    leaving.turn().unwrap();
    leaving.node().stop().unwrap();
    while leaving.turn().unwrap() {}
    drop(leaving);
    settle(&clock, &mut nodes).unwrap();
    let getting = ask(&nodes[0], Command::Get { key: record.key });
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(last(&getting), Event::Found(record));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let clock = VirtualClock::new(seed);
        let network = Network::new();
        let mut count = seed;
        network.set_faults(move || {
            count += 1;
            Faults::seeded(count, 500, 30)
        });
        let mut nodes = chain(&clock, &network, 3);
        let (_, record, put) = file(3 * PART_LEN);
        ask(&nodes[0], put);
        settle(&clock, &mut nodes).unwrap();
        let getting = ask(&nodes[2], Command::Get { key: record.key });
        settle(&clock, &mut nodes).unwrap();
        assert_eq!(last(&getting), Event::Found(record));
        nodes
            .iter()
            .map(|node| node.metrics.snapshot())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(7), run(7));
}
