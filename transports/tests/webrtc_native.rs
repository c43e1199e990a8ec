//! Native peers of WebRTC over loopback, on the loop.
#![cfg(test)]
#![cfg(all(feature = "webrtc", not(target_arch = "wasm32")))]

use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mydht_evloop::traits::{self, Events, Ready, Registerable};
use mydht_evloop::{LoopEvents, Poll};
use mydht_transports::rendezvous::{LocalMember, LocalRendezvous};
use mydht_transports::webrtc::native::Native;
use mydht_transports::webrtc::{RtcLimits, RtcStream, WebRtc};
use mydht_transports::{Stream, Transport};

type Rtc = WebRtc<LocalMember<Poll>, Native>;
type Link = RtcStream<LocalMember<Poll>, Native>;

/// Ends on one loop.
struct World {
    poll: Poll,
    events: LoopEvents,
    rendezvous: LocalRendezvous<Poll>,
    ends: Vec<Rtc>,
    accepted: Vec<Vec<Link>>,
    streams: usize,
}

impl World {
    fn new() -> World {
        World {
            poll: Poll::new().unwrap(),
            events: LoopEvents::with_capacity(64),
            rendezvous: LocalRendezvous::default(),
            ends: Vec::new(),
            accepted: Vec::new(),
            streams: 0,
        }
    }

    fn join(&mut self, name: &str, limits: RtcLimits) {
        let backend = Native::bind("127.0.0.1:0".parse().unwrap())
            .unwrap()
            .with_datagrams();
        let rendezvous = self.rendezvous.join(name.parse().unwrap()).unwrap();
        let rtc = WebRtc::with_limits(rendezvous, backend, limits);
        rtc.register(&self.poll, self.ends.len(), Ready::Readable)
            .unwrap();
        self.ends.push(rtc);
        self.accepted.push(Vec::new());
    }

    fn of(names: &[&str]) -> World {
        let mut world = World::new();
        for name in names {
            world.join(name, RtcLimits::default());
        }
        world
    }

    /// Takes what the loop reports within this time.
    fn turn(&mut self, wait: Duration) {
        traits::Poll::poll(&self.poll, &mut self.events, Some(wait)).unwrap();
        for event in self.events.by_ref() {
            let Some(end) = self.ends.get_mut(event.token) else {
                continue;
            };
            while let Ok((stream, _)) = end.accept() {
                self.streams += 1;
                stream
                    .register(&self.poll, 1000 + self.streams, Ready::Both)
                    .unwrap();
                self.accepted[event.token].push(stream);
            }
        }
    }

    fn until(&mut self, mut done: impl FnMut(&mut World) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "nothing happens any more"
            );
            self.turn(Duration::from_millis(100));
        }
    }

    fn connect(&mut self, from: usize, to: &str) -> Link {
        let stream = self.ends[from].connect_with(&to.parse().unwrap()).unwrap();
        self.streams += 1;
        stream
            .register(&self.poll, 1000 + self.streams, Ready::Both)
            .unwrap();
        stream
    }

    fn accept(&mut self, at: usize) -> Link {
        self.until(|world| !world.accepted[at].is_empty());
        self.accepted[at].remove(0)
    }

    fn carry(&mut self, from: &mut Link, to: &mut Link, bytes: &[u8]) {
        let (mut sent, mut got, mut buf) = (0, Vec::new(), vec![0; 100_000]);
        self.until(|_| {
            while let Ok(count @ 1..) = from.write(&bytes[sent..]) {
                sent += count;
            }
            while let Ok(count @ 1..) = to.read(&mut buf) {
                got.extend_from_slice(&buf[..count]);
            }
            got.len() >= bytes.len()
        });
        assert!(got == bytes, "{} bytes", bytes.len());
    }
}

fn end_of(world: &mut World, stream: &mut Link) -> std::io::Result<usize> {
    let mut result = None;
    world.until(|_| match stream.read(&mut [0; 16]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        other => {
            result = Some(other);
            true
        }
    });
    result.unwrap()
}

#[test]
fn messages_of_any_length_pass_both_ways() {
    let mut world = World::of(&["a", "b"]);
    let mut near = world.connect(0, "b");
    let mut far = world.accept(1);
    for len in [1, 16383, 16384, 16385, 65536, (256 << 10) + 1, 5 << 20] {
        let bytes: Vec<u8> = (0..len).map(|i: usize| ((i * 13) >> 5) as u8).collect();
        world.carry(&mut near, &mut far, &bytes);
        world.carry(&mut far, &mut near, &bytes);
    }
}

