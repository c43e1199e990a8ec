//! Two nodes in one page that reach each other by WebRTC.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mydht::attachment::tree::Tree;
use mydht::engine::{Command, Event};
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::msg::Bincode;
use mydht::service::Request;
use mydht::shadow::Records;
use mydht::store::{Content, MemoryAttachments, MemoryKV};
use mydht::{Components, Hash, Node, Record, Runner, SingleThread, Value};
use mydht_evloop::{Poll, js};
use mydht_transports::rendezvous::{LocalMember, LocalRendezvous, RtcAddress};
use mydht_transports::webrtc::WebRtc;
use mydht_transports::webrtc::browser::Browser;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[allow(dead_code, reason = "a part of what the other suites use")]
mod page;

use page::Once;

type Rtc = WebRtc<LocalMember<Poll>, Browser>;
type Conf = SingleThread<Poll, Rtc, Bincode, Records, MemoryKV, MemoryAttachments>;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// The milliseconds of each turn.
type Turns = Rc<RefCell<Vec<f64>>>;

struct PageNode {
    handle: Node<Conf>,
    task: js::Task,
}

fn node(
    handle: &LocalRendezvous<Poll>,
    name: &str,
    bootstrap: &[RtcAddress],
    turns: &Turns,
) -> PageNode {
    let poll = Poll::new().unwrap();
    let events = poll.handle();
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let credentials = Credentials::public(Arc::new(Identity::generate().unwrap()));
    let transport = WebRtc::new(
        handle.join(name.parse().unwrap()).unwrap(),
        Browser::default(),
    );
    let parts = Components {
        bootstrap: bootstrap.to_vec(),
        ..Components::new(poll, transport, Bincode, Records, stores, credentials)
    };
    let mut node = Runner::<Conf>::new(parts).unwrap();
    let handle = node.node();
    let turns = turns.clone();
    let task = js::spawn(&events, move || {
        let begin = now();
        let alive = node.turn().unwrap();
        turns.borrow_mut().push(now() - begin);
        if alive {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    PageNode { handle, task }
}

impl PageNode {
    async fn ask(&self, request: impl Into<Request>) -> Event {
        let answer = Once::new();
        let hear = answer.clone();
        let reply = move |event| {
            if !matches!(event, Event::Progress { .. }) {
                hear.set(event);
            }
        };
        self.handle.request(request, reply).unwrap();
        answer.wait().await
    }
}

#[wasm_bindgen_test]
async fn a_file_put_on_one_is_got_on_the_other() {
    let (handle, turns) = (LocalRendezvous::default(), Turns::default());
    let a = node(&handle, "a", &[], &turns);
    let b = node(&handle, "b", &["a".parse().unwrap()], &turns);
    for node in [&a, &b] {
        let status = node.ask(Command::AwaitPeer(Duration::from_secs(20))).await;
        assert!(matches!(status, Event::Status { peers, .. } if peers.len() == 1));
    }
    let content: Vec<u8> = (0..5 << 20).map(|i: u32| (i ^ (i >> 7)) as u8).collect();
    let tree = Tree::of_reader(content.as_slice(), |_| ()).unwrap();
    let id = tree.id();
    let name = "file".into();
    let record = Record::by_content(Value::Attachment { id, name });
    let put = Request::put(record.clone(), Some((tree, Content::Bytes(content.into()))));
    turns.borrow_mut().clear();
    let begin = now();
    assert!(matches!(a.ask(put).await, Event::Stored { copies: 1.. }));
    let took = now() - begin;
    let key = record.key;
    assert_eq!(b.ask(Command::Get { key }).await, Event::Found(record));
    let mut here = Vec::new();
    for part in 0..id.parts() {
        let Event::Part(Some(part)) = b.ask(Command::Read { id, part }).await else {
            panic!("part {part} is not here");
        };
        here.extend(part);
    }
    assert_eq!(Hash::of(&here), id.hash);
    let mut times = turns.take();
    times.sort_by(f64::total_cmp);
    console_log!(
        "5 MiB in {took:.0} ms; {} turns, the 99th percentile {:.2} ms, the longest {:.2} ms",
        times.len(),
        times[times.len() * 99 / 100],
        times[times.len() - 1]
    );
    for node in [a, b] {
        node.handle.stop().unwrap();
        drop(node.task);
    }
}
