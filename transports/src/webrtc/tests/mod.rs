//! The transport over a network of names, on a virtual clock.

mod fake;
mod negotiation;

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use fake::{Fake, Network};
use mydht_evloop::traits::{self, Events, Ready, Registerable};
use mydht_evloop::{LoopEvents, Poll, VirtualClock};

use super::{PathState, RtcLimits, RtcStream, WebRtc};
use crate::rendezvous::{LocalMember, LocalRendezvous, Rendezvous, RtcAddress, SignalKind};
use crate::session::SessionLimits;
use crate::{Stream, Transport};

type Link = RtcStream<LocalMember<Poll>, Fake>;

/// A node of sorts: it takes what it is reported, and keeps the streams that it accepted.
struct Node {
    poll: Poll,
    events: LoopEvents,
    rtc: WebRtc<LocalMember<Poll>, Fake>,
    accepted: Vec<Link>,
    next_token: usize,
    reports: Vec<(usize, Ready)>,
}

impl Node {
    fn turn(&mut self) {
        while traits::Poll::poll(&self.poll, &mut self.events, None).is_ok() {
            for event in self.events.by_ref() {
                if event.token != 0 {
                    self.reports.push((event.token, event.kind));
                    continue;
                }
                while let Ok((stream, _)) = self.rtc.accept() {
                    self.next_token += 1;
                    stream
                        .register(&self.poll, self.next_token, Ready::Both)
                        .unwrap();
                    self.accepted.push(stream);
                }
            }
        }
    }

    fn connect(&mut self, name: &str) -> io::Result<Link> {
        let stream = self.rtc.connect_with(&name.parse().unwrap())?;
        self.next_token += 1;
        stream.register(&self.poll, self.next_token, Ready::Both)?;
        Ok(stream)
    }
}

struct World {
    clock: VirtualClock,
    rendezvous: LocalRendezvous<Poll>,
    network: Network,
    limits: RtcLimits,
    nodes: Vec<Node>,
}

impl World {
    fn new(limits: RtcLimits) -> World {
        World {
            clock: VirtualClock::new(7),
            rendezvous: LocalRendezvous::default(),
            network: Network::default(),
            limits,
            nodes: Vec::new(),
        }
    }

    /// A world of nodes a, b, c…
    fn of(count: u8) -> World {
        let mut world = World::new(RtcLimits::default());
        for index in 0..count {
            world.join(&char::from(b'a' + index).to_string());
        }
        world
    }

    fn join(&mut self, name: &str) {
        let poll = self.clock.poll();
        let rendezvous = self.rendezvous.join(name.parse().unwrap()).unwrap();
        let rtc = WebRtc::with_limits(rendezvous, Fake(self.network.clone()), self.limits.clone());
        rtc.register(&poll, 0, Ready::Readable).unwrap();
        self.nodes.push(Node {
            poll,
            events: LoopEvents::with_capacity(8),
            rtc,
            accepted: Vec::new(),
            next_token: 0,
            reports: Vec::new(),
        });
    }

    /// Gives turns until nothing is left to be done at this time.
    fn settle(&mut self) {
        loop {
            for node in &mut self.nodes {
                node.turn();
            }
            if !self.clock.any_woken() {
                return;
            }
        }
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while let Some(next) = self.clock.next_deadline().filter(|next| *next <= end) {
            self.clock.advance_to(next);
            self.settle();
        }
        self.clock.advance_to(end);
        self.settle();
    }

    fn pair(&mut self) -> (Link, Link) {
        let near = self.nodes[0].connect("b").unwrap();
        self.settle();
        let far = self.nodes[1].accepted.remove(0);
        (near, far)
    }

