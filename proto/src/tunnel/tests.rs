//! Packets, as bytes and keys; and tunnels that speak with each other.

use proptest::prelude::*;

use super::keys::Keys;
use super::*;
use crate::id::{Hash, PeerId};

fn id(number: usize) -> PeerId {
    PeerId(Hash::of(&[number as u8]))
}

fn secrets(count: usize) -> Vec<HopSecret> {
    (0..count).map(|_| HopSecret::generate().unwrap()).collect()
}

fn route(secrets: &[HopSecret]) -> Vec<Hop> {
    let hop = |(at, secret): (usize, &HopSecret)| Hop {
        id: id(at),
        key: secret.key(),
    };
    secrets.iter().enumerate().map(hop).collect()
}

/// Takes the packet through its hops, which must be these in their order; gives it as each had it,
/// and how it ends.
fn travel(secrets: &[HopSecret], mut packet: Vec<u8>) -> (Vec<Vec<u8>>, Peeled) {
    let mut seen = Vec::new();
    for (at, secret) in secrets.iter().enumerate() {
        let (_, peeled) = peel(secret, &packet).unwrap();
        seen.push(packet);
        match peeled {
            Peeled::Forward(to, onward) => {
                assert_eq!(to, id(at + 1));
                packet = onward;
            }
            last => {
                assert_eq!(at + 1, secrets.len());
                return (seen, last);
            }
        }
    }
    panic!("it goes on behind its last hop");
}

#[test]
fn a_packet_is_of_one_length_on_its_way_and_no_hop_sees_what_another_saw() {
    for hops in 1..=HOPS {
        for class in [Class::Small, Class::Medium, Class::Large] {
            let secrets = secrets(hops);
            let content = vec![7; class.content_len()];
            let packet = wrap(&route(&secrets), &content, class).unwrap();
            let (seen, last) = travel(&secrets, packet);
            assert_eq!(last, Peeled::Here(content));
            assert!(seen.iter().all(|packet| packet.len() == class.packet_len()));
            // Nothing of it, at any place, is the same at two hops: sixteen bytes are so by chance once in 2^128.
            let mut windows = std::collections::HashSet::new();
            for packet in &seen {
                assert!(
                    packet
                        .chunks_exact(16)
                        .all(|window| windows.insert(window.to_vec()))
                );
            }
        }
    }
}

#[test]
fn whatever_is_changed_of_a_packet_is_noticed_by_the_next_hop() {
    let secrets = secrets(3);
    let packet = wrap(&route(&secrets), b"content", Class::Small).unwrap();
    let Peeled::Forward(_, second) = peel(&secrets[0], &packet).unwrap().1 else {
        panic!("it ends at the first hop");
    };
    for at in 0..packet.len() {
        for (secret, packet) in [(&secrets[0], &packet), (&secrets[1], &second)] {
            let mut changed = packet.clone();
            changed[at] ^= 1 << (at % 8);
            // The highest bit of an X25519 key counts for nothing (RFC 7748, section 5), but is hashed into the keys.
            assert_eq!(
                peel(secret, &changed),
                Err(TunnelError::Broken),
                "byte {at}"
            );
        }
    }
}

#[test]
fn a_hop_reads_its_own_layer_only() {
    let secrets = secrets(3);
    let packet = wrap(&route(&secrets), b"content", Class::Small).unwrap();
    for other in &secrets[1..] {
        assert_eq!(peel(other, &packet), Err(TunnelError::Broken));
    }
}

#[test]
fn a_packet_is_taken_once_also_when_the_key_was_changed_meanwhile() {
    let mut keys = Keys::of(3).unwrap();
    let make = |keys: &Keys| {
        let hop = Hop {
            id: id(0),
            key: keys.key(),
        };
        wrap(&[hop], b"x", Class::Small).unwrap()
    };
    let first = make(&keys);
    let on_its_way = make(&keys);
    let key = keys.key();
    assert!(matches!(keys.take(&first), Ok((_, false))));
    assert_eq!(keys.take(&first), Err(TunnelError::Broken));
    let second = make(&keys);
    assert!(matches!(keys.take(&second), Ok((_, false))));
    let third = make(&keys);
    assert!(
        matches!(keys.take(&third), Ok((_, true))),
        "the key is worn"
    );
    assert_ne!(keys.key(), key);
    for old in [&first, &second, &third] {
        assert_eq!(keys.take(old), Err(TunnelError::Broken));
    }
    assert!(keys.take(&on_its_way).is_ok());
    assert_eq!(keys.take(&on_its_way), Err(TunnelError::Broken));
}

