//! The user's own services, and what happens to a service that fails: on a virtual clock, and on
//! threads where it matters.

mod two;

use std::io;
use std::sync::mpsc::{self};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mydht::conf::{SingleThread, Threads};
use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, node_of, settle};
use mydht::msg::Bincode;
use mydht::service::{NoGlobal, NoLocal};
use mydht::shadow::NoShadow;
use mydht::store::{self, Backend, Changes, Entry, Kv, Listed, MemoryAttachments, MemoryKV};
use mydht::{Components, Limits, Record, Runner, Value};
use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::{Memory, MemoryAddress};

type Conf<G, L = NoLocal> =
    SingleThread<Poll, Memory<Poll>, Bincode, NoShadow, MemoryKV, MemoryAttachments, G, L>;

use two::*;

#[test]
fn services_of_two_nodes_and_their_users_talk() {
    let mut two = Plain::new(None, Limits::default());
    assert_eq!(two.heard(0), ["1 up"]);
    let (send, answers) = mpsc::channel();
    let answer = move |body: Vec<u8>| drop(send.send(text(&body)));
    two.nodes[1]
        .node()
        .tell(b"echo this".to_vec(), answer)
        .unwrap();
    two.settle();
    assert_eq!(answers.recv().unwrap(), "said");
    assert!(answers.recv().is_err(), "it was told that no more comes");
    assert_eq!(two.heard(0), ["2 echo this"]);
    assert_eq!(two.heard(1), ["1 up", "2 as you say"]);
    let counted = two.nodes[0].metrics.snapshot();
    assert_eq!((counted.app_in, counted.app_out), (1, 1));
}

#[test]
fn a_service_has_its_last_words_when_its_node_stops() {
    let mut two = Plain::new(None, Limits::default());
    two.nodes[1].node().stop().unwrap();
    two.settle();
    assert_eq!(two.heard(0), ["1 up", "2 last words", "3 down"]);
    assert!(!two.nodes[1].turn().unwrap());
}

#[test]
fn a_message_for_a_service_that_is_not_there_is_dropped_and_counted() {
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let parts_of = |known: &[MemoryAddress], global| {
        let mut parts = parts::<Conf<Scribe>>(&network, clock.poll(), known);
        parts.global = global;
        node_of(parts).unwrap()
    };
    let without = parts_of(&[], None);
    let with = parts_of(&[without.address], Some(Scribe::default()));
    let mut nodes = [without, with];
    settle(&clock, &mut nodes).unwrap();
    let handle = nodes[1].node();
    handle.tell(b"anybody there?".to_vec(), |_| ()).unwrap();
    let (send, answers) = mpsc::channel::<()>();
    // Held by the answer as long as there may be one.
    let hold = move |_| assert!(send.send(()).is_ok());
    nodes[0].node().tell(b"myself?".to_vec(), hold).unwrap();
    settle(&clock, &mut nodes).unwrap();
    assert!(answers.recv().is_err());
    assert_eq!(nodes[0].metrics.snapshot().app_dropped, 1);
}

#[test]
fn a_message_over_its_limit_ends_the_connection_and_names_it() {
    // The second node may say more than the first takes.
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let log = Log::default();
    let mut nodes: Vec<MemoryNode<Conf<Scribe>>> = Vec::new();
    for most in [100, 1000] {
        let known: Vec<_> = nodes.iter().map(|node| node.address).collect();
        let mut parts = parts::<Conf<Scribe>>(&network, clock.poll(), &known);
        parts.limits.sizes.app_bytes = most;
        let log = log.clone();
        parts.global = Some(Scribe { log, heard: 0 });
        nodes.push(node_of(parts).unwrap());
    }
    settle(&clock, &mut nodes).unwrap();
    let say = |nodes: &mut Vec<_>, len| {
        let node: &MemoryNode<Conf<Scribe>> = &nodes[1];
        node.node().tell(vec![b'x'; len], |_| ()).unwrap();
        settle(&clock, nodes).unwrap();
    };
    say(&mut nodes, 100);
    assert_eq!(nodes[0].metrics.snapshot().limited, 0);
    // Not even sent.
    say(&mut nodes, 1001);
    assert_eq!(nodes[0].metrics.snapshot().limited, 0);
    say(&mut nodes, 101);
    assert_eq!(nodes[0].metrics.snapshot().limited, 1);
    let downs = log
        .lock()
        .unwrap()
        .iter()
        .filter(|line| line.ends_with("down"))
        .count();
    assert_eq!(downs, 2, "both ends have heard of the end");
}

