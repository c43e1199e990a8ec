//! Attachments that only those who want them keep, between whole nodes in memory.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use mydht::attachment::tree::{PART_LEN, Tree};
use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, settle};
use mydht::msg::Bincode;
use mydht::service::Request;
use mydht::shadow::Records;
use mydht::store::{Content, MemoryAttachments, MemoryKV};
use mydht::{Limits, Record, RoutingLimits, SizeLimits, Value};
use mydht_evloop::VirtualClock;
use mydht_transports::memory::MemoryAddress;

fn node(
    clock: &VirtualClock,
    network: &Network,
    attachment_bytes: u64,
    known: &[MemoryAddress],
) -> MemoryNode {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let mut parts = memory::components(network, clock.poll(), Bincode, Records, stores).unwrap();
    parts.bootstrap = known.to_vec();
    parts.limits = Limits {
        sizes: SizeLimits {
            attachment_bytes,
            ..SizeLimits::default()
        },
        routing: RoutingLimits {
            hops: 0,
            ..RoutingLimits::default()
        },
        ..Limits::default()
    };
    memory::node_of(parts).unwrap()
}

fn ask(node: &MemoryNode, command: impl Into<Request>) -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    let reply = move |event| drop(send.send(event));
    node.node().request(command, reply).unwrap();
    events
}

fn last(events: &Receiver<Event>) -> Event {
    events.try_iter().last().expect("an answer")
}

/// The nodes near a file's hash would not keep it. The first to get it has it from its owner alone,
/// the second from both.
#[test]
fn a_file_is_had_from_its_owner_and_then_from_who_got_it_too() {
    const OWNER: usize = 4;
    const PARTS: usize = 60;
    let clock = VirtualClock::new(1);
    let network = Network::new();
    let mut nodes = Vec::new();
    for number in 0..OWNER + 3 {
        let room = if number < OWNER { 10 } else { 1 << 30 };
        let known: Vec<_> = nodes
            .first()
            .map(|n: &MemoryNode| n.address)
            .into_iter()
            .collect();
        nodes.push(node(&clock, &network, room, &known));
        settle(&clock, &mut nodes).unwrap();
        // The others do not know those who want it, and would otherwise be given copies when it is put.
        if number == OWNER {
            let content: Vec<u8> = (0..PARTS * PART_LEN).map(|i| (i * 31 / 7) as u8).collect();
            let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
            let put = Request::put(record(&tree), Some((tree, Content::Bytes(content.into()))));
            let putting = ask(&nodes[OWNER], put);
            settle(&clock, &mut nodes).unwrap();
            assert!(
                matches!(last(&putting), Event::Failed(why) if why.to_string().contains("by no peer"))
            );
            clock.advance(Duration::from_secs(30));
            settle(&clock, &mut nodes).unwrap();
        }
    }
    let content: Vec<u8> = (0..PARTS * PART_LEN).map(|i| (i * 31 / 7) as u8).collect();
    let wanted = record(&Tree::of_reader(&content[..], |_| ()).unwrap());
    for getter in [OWNER + 1, OWNER + 2] {
        let getting = ask(&nodes[getter], Command::Get { key: wanted.key });
        settle(&clock, &mut nodes).unwrap();
        assert_eq!(last(&getting), Event::Found(wanted.clone()));
        clock.advance(Duration::from_secs(30));
        settle(&clock, &mut nodes).unwrap();
    }
    let gave = |node: usize| nodes[node].metrics.snapshot().parts_out as usize;
    assert_eq!(gave(OWNER) + gave(OWNER + 1), 2 * PARTS, "nothing twice");
    assert!(gave(OWNER + 1) > 0, "the second had all from the owner");
    assert!(gave(OWNER) > PARTS, "the second had nothing from the owner");
}

fn record(tree: &Tree) -> Record {
    Record::by_content(Value::Attachment {
        id: tree.id(),
        name: "file".into(),
    })
}
