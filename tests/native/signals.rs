//! Signals to peers, carried by the node that both ends are connected with.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, node_of, settle};
use mydht::msg::Bincode;
use mydht::service::SignalPort;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::{Hash, Limits, PeerId, PeerLimits};
use mydht_evloop::VirtualClock;
use mydht_transports::memory::MemoryAddress;

/// To whom, and what.
type Said = (PeerId, Vec<u8>);

/// SignalPort in the test's hands.
#[derive(Clone, Default)]
struct Told {
    said: Arc<Mutex<VecDeque<Said>>>,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl SignalPort for Told {
    fn outgoing(&mut self) -> Option<Said> {
        self.said.lock().unwrap().pop_front()
    }

    fn incoming(&mut self, sealed: &[u8]) {
        self.heard.lock().unwrap().push(sealed.to_vec());
    }
}

impl Told {
    fn say(&self, to: PeerId, what: &[u8]) {
        self.said.lock().unwrap().push_back((to, what.to_vec()));
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

/// Three nodes in a row, none of which dials anybody by itself.
struct Row {
    clock: VirtualClock,
    nodes: Vec<MemoryNode>,
    told: Vec<Told>,
}

impl Row {
    fn new() -> Self {
        let (clock, network) = (VirtualClock::new(1), Network::new());
        let mut row = Row {
            clock,
            nodes: Vec::new(),
            told: Vec::new(),
        };
        let first = row.add(&network, &[]);
        for _ in 0..2 {
            row.add(&network, &[first]);
        }
        // The one in between is the second.
        row.nodes.swap(0, 1);
        row.told.swap(0, 1);
        row.settle();
        assert_eq!([0, 1, 2].map(|at| row.peers(at)), [1, 2, 1]);
        row
    }

    fn add(&mut self, network: &Network, known: &[MemoryAddress]) -> MemoryAddress {
        let stores = (MemoryKV::default(), MemoryAttachments::default());
        let mut parts =
            memory::components(network, self.clock.poll(), Bincode, Records, stores).unwrap();
        parts.limits = Limits {
            peers: PeerLimits {
                dials: 0,
                ..PeerLimits::default()
            },
            ..Limits::default()
        };
        parts.bootstrap = known.to_vec();
        let told = Told::default();
        parts.signal_port = Some(Box::new(told.clone()));
        self.told.push(told);
        let node = node_of(parts).unwrap();
        let address = node.address;
        self.nodes.push(node);
        address
    }

    fn settle(&mut self) {
        settle(&self.clock, &mut self.nodes).unwrap();
    }

    fn peers(&mut self, at: usize) -> usize {
        let (send, events) = mpsc::channel();
        let reply = move |event| drop(send.send(event));
        let handle = self.nodes[at].node();
        handle.request(Command::Status, reply).unwrap();
        self.settle();
        match events.try_recv() {
            Ok(Event::Status { peers, .. }) => peers.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_node_in_between_carries_it_to_whom_it_is_for() {
    let mut row = Row::new();
    let [a, b, c] = [0, 1, 2].map(|at| row.nodes[at].id);
    row.told[0].say(c, b"to c");
    row.told[0].say(b, b"to b");
    row.told[2].say(a, b"to a");
    row.settle();
    let heard = [0, 1, 2].map(|at| row.told[at].heard());
    assert_eq!(
        heard,
        [
            vec![b"to a".to_vec()],
            vec![b"to b".to_vec()],
            vec![b"to c".to_vec()]
        ]
    );
    assert_eq!(row.nodes[1].metrics.snapshot().signals_carried, 2);
}

#[test]
fn what_is_for_nobody_here_goes_nowhere() {
    let mut row = Row::new();
    row.told[0].say(PeerId(Hash([7; 32])), b"to nobody");
    row.settle();
    assert!(row.told.iter().all(|told| told.heard().is_empty()));
    assert_eq!(row.nodes[1].metrics.snapshot().signals_carried, 0);
    assert_eq!(row.peers(1), 2);
}

#[test]
fn a_flood_is_dropped_and_costs_nobody_its_connection() {
    let mut row = Row::new();
    let to = row.nodes[2].id;
    let most = Limits::default();
    for _ in 0..1000 {
        row.told[0].say(to, &vec![7; most.sizes.signal_bytes]);
    }
    row.settle();
    let heard = row.told[2].heard();
    assert_eq!(heard.len(), most.flow.signals_per_second as usize);
    assert!(row.nodes[1].metrics.snapshot().limited >= 900);
    assert_eq!([0, 1, 2].map(|at| row.peers(at)), [1, 2, 1]);
    // The other way is open.
    let to = row.nodes[0].id;
    row.told[2].say(to, b"still there");
    row.settle();
    assert_eq!(row.told[0].heard(), [b"still there"]);
}

#[test]
fn who_says_too_much_at_once_is_let_go() {
    let mut row = Row::new();
    let to = row.nodes[2].id;
    row.told[0].say(to, &vec![7; Limits::default().sizes.signal_bytes + 1]);
    row.settle();
    assert!(row.told[2].heard().is_empty());
    assert_eq!(row.peers(1), 1);
}
