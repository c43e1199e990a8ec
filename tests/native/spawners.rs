//! Nodes with all of their services under each spawner: on one thread and restarted, on one thread
//! and on stacks of their own, each on a thread of its own, and mixed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use mydht::attachment::tree::{PART_LEN, Tree};
use mydht::conf::{Coroutines, Spawners, Threads};
use mydht::engine::{Command, Event};
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::memory::{self, Network};
use mydht::msg::Bincode;
use mydht::service::Request;
use mydht::service::{NoGlobal, NoLocal};
use mydht::shadow::Records;
use mydht::store::{Content, MemoryAttachments, MemoryKV};
use mydht::{
    Components, Key, Limits, Metrics, MyDHTConf, Node, Record, Runner, SingleThread, Value,
};
use mydht_evloop::Poll;
use mydht_spawner::channel::MpscChannel;
use mydht_spawner::{Coroutine, Pool, RestartOrError, ThreadBlock};
use mydht_transports::memory::{Faults, Memory};
use mydht_transports::tcp::{Tcp, TcpAddress};
use mydht_transports::{Stream, Transport};

/// A way to run the services of a node.
trait Way {
    type Memory: Conf<Memory<Poll>>;
    type Tcp: Conf<Tcp>;
}

/// A configuration whose parts, but for the spawners and the transport, are always the same.
trait Conf<T>:
    MyDHTConf<
        Poll = Poll,
        Transport = T,
        MsgEnc = Bincode,
        Shadow = Records,
        Records = MemoryKV,
        Attachments = MemoryAttachments,
        Global = NoGlobal,
        Local = NoLocal,
    >
{
}

impl<T, MC> Conf<T> for MC where
    MC: MyDHTConf<
            Poll = Poll,
            Transport = T,
            MsgEnc = Bincode,
            Shadow = Records,
            Records = MemoryKV,
            Attachments = MemoryAttachments,
            Global = NoGlobal,
            Local = NoLocal,
        >
{
}

struct OnOneThread;

impl Way for OnOneThread {
    type Memory = SingleThread<Poll, Memory<Poll>, Bincode, Records, MemoryKV, MemoryAttachments>;
    type Tcp = SingleThread<Poll, Tcp, Bincode, Records, MemoryKV, MemoryAttachments>;
}

struct OnCoroutines;

impl Way for OnCoroutines {
    type Memory = Coroutines<Poll, Memory<Poll>, Bincode, Records, MemoryKV, MemoryAttachments>;
    type Tcp = Coroutines<Poll, Tcp, Bincode, Records, MemoryKV, MemoryAttachments>;
}

struct OnThreads;

impl Way for OnThreads {
    type Memory = Threads<Poll, Memory<Poll>, Bincode, Records, MemoryKV, MemoryAttachments>;
    type Tcp = Threads<Poll, Tcp, Bincode, Records, MemoryKV, MemoryAttachments>;
}

/// Each service under another spawner.
struct Mixed<T>(std::marker::PhantomData<T>);

impl<T> MyDHTConf for Mixed<T>
where
    T: Transport<Poll> + 'static,
    T::Stream: Stream<Poll, ReadStream: Send + 'static, WriteStream: Send + 'static>,
{
    const RESTARTABLE: bool = false;
    type Poll = Poll;
    type Transport = T;
    type MsgEnc = Bincode;
    type Shadow = Records;
    type Records = MemoryKV;
    type Attachments = MemoryAttachments;
    type Global = NoGlobal;
    type Local = NoLocal;
    type Channel = MpscChannel;
    type MainSpawn = RestartOrError;
    type ReadSpawn = ThreadBlock;
    type WriteSpawn = Coroutine;
    type StoreSpawn = Pool;
    type GlobalSpawn = RestartOrError;
    type LocalSpawn = RestartOrError;

    fn channel() -> MpscChannel {
        MpscChannel::unbounded()
    }

    fn main_spawn() -> RestartOrError {
        RestartOrError::new()
    }

    fn spawners(_: &Limits) -> Spawners<Self> {
        Spawners {
            read: ThreadBlock::new(),
            write: Coroutine::with_stacks(256 * 1024, 8),
            store: Pool::new(1).unwrap(),
            global: RestartOrError::new(),
            local: RestartOrError::new(),
        }
    }
}

struct OnAllOfThem;

impl Way for OnAllOfThem {
    type Memory = Mixed<Memory<Poll>>;
    type Tcp = Mixed<Tcp>;
}

/// The tests, once for each way.
macro_rules! everywhere {
    ($($name:ident),* $(,)?) => {
        everywhere! { @ way one_thread OnOneThread: $($name)* }
        everywhere! { @ way coroutines OnCoroutines: $($name)* }
        everywhere! { @ way threads OnThreads: $($name)* }
        everywhere! { @ way mixed OnAllOfThem: $($name)* }
    };
    (@ way $module:ident $way:ident: $($name:ident)*) => {
        mod $module {
            $(#[test]
            fn $name() {
                super::$name::<super::$way>();
            })*
        }
    };
}

