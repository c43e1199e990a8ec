//! A node over a store that has to wait for everything, as IndexedDB does, and that fails when it
//! is told to.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver};

use mydht::attachment::tree::{PART_LEN, Tree};
use mydht::engine::{Command, Event};
use mydht::identity::Identity;
use mydht::memory::{Conf, MemoryNode, Network, components, node_of, settle};
use mydht::msg::Bincode;
use mydht::service::Request;
use mydht::shadow::NoShadow;
use mydht::store::{
    Backend, Changes, Chunks, Content, Entry, Kv, Listed, Memory, MemoryAttachments, MemoryKV, Wake,
};
use mydht::{MyDHTConf, Record, Value};
use mydht_evloop::VirtualClock;

/// World outside, which lets the store wait and go on.
#[derive(Default)]
struct Outside {
    wake: RefCell<Option<Wake>>,
    waiting: Cell<bool>,
    ready: Cell<bool>,
    asked: Cell<usize>,
    full: Cell<bool>,
}

impl Outside {
    /// Delivers what the store waits for; false if it waits for nothing.
    fn answer(&self) -> bool {
        let waits = self.waiting.replace(false);
        if waits {
            self.ready.set(true);
            let wake = self.wake.borrow().clone().expect("the node listens");
            wake();
        }
        waits
    }
}

struct Waiting(Memory, Rc<Outside>);

impl Waiting {
    fn gate(&self) -> io::Result<()> {
        self.1.asked.set(self.1.asked.get() + 1);
        if self.1.ready.replace(false) {
            return Ok(());
        }
        self.1.waiting.set(true);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Backend for Waiting {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        self.gate()?;
        self.0.get(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        self.gate()?;
        self.0.page(after, most)
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        self.gate()?;
        if self.1.full.get() {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "the disk is full",
            ));
        }
        self.0.commit(changes)
    }

    fn on_ready(&mut self, wake: Wake) {
        *self.1.wake.borrow_mut() = Some(wake);
    }
}

type WaitingConf = Conf<Bincode, NoShadow, Kv<Waiting>, MemoryAttachments>;

fn node(clock: &VirtualClock) -> (Rc<Outside>, Vec<MemoryNode<WaitingConf>>) {
    let outside = Rc::<Outside>::default();
    let store = Kv::new(Waiting(Memory::default(), outside.clone()));
    let stores = (store, MemoryAttachments::default());
    let parts = components(&Network::new(), clock.poll(), Bincode, NoShadow, stores).unwrap();
    let node = node_of(parts);
    (outside, vec![node.unwrap()])
}

fn ask<MC: MyDHTConf>(node: &MemoryNode<MC>, command: impl Into<Request>) -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    let reply = move |event| drop(send.send(event));
    node.node().request(command, reply).unwrap();
    events
}

fn put(record: &Record) -> Request {
    let (record, content) = (record.clone(), None);
    Request::put(record, content)
}

#[test]
fn a_store_that_waits_is_asked_again_when_it_is_ready_and_not_before() {
    let clock = VirtualClock::new(1);
    let (outside, mut nodes) = node(&clock);
    let record = Record::by_content(Value::Bytes(b"kept".to_vec()));
    let putting = ask(&nodes[0], put(&record));
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(outside.asked.get(), 1);
    for _ in 0..10 {
        nodes[0].turn().unwrap();
    }
    assert_eq!(outside.asked.get(), 1, "it is not asked in a loop");
    assert!(putting.try_recv().is_err());
    let mut answers = 0;
    let mut run = |nodes: &mut Vec<_>| {
        while outside.answer() {
            settle(&clock, nodes).unwrap();
            answers += 1;
            assert!(answers < 100);
        }
    };
    run(&mut nodes);
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 0 }));
    let getting = ask(&nodes[0], Command::Get { key: record.key });
    settle(&clock, &mut nodes).unwrap();
    run(&mut nodes);
    assert_eq!(getting.try_recv(), Ok(Event::Found(record)));
    // Each wait is an ask that blocked and one that did not.
    assert_eq!(outside.asked.get(), 2 * answers);
}

#[test]
fn a_stop_waits_for_the_store() {
    let clock = VirtualClock::new(2);
    let (outside, mut nodes) = node(&clock);
    let record = Record::by_content(Value::Bytes(b"kept".to_vec()));
    let putting = ask(&nodes[0], put(&record));
    settle(&clock, &mut nodes).unwrap();
    nodes[0].node().stop().unwrap();
    assert!(nodes[0].turn().unwrap(), "something is still to be kept");
    while outside.answer() {
        nodes[0].turn().unwrap();
    }
    assert!(!nodes[0].turn().unwrap());
    let heard: Vec<Event> = putting.try_iter().collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
}

