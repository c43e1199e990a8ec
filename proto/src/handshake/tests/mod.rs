//! Handshakes that go well, and what they agree on. The attacks are next door.

mod attacks;
mod bytes;
mod standards;
mod vectors;

use std::sync::Arc;
use std::time::Duration;

use super::{Channel, Credentials, Fresh, Handshake, Mode, Refusal, Session, Step};
use crate::id::PeerId;
use crate::identity::{GroupSecret, Identity};
use crate::shadow::Cipher;

pub(super) const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn identity(seed: u8) -> Arc<Identity> {
    Arc::new(Identity::from_seed(&[seed; 32]))
}

pub(super) fn id(seed: u8) -> PeerId {
    identity(seed).id()
}

pub(super) fn public(seed: u8) -> Arc<Credentials> {
    Arc::new(Credentials::public(identity(seed)).ciphers(&BOTH))
}

pub(super) fn private(seed: u8, group: u8) -> Arc<Credentials> {
    let group = GroupSecret::from_bytes([group; 32]);
    Arc::new(Credentials::private(identity(seed), group).ciphers(&BOTH))
}

pub(super) const BOTH: [Cipher; 2] = [Cipher::ChaCha20Poly1305, Cipher::Aes256CtrHmacSha256];

pub(super) fn fresh(byte: u8) -> Fresh {
    Fresh::from_bytes([byte; 32], [byte ^ 0x80; 32])
}

pub(super) fn channel() -> Channel {
    Channel {
        preamble: b"MYDHT\x01\x02\x00".to_vec(),
        binding: b"fingerprints".to_vec(),
    }
}

/// The side that connects and its PING, without the length.
pub(super) fn connect(local: &Arc<Credentials>) -> (Handshake, Vec<u8>) {
    let (handshake, ping) = Handshake::connect(local.clone(), None, &fresh(1), DEADLINE);
    (handshake, message(&ping))
}

pub(super) fn accept(local: &Arc<Credentials>) -> Handshake {
    Handshake::accept(local.clone(), fresh(2), DEADLINE)
}

pub(super) fn receive(side: &mut Handshake, message: &[u8]) -> Result<Step, Refusal> {
    side.receive(message, &channel(), Duration::ZERO, |_| true)
}

/// Without its length, which must be right.
pub(super) fn message(framed: &[u8]) -> Vec<u8> {
    let (length, message) = framed.split_first_chunk::<2>().unwrap();
    assert_eq!(usize::from(u16::from_le_bytes(*length)), message.len());
    message.to_vec()
}

/// Returns the message that a side sends back.
pub(super) fn answer(side: &mut Handshake, to: &[u8]) -> Vec<u8> {
    message(&receive(side, to).unwrap().send.unwrap())
}

/// The three messages, and what both sides agreed on.
pub(super) fn exchange(a: &Arc<Credentials>, b: &Arc<Credentials>) -> ([Vec<u8>; 3], [Session; 2]) {
    let (mut initiator, ping) = connect(a);
    let mut responder = accept(b);
    let pong = answer(&mut responder, &ping);
    let step = receive(&mut initiator, &pong).unwrap();
    let reply = message(&step.send.unwrap());
    let last = receive(&mut responder, &reply).unwrap();
    assert!(last.send.is_none());
    (
        [ping, pong, reply],
        [step.session.unwrap(), last.session.unwrap()],
    )
}

/// Returns the secrets of a session's keys, to be compared.
pub(super) fn secrets(session: &Session) -> [String; 2] {
    [&session.send, &session.receive].map(|keys| {
        let secret = crate::shadow::secret_bytes(&keys.secret);
        hex::encode(secret)
    })
}

#[test]
fn three_messages_introduce_two_peers() {
    let no_auth = |seed| Arc::new(Credentials::no_auth(identity(seed)));
    for (a, b, mode) in [
        (public(1), public(2), Mode::Public),
        (private(1, 9), private(2, 9), Mode::Private),
        (no_auth(1), no_auth(2), Mode::NoAuth),
    ] {
        let (_, [to_b, to_a]) = exchange(&a, &b);
        assert_eq!([to_b.peer(), to_a.peer()], [id(2), id(1)]);
        assert_eq!([to_b.mode, to_a.mode], [mode; 2]);
        assert_eq!(to_b.send.cipher, to_a.receive.cipher);
        let [send, receive] = secrets(&to_b);
        assert_eq!(secrets(&to_a), [receive.clone(), send.clone()]);
        assert_ne!(send, receive);
    }
}

#[test]
fn the_accepting_side_takes_the_best_offer_that_it_knows() {
    let [chacha, aes] = BOTH;
    let with =
        |seed, ciphers: &[Cipher]| Arc::new(Credentials::public(identity(seed)).ciphers(ciphers));
    for (offer, taken, agreed) in [
        (&[chacha, aes][..], &[aes, chacha][..], chacha),
        (&[aes, chacha], &[chacha], chacha),
        (&[aes], &[chacha, aes], aes),
        // Not where peers are authenticated.
        (&[Cipher::None, aes], &[Cipher::None, aes], aes),
    ] {
        let (_, sessions) = exchange(&with(1, offer), &with(2, taken));
        assert!(sessions.iter().all(|session| session.send.cipher == agreed));
    }
    for (offer, taken) in [
        (&[aes][..], &[chacha][..]),
        (&[Cipher::None], &[Cipher::None]),
    ] {
        let (_, ping) = connect(&with(1, offer));
        let refusal = receive(&mut accept(&with(2, taken)), &ping).unwrap_err();
        assert_eq!(refusal, Refusal::NoCommonCipher);
    }
}