#[test]
fn each_peer_has_a_local_service_of_its_own() {
    let mut two = Two::<Conf<Scribe, Counter>>::new(Some(Counter(0)), Limits::default());
    for (said, heard) in [("one", "1"), ("two", "2")] {
        two.heard(1);
        two.say(said.as_bytes());
        assert!(two.heard(1).concat().ends_with(heard));
    }
    // It stands between its peer and the global service, which heard nothing until now.
    assert_eq!(two.heard(0), ["1 up"]);
    two.say(b"global news");
    assert_eq!(two.heard(0), ["2 global news"]);
}

#[test]
fn a_local_service_may_have_an_instance_for_each_message() {
    let mut two = Two::<PerMessage>::new(Some(Counter(0)), Limits::default());
    for said in ["one", "two", "three"] {
        two.heard(1);
        two.say(said.as_bytes());
        assert!(
            two.heard(1).concat().ends_with(" 1"),
            "a fresh one each time"
        );
    }
}

#[test]
fn a_local_service_that_panics_takes_its_connection_and_not_the_node() {
    let mut two = Two::<Conf<Scribe, Counter>>::new(Some(Counter(0)), Limits::default());
    two.say(b"panic");
    assert_eq!(two.heard(0), ["1 up", "2 down"]);
    two.lives();
    // The peer connects again, and has a fresh instance.
    two.clock.advance(Duration::from_secs(1));
    two.settle();
    two.heard(1);
    two.say(b"again");
    assert!(two.heard(1).concat().ends_with(" 1"));
}

#[test]
fn a_global_service_that_fails_is_started_again_with_its_state_after_a_wait_that_doubles() {
    let mut two = Plain::new(None, Limits::default());
    two.heard(0);
    let mut heard = 1;
    for (how, wait) in [("fail", 100), ("panic", 200), ("fail", 400)] {
        two.say(how.as_bytes());
        heard += 1;
        assert_eq!(two.heard(0), [format!("{heard} {how}")]);
        two.say(b"meanwhile");
        two.clock.advance(Duration::from_millis(wait - 1));
        two.settle();
        assert_eq!(two.heard(0), [""; 0], "it is not up again yet");
        two.clock.advance(Duration::from_millis(1));
        two.settle();
        // What was said meanwhile waited, what it failed at is not said again, and it has kept its count.
        heard += 1;
        assert_eq!(two.heard(0), [format!("{heard} meanwhile")]);
        two.lives();
    }
    assert_eq!(two.nodes[0].metrics.snapshot().services_restarted, 3);
}

#[test]
fn a_stop_does_not_wait_for_a_service_that_is_down() {
    let mut two = Plain::new(None, Limits::default());
    two.say(b"panic");
    two.nodes[0].node().stop().unwrap();
    two.settle();
    // Its last words wait behind its restart, and the node for as long as it may.
    two.clock.advance(Limits::default().timeouts.stop_timeout);
    two.settle();
    assert!(!two.nodes[0].turn().unwrap());
}

/// A store that panics once when it is told to.
struct Fragile(store::Memory, Arc<Mutex<bool>>);

impl Backend for Fragile {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        if std::mem::take(&mut *self.1.lock().unwrap()) {
            panic!("as it was told");
        }
        self.0.get(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        self.0.page(after, most)
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        self.0.commit(changes)
    }
}

