//! Latency, partitions and loss of the network in memory.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mydht_evloop::traits::{Events as _, Ready, Registerable};
use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::{
    Delivery, Faults, Memory, MemoryStream, Network, Parcel, Partition,
};
use mydht_transports::{Stream, Transport};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

type End = MemoryStream<Poll>;

/// A network with 10 ms from anywhere to anywhere, and two endpoints.
fn network() -> (Network<Poll>, Memory<Poll>, Memory<Poll>) {
    let network = Network::new();
    network.set_latency(|_, _| 10 * MS);
    let (alice, bob) = (network.endpoint(), network.endpoint());
    (network, alice, bob)
}

/// An open connection at 20 ms.
fn connected() -> (Network<Poll>, [Memory<Poll>; 2], End, End) {
    let (network, mut alice, mut bob) = network();
    let near = alice.connect_with(&bob.address()).unwrap();
    network.advance(10 * MS);
    let (far, from) = bob.accept().unwrap();
    assert_eq!(from, alice.address());
    network.advance(20 * MS);
    (network, [alice, bob], near, far)
}

fn write(end: &End, bytes: &[u8]) -> Result<usize, ErrorKind> {
    let result = end.write_stream().write(bytes);
    result.map_err(|error| error.kind())
}

fn read(end: &End) -> Result<Vec<u8>, ErrorKind> {
    let mut buf = [0; 64];
    let count = end.read_stream().read(&mut buf).map_err(|e| e.kind())?;
    Ok(buf[..count].to_vec())
}

const LATER: Result<usize, ErrorKind> = Err(ErrorKind::WouldBlock);

#[test]
fn opening_takes_a_round_trip() {
    let (network, mut alice, mut bob) = network();
    let near = alice.connect_with(&bob.address()).unwrap();
    network.advance(10 * MS - Duration::from_nanos(1));
    assert_eq!(bob.accept().err().unwrap().kind(), ErrorKind::WouldBlock);
    network.advance(10 * MS);
    let (far, _) = bob.accept().unwrap();
    assert_eq!(write(&near, b"early"), LATER);
    // Who accepts may speak at once; it is heard when the connection opens at the other end.
    assert_eq!(write(&far, b"welcome"), Ok(7));
    network.advance(20 * MS);
    assert_eq!(read(&near), Ok(b"welcome".to_vec()));
    assert_eq!(write(&near, b"thanks"), Ok(6));
    assert_eq!(network.next_delivery(), Some(30 * MS));
}

#[test]
fn that_nobody_is_there_is_heard_after_a_round_trip() {
    let (network, mut alice, bob) = network();
    let address = bob.address();
    drop(bob);
    let near = alice.connect_with(&address).unwrap();
    network.advance(19 * MS);
    assert_eq!(write(&near, b"hello"), LATER);
    assert_eq!(read(&near), Err(ErrorKind::WouldBlock));
    network.advance(20 * MS);
    assert_eq!(write(&near, b"hello"), Err(ErrorKind::ConnectionRefused));
    assert_eq!(read(&near), Err(ErrorKind::ConnectionRefused));
}

#[test]
fn the_end_arrives_behind_what_was_written() {
    let (network, _ends, near, far) = connected();
    assert_eq!(write(&near, b"last words"), Ok(10));
    drop(near);
    assert_eq!(write(&far, b"who is there?"), Ok(13), "it cannot know yet");
    network.advance(29 * MS);
    assert_eq!(read(&far), Err(ErrorKind::WouldBlock));
    network.advance(30 * MS);
    assert_eq!(read(&far), Ok(b"last words".to_vec()));
    assert_eq!(read(&far), Ok(vec![]));
    assert_eq!(write(&far, b"hello?"), Err(ErrorKind::BrokenPipe));
}

#[test]
fn who_closes_hears_and_says_no_more() {
    let (network, _ends, near, far) = connected();
    assert_eq!(write(&far, b"on its way"), Ok(10));
    near.disconnect();
    near.disconnect();
    assert_eq!(write(&near, b"more"), Err(ErrorKind::BrokenPipe));
    network.advance(60 * MS);
    assert_eq!(read(&near), Ok(vec![]));
    assert_eq!(network.next_delivery(), None);
}

