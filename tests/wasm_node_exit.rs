//! Nodes that have ended keep nothing of the host: a process exits by itself.
#![cfg(target_arch = "wasm32")]

mod page;

use std::time::Duration;

use mydht::Key;
use mydht::engine::{Command, Event};
use mydht::memory::Network;
use mydht_transports::memory::MemoryAddress;
use page::{Once, PageNode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen]
extern "C" {
    /// Returns what keeps this process from exiting.
    #[wasm_bindgen(js_namespace = process, js_name = getActiveResourcesInfo)]
    fn active_resources() -> Vec<String>;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsValue, milliseconds: f64) -> JsValue;
}

/// Lets the host's loop go round.
async fn pause() {
    let over = Once::new();
    let set = over.clone();
    let callback = Closure::<dyn FnMut()>::new(move || set.set(()));
    set_timeout(callback.as_ref(), 1.0);
    over.wait().await;
}

fn count(kind: &str) -> usize {
    let resources = active_resources();
    resources.iter().filter(|name| *name == kind).count()
}

/// Ports, turns and timers that keep this process alive.
fn held() -> [usize; 3] {
    ["MessagePort", "Immediate", "Timeout"].map(count)
}

/// Waits some rounds of the host's loop: only then is gone what was dropped.
async fn settled_at(expected: [usize; 3]) -> [usize; 3] {
    for _ in 0..100 {
        if held() == expected {
            break;
        }
        pause().await;
    }
    held()
}

fn node(network: &Network, bootstrap: &[MemoryAddress]) -> PageNode {
    PageNode::start(network, bootstrap, |turn| turn())
}

async fn pair() -> [PageNode; 2] {
    let network = Network::new();
    let a = node(&network, &[]);
    let b = node(&network, &[a.address]);
    let wait = Command::AwaitPeer(Duration::from_secs(10));
    assert!(matches!(b.ask(wait).await, Event::Status { .. }));
    [a, b]
}

#[wasm_bindgen_test]
async fn nodes_that_were_stopped_hold_nothing() {
    let before = held();
    let [a, b] = pair().await;
    b.stop().await;
    a.stop().await;
    assert_eq!(settled_at(before).await, before);
}

#[wasm_bindgen_test]
async fn nodes_that_the_page_lets_go_hold_nothing() {
    let before = held();
    let [a, b] = pair().await;
    // A question that b will not hear, and timers for its answer.
    let key = Key::named("nothing");
    a.handle.request(Command::Get { key }, |_| ()).unwrap();
    drop((b, a));
    assert_eq!(settled_at(before).await, before);
}

#[wasm_bindgen_test]
async fn a_node_that_waits_for_a_peer_which_is_not_there_can_be_stopped() {
    let before = held();
    let lone = node(&Network::new(), &[MemoryAddress(99)]);
    let wait = Command::AwaitPeer(Duration::from_secs(10));
    assert!(matches!(lone.ask(wait).await, Event::Failed(_)));
    assert_eq!(lone.metrics.snapshot().connections, 0);
    assert!(held()[2] > before[2], "a timer for the next try");
    lone.stop().await;
    assert_eq!(settled_at(before).await, before);
}