#[test]
fn a_full_store_is_an_error_of_the_put_and_the_node_lives() {
    let clock = VirtualClock::new(3);
    let (outside, mut nodes) = node(&clock);
    let run = |nodes: &mut Vec<_>| {
        settle(&clock, nodes).unwrap();
        while outside.answer() {
            settle(&clock, nodes).unwrap();
        }
    };
    let [first, second] = [b"one", b"two"].map(|v| Record::by_content(Value::Bytes(v.to_vec())));
    let putting = ask(&nodes[0], put(&first));
    run(&mut nodes);
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 0 }));
    outside.full.set(true);
    let putting = ask(&nodes[0], put(&second));
    run(&mut nodes);
    match putting.try_recv() {
        Ok(Event::Failed(why)) => assert!(why.to_string().contains("full"), "{why}"),
        other => panic!("{other:?}"),
    }
    let getting = ask(&nodes[0], Command::Get { key: first.key });
    let missing = ask(&nodes[0], Command::Get { key: second.key });
    run(&mut nodes);
    assert_eq!(getting.try_recv(), Ok(Event::Found(first)));
    assert_eq!(
        missing.try_recv(),
        Ok(Event::NotFound),
        "nothing is half there"
    );
    outside.full.set(false);
    let putting = ask(&nodes[0], put(&second));
    run(&mut nodes);
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 0 }));
}

type FilesConf = Conf<Bincode, NoShadow, MemoryKV, Chunks<Waiting>>;

/// Once, a node over IndexedDB never began with a file that it was given: it asked the store two
/// things in one request, and each time the first anew.
#[test]
fn a_file_goes_from_one_store_that_waits_to_another() {
    let clock = VirtualClock::new(4);
    let network = Network::new();
    let (mut outsides, mut nodes) = (Vec::new(), Vec::<MemoryNode<FilesConf>>::new());
    for _ in 0..2 {
        let outside = Rc::<Outside>::default();
        let attachments = Chunks::new(Waiting(Memory::default(), outside.clone()));
        let stores = (MemoryKV::default(), attachments);
        let mut parts = components(&network, clock.poll(), Bincode, NoShadow, stores).unwrap();
        parts.bootstrap = nodes.iter().map(|node| node.address).collect();
        outsides.push(outside);
        nodes.push(node_of(parts).unwrap());
    }
    settle(&clock, &mut nodes).unwrap();
    let content: Vec<u8> = (0..3 * PART_LEN + 7).map(|i| (i * 31 / 7) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    let (id, name) = (tree.id(), "file".into());
    let record = Record::by_content(Value::Attachment { id, name });
    let content = Some((tree, Content::Bytes(content.into())));
    let putting = ask(&nodes[0], Request::put(record, content));
    let mut answers = 0;
    settle(&clock, &mut nodes).unwrap();
    while outsides.iter().any(|outside| outside.answer()) {
        settle(&clock, &mut nodes).unwrap();
        answers += 1;
        assert!(answers < 1000, "the stores are asked for ever");
    }
    let last = putting.try_iter().last();
    assert_eq!(last, Some(Event::Stored { copies: 1 }));
}

#[test]
fn a_signed_record_is_kept_by_a_store_that_answers_one_question_at_a_time() {
    let clock = VirtualClock::new(5);
    let (outside, mut nodes) = node(&clock);
    let me = Identity::from_seed(&[1; 32]);
    for (sequence, kept) in [(2, true), (1, false), (3, true)] {
        let value = Value::Bytes(b"signed".to_vec());
        let record = Record::signed(&me, b"status", sequence, u64::MAX, value);
        let putting = ask(&nodes[0], put(&record));
        settle(&clock, &mut nodes).unwrap();
        for answers in 0.. {
            assert!(answers < 100, "the store is asked for ever");
            if !outside.answer() {
                break;
            }
            settle(&clock, &mut nodes).unwrap();
        }
        match putting.try_recv() {
            Ok(Event::Stored { copies: 0 }) => assert!(kept, "{sequence}"),
            Ok(Event::Failed(why)) => assert!(!kept && why.to_string().contains("newer"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