#[test]
fn what_is_not_proved_can_still_be_encrypted() {
    let local = |seed| Arc::new(Credentials::no_auth(identity(seed)).ciphers(&BOTH));
    let (_, [session, _]) = exchange(&local(1), &local(2));
    assert_eq!(session.send.cipher, BOTH[0]);
}

#[test]
fn every_handshake_and_every_group_has_other_secrets() {
    let mut seen = std::collections::BTreeSet::new();
    let (a, b) = (public(1), public(2));
    for (ours, theirs) in [(1, 2), (3, 2), (1, 3)] {
        let (mut a, ping) = Handshake::connect(a.clone(), None, &fresh(ours), DEADLINE);
        let mut b = Handshake::accept(b.clone(), fresh(theirs), DEADLINE);
        let pong = answer(&mut b, &message(&ping));
        let session = receive(&mut a, &pong).unwrap().session.unwrap();
        seen.extend(secrets(&session));
    }
    for group in [4, 5] {
        let (_, [session, _]) = exchange(&private(1, group), &private(2, group));
        seen.extend(secrets(&session));
    }
    assert_eq!(seen.len(), 10);
}

#[test]
fn who_is_looked_for_is_who_must_answer() {
    let connect = |expected| {
        let (handshake, ping) = Handshake::connect(public(1), Some(expected), &fresh(1), DEADLINE);
        (handshake, message(&ping))
    };
    let (mut right, ping) = connect(id(2));
    let pong = answer(&mut accept(&public(2)), &ping);
    assert!(receive(&mut right, &pong).is_ok());
    let (mut wrong, ping) = connect(id(3));
    let pong = answer(&mut accept(&public(2)), &ping);
    let (expected, found) = (id(3), id(2));
    let refusal = receive(&mut wrong, &pong).unwrap_err();
    assert_eq!(refusal, Refusal::WrongPeer { expected, found });
}

#[test]
fn a_peer_may_be_refused_for_who_it_claims_to_be_and_for_who_it_is() {
    let (a, b) = (public(1), public(2));
    let not = |seed| move |peer: &PeerId| *peer != id(seed);
    let (mut initiator, ping) = connect(&a);
    let refusal = accept(&b)
        .receive(&ping, &channel(), Duration::ZERO, not(1))
        .unwrap_err();
    assert_eq!(refusal, Refusal::NotAccepted(id(1)));
    // Blocked while it was answering.
    let mut responder = accept(&b);
    let pong = answer(&mut responder, &ping);
    let reply = answer(&mut initiator, &pong);
    let refusal = responder
        .receive(&reply, &channel(), Duration::ZERO, not(1))
        .unwrap_err();
    assert_eq!(refusal, Refusal::NotAccepted(id(1)));
    let (mut initiator, _) = connect(&a);
    let refusal = initiator
        .receive(&pong, &channel(), Duration::ZERO, not(2))
        .unwrap_err();
    assert_eq!(refusal, Refusal::NotAccepted(id(2)));
}

#[test]
fn a_handshake_has_one_deadline() {
    let (a, b) = (public(1), public(2));
    let late = DEADLINE + Duration::from_nanos(1);
    let at = |side: &mut Handshake, message: &[u8], now| {
        side.receive(message, &channel(), now, |_| true)
    };
    let (mut initiator, ping) = connect(&a);
    assert_eq!(at(&mut accept(&b), &ping, late).unwrap_err(), Refusal::Late);
    let mut responder = accept(&b);
    let pong = message(&at(&mut responder, &ping, DEADLINE).unwrap().send.unwrap());
    let reply = message(&at(&mut initiator, &pong, DEADLINE).unwrap().send.unwrap());
    assert_eq!(at(&mut responder, &reply, late).unwrap_err(), Refusal::Late);
}

#[test]
fn what_comes_out_of_turn_is_refused_and_so_is_all_that_follows() {
    let (a, b) = (public(1), public(2));
    let (messages, _) = exchange(&a, &b);
    let [ping, pong, reply] = &messages;
    let fresh_a = || connect(&a).0;
    let fresh_b = || accept(&b);
    let waiting_b = || {
        let mut b = accept(&b);
        answer(&mut b, ping);
        b
    };
    let sides: [(&dyn Fn() -> Handshake, &Vec<u8>); 3] =
        [(&fresh_a, pong), (&fresh_b, ping), (&waiting_b, reply)];
    for (side, right) in sides {
        for wrong in messages.iter().filter(|message| *message != right) {
            let mut side = side();
            assert_eq!(receive(&mut side, wrong).unwrap_err(), Refusal::OutOfTurn);
            assert_eq!(receive(&mut side, right).unwrap_err(), Refusal::OutOfTurn);
        }
        let mut side = side();
        receive(&mut side, right).unwrap();
        if right != ping {
            assert_eq!(receive(&mut side, right).unwrap_err(), Refusal::OutOfTurn);
        }
    }
}

#[test]
fn a_refused_peer_is_told_why_as_far_as_it_may_know() {
    let (_, ping) = connect(&public(1));
    let refusal = receive(&mut accept(&private(2, 9)), &ping).unwrap_err();
    assert_eq!(refusal, Refusal::Mode(Mode::Public));
    let told = message(&refusal.to_send().unwrap());
    let heard = receive(&mut connect(&public(1)).0, &told).unwrap_err();
    assert!(heard.to_string().contains("--mode"), "{heard}");
    assert_eq!(heard.to_send(), None);
    // Any number is understood.
    for code in 0..=255 {
        let told = super::message::refused(code);
        let heard = receive(&mut connect(&public(1)).0, &told).unwrap_err();
        assert!(matches!(heard, Refusal::ByPeer(_)));
    }
}
