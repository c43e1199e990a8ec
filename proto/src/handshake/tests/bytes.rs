//! Every cut and every changed bit of every message; and bytes that are no message at all.

use super::*;
use proptest::prelude::*;

/// Gives both sides each message as `change` makes it, and tells how far they got: whether the
/// connecting side, and whether the accepting side, took the peer for authenticated.
fn run(change: impl Fn(usize, Vec<u8>) -> Vec<u8>) -> (bool, bool) {
    let (mut a, ping) = connect(&public(1));
    let mut b = accept(&public(2));
    let Ok(step) = receive(&mut b, &change(0, ping)) else {
        return (false, false);
    };
    let pong = change(1, message(&step.send.unwrap()));
    let Ok(step) = receive(&mut a, &pong) else {
        return (false, false);
    };
    assert!(step.session.is_some());
    let reply = change(2, message(&step.send.unwrap()));
    (true, receive(&mut b, &reply).is_ok())
}

#[test]
fn nothing_changed_is_taken() {
    assert_eq!(run(|_, message| message), (true, true));
}

#[test]
fn every_changed_bit_ends_the_handshake() {
    let ([ping, pong, reply], _) = exchange(&public(1), &public(2));
    for (number, len) in [ping.len(), pong.len(), reply.len()]
        .into_iter()
        .enumerate()
    {
        for bit in 0..len * 8 {
            let result = run(|which, mut message| {
                if which == number {
                    message[bit / 8] ^= 1 << (bit % 8);
                }
                message
            });
            // Who connects is done before its last message arrives.
            assert_eq!(result, (number == 2, false), "message {number}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_byte_too_many_ends_the_handshake() {
    let ([ping, pong, reply], _) = exchange(&public(1), &public(2));
    for (number, len) in [ping.len(), pong.len(), reply.len()]
        .into_iter()
        .enumerate()
    {
        for to in (0..len).chain([len + 1, len + 100]) {
            let result = run(|which, mut message| {
                if which == number {
                    message.resize(to, 0);
                }
                message
            });
            assert_eq!(result, (number == 2, false), "message {number}, {to} bytes");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_taken_for_a_handshake(
        kind in 0..6u8,
        rest in prop::collection::vec(any::<u8>(), 0..300),
        connecting: bool,
    ) {
        // With and without what a message begins with.
        let bytes = if kind == 0 { rest } else { [&[kind, 1, 1, 1], &rest[..]].concat() };
        let mut side = if connecting { connect(&public(1)).0 } else { accept(&public(2)) };
        if let Ok(step) = receive(&mut side, &bytes) {
            // A PING may be anybody's; nothing is proved by it.
            prop_assert!(!connecting && step.session.is_none());
        }
    }

    /// Any splice of real messages: nobody is authenticated by one that was not meant.
    #[test]
    fn no_splice_is_taken(number in 0..3usize, other in 0..3usize, at in 0..180usize) {
        let (messages, _) = exchange(&public(1), &public(2));
        let (_, [ping, pong, reply]) = {
            let (messages, sessions) = exchange(&public(3), &public(2));
            (sessions, messages)
        };
        let others = [ping, pong, reply];
        let result = run(|which, message| {
            if which != number {
                return message;
            }
            let at = at.min(message.len());
            let tail = others[other].get(at..).unwrap_or_default();
            [&message[..at], tail].concat()
        });
        let spliced = {
            let at = at.min(messages[number].len());
            [&messages[number][..at], others[other].get(at..).unwrap_or_default()].concat()
        };
        let same = spliced == messages[number];
        prop_assert_eq!(result, (same || number == 2, same));
    }
}
