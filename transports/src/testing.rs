//! A conformance suite for transports, for whoever writes one.
//!
//! Needs the feature `testing`; natively only, because the suite blocks on the loop. [`conforms`]
//! panics at the first promise that a transport breaks, so call it from a test:
//!
//! ```
//! use mydht_evloop::Poll;
//! use mydht_transports::memory::Network;
//! use mydht_transports::testing::conforms;
//!
//! let network = Network::<Poll>::new();
//! conforms(network.endpoint(), network.endpoint());
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a suite fails by panicking, as a test does"
)]

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use mydht_evloop::traits::{self, Events, Ready, Registerable, Token};
use mydht_evloop::{LoopEvents, Poll};

use crate::{Stream, Transport};

const LISTENER: Token = 1;
const DIALLER: Token = 2;
const NEAR: Token = 3;
const FAR: Token = 4;

/// The longest wait for an event. A transport that is silent for so long has missed one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes sent each way: more than the buffers of a kernel or a pipe take at once, so that a writer
/// has to wait for its reader.
const LEN: usize = 8 << 20;

/// Checks the promises of [`Transport`] and [`Stream`] on a connection from `dialler` to
/// `listener`.
///
/// `listener` must be reachable at its local address. Checked are: the address's text form,
/// `WouldBlock` where nothing waits, 8 MiB each way at once in order with both ends driven by the
/// loop's reports alone, equal channel bindings, streams that outlive their transports, and an end
/// that is noticed.
///
/// # Panics
/// When a promise is broken, or nothing is reported for 30 s.
pub fn conforms<L, D>(listener: L, dialler: D)
where
    L: Transport<Poll>,
    D: Transport<Poll, Address = L::Address>,
{
    let mut world = World::new(listener, dialler);
    let address = has_an_address(world.listener.as_ref().unwrap());
    let empty = world.listener.as_mut().unwrap().accept().map(drop);
    assert_eq!(empty.unwrap_err().kind(), ErrorKind::WouldBlock);
    world.connect(&address);
    world.exchange();
    let [near, far] = [
        world.near().channel_binding(),
        world.far().channel_binding(),
    ];
    assert_eq!(near, far, "both ends name the same channel");
    let nothing = world.near().read_stream().read(&mut [0; 16]);
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::WouldBlock);
    // Dropping a transport stops accepting; its streams live on.
    world.listener = None;
    world.dialler = None;
    world.exchange();
    world.far().disconnect();
    world.ends();
}

fn has_an_address<T: Transport<Poll>>(listener: &T) -> T::Address {
    let address = listener.local_address().unwrap();
    assert!(listener.local_addresses().contains(&address));
    let read: Result<T::Address, _> = address.to_string().parse();
    assert_eq!(read.unwrap(), address, "the text form reads back");
    address
}

/// Both ends of a connection on one loop.
struct World<L: Transport<Poll>, D: Transport<Poll>> {
    poll: Poll,
    events: LoopEvents,
    listener: Option<L>,
    dialler: Option<D>,
    near: Option<D::Stream>,
    far: Option<L::Stream>,
}

