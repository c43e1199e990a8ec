//! WebSockets over real sockets, on the loop.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use mydht_evloop::traits::{self, Events, Ready, Registerable};
use mydht_evloop::{LoopEvents, Poll};
use mydht_transports::session::SessionLimits;
use mydht_transports::websocket::{WebSocket, WsAddress, WsConnection, WsLimits};
use mydht_transports::{Stream, Transport};

const SERVER: usize = 1;
const NEAR: usize = 2;
const FAR: usize = 3;

/// A server, a client's connection to it, and the server's end once it was accepted.
struct World {
    poll: Poll,
    events: LoopEvents,
    server: WebSocket,
    near: WsConnection,
    far: Option<WsConnection>,
}

impl World {
    fn new(limits: WsLimits) -> World {
        let any = "ws://127.0.0.1:0/node".parse().unwrap();
        let server = WebSocket::listen(&any).unwrap();
        let poll = Poll::new().unwrap();
        server.register(&poll, SERVER, Ready::Readable).unwrap();
        let address = Transport::local_address(&server).unwrap();
        let mut client = WebSocket::connect_only().with_limits(limits);
        let near = client.connect_with(&address).unwrap();
        near.register(&poll, NEAR, Ready::Both).unwrap();
        World {
            poll,
            events: LoopEvents::with_capacity(16),
            server,
            near,
            far: None,
        }
    }

    /// Waits, and says who can be used for what.
    fn wait(&mut self) -> Vec<(usize, Ready)> {
        let limit = Some(Duration::from_secs(30));
        let count = traits::Poll::poll(&self.poll, &mut self.events, limit).unwrap();
        assert_ne!(count, 0, "nothing happens any more");
        let mut ready = Vec::new();
        for event in self.events.by_ref() {
            let turned = match event.token {
                SERVER => {
                    while let Ok((stream, _)) = self.server.accept() {
                        stream.register(&self.poll, FAR, Ready::Both).unwrap();
                        self.far = Some(stream);
                    }
                    None
                }
                NEAR => self.near.turn(&self.poll, event.kind),
                _ => self
                    .far
                    .as_ref()
                    .and_then(|far| far.turn(&self.poll, event.kind)),
            };
            ready.extend(turned.map(|turned| (event.token, turned)));
        }
        ready
    }
}

#[test]
fn megabytes_pass_while_both_ends_only_wait_for_the_loop() {
    let mut world = World::new(WsLimits::default());
    let bytes: Vec<u8> = (0..5 << 20).map(|i: usize| ((i * 13) >> 4) as u8).collect();
    let (mut sent, mut got) = (0, Vec::new());
    let mut buf = [0; 10_000];
    while got.len() < bytes.len() {
        for (who, ready) in world.wait() {
            if who == NEAR && ready.is_writable() {
                let mut writer = world.near.write_stream();
                while let Ok(count @ 1..) = writer.write(&bytes[sent..]) {
                    sent += count;
                }
            }
            if who == FAR && ready.is_readable() {
                let mut reader = world.far.as_ref().unwrap().read_stream();
                while let Ok(count) = reader.read(&mut buf) {
                    assert_ne!(count, 0);
                    got.extend_from_slice(&buf[..count]);
                }
            }
        }
    }
    assert!(got == bytes);
    world.far.as_ref().unwrap().disconnect();
    loop {
        let ready = world.wait();
        if ready
            .iter()
            .any(|(who, ready)| *who == NEAR && ready.is_readable())
        {
            match world.near.read_stream().read(&mut buf) {
                Ok(count) => return assert_eq!(count, 0),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }
}

/// Waits until reading on the near end gives an error.
fn error_of(world: &mut World) -> std::io::Error {
    loop {
        world.wait();
        match world.near.read_stream().read(&mut [0; 16]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return error,
            Ok(count) => panic!("{count} bytes"),
        }
    }
}

#[test]
fn a_peer_that_goes_silent_without_a_word_is_noticed_by_the_timer() {
    let limits = WsLimits {
        session: SessionLimits {
            heartbeat: Duration::from_millis(50),
            dead_after: Duration::from_millis(200),
            ..WsLimits::default().session
        },
        ..WsLimits::default()
    };
    let mut world = World::new(limits);
    let mut opened = false;
    while !opened {
        // The far end hears the opening, and from then on it is as if it were dead.
        opened = world
            .wait()
            .iter()
            .any(|(who, ready)| *who == FAR && ready.is_writable());
    }
    let begin = Instant::now();
    let far = world.far.take().unwrap();
    far.deregister(&world.poll).unwrap();
    assert_eq!(error_of(&mut world).kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    drop(far);
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = WsAddress::at(listener.local_addr().unwrap(), "/");
    let mut world = World::new(WsLimits::default());
    let mut client = WebSocket::connect_only().with_limits(WsLimits {
        open_deadline: Duration::from_millis(100),
        ..WsLimits::default()
    });
    world.near.deregister(&world.poll).unwrap();
    world.near = client.connect_with(&address).unwrap();
    world.near.register(&world.poll, NEAR, Ready::Both).unwrap();
    let error = error_of(&mut world);
    assert!(error.to_string().contains("not open within"), "{error}");
}

#[test]
fn a_port_where_nobody_listens_is_an_error_of_the_stream() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = WsAddress::at(nobody.local_addr().unwrap(), "/");
    drop(nobody);
    let mut world = World::new(WsLimits::default());
    match WebSocket::connect_only().connect_with(&address) {
        Ok(near) => {
            world.near.deregister(&world.poll).unwrap();
            world.near = near;
            world.near.register(&world.poll, NEAR, Ready::Both).unwrap();
            let error = error_of(&mut world);
            assert!(error.to_string().contains("refused"), "{error}");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
    }
}

#[test]
fn what_cannot_be_reached_natively_is_said_at_once() {
    for (address, says) in [
        ("wss://127.0.0.1:4000/", "proxy"),
        ("ws://dht.example:4000/", "IP address"),
    ] {
        let address = address.parse().unwrap();
        let error = WebSocket::connect_only()
            .connect_with(&address)
            .unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = WsAddress::at(taken.local_addr().unwrap(), "/");
    let error = WebSocket::listen(&address).err().unwrap();
    assert!(error.to_string().contains("another port"), "{error}");
}