everywhere! {
    a_value_and_a_file_reach_a_third_node,
    partial_reads_and_writes_change_nothing,
    the_same_over_tcp,
    two_hundred_gets_at_once_are_all_answered,
    a_peer_that_sends_garbage_is_let_go_and_the_node_lives,
    a_node_that_stops_tells_its_peers_and_a_new_one_takes_its_place,
    what_is_put_last_before_the_stop_is_kept,
}

const PATIENCE: Duration = Duration::from_secs(60);

/// A node on a thread of its own.
struct Running<MC: MyDHTConf> {
    handle: Node<MC>,
    metrics: Metrics,
    thread: JoinHandle<mydht_spawner::Result<()>>,
}

impl<MC: MyDHTConf> Running<MC> {
    fn start(parts: Components<MC>) -> Self
    where
        Components<MC>: Send,
        Node<MC>: Send,
    {
        let metrics = parts.metrics.clone();
        let (handle, thread) = Runner::start(parts).unwrap();
        Running {
            handle,
            metrics,
            thread,
        }
    }

    fn ask(&self, command: impl Into<Request>) -> Receiver<Event> {
        let (send, events) = mpsc::channel();
        let reply = move |event| drop(send.send(event));
        self.handle.request(command, reply).unwrap();
        events
    }

    /// The last event of a request.
    fn answer(&self, command: impl Into<Request>) -> Event {
        last(&self.ask(command))
    }

    fn await_peer(&self) {
        let event = self.answer(Command::AwaitPeer(PATIENCE));
        assert!(
            matches!(&event, Event::Status { peers, .. } if !peers.is_empty()),
            "{event:?}"
        );
    }

    fn get(&self, key: Key) -> Event {
        self.answer(Command::Get { key })
    }

    fn put(&self, record: &Record) -> Event {
        let (record, content) = (record.clone(), None);
        self.answer(Request::put(record, content))
    }

    /// Stops the node, and checks that nothing in it failed.
    fn stop(self) {
        self.handle.stop().unwrap();
        self.thread.join().unwrap().unwrap();
    }
}

fn last(events: &Receiver<Event>) -> Event {
    loop {
        match events.recv_timeout(PATIENCE).expect("an answer") {
            Event::Progress { .. } => {}
            last => return last,
        }
    }
}

fn in_memory<W: Way>(network: &Network, known: &[&Components<W::Memory>]) -> Components<W::Memory> {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let poll = Poll::new().unwrap();
    let mut parts = memory::components(network, poll, Bincode, Records, stores).unwrap();
    parts.bootstrap = known
        .iter()
        .map(|other| other.transport.address())
        .collect();
    parts
}

/// Its parts, and where it listens.
fn over_tcp<W: Way>(known: &[TcpAddress]) -> (Components<W::Tcp>, TcpAddress) {
    let transport = Tcp::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = Transport::<Poll>::local_address(&transport).unwrap();
    let credentials = Credentials::public(Arc::new(Identity::generate().unwrap()));
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let poll = Poll::new().unwrap();
    let parts = Components {
        bootstrap: known.to_vec(),
        ..Components::new(poll, transport, Bincode, Records, stores, credentials)
    };
    (parts, address)
}

fn value(text: &str) -> Record {
    Record::by_content(Value::Bytes(text.into()))
}

