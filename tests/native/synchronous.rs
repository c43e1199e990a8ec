//! Nodes over transports whose calls wait: the listener and the connector are services on threads.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::ask::Ask;
use mydht::conf::Threads;
use mydht::engine::{Command, Event};
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::synchronous::tcp::{HostAddress, NamedTcp, NamedTcpListener, SyncTcp};
use mydht::synchronous::{SyncConnector, SyncListener, Synchronous};
use mydht::{Components, MyDHTConf, Node, Record, Runner, SingleThread, Value};
use mydht_evloop::Poll;
use mydht_spawner::ThreadBlock;
use mydht_transports::Transport;
use mydht_transports::tcp::TcpConnection;

type Conf<T> = SingleThread<Poll, T, Bincode, Records, MemoryKV, MemoryAttachments>;
type ThreadsConf<T> = Threads<Poll, T, Bincode, Records, MemoryKV, MemoryAttachments>;

const PATIENCE: Duration = Duration::from_secs(30);

fn listener() -> (NamedTcpListener, HostAddress) {
    let listener = NamedTcp::bind(&"localhost:0".parse().unwrap()).unwrap();
    let port = listener.local_address().unwrap().to_string();
    let port = port.rsplit_once(':').unwrap().1.to_owned();
    (listener, format!("localhost:{port}").parse().unwrap())
}

/// A transport of these, on threads.
fn on_threads<L, C>(
    listener: Option<L>,
    connector: C,
) -> Synchronous<L, C, Poll, ThreadBlock, ThreadBlock>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream> + Send + 'static,
    C: SyncConnector<Address: Send, Stream: Send> + Send + 'static,
{
    Synchronous::new(listener, connector, ThreadBlock::new(), ThreadBlock::new()).unwrap()
}

/// A node in memory that is found by name.
trait NamedConf:
    MyDHTConf<
        Poll = Poll,
        MsgEnc = Bincode,
        Shadow = Records,
        Records = MemoryKV,
        Attachments = MemoryAttachments,
        Global: Send,
        Local: Send,
        Transport: Transport<Poll, Address = HostAddress> + Send,
    >
{
}

impl<MC> NamedConf for MC where
    MC: MyDHTConf<
            Poll = Poll,
            MsgEnc = Bincode,
            Shadow = Records,
            Records = MemoryKV,
            Attachments = MemoryAttachments,
            Global: Send,
            Local: Send,
            Transport: Transport<Poll, Address = HostAddress> + Send,
        >
{
}

fn node<MC: NamedConf>(transport: MC::Transport, bootstrap: &[HostAddress]) -> Node<MC> {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let credentials = Credentials::public(Arc::new(Identity::generate().unwrap()));
    let poll = Poll::new().unwrap();
    let parts = Components {
        bootstrap: bootstrap.to_vec(),
        ..Components::new(poll, transport, Bincode, Records, stores, credentials)
    };
    Runner::<MC>::start(parts).unwrap().0
}

fn has_a_peer<MC: MyDHTConf>(node: &Node<MC>, patience: Duration) -> bool {
    let status = node.ask(Command::AwaitPeer(patience), |_, _| ());
    matches!(status, Ok(Event::Status { .. }))
}

fn put<MC: MyDHTConf>(node: &Node<MC>, byte: u8) -> Record {
    let record = Record::by_content(Value::Bytes(vec![byte; 100_000]));
    let put = Command::Put {
        record: record.clone(),
        tree: None,
    };
    assert!(matches!(node.ask(put, |_, _| ()), Ok(Event::Stored { .. })));
    record
}

fn two_nodes_meet<MC: NamedConf<Transport = SyncTcp<Poll>>>(name: &str) {
    let (listener, address) = listener();
    let handle = node::<MC>(on_threads(Some(listener), NamedTcp::connector()), &[]);
    let other = node::<MC>(on_threads(None, NamedTcp::connector()), &[address]);
    assert!(has_a_peer(&other, PATIENCE), "{name}");
    for (from, to, byte) in [(&handle, &other, 1), (&other, &handle, 2)] {
        let record = put(from, byte);
        let get = Command::Get { key: record.key };
        let found = to.ask(get, |_, _| ()).unwrap();
        assert_eq!(found, Event::Found(record), "{name}");
    }
    other.stop().unwrap();
    handle.stop().unwrap();
}

#[test]
fn two_nodes_meet_by_name_whatever_runs_their_services() {
    two_nodes_meet::<Conf<SyncTcp<Poll>>>("one thread");
    two_nodes_meet::<ThreadsConf<SyncTcp<Poll>>>("threads");
}

#[test]
fn a_peer_that_is_not_there_is_tried_again_until_it_is() {
    let (listener, address) = listener();
    drop(listener);
    let nowhere = "nobody.invalid:1".parse().unwrap();
    let connector = NamedTcp::connector();
    let other =
        node::<Conf<SyncTcp<Poll>>>(on_threads(None, connector), &[address.clone(), nowhere]);
    assert!(!has_a_peer(&other, Duration::from_millis(300)));
    let listener = NamedTcp::bind(&address).unwrap();
    let handle = node::<Conf<SyncTcp<Poll>>>(on_threads(Some(listener), connector), &[]);
    // A try that began before somebody listened may fail now, and whoever waits for a peer then hears of it.
    let deadline = Instant::now() + PATIENCE;
    while !has_a_peer(&other, PATIENCE) {
        assert!(Instant::now() < deadline, "it was not tried again");
    }
    other.stop().unwrap();
    handle.stop().unwrap();
}