/// A hostile peer can make packets for the key before until the next one is worn.
#[test]
fn the_packets_of_the_key_before_are_bounded() {
    let mut keys = Keys::of(3).unwrap();
    let old = Hop {
        id: id(0),
        key: keys.key(),
    };
    let mut taken = 0;
    for _ in 0..20 {
        let packet = wrap(&[old], b"x", Class::Small).unwrap();
        taken += usize::from(keys.take(&packet).is_ok());
    }
    assert_eq!(taken, 6);
    let now = Hop {
        id: id(0),
        key: keys.key(),
    };
    let packet = wrap(&[now], b"x", Class::Small).unwrap();
    assert!(keys.take(&packet).is_ok(), "the new key takes packets");
}

#[test]
fn an_answer_comes_back_by_its_own_route_and_only_who_asked_reads_it() {
    let secrets = secrets(4);
    let (block, keys) = AnswerBlock::new(&route(&secrets)).unwrap();
    let (block, rest) = AnswerBlock::from_bytes(&block.to_bytes())
        .map(|(block, rest)| (block, rest.len()))
        .unwrap();
    assert_eq!(rest, 0);
    let content = vec![9; Class::Medium.content_len()];
    let (first, packet) = block.answer(&content).unwrap();
    assert_eq!((first, packet.len()), (id(0), Class::Medium.packet_len()));
    let (seen, last) = travel(&secrets, packet);
    assert!(
        seen.iter()
            .all(|packet| packet.len() == Class::Medium.packet_len())
    );
    let Peeled::Home(name, body) = last else {
        panic!("{last:?}");
    };
    assert_eq!(name, *keys.name());
    for at in (0..body.len()).step_by(97) {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(keys.open(changed), Err(TunnelError::Broken));
    }
    assert_eq!(keys.open(body), Ok(content));
}

#[test]
fn what_cannot_be_made_is_refused() {
    let six = route(&secrets(HOPS + 1));
    assert_eq!(wrap(&six, b"", Class::Small), Err(TunnelError::Route));
    assert_eq!(wrap(&[], b"", Class::Small), Err(TunnelError::Route));
    let weak = Hop {
        id: id(0),
        key: [0; 32],
    };
    assert_eq!(wrap(&[weak], b"", Class::Small), Err(TunnelError::Route));
    let long = vec![0; Class::Small.content_len() + 1];
    assert_eq!(
        wrap(&six[..1], &long, Class::Small),
        Err(TunnelError::TooLong)
    );
    assert_eq!(Class::for_content(long.len()), Ok(Class::Medium));
    assert_eq!(Class::for_content(64 << 10), Err(TunnelError::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_content_comes_through_any_number_of_hops(
        content in prop::collection::vec(any::<u8>(), 0..1400),
        hops in 1..=HOPS,
    ) {
        let secrets = secrets(hops);
        prop_assume!(content.len() <= Class::Small.content_len());
        let packet = wrap(&route(&secrets), &content, Class::Small).unwrap();
        prop_assert_eq!(travel(&secrets, packet).1, Peeled::Here(content));
    }

    #[test]
    fn whatever_comes_is_no_packet(bytes in prop::collection::vec(any::<u8>(), 0..70_000), cut in any::<bool>()) {
        let secret = HopSecret::generate().unwrap();
        let mut bytes = bytes;
        if cut {
            bytes.resize(Class::Small.packet_len(), 1);
        }
        prop_assert_eq!(peel(&secret, &bytes), Err(TunnelError::Broken));
        AnswerBlock::from_bytes(&bytes);
        Answer::from_bytes(&bytes);
    }
}
