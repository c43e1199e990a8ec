//! A put and a get through tunnels of three hops, between nodes in memory: natively, in Node and in
//! a browser.
#![cfg(test)]

use std::sync::mpsc;

use mydht::memory::{self, MemoryNode, Network, settle};
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::tunnel::{Answer, Request, Tunnel};
use mydht::{Limits, Record, SingleThread, Value};
use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::Memory;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

type Conf = SingleThread<Poll, Memory<Poll>, Bincode, Records, MemoryKV, MemoryAttachments, Tunnel>;

/// Nodes that are all connected with each other.
fn mesh(clock: &VirtualClock, count: usize) -> Vec<MemoryNode<Conf>> {
    let network = Network::new();
    let mut nodes: Vec<MemoryNode<Conf>> = Vec::new();
    for _ in 0..count {
        let stores = (MemoryKV::default(), MemoryAttachments::default());
        let mut parts =
            memory::components::<Conf>(&network, clock.poll(), Bincode, Records, stores).unwrap();
        parts.bootstrap = nodes.iter().map(|node| node.address).collect();
        let limits = Limits::default();
        parts.global = Some(Tunnel::new(parts.credentials.id(), limits).unwrap());
        nodes.push(memory::node_of(parts).unwrap());
        settle(clock, &mut nodes).unwrap();
    }
    nodes
}

fn ask(
    clock: &VirtualClock,
    nodes: &mut [MemoryNode<Conf>],
    node: usize,
    request: &Request,
) -> Answer {
    let (send, answers) = mpsc::channel();
    let hear = move |answer: Vec<u8>| drop(send.send(answer));
    let body = request.to_bytes().unwrap();
    nodes[node].node().tell(body, hear).unwrap();
    settle(clock, nodes).unwrap();
    let heard: Vec<Vec<u8>> = answers.try_iter().collect();
    assert_eq!(heard.len(), 1);
    Answer::from_bytes(&heard[0]).unwrap()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_put_and_a_get_go_through_tunnels() {
    let clock = VirtualClock::new(1);
    let mut nodes = mesh(&clock, 6);
    let record = Record::by_content(Value::Bytes(b"through a tunnel".to_vec()));
    let put = Request::Put(record.clone());
    assert_eq!(ask(&clock, &mut nodes, 5, &put), Answer::Stored(5));
    let found = Answer::Found(record.clone());
    for node in 0..6 {
        let get = Request::Get(record.key);
        assert_eq!(ask(&clock, &mut nodes, node, &get), found);
    }
    let get = Request::Get("nothing".parse().unwrap());
    assert_eq!(ask(&clock, &mut nodes, 0, &get), Answer::NotFound);
    // With two neighbours left there is no route.
    for node in &nodes[3..] {
        node.node().stop().unwrap();
    }
    settle(&clock, &mut nodes).unwrap();
    let failed = ask(&clock, &mut nodes, 0, &get);
    assert!(matches!(failed, Answer::Failed(why) if why.contains("three neighbours")));
}