#[test]
fn a_store_that_panics_answers_is_started_again_and_loses_nothing() {
    type Conf = SingleThread<
        Poll,
        Memory<Poll>,
        Bincode,
        NoShadow,
        Kv<Fragile>,
        MemoryAttachments,
        NoGlobal,
        NoLocal,
    >;
    let (clock, network) = (VirtualClock::new(1), Network::new());
    let panics = Arc::new(Mutex::new(false));
    let store = Kv::new(Fragile(store::Memory::default(), panics.clone()));
    let stores = (store, MemoryAttachments::default());
    let parts =
        memory::components::<Conf>(&network, clock.poll(), Bincode, NoShadow, stores).unwrap();
    let mut nodes = [node_of(parts).unwrap()];
    let record = Record::by_content(Value::Bytes(b"kept".to_vec()));
    let putting = ask(
        &nodes[0],
        Command::Put {
            record: record.clone(),
            tree: None,
        },
    );
    settle(&clock, &mut nodes).unwrap();
    assert_eq!(putting.try_recv(), Ok(Event::Stored { copies: 0 }));
    *panics.lock().unwrap() = true;
    let get = || Command::Get { key: record.key };
    let [first, second] = [get(), get()].map(|get| ask(&nodes[0], get));
    settle(&clock, &mut nodes).unwrap();
    assert!(first.try_recv().is_err() && second.try_recv().is_err());
    clock.advance(Duration::from_millis(100));
    settle(&clock, &mut nodes).unwrap();
    // The one that it failed at is told so; the one behind it is answered.
    assert!(matches!(first.try_recv(), Ok(Event::Failed(_))));
    assert_eq!(second.try_recv(), Ok(Event::Found(record)));
    assert_eq!(nodes[0].metrics.snapshot().services_restarted, 1);
    nodes[0].node().stop().unwrap();
    settle(&clock, &mut nodes).unwrap();
    assert!(!nodes[0].turn().unwrap());
}

#[test]
fn on_threads_services_talk_fail_and_are_started_again() {
    type Conf = Threads<
        Poll,
        Memory<Poll>,
        Bincode,
        NoShadow,
        MemoryKV,
        MemoryAttachments,
        Scribe,
        Counter,
    >;
    fn start(parts: Components<Conf>) -> impl FnOnce() {
        let (handle, thread) = Runner::start(parts).unwrap();
        move || {
            handle.stop().unwrap();
            thread.join().unwrap().unwrap();
        }
    }
    let network = Network::new();
    let (log, said) = (Log::default(), Log::default());
    let mut first = parts::<Conf>(&network, Poll::new().unwrap(), &[]);
    let known = first.transport.address();
    first.local = Some(Counter(0));
    let scribe = |log: &Log| Scribe {
        log: log.clone(),
        heard: 0,
    };
    first.global = Some(scribe(&log));
    let metrics = first.metrics.clone();
    let mut second = parts::<Conf>(&network, Poll::new().unwrap(), &[known]);
    second.global = Some(scribe(&said));
    let stop_first = start(first);
    let (handle, thread) = Runner::start(second).unwrap();
    let until = |log: &Log, line: &str| {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !log
            .lock()
            .unwrap()
            .iter()
            .any(|heard| heard.ends_with(line))
        {
            let heard = log.lock().unwrap().clone();
            assert!(std::time::Instant::now() < deadline, "{line}: {heard:?}");
            std::thread::yield_now();
        }
    };
    until(&log, "up");
    until(&said, "up");
    let say = |body: &str| handle.tell(body.into(), |_| ()).unwrap();
    say("count me");
    until(&said, " 1");
    for how in ["global fail", "global on"] {
        say(how);
        until(&log, how);
    }
    say("panic");
    until(&log, "down");
    handle.stop().unwrap();
    thread.join().unwrap().unwrap();
    stop_first();
    assert_eq!(metrics.snapshot().limited, 0);
}