/// Resolves nothing before it is told to.
#[derive(Clone)]
struct Slow {
    told: Arc<Mutex<mpsc::Receiver<()>>>,
    calls: Arc<AtomicUsize>,
}

impl SyncConnector for Slow {
    type Address = HostAddress;
    type Stream = TcpConnection;

    fn connect(&mut self, address: &HostAddress) -> io::Result<TcpConnection> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let told = self.told.lock().unwrap().recv_timeout(PATIENCE);
        told.map_err(|_| ErrorKind::TimedOut)?;
        NamedTcp::connector().connect(address)
    }
}

type SlowTcp = Synchronous<NamedTcpListener, Slow, Poll, ThreadBlock, ThreadBlock>;

#[test]
fn a_node_goes_on_while_its_connector_waits() {
    let (listener, address) = listener();
    let handle =
        node::<Conf<SyncTcp<Poll>>>(on_threads(Some(listener), NamedTcp::connector()), &[]);
    let (tell, told) = mpsc::channel();
    let slow = Slow {
        told: Arc::new(Mutex::new(told)),
        calls: Arc::default(),
    };
    let calls = slow.calls.clone();
    let other = node::<Conf<SlowTcp>>(on_threads(None, slow), &[address]);
    while calls.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    let record = put(&other, 3);
    let get = Command::Get { key: record.key };
    assert_eq!(other.ask(get, |_, _| ()).unwrap(), Event::Found(record));
    tell.send(()).unwrap();
    assert!(has_a_peer(&other, PATIENCE));
    other.stop().unwrap();
    handle.stop().unwrap();
}

#[test]
fn a_node_stops_while_its_connector_waits() {
    let (tell, told) = mpsc::channel();
    let slow = Slow {
        told: Arc::new(Mutex::new(told)),
        calls: Arc::default(),
    };
    let calls = slow.calls.clone();
    let address = "localhost:1".parse().unwrap();
    let node = node::<Conf<SlowTcp>>(on_threads(None, slow), &[address]);
    while calls.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    node.stop().unwrap();
    drop(tell);
}

/// Fails a few times before it listens, and tells when it is gone.
struct Failing {
    inner: NamedTcpListener,
    failures: usize,
    gone: mpsc::Sender<()>,
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.gone.send(()).unwrap();
    }
}

impl SyncListener for Failing {
    type Address = HostAddress;
    type Stream = TcpConnection;

    fn local_address(&self) -> Option<HostAddress> {
        self.inner.local_address()
    }

    fn accept(&mut self) -> io::Result<(TcpConnection, HostAddress)> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::Error::other("no descriptor is left"));
        }
        self.inner.accept()
    }

    fn closer(&self) -> Box<dyn FnOnce() + Send> {
        self.inner.closer()
    }
}

type FailingTcp = Synchronous<Failing, NamedTcp, Poll, ThreadBlock, ThreadBlock>;

#[test]
fn a_listener_outlives_errors_and_ends_with_its_node() {
    let (inner, address) = listener();
    let (gone, is_gone) = mpsc::channel();
    let failing = Failing {
        inner,
        failures: 2,
        gone,
    };
    let transport = on_threads(Some(failing), NamedTcp::connector());
    let handle = node::<Conf<FailingTcp>>(transport, &[]);
    let other = node::<Conf<SyncTcp<Poll>>>(on_threads(None, NamedTcp::connector()), &[address]);
    assert!(has_a_peer(&other, PATIENCE));
    other.stop().unwrap();
    assert!(is_gone.try_recv().is_err());
    handle.stop().unwrap();
    is_gone.recv_timeout(PATIENCE).unwrap();
}

/// Panics where another would connect.
#[derive(Clone)]
struct Panicking;

impl SyncConnector for Panicking {
    type Address = HostAddress;
    type Stream = TcpConnection;

    fn connect(&mut self, _: &HostAddress) -> io::Result<TcpConnection> {
        panic!("a bug in a resolver");
    }
}

#[test]
fn a_connector_that_panics_costs_one_connection() {
    type PanickingTcp = Synchronous<NamedTcpListener, Panicking, Poll, ThreadBlock, ThreadBlock>;
    let (listener, _) = listener();
    let mut transport: PanickingTcp = on_threads(Some(listener), Panicking);
    let stream =
        Transport::<Poll>::connect_with(&mut transport, &"localhost:1".parse().unwrap()).unwrap();
    let mut reader = mydht_transports::Stream::<Poll>::read_stream(&stream);
    let error = loop {
        match io::Read::read(&mut reader, &mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            other => break other.unwrap_err(),
        }
    };
    assert!(error.to_string().contains("a bug in a resolver"), "{error}");
}
