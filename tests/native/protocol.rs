//! A panic inside the protocol ends what it was for, and not the node.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, node_of, settle};
use mydht::msg::Bincode;
use mydht::policy::{PeerMgmtMeths, PeerPriority};
use mydht::routing::{Contact, Kademlia, KademliaParams, Noted, Route};
use mydht::shadow::NoShadow;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::{Components, Hash, Key, PeerId, Record, SingleThread, Value};
use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::{Memory, MemoryAddress};

type Conf = SingleThread<Poll, Memory<Poll>, Bincode, NoShadow, MemoryKV, MemoryAttachments>;

/// A routing table that panics once when it is told to.
#[derive(Debug)]
struct Fragile(Kademlia, Arc<AtomicBool>);

impl Route for Fragile {
    fn seen(&mut self, contact: Contact, now: Duration) -> Noted {
        self.0.seen(contact, now)
    }

    fn failed(&mut self, id: &PeerId) {
        self.0.failed(id);
    }

    fn closest(&self, target: &Hash, count: usize) -> Vec<Contact> {
        assert!(!self.1.swap(false, Ordering::Relaxed), "as it was told");
        self.0.closest(target, count)
    }

    fn searched(&mut self, target: &Hash, now: Duration) {
        self.0.searched(target, now);
    }

    fn refresh(&mut self, now: Duration, random: &Hash) -> Option<Hash> {
        self.0.refresh(now, random)
    }

    fn next_refresh(&self) -> Option<Duration> {
        self.0.next_refresh()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn least_useful(&self, connected: &[PeerId]) -> Option<PeerId> {
        self.0.least_useful(connected)
    }
}

/// A policy that panics once when it is told to.
struct Moody(Arc<AtomicBool>);

impl PeerMgmtMeths for Moody {
    fn accept(&self, _: &PeerId) -> PeerPriority {
        assert!(!self.0.swap(false, Ordering::Relaxed), "as it was told");
        PeerPriority::Normal
    }

    fn set_priority(&mut self, _: PeerId, _: PeerPriority) {}
}

fn parts(network: &Network, poll: Poll, known: &[MemoryAddress]) -> Components<Conf> {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let mut parts = memory::components(network, poll, Bincode, NoShadow, stores).unwrap();
    parts.bootstrap = known.to_vec();
    parts
}

fn ask(node: &MemoryNode<Conf>, command: Command) -> Receiver<Event> {
    let (send, events) = channel();
    let send = Mutex::new(send);
    let hear = move |event| drop(send.lock().unwrap().send(event));
    node.node().request(command, hear).unwrap();
    events
}

/// Two connected nodes, and what makes the routing table of the first panic.
fn two() -> (VirtualClock, Vec<MemoryNode<Conf>>, Arc<AtomicBool>) {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let panics = Arc::new(AtomicBool::new(false));
    let mut first = parts(&network, clock.poll(), &[]);
    let table = Kademlia::new(first.credentials.id(), KademliaParams::default());
    first.route = Box::new(Fragile(table, Arc::clone(&panics)));
    let first = node_of(first).unwrap();
    let second = parts(&network, clock.poll(), &[first.address]);
    let mut nodes = vec![first, node_of(second).unwrap()];
    settle(&clock, &mut nodes).unwrap();
    (clock, nodes, panics)
}

#[test]
fn a_request_that_the_protocol_panics_at_fails_and_the_next_is_answered() {
    let (clock, mut nodes, panics) = two();
    panics.store(true, Ordering::Relaxed);
    let missing = Key::named("missing");
    let first = ask(&nodes[0], Command::Get { key: missing });
    settle(&clock, &mut nodes).unwrap();
    assert!(matches!(first.try_recv(), Ok(Event::Failed(_))));
    let record = Record::by_content(Value::Bytes(b"kept".to_vec()));
    let key = record.key;
    let put = Command::Put { record, tree: None };
    let putting = ask(&nodes[0], put);
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 1 }));
    let getting = ask(&nodes[1], Command::Get { key });
    settle(&clock, &mut nodes).unwrap();
    assert!(matches!(getting.try_recv(), Ok(Event::Found(_))));
    assert_eq!(nodes[0].metrics.snapshot().services_restarted, 1);
}

#[test]
fn a_message_that_the_protocol_panics_at_ends_its_connection_and_not_the_node() {
    let (clock, mut nodes, panics) = two();
    panics.store(true, Ordering::Relaxed);
    let missing = Key::named("missing");
    let getting = ask(&nodes[1], Command::Get { key: missing });
    settle(&clock, &mut nodes).unwrap();
    assert!(!panics.load(Ordering::Relaxed), "it was asked");
    assert!(getting.try_recv().is_ok(), "every request ends");
    // The second connects again.
    clock.advance(Duration::from_secs(1));
    settle(&clock, &mut nodes).unwrap();
    let record = Record::by_content(Value::Bytes(b"kept".to_vec()));
    let putting = ask(&nodes[1], Command::Put { record, tree: None });
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 1 }));
}

#[test]
fn a_policy_that_panics_refuses_the_connection_and_not_the_next() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let panics = Arc::new(AtomicBool::new(true));
    let mut first = parts(&network, clock.poll(), &[]);
    first.policy = Box::new(Moody(Arc::clone(&panics)));
    let first = node_of(first).unwrap();
    let second = parts(&network, clock.poll(), &[first.address]);
    let mut nodes = vec![first, node_of(second).unwrap()];
    settle(&clock, &mut nodes).unwrap();
    assert!(!panics.load(Ordering::Relaxed), "it was asked");
    clock.advance(Duration::from_secs(1));
    settle(&clock, &mut nodes).unwrap();
    let record = Record::by_content(Value::Bytes(b"kept".to_vec()));
    let putting = ask(&nodes[1], Command::Put { record, tree: None });
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 1 }));
}