#[test]
fn what_is_sent_later_does_not_overtake() {
    let (network, _ends, near, far) = connected();
    let mut latencies = [90, 5, 40].into_iter();
    network.set_latency(move |_, _| latencies.next().unwrap_or(1) * MS);
    for word in [&b"one "[..], b"two ", b"three"] {
        assert_eq!(write(&near, word), Ok(word.len()));
    }
    network.advance(109 * MS);
    assert_eq!(read(&far), Err(ErrorKind::WouldBlock));
    network.advance(110 * MS);
    assert_eq!(read(&far), Ok(b"one two three".to_vec()));
}

#[test]
fn a_wall_stalls_until_it_is_gone() {
    let (network, [mut alice, mut bob], near, far) = connected();
    let (a, b) = (alice.address(), bob.address());
    network.partition(Partition::Stall, move |address| u32::from(address == a));
    assert_eq!(write(&near, b"over the wall"), Ok(13));
    let late = alice.connect_with(&b).unwrap();
    let given_up = alice.connect_with(&b).unwrap();
    network.advance(600_000 * MS);
    assert_eq!(read(&far), Err(ErrorKind::WouldBlock));
    assert_eq!(write(&late, b"?"), LATER);
    drop(given_up);
    network.heal();
    network.advance(600_010 * MS);
    assert_eq!(read(&far), Ok(b"over the wall".to_vec()));
    let (_late_far, _) = bob.accept().unwrap();
    assert!(bob.accept().is_err(), "who gave up does not come");
    network.advance(600_020 * MS);
    assert_eq!(write(&late, b"!"), Ok(1));
}

#[test]
fn a_wall_that_answers_cuts_what_is_used() {
    let (network, [mut alice, bob], near, far) = connected();
    let a = alice.address();
    network.partition(Partition::Cut, move |address| u32::from(address == a));
    let new = alice.connect_with(&bob.address()).unwrap();
    network.advance(500 * MS);
    assert_eq!(read(&far), Err(ErrorKind::WouldBlock), "nobody used it");
    assert_eq!(write(&new, b"x"), Err(ErrorKind::ConnectionReset));
    assert_eq!(write(&near, b"x"), Ok(1));
    network.advance(510 * MS);
    for end in [&near, &far] {
        assert_eq!(read(end), Err(ErrorKind::ConnectionReset));
        assert_eq!(write(end, b"x"), Err(ErrorKind::ConnectionReset));
    }
    network.heal();
    assert!(alice.connect_with(&bob.address()).is_ok());
}

#[test]
fn an_endpoint_without_power_is_silent() {
    let (network, [alice, mut bob], near, far) = connected();
    network.unplug(alice.address());
    drop((near, alice));
    assert_eq!(write(&far, b"hello?"), Ok(6));
    let gone = bob.connect_with(&far_address(&network)).unwrap();
    network.advance(3_600_000 * MS);
    assert_eq!(read(&far), Err(ErrorKind::WouldBlock));
    assert_eq!(write(&far, b"hello?"), Ok(6));
    // An address where nobody ever was is refused; one that is unplugged never answers.
    assert_eq!(write(&gone, b"x"), Err(ErrorKind::ConnectionRefused));
    let silent = bob
        .connect_with(&mydht_transports::memory::MemoryAddress(1))
        .unwrap();
    network.advance(7_200_000 * MS);
    assert_eq!(write(&silent, b"x"), LATER);
}

/// The address of an endpoint that is gone.
fn far_address(network: &Network<Poll>) -> mydht_transports::memory::MemoryAddress {
    network.endpoint().address()
}