    fn connections(&self) -> Vec<usize> {
        self.nodes
            .iter()
            .map(|node| node.rtc.connections())
            .collect()
    }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn send_all(world: &mut World, from: &mut Link, to: &mut Link, bytes: &[u8]) {
    let (mut sent, mut got, mut buf) = (0, Vec::new(), vec![0; 40_000]);
    let mut idle = 0;
    while got.len() < bytes.len() {
        idle += 1;
        assert!(idle < 100, "stuck");
        while let Ok(count @ 1..) = from.write(&bytes[sent..]) {
            sent += count;
        }
        world.settle();
        while let Ok(count) = to.read(&mut buf) {
            assert_ne!(count, 0);
            got.extend_from_slice(&buf[..count]);
            idle = 0;
        }
    }
    assert!(got == bytes);
}

#[test]
fn messages_of_any_length_pass_both_ways() {
    let mut world = World::of(2);
    let (mut near, mut far) = world.pair();
    for len in [1, 16383, 16384, 16385, 65536, (256 << 10) + 1, 5 << 20] {
        let bytes: Vec<u8> = (0..len).map(|i: usize| ((i * 13) >> 5) as u8).collect();
        send_all(&mut world, &mut near, &mut far, &bytes);
        send_all(&mut world, &mut far, &mut near, &bytes);
    }
}

#[test]
fn a_stream_is_reported_when_it_opens_and_can_be_written_before() {
    let mut world = World::of(2);
    let mut near = world.nodes[0].connect("b").unwrap();
    assert_eq!(near.write(b"early").unwrap(), 5);
    assert_eq!(kind(near.read(&mut [0])), ErrorKind::WouldBlock);
    world.settle();
    let mut far = world.nodes[1].accepted.remove(0);
    let mut buf = [0; 8];
    assert_eq!(far.read(&mut buf).unwrap(), 5);
    far.write_all(b"hi").unwrap();
    world.nodes[0].reports.clear();
    world.settle();
    assert!(world.nodes[0].reports.contains(&(1, Ready::Readable)));
}

#[test]
fn streams_to_one_peer_share_a_connection_and_a_slow_one_stops_no_other() {
    let mut world = World::of(2);
    let (mut slow, _unread) = world.pair();
    while slow.write(&[0; 10_000]).is_ok() {
        world.settle();
    }
    let mut near = world.nodes[0].connect("b").unwrap();
    world.settle();
    let mut far = world.nodes[1].accepted.remove(0);
    send_all(&mut world, &mut near, &mut far, &vec![9; 3 << 20]);
    assert_eq!(world.network.counts().2, 2, "one connection, two ends");
    assert_eq!(kind(slow.write(&[0])), ErrorKind::WouldBlock);
}

#[test]
fn two_that_connect_to_each_other_at_once_have_one_connection() {
    for swap in [false, true] {
        let mut world = World::of(2);
        let order = if swap {
            [(1, "a"), (0, "b")]
        } else {
            [(0, "b"), (1, "a")]
        };
        let mut streams: Vec<Link> = order
            .iter()
            .map(|(node, to)| world.nodes[*node].connect(to).unwrap())
            .collect();
        world.settle();
        for (mut near, (node, _)) in streams.drain(..).zip(order) {
            let mut far = world.nodes[1 - node].accepted.remove(0);
            send_all(&mut world, &mut near, &mut far, b"hello");
        }
        assert_eq!(world.network.counts().2, 2, "one connection, two ends");
    }
}

#[test]
fn a_thousand_connects_and_disconnects_leave_nothing() {
    let mut world = World::of(2);
    for round in 0..1000 {
        let (mut near, mut far) = world.pair();
        near.write_all(b"x").unwrap();
        world.settle();
        assert_eq!(far.read(&mut [0; 4]).unwrap(), 1, "round {round}");
        near.disconnect();
        world.settle();
        assert_eq!(far.read(&mut [0; 4]).unwrap(), 0);
        drop((near, far));
        world.pass(s(11));
        assert_eq!(world.connections(), [0, 0], "round {round}");
    }
    let (_, _, made, open) = world.network.counts();
    assert_eq!((made, open), (2000, 0));
}

#[test]
fn a_connection_that_is_used_again_soon_is_not_made_again() {
    let mut world = World::of(2);
    for _ in 0..10 {
        let (near, far) = world.pair();
        drop((near, far));
        world.pass(s(5));
    }
    assert_eq!(world.network.counts().2, 2);
}

#[test]
fn a_peer_that_vanishes_is_noticed_within_ten_seconds() {
    let mut world = World::of(2);
    let (mut near, _far) = world.pair();
    world.pass(s(100));
    assert_eq!(kind(near.read(&mut [0])), ErrorKind::WouldBlock, "it lives");
    world.network.cut(true);
    world.pass(Duration::from_millis(7000));
    assert_eq!(kind(near.read(&mut [0])), ErrorKind::WouldBlock);
    world.pass(s(3));
    assert_eq!(kind(near.read(&mut [0])), ErrorKind::TimedOut);
}

#[test]
fn a_peer_that_leaves_is_noticed_at_once() {
    let mut world = World::of(2);
    let (mut near, far) = world.pair();
    drop(far);
    world.nodes.pop();
    world.settle();
    assert_eq!(near.read(&mut [0]).unwrap(), 0);
    assert_eq!(kind(near.write(&[0])), ErrorKind::BrokenPipe);
    assert_eq!(
        kind(world.nodes[0].connect("b")),
        ErrorKind::ConnectionReset,
        "nobody is there"
    );
}

#[test]
fn a_path_that_is_cut_for_a_while_is_replaced_and_nothing_is_lost() {
    let mut world = World::of(2);
    let (mut near, mut far) = world.pair();
    world.network.say(PathState::Disconnected);
    world.settle();
    world.pass(s(2));
    let (_, restarts, _, _) = world.network.counts();
    assert!(restarts >= 1);
    send_all(&mut world, &mut near, &mut far, &vec![1; 100_000]);
    world.pass(s(60));
    assert_eq!(world.network.counts().1, restarts, "it was found");
}

#[test]
fn one_that_never_opens_is_given_up_after_twenty_seconds() {
    let mut world = World::of(2);
    world.network.block();
    let mut near = world.nodes[0].connect("b").unwrap();
    world.pass(s(19));
    assert_eq!(kind(near.read(&mut [0])), ErrorKind::WouldBlock);
    world.pass(s(1));
    let error = near.read(&mut [0]).unwrap_err();
    assert!(error.to_string().contains("20 s"), "{error}");
    drop(near);
    world.pass(s(1));
    assert_eq!(world.connections(), [0, 0], "the peer was told");
}

#[test]
fn a_peer_that_was_started_anew_is_connected_with_anew() {
    let mut world = World::of(2);
    let (_near, mut far) = world.pair();
    // As a page that is reloaded: it says nothing, and has its name again.
    world.network.cut(true);
    drop(_near);
    let old = world.nodes.remove(0);
    drop(old);
    world.network.cut(false);
    world.join("a");
    let mut near = world.nodes[1].connect("b").unwrap();
    world.settle();
    let again = far.read(&mut [0]).unwrap_err();
    assert!(again.to_string().contains("anew"), "{again}");
    let mut far = world.nodes[0].accepted.remove(0);
    send_all(&mut world, &mut near, &mut far, b"hello");
}

#[test]
fn garbage_in_the_channel_ends_that_connection_alone() {
    let mut world = World::of(2);
    let (mut near, _far) = world.pair();
    world.network.inject(b"\xff garbage");
    world.settle();
    assert_eq!(kind(near.read(&mut [0])), ErrorKind::InvalidData);
    world.pass(s(1));
    let mut near = world.nodes[0].connect("b").unwrap();
    world.settle();
    let mut far = world.nodes[1].accepted.remove(0);
    send_all(&mut world, &mut near, &mut far, b"hello");
}

#[test]
fn signals_that_make_no_sense_change_nothing() {
    let mut world = World::of(2);
    let (mut near, mut far) = world.pair();
    let mut stranger = world.rendezvous.join("x".parse().unwrap()).unwrap();
    let to: RtcAddress = "a".parse().unwrap();
    let other = "1 00000000000000aa 00000000000000bb\noffer 7";
    let unknown = "1 00000000000000aa 0000000000000000\noffer 999";
    let wrong = "1 00000000000000ab 0000000000000000\nnonsense";
    for body in ["", "garbage", other, unknown, wrong] {
        for kind in [
            SignalKind::Answer,
            SignalKind::Candidate,
            SignalKind::Bye,
            SignalKind::Offer,
        ] {
            stranger.send(&to, kind, body.to_owned()).unwrap();
        }
    }
    world.settle();
    send_all(&mut world, &mut near, &mut far, b"hello");
    world.pass(s(9));
    send_all(&mut world, &mut near, &mut far, b"still there");
    world.pass(s(30));
    assert_eq!(world.connections(), [1, 1]);
}

#[test]
fn the_least_useful_connection_makes_room_and_useful_ones_do_not() {
    let mut world = World::new(RtcLimits {
        connections: 2,
        ..RtcLimits::default()
    });
    for name in ["a", "b", "c", "d"] {
        world.join(name);
    }
    let to_b = world.nodes[0].connect("b").unwrap();
    world.settle();
    world.pass(s(1));
    let mut to_c = world.nodes[0].connect("c").unwrap();
    world.settle();
    let error = world.nodes[0].connect("d").unwrap_err();
    assert!(error.to_string().contains("limit connections"), "{error}");
    drop(to_b);
    world.nodes[1].accepted.clear();
    world.settle();
    let _to_d = world.nodes[0].connect("d").unwrap();
    world.settle();
    assert_eq!(world.nodes[3].accepted.len(), 1);
    assert_eq!(kind(to_c.read(&mut [0])), ErrorKind::WouldBlock);
    world.pass(s(2));
    assert_eq!(world.connections()[..2], [2, 0]);
    world.pass(s(31));
    let _to_b = world.nodes[0].connect("b").unwrap();
    world.settle();
    assert_eq!(to_c.read(&mut [0]).unwrap(), 0, "it was unused for longest");
}

#[test]
fn a_flood_of_offers_takes_half_of_the_room_at_most() {
    let mut world = World::of(1);
    world.network.block();
    let mut floods = Vec::new();
    for number in 0..100 {
        let mut flood = world
            .rendezvous
            .join(format!("x{number}").parse().unwrap())
            .unwrap();
        let body = format!("1 {:016x} {:016x}\noffer 1", number + 1, 0);
        flood
            .send(&"a".parse().unwrap(), SignalKind::Offer, body)
            .unwrap();
        floods.push(flood);
    }
    world.settle();
    assert_eq!(world.connections(), [16]);
    let mut refused = 0;
    for flood in &mut floods {
        while let Ok(signal) = flood.receive() {
            refused += usize::from(format!("{signal:?}").contains("too many"));
        }
    }
    assert_eq!(refused, 84);
    world.pass(s(21));
    assert_eq!(world.connections(), [0]);
}

#[test]
fn datagrams_go_beside_the_streams() {
    let mut world = World::of(2);
    let to: RtcAddress = "b".parse().unwrap();
    let early = world.nodes[0].rtc.send_datagram(&to, b"x");
    assert_eq!(kind(early), ErrorKind::NotConnected);
    let _pair = world.pair();
    world.nodes[0].rtc.send_datagram(&to, b"hello").unwrap();
    world.settle();
    let mut message = Vec::new();
    let from = world.nodes[1].rtc.receive_datagram(&mut message).unwrap();
    assert_eq!((from.name(), message.as_slice()), ("a", &b"hello"[..]));
    let none = world.nodes[1].rtc.receive_datagram(&mut message);
    assert_eq!(kind(none), ErrorKind::WouldBlock);
}

#[test]
fn streams_end_when_their_transport_does() {
    let mut world = World::of(2);
    let (mut near, mut far) = world.pair();
    let first = world.nodes.remove(0);
    drop(first);
    world.settle();
    assert_eq!(near.read(&mut [0]).unwrap(), 0);
    assert_eq!(far.read(&mut [0]).unwrap(), 0);
    drop((near, far));
    world.pass(s(2));
    assert_eq!(world.network.counts().3, 0);
}

#[test]
fn limits_of_the_session_hold() {
    let mut world = World::new(RtcLimits {
        session: SessionLimits {
            streams: 3,
            ..SessionLimits::default()
        },
        ..RtcLimits::default()
    });
    world.join("a");
    world.join("b");
    let _streams: Vec<Link> = (0..3)
        .map(|_| world.nodes[0].connect("b").unwrap())
        .collect();
    let error = world.nodes[0].connect("b").unwrap_err();
    assert!(error.to_string().contains("limit streams"), "{error}");
    let own = world.nodes[0].connect("a").unwrap_err();
    assert_eq!(own.kind(), ErrorKind::InvalidInput);
}