/// A value and a file are put on the first of three nodes in a row, which gives one of the others a
/// copy, and got from both.
fn exchange<MC: MyDHTConf>(nodes: &[Running<MC>; 3], file_len: usize) {
    nodes[0].await_peer();
    nodes[2].await_peer();
    let small = value("a value");
    assert_eq!(nodes[0].put(&small), Event::Stored { copies: 1 });
    let content: Vec<u8> = (0..file_len).map(|i| (i * 31 / 7) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    let id = tree.id();
    let name = "file".into();
    let file = Record::by_content(Value::Attachment { id, name });
    let put = Request::put(
        file.clone(),
        Some((tree, Content::Bytes(content.clone().into()))),
    );
    assert_eq!(nodes[0].answer(put), Event::Stored { copies: 1 });
    for record in [&small, &file] {
        for node in &nodes[1..] {
            assert_eq!(node.get(record.key), Event::Found(record.clone()));
        }
    }
    let mut arrived = Vec::new();
    for part in 0..id.parts() {
        match nodes[2].answer(Command::Read { id, part }) {
            Event::Part(Some(bytes)) => arrived.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert!(arrived == content);
    assert_eq!(nodes[2].get(Key::named("nothing")), Event::NotFound);
}

/// Whatever waits inside a service is not restarted.
fn restarts_as_it_should<MC: MyDHTConf>(node: &Running<MC>) {
    let counted = node.metrics.snapshot();
    if MC::RESTARTABLE {
        assert!(counted.restarts > 0, "{counted:?}");
    } else {
        let bytes = (counted.bytes_replayed, counted.bytes_skipped);
        assert_eq!((counted.restarts, bytes), (0, (0, 0)), "{counted:?}");
    }
}

fn three_in_memory<W: Way>(network: &Network, file_len: usize) {
    let mut first = in_memory::<W>(network, &[]);
    first.limits.routing.copies = 1;
    let second = in_memory::<W>(network, &[&first]);
    let third = in_memory::<W>(network, &[&second]);
    let nodes = [first, second, third].map(Running::start);
    exchange(&nodes, file_len);
    for node in nodes {
        restarts_as_it_should(&node);
        node.stop();
    }
}

fn a_value_and_a_file_reach_a_third_node<W: Way>() {
    three_in_memory::<W>(&Network::new(), 20 * PART_LEN + 5);
}

fn partial_reads_and_writes_change_nothing<W: Way>() {
    for seed in 0..6 {
        let network = Network::new();
        let mut next = seed * 1000;
        network.set_faults(move || {
            next += 1;
            Faults::seeded(next, 1 + (seed as usize * 577) % 3000, (seed * 11) as u8)
        });
        three_in_memory::<W>(&network, PART_LEN + 17);
    }
}

fn the_same_over_tcp<W: Way>() {
    let (mut first, address) = over_tcp::<W>(&[]);
    first.limits.routing.copies = 1;
    let (second, address) = over_tcp::<W>(&[address]);
    let (third, _) = over_tcp::<W>(&[address]);
    let nodes = [first, second, third].map(Running::start);
    exchange(&nodes, 50 * PART_LEN + 5);
    for node in nodes {
        restarts_as_it_should(&node);
        node.stop();
    }
}

fn two_hundred_gets_at_once_are_all_answered<W: Way>() {
    let network = Network::new();
    let keeper = in_memory::<W>(&network, &[]);
    let getter = in_memory::<W>(&network, &[&keeper]);
    let [keeper, getter] = [keeper, getter].map(Running::start);
    let records: Vec<Record> = (0..200).map(|i| value(&format!("value {i}"))).collect();
    // Before they are connected: only one of them has the values.
    for record in &records {
        assert!(matches!(keeper.put(record), Event::Stored { .. }));
    }
    getter.await_peer();
    let asked: Vec<_> = records
        .iter()
        .map(|record| (record, getter.ask(Command::Get { key: record.key })))
        .collect();
    for (record, events) in asked {
        assert_eq!(last(&events), Event::Found(record.clone()));
        assert!(events.recv().is_err(), "answered twice");
    }
    keeper.stop();
    getter.stop();
}

fn a_peer_that_sends_garbage_is_let_go_and_the_node_lives<W: Way>() {
    let (parts, address) = over_tcp::<W>(&[]);
    let node = Running::start(parts);
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"MYDHT\x01\x63\x00",
        b"MYDHT\x01\x02\x00\xff\xff\xff\xff",
        b"MYDHT\x01\x02\x00\x04\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00",
        // NOTFOUND, before any authentication.
        b"MYDHT\x01\x02\x00\x0c\x00\x00\x00\x05\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        let mut stream = TcpStream::connect(address.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(garbage).unwrap();
        // Until the node closes it; a reset is a close too.
        let mut heard = Vec::new();
        if let Err(error) = stream.read_to_end(&mut heard) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
    let record = value("alive");
    assert_eq!(node.put(&record), Event::Stored { copies: 0 });
    assert_eq!(node.get(record.key), Event::Found(record));
    node.stop();
}

fn a_node_that_stops_tells_its_peers_and_a_new_one_takes_its_place<W: Way>() {
    let network = Network::new();
    let stays = in_memory::<W>(&network, &[]);
    let leaves = in_memory::<W>(&network, &[&stays]);
    let comes = in_memory::<W>(&network, &[&stays]);
    let stays = Running::start(stays);
    for round in [leaves, comes] {
        let other = Running::start(round);
        other.await_peer();
        let record = value("from one to the next");
        assert!(matches!(other.put(&record), Event::Stored { copies: 1 }));
        other.stop();
        // It hears of the end by itself, without a time-out.
        let deadline = std::time::Instant::now() + PATIENCE;
        while !matches!(stays.answer(Command::Status), Event::Status { peers, .. } if peers.is_empty())
        {
            assert!(
                std::time::Instant::now() < deadline,
                "the peer is still there"
            );
            std::thread::yield_now();
        }
    }
    assert_eq!(stays.metrics.snapshot().limited, 0);
    stays.stop();
}

fn what_is_put_last_before_the_stop_is_kept<W: Way>() {
    let network = Network::new();
    let keeper = in_memory::<W>(&network, &[]);
    let putter = in_memory::<W>(&network, &[&keeper]);
    let [keeper, putter] = [keeper, putter].map(Running::start);
    putter.await_peer();
    let record = value("last words");
    let events = putter.ask(Command::Put {
        record: record.clone(),
        tree: None,
    });
    // It was told to stop before it answered, and says all that it has to say first.
    putter.stop();
    assert!(matches!(
        events.try_iter().last(),
        Some(Event::Stored { .. } | Event::Failed(_))
    ));
    let deadline = std::time::Instant::now() + PATIENCE;
    while keeper.get(record.key) != Event::Found(record.clone()) {
        assert!(std::time::Instant::now() < deadline, "it was not sent");
        std::thread::yield_now();
    }
    keeper.stop();
}
