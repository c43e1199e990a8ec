//! Channel binding: a peer is proved for one channel, and a handshake that is carried from one into
//! another fails.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::ask::Ask;
use mydht::engine::{Command, Event};
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::{Components, Metrics, Node, Runner, SingleThread};
use mydht_evloop::Poll;
use mydht_evloop::traits::{Ready, Registerable, Token};
use mydht_transports::tcp::{Tcp, TcpAddress, TcpConnection};
use mydht_transports::{Stream, Transport};

/// TCP whose connections say that they are carried by this channel, as soon as something was read
/// and no sooner.
struct Bound(Tcp, &'static [u8]);

struct BoundStream {
    stream: TcpConnection,
    channel: &'static [u8],
    heard: Arc<AtomicBool>,
}

struct BoundReader {
    stream: TcpConnection,
    heard: Arc<AtomicBool>,
}

impl Read for BoundReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.stream.read(buf);
        if matches!(result, Ok(1..)) {
            self.heard.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Registerable<Poll> for BoundStream {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        self.stream.register(poll, token, interest)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        self.stream.reregister(poll, token, interest)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.stream.deregister(poll)
    }
}

impl Registerable<Poll> for Bound {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        self.0.register(poll, token, interest)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        self.0.reregister(poll, token, interest)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.0.deregister(poll)
    }
}

impl Stream<Poll> for BoundStream {
    type ReadStream = BoundReader;
    type WriteStream = TcpConnection;

    fn channel_binding(&self) -> Vec<u8> {
        match self.heard.load(Ordering::Relaxed) {
            true => self.channel.to_vec(),
            false => Vec::new(),
        }
    }

    fn read_stream(&self) -> BoundReader {
        BoundReader {
            stream: self.stream.clone(),
            heard: self.heard.clone(),
        }
    }

    fn write_stream(&self) -> TcpConnection {
        self.stream.clone()
    }

    fn disconnect(&self) {
        Stream::<Poll>::disconnect(&self.stream);
    }
}

impl Bound {
    fn stream(&self, stream: TcpConnection) -> BoundStream {
        BoundStream {
            stream,
            channel: self.1,
            heard: Arc::default(),
        }
    }
}

impl Transport<Poll> for Bound {
    type Address = TcpAddress;
    type Stream = BoundStream;

    fn local_address(&self) -> Option<TcpAddress> {
        Transport::<Poll>::local_address(&self.0)
    }

    fn accept(&mut self) -> io::Result<(BoundStream, TcpAddress)> {
        let (stream, address) = Transport::<Poll>::accept(&mut self.0)?;
        Ok((self.stream(stream), address))
    }

    fn connect_with(&mut self, address: &TcpAddress) -> io::Result<BoundStream> {
        let stream = Transport::<Poll>::connect_with(&mut self.0, address)?;
        Ok(self.stream(stream))
    }
}

type Conf = SingleThread<Poll, Bound, Bincode, Records, MemoryKV, MemoryAttachments>;

fn node(transport: Bound, bootstrap: &[TcpAddress]) -> (Node<Conf>, Metrics) {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let credentials = Credentials::public(Arc::new(Identity::generate().unwrap()));
    let poll = Poll::new().unwrap();
    let parts = Components {
        bootstrap: bootstrap.to_vec(),
        ..Components::new(poll, transport, Bincode, Records, stores, credentials)
    };
    let metrics = parts.metrics.clone();
    (Runner::<Conf>::start(parts).unwrap().0, metrics)
}

/// Whether a node whose connections are carried by `near` becomes the peer of one that sees them
/// carried by `far`.
fn is_a_peer(near: &'static [u8], far: &'static [u8]) -> bool {
    let tcp = Tcp::listen("tcp:127.0.0.1:0".parse().unwrap()).unwrap();
    let address = Transport::<Poll>::local_address(&tcp).unwrap();
    let (handle, hub_metrics) = node(Bound(tcp, far), &[]);
    let (other, metrics) = node(Bound(Tcp::connect_only(), near), &[address]);
    let is_refused = |metrics: &Metrics| metrics.snapshot().peers_refused > 0;
    let is_peer = loop {
        let wait = Command::AwaitPeer(Duration::from_millis(100));
        match other.ask(wait, |_, _| ()) {
            Ok(Event::Status { .. }) => break true,
            _ if is_refused(&metrics) || is_refused(&hub_metrics) => break false,
            _ => {}
        }
    };
    for node in [other, handle] {
        node.stop().unwrap();
    }
    is_peer
}

#[test]
fn peers_meet_where_both_see_the_same_channel() {
    assert!(is_a_peer(b"channel 1", b"channel 1"));
}

#[test]
fn a_handshake_carried_from_one_channel_into_another_is_refused() {
    assert!(!is_a_peer(b"channel 1", b"channel 2"));
    assert!(!is_a_peer(b"channel 1", b""));
}