impl<L, D> World<L, D>
where
    L: Transport<Poll>,
    D: Transport<Poll, Address = L::Address>,
{
    fn new(listener: L, dialler: D) -> Self {
        let poll = Poll::new().unwrap();
        listener.register(&poll, LISTENER, Ready::Readable).unwrap();
        dialler.register(&poll, DIALLER, Ready::Readable).unwrap();
        World {
            poll,
            events: LoopEvents::with_capacity(16),
            listener: Some(listener),
            dialler: Some(dialler),
            near: None,
            far: None,
        }
    }

    fn near(&self) -> &D::Stream {
        self.near.as_ref().unwrap()
    }

    fn far(&self) -> &L::Stream {
        self.far.as_ref().unwrap()
    }

    /// Waits for events, and gives the transports and streams the turns that they need.
    fn turn(&mut self) {
        let limit = Some(PATIENCE);
        let count = traits::Poll::poll(&self.poll, &mut self.events, limit).unwrap();
        assert_ne!(count, 0, "nothing was reported for {PATIENCE:?}");
        for event in self.events.by_ref() {
            match event.token {
                LISTENER => {
                    // Edge-triggered: not reported again before it was found to block.
                    while let Some(Ok((stream, _))) = self.listener.as_mut().map(L::accept) {
                        assert!(self.far.is_none(), "one connection is accepted once");
                        stream.register(&self.poll, FAR, Ready::Both).unwrap();
                        self.far = Some(stream);
                    }
                }
                DIALLER => {
                    // What a transport does for itself it does inside `accept`.
                    while self.dialler.as_mut().is_some_and(|d| d.accept().is_ok()) {}
                }
                NEAR => drop(
                    self.near
                        .as_ref()
                        .map(|near| near.turn(&self.poll, event.kind)),
                ),
                _ => drop(
                    self.far
                        .as_ref()
                        .map(|far| far.turn(&self.poll, event.kind)),
                ),
            }
        }
    }

    fn connect(&mut self, address: &L::Address) {
        let near = self.dialler.as_mut().unwrap().connect_with(address);
        let near = near.unwrap();
        near.register(&self.poll, NEAR, Ready::Both).unwrap();
        self.near = Some(near);
        while self.far.is_none() {
            self.turn();
        }
    }

    /// Sends [`LEN`] bytes each way at once.
    fn exchange(&mut self) {
        let mut to_far = Way::new(13);
        let mut to_near = Way::new(17);
        loop {
            to_far.advance(self.near().write_stream(), self.far().read_stream());
            to_near.advance(self.far().write_stream(), self.near().read_stream());
            if to_far.received == LEN && to_near.received == LEN {
                return;
            }
            self.turn();
        }
    }

    /// Waits until the near end notices that the far one has disconnected.
    fn ends(&mut self) {
        loop {
            match self.near().read_stream().read(&mut [0; 16]) {
                Ok(0) => return,
                Ok(count) => panic!("{count} bytes that were never sent"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.turn(),
                Err(_) => return,
            }
        }
    }
}

/// One direction of an exchange.
struct Way {
    bytes: Vec<u8>,
    sent: usize,
    received: usize,
}

impl Way {
    fn new(seed: usize) -> Self {
        Way {
            bytes: (0..LEN).map(|i| ((i * seed) >> 4) as u8).collect(),
            sent: 0,
            received: 0,
        }
    }

    /// Writes and reads until both block: without that, an edge-triggered loop reports nothing
    /// more.
    fn advance(&mut self, mut writer: impl Write, mut reader: impl Read) {
        while self.sent < LEN
            && let Some(count) = unless_blocked(writer.write(&self.bytes[self.sent..]))
        {
            assert_ne!(count, 0, "a write takes something or blocks");
            self.sent += count;
        }
        // A stream may hold back what it was given until it is flushed.
        unless_blocked(writer.flush());
        let mut buf = [0; 10_000];
        while let Some(count) = unless_blocked(reader.read(&mut buf)) {
            assert_ne!(count, 0, "the stream ended early");
            let end = self.received + count;
            assert!(end <= self.sent, "more was read than written");
            let expected = &self.bytes[self.received..end];
            assert!(&buf[..count] == expected, "bytes out of order");
            self.received = end;
        }
    }
}

fn unless_blocked<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        // So does a stream that is still opening: an error means that it cannot be opened.
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("the connection failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::conforms;
    use crate::either::EitherOf;
    use crate::many::Many;
    use crate::memory::{Faults, Network};
    use crate::tcp::Tcp;
    use crate::websocket::WebSocket;

    fn tcp() -> Tcp {
        Tcp::listen("tcp:127.0.0.1:0".parse().unwrap()).unwrap()
    }

    #[test]
    fn memory_conforms_with_and_without_faults() {
        let network = Network::new();
        conforms(network.endpoint(), network.endpoint());
        network.set_faults(|| Faults::stop_at([0, 1, 70_000]));
        conforms(network.endpoint(), network.endpoint());
    }

    #[test]
    fn tcp_conforms() {
        conforms(tcp(), Tcp::connect_only());
    }

    #[test]
    fn web_sockets_conform() {
        let any = "ws://127.0.0.1:0/node".parse().unwrap();
        conforms(WebSocket::listen(&any).unwrap(), WebSocket::connect_only());
    }

    #[test]
    fn many_and_either_conform() {
        conforms(Many(vec![tcp()]), Many(vec![Tcp::connect_only()]));
        conforms(
            EitherOf(tcp(), WebSocket::connect_only()),
            EitherOf(Tcp::connect_only(), WebSocket::connect_only()),
        );
    }
}
