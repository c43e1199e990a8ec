//! Arbitrary bytes into both sides of a handshake, at every turn of it, and changed messages of an
//! honest one.
//!
//! Nobody may be authenticated by them, and nothing may panic.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mydht_proto::handshake::{Channel, Credentials, FrameIn, Fresh, Handshake, Step};
use mydht_proto::identity::{GroupSecret, Identity};

/// Nodes of a public and of a private network: the connecting and the accepting side of each.
static LOCALS: LazyLock<[[Arc<Credentials>; 2]; 2]> = LazyLock::new(|| {
    let identity = |seed| Arc::new(Identity::from_seed(&[seed; 32]));
    let group = GroupSecret::from_bytes([9; 32]);
    [
        [1, 2].map(|seed| Arc::new(Credentials::public(identity(seed)))),
        [1, 2].map(|seed| Arc::new(Credentials::private(identity(seed), group.clone()))),
    ]
});

fn fresh(byte: u8) -> Fresh {
    Fresh::from_bytes([byte; 32], [byte ^ 0x80; 32])
}

fn receive(side: &mut Handshake, message: &[u8]) -> Option<Step> {
    side.receive(message, &Channel::default(), Duration::ZERO, |_| true).ok()
}

/// The bytes that differ from `honest`: those of `data`, at the place that its first two bytes
/// name.
fn changed(honest: &[u8], data: &[u8]) -> Vec<u8> {
    let [place, kind, with @ ..] = data else {
        return data.to_vec();
    };
    let place = usize::from(*place).min(honest.len());
    let (front, back) = honest.split_at(place);
    let skipped = match kind % 3 {
        0 => 0,
        1 => with.len(),
        _ => back.len(),
    };
    let back = back.get(skipped..).unwrap_or_default();
    [front, with, back].concat()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let [a, b] = &LOCALS[usize::from(choice & 1)];
    let deadline = Duration::from_secs(10);
    let mut frame = FrameIn::default();
    let mut source = data;
    let message = match frame.read_from(&mut source) {
        Ok(Some(message)) if choice & 2 != 0 => message,
        _ => data.to_vec(),
    };
    let (mut a, ping) = Handshake::connect(a.clone(), None, &fresh(1), deadline);
    let mut b = Handshake::accept(b.clone(), fresh(2), deadline);
    let ping = &ping[2..];
    match choice >> 2 & 3 {
        // The accepting side reads a PING that may be anybody's; it is not convinced by that.
        0 => {
            if let Some(step) = receive(&mut b, &changed(ping, &message)) {
                assert!(step.session.is_none());
            }
            assert!(receive(&mut b, &message).is_none_or(|step| step.session.is_none()));
        }
        1 => assert!(receive(&mut a, &message).is_none()),
        2 => {
            let pong = receive(&mut b, ping).and_then(|step| step.send).unwrap();
            let message = changed(&pong[2..], &message);
            assert_eq!(receive(&mut a, &message).is_some(), message == pong[2..]);
        }
        _ => {
            let pong = receive(&mut b, ping).and_then(|step| step.send).unwrap();
            let reply = receive(&mut a, &pong[2..])
                .and_then(|step| step.send)
                .unwrap();
            let message = changed(&reply[2..], &message);
            assert_eq!(receive(&mut b, &message).is_some(), message == reply[2..]);
        }
    }
});