#[test]
fn a_loop_hears_of_what_arrives_when_it_arrives() {
    let (network, mut alice, mut bob) = network();
    let clock = VirtualClock::new(1);
    let (at_alice, at_bob) = (clock.poll(), clock.poll());
    let mut events = <Poll as mydht_evloop::traits::Poll>::Events::with_capacity(8);
    bob.register(&at_bob, 7, Ready::Readable).unwrap();
    let near = alice.connect_with(&bob.address()).unwrap();
    near.register(&at_alice, 1, Ready::Both).unwrap();
    let mut seen = |poll: &Poll| -> Vec<(usize, Ready)> {
        match mydht_evloop::traits::Poll::poll(poll, &mut events, Some(Duration::ZERO)) {
            Ok(_) => events.by_ref().map(|e| (e.token, e.kind)).collect(),
            Err(_) => Vec::new(),
        }
    };
    assert_eq!(seen(&at_alice), []);
    network.advance(10 * MS);
    assert_eq!(seen(&at_bob), [(7, Ready::Readable)]);
    let (far, _) = bob.accept().unwrap();
    far.register(&at_bob, 8, Ready::Both).unwrap();
    assert_eq!(seen(&at_bob), [(8, Ready::Writable)]);
    network.advance(20 * MS);
    assert_eq!(seen(&at_alice), [(1, Ready::Writable)]);
    write(&near, b"hello").unwrap();
    assert_eq!(seen(&at_bob), []);
    network.advance(30 * MS);
    assert_eq!(seen(&at_bob), [(8, Ready::Both)]);
}

#[test]
fn a_watch_sees_what_arrives() {
    let (network, mut alice, mut bob) = network();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    network.set_watch(move |delivery| log.lock().unwrap().push(delivery));
    let near = alice.connect_with(&bob.address()).unwrap();
    network.advance(10 * MS);
    let _far = bob.accept().unwrap();
    network.advance(20 * MS);
    write(&near, b"12345").unwrap();
    drop(near);
    network.advance(30 * MS);
    let (a, b) = (alice.address(), bob.address());
    let delivery = |at: u32, from, to, parcel| Delivery {
        at: at * MS,
        from,
        to,
        parcel,
    };
    assert_eq!(
        *seen.lock().unwrap(),
        [
            delivery(10, a, b, Parcel::Knock),
            delivery(20, b, a, Parcel::Opened),
            delivery(30, a, b, Parcel::Bytes(5)),
            delivery(30, a, b, Parcel::Closed),
        ]
    );
}

#[test]
fn a_network_that_ends_ends_what_is_on_its_way() {
    let (network, [mut alice, bob], near, far) = connected();
    write(&near, b"never read").unwrap();
    let under_way = alice.connect_with(&bob.address()).unwrap();
    drop((network, alice, bob));
    assert_eq!(read(&far), Err(ErrorKind::WouldBlock));
    drop((under_way, near, far));
}

proptest! {
    /// Whatever the pieces, the latencies, the faults and the room: what was written is read, in
    /// order and whole.
    #[test]
    fn bytes_keep_their_order(
        seed: u64,
        capacity in 1_usize..200,
        pieces in proptest::collection::vec((1_usize..90, 0_u64..50), 1..40),
        wall in 0_usize..40,
    ) {
        let network = Network::<Poll>::new();
        network.set_capacity(capacity);
        network.set_faults(move || Faults::seeded(seed, 50, 20));
        let mut random = seed | 1;
        network.set_latency(move |_, _| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Duration::from_millis(random >> 58)
        });
        let (mut alice, mut bob) = (network.endpoint(), network.endpoint());
        let near = alice.connect_with(&bob.address()).unwrap();
        let mut now = 200 * MS;
        network.advance(now);
        let far = bob.accept().unwrap().0;
        now += 200 * MS;
        network.advance(now);
        let (mut sent, mut got) = (Vec::<u8>::new(), Vec::<u8>::new());
        let (mut reader, mut writer) = (far.read_stream(), near.write_stream());
        let a = alice.address();
        for (at, (len, pause)) in pieces.iter().enumerate() {
            if at == wall {
                network.partition(Partition::Stall, move |address| u32::from(address == a));
            }
            let piece: Vec<u8> = (0..*len).map(|i| (at * 31 + i) as u8).collect();
            let count = writer.write(&piece).unwrap_or(0);
            sent.extend(&piece[..count]);
            now += Duration::from_millis(*pause);
            network.advance(now);
            let mut buf = [0; 70];
            let count = reader.read(&mut buf).unwrap_or(0);
            got.extend(&buf[..count]);
            prop_assert!(sent.starts_with(&got));
            if at == wall + 3 {
                network.heal();
            }
        }
        network.heal();
        drop((near, writer));
        network.advance(now + 1000 * MS);
        loop {
            let mut buf = [0; 70];
            match reader.read(&mut buf) {
                Ok(0) => break,
                Ok(count) => got.extend(&buf[..count]),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        prop_assert_eq!(got, sent);
    }
}