#[test]
fn both_ends_know_the_channel_by_the_fingerprints_of_its_certificates() {
    let mut world = World::of(&["a", "b"]);
    let mut near = world.connect(0, "b");
    let mut far = world.accept(1);
    world.carry(&mut near, &mut far, b"hello");
    world.carry(&mut far, &mut near, b"hello");
    let binding = near.channel_binding();
    assert!(binding.starts_with(b"dtls\nsha-256 "), "{binding:?}");
    assert_eq!(binding, far.channel_binding());
    // The same channel, opened by the other end.
    let mut back = world.connect(1, "a");
    let mut at_a = world.accept(0);
    world.carry(&mut back, &mut at_a, b"hello");
    assert_eq!(back.channel_binding(), at_a.channel_binding());
    assert_ne!(back.channel_binding(), binding);
}

#[test]
fn two_that_connect_at_once_have_one_connection() {
    let mut world = World::of(&["a", "b"]);
    let mut from_a = world.connect(0, "b");
    let mut from_b = world.connect(1, "a");
    let mut at_b = world.accept(1);
    let mut at_a = world.accept(0);
    world.carry(&mut from_a, &mut at_b, b"hello");
    world.carry(&mut from_b, &mut at_a, b"hello");
    assert_eq!(world.ends[0].connections() + world.ends[1].connections(), 2);
}

#[test]
fn one_socket_serves_many() {
    let mut world = World::of(&["rendezvous", "x", "y", "z"]);
    let mut pairs = Vec::new();
    for spoke in 1..4 {
        let near = world.connect(spoke, "rendezvous");
        pairs.push((near, world.accept(0)));
    }
    for (near, far) in &mut pairs {
        world.carry(near, far, &[7; 300_000]);
        world.carry(far, near, &[8; 300_000]);
    }
}

#[test]
fn an_end_that_leaves_is_seen_and_one_that_is_silent_too() {
    let mut world = World::of(&["a", "b", "c"]);
    let mut near = world.connect(0, "b");
    let mut far = world.accept(1);
    world.carry(&mut near, &mut far, b"hello");
    let mut silent = world.connect(0, "c");
    let mut at_c = world.accept(2);
    world.carry(&mut silent, &mut at_c, b"hello");
    drop(far);
    world.ends.remove(1);
    assert_eq!(end_of(&mut world, &mut near).unwrap(), 0);
    // It takes no turns any more, as a process that hangs.
    let hanging = world.ends.remove(1);
    hanging.deregister(&world.poll).unwrap();
    let begin = Instant::now();
    assert_eq!(
        end_of(&mut world, &mut silent).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert!(begin.elapsed() >= Duration::from_secs(4));
    drop((hanging, at_c));
}

#[test]
fn connects_and_disconnects_leave_nothing() {
    let mut world = World::new();
    for name in ["a", "b"] {
        let limits = RtcLimits {
            idle: Duration::ZERO,
            ..RtcLimits::default()
        };
        world.join(name, limits);
    }
    for _ in 0..20 {
        let mut near = world.connect(0, "b");
        let mut far = world.accept(1);
        world.carry(&mut near, &mut far, b"hello");
        drop((near, far));
        world.until(|world| world.ends[0].connections() + world.ends[1].connections() == 0);
    }
}

#[test]
fn packets_that_are_none_change_nothing() {
    let mut world = World::new();
    let backend = Native::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = backend.local_address();
    let rendezvous = world.rendezvous.join("a".parse().unwrap()).unwrap();
    let rtc = WebRtc::new(rendezvous, backend);
    rtc.register(&world.poll, 0, Ready::Readable).unwrap();
    world.ends.push(rtc);
    world.accepted.push(Vec::new());
    world.join("b", RtcLimits::default());
    let mut near = world.connect(0, "b");
    let mut far = world.accept(1);
    world.carry(&mut near, &mut far, b"hello");
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for first in 0..=255_u8 {
        for len in [1, 2, 12, 20, 28, 100, 1200, 9000] {
            let mut packet = vec![first; len];
            // As of STUN, too.
            if let Some(cookie) = packet.get_mut(4..8) {
                cookie.copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            }
            stranger.send_to(&packet, at).unwrap();
        }
        world.turn(Duration::ZERO);
    }
    world.carry(&mut near, &mut far, &[3; 100_000]);
}

#[test]
fn datagrams_go_beside_the_streams() {
    let mut world = World::of(&["a", "b"]);
    let mut near = world.connect(0, "b");
    let mut far = world.accept(1);
    world.carry(&mut near, &mut far, b"hello");
    let (to, mut message) = ("b".parse().unwrap(), Vec::new());
    world.until(|world| {
        // The second channel may open later than the first.
        let _ = world.ends[0].send_datagram(&to, b"ping");
        world.ends[1].receive_datagram(&mut message).is_ok()
    });
    assert_eq!(message, b"ping");
}

#[test]
fn all_interfaces_are_no_address() {
    let error = Native::bind("0.0.0.0:0".parse().unwrap()).err().unwrap();
    assert!(error.to_string().contains("one interface"), "{error}");
}
