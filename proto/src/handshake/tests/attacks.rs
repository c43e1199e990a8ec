//! Attacks by somebody in between, or at the other end.

use super::super::message::{Message, Ping, Pong, pong_reply};
use super::super::schedule::Schedule;
use super::super::transcript::{Role, Transcript};
use super::*;
use crate::identity::SIGNATURE;
use x25519_dalek::StaticSecret;

/// Somebody with keys of its own and a program of its own.
struct Mallory {
    ephemeral: StaticSecret,
    said: Transcript,
}

impl Mallory {
    fn new() -> Self {
        Mallory {
            ephemeral: StaticSecret::from([66; 32]),
            said: Transcript::new(&channel()),
        }
    }

    fn public(&self) -> [u8; 32] {
        x25519_dalek::PublicKey::from(&self.ephemeral).to_bytes()
    }

    fn schedule(&self, theirs: &[u8; 32]) -> Schedule {
        Schedule::new(self.ephemeral.clone(), theirs, None).unwrap()
    }
}

fn ping(bytes: &[u8]) -> Ping {
    match Message::parse(bytes) {
        Ok(Message::Ping(ping)) => ping,
        other => panic!("{other:?}"),
    }
}

fn pong(bytes: &[u8]) -> Pong {
    match Message::parse(bytes) {
        Ok(Message::Pong(pong)) => pong,
        other => panic!("{other:?}"),
    }
}

/// A PING with a fresh key of Mallory's, that claims `key`; what B answers; and its proof,
/// decrypted.
fn ask(
    mallory: &mut Mallory,
    b: &Arc<Credentials>,
    key: [u8; 32],
) -> (Handshake, Schedule, Vec<u8>) {
    let ping = Ping {
        mode: Mode::Public,
        offer: BOTH.to_vec(),
        challenge: [6; 32],
        ephemeral: mallory.public(),
        key,
    }
    .to_bytes();
    let mut responder = accept(b);
    let answered = pong(&answer(&mut responder, &ping));
    mallory.said.add(&ping);
    mallory.said.add(&answered.head());
    let schedule = mallory.schedule(&answered.ephemeral);
    let proof = schedule
        .message_key("mydht handshake 1 pong", &mallory.said)
        .open(&mallory.said, &answered.sealed)
        .unwrap();
    mallory.said.add(&proof[..32]);
    mallory.said.add(&proof[32..]);
    (responder, schedule, proof)
}

/// Answers A's PING with a fresh key of Mallory's and this proof.
fn forge(
    mallory: &mut Mallory,
    ping_bytes: &[u8],
    proof: impl Fn(&mut Transcript) -> Vec<u8>,
) -> Vec<u8> {
    let asked = ping(ping_bytes);
    let mut forged = Pong {
        mode: Mode::Public,
        cipher: BOTH[0],
        challenge: [7; 32],
        ephemeral: mallory.public(),
        sealed: Vec::new(),
    };
    mallory.said.add(ping_bytes);
    mallory.said.add(&forged.head());
    let schedule = mallory.schedule(&asked.ephemeral);
    let key = schedule.message_key("mydht handshake 1 pong", &mallory.said);
    let sealed_over = mallory.said.clone();
    forged.sealed = key.seal(&sealed_over, proof(&mut mallory.said));
    forged.to_bytes()
}

/// The key and the signature of somebody who answers as itself.
fn honest(said: &mut Transcript, identity: &Identity) -> Vec<u8> {
    let key = identity.public_key().to_bytes();
    said.add(&key);
    let signature = said.sign(Role::Responder, identity);
    [&key[..], &signature].concat()
}

#[test]
fn a_man_in_the_middle_is_at_most_itself() {
    let mallory = identity(66);
    let (mut a, ping) = connect(&public(1));
    let answered = forge(&mut Mallory::new(), &ping, |said| honest(said, &mallory));
    let session = receive(&mut a, &answered).unwrap().session.unwrap();
    assert_eq!(session.peer(), mallory.id());
    // Who looks for B does not find Mallory.
    let (mut a, ping) = Handshake::connect(public(1), Some(id(2)), &fresh(1), DEADLINE);
    let ping = message(&ping);
    let answered = forge(&mut Mallory::new(), &ping, |said| honest(said, &mallory));
    let refusal = receive(&mut a, &answered).unwrap_err();
    let (expected, found) = (id(2), mallory.id());
    assert_eq!(refusal, Refusal::WrongPeer { expected, found });
}

#[test]
fn a_man_in_the_middle_cannot_exchange_the_fresh_keys() {
    let mallory = Mallory::new();
    let (_, bytes) = connect(&public(1));
    let mut changed = ping(&bytes);
    changed.ephemeral = mallory.public();
    let (mut a, _) = connect(&public(1));
    let answered = answer(&mut accept(&public(2)), &changed.to_bytes());
    assert_eq!(receive(&mut a, &answered).unwrap_err(), Refusal::NotProved);
    let (mut a, bytes) = connect(&public(1));
    let mut answered = pong(&answer(&mut accept(&public(2)), &bytes));
    answered.ephemeral = mallory.public();
    let refusal = receive(&mut a, &answered.to_bytes()).unwrap_err();
    assert_eq!(refusal, Refusal::NotProved);
}

/// Legacy's defect: a signature that is bound to nothing can be shown to somebody else.
#[test]
fn a_relayed_signature_of_the_accepting_side_proves_nothing() {
    let a_key = identity(1).public_key().to_bytes();
    // B is asked in A's name, with A's challenge even, and its proof is passed on.
    let (_, _, proof) = ask(&mut Mallory::new(), &public(2), a_key);
    let (mut a, ping) = connect(&public(1));
    let answered = forge(&mut Mallory::new(), &ping, |said| {
        said.add(&proof[..32]);
        proof.clone()
    });
    assert_eq!(
        receive(&mut a, &answered).unwrap_err(),
        Refusal::BadSignature
    );
}

#[test]
fn a_relayed_signature_of_the_connecting_side_proves_nothing() {
    // A connects with Mallory, who is known to it, and proves itself.
    let mallory = identity(66);
    let (mut a, ping) = connect(&public(1));
    let mut to_a = Mallory::new();
    let asked = super::super::message::Message::parse(&ping);
    let Ok(Message::Ping(asked)) = asked else {
        panic!("{asked:?}");
    };
    let answered = forge(&mut to_a, &ping, |said| honest(said, &mallory));
    let signed = pong(&answered);
    let reply = answer(&mut a, &answered);
    // Mallory reads A's signature.
    let schedule = to_a.schedule(&asked.ephemeral);
    let proof = schedule
        .message_key("mydht handshake 1 pong", &{
            let mut said = Mallory::new().said;
            said.add(&ping);
            said.add(&signed.head());
            said
        })
        .open(
            &{
                let mut said = Mallory::new().said;
                said.add(&ping);
                said.add(&signed.head());
                said
            },
            &signed.sealed,
        )
        .unwrap();
    to_a.said.add(&proof[32..]);
    let signature = schedule
        .message_key("mydht handshake 1 pong reply", &to_a.said)
        .open(&to_a.said, &reply[2..])
        .unwrap();
    assert_eq!(signature.len(), SIGNATURE);
    // And shows it to B, whom it asked in A's name.
    let mut to_b = Mallory::new();
    let a_key = identity(1).public_key().to_bytes();
    let (mut b, schedule, _) = ask(&mut to_b, &public(2), a_key);
    let sealed = schedule
        .message_key("mydht handshake 1 pong reply", &to_b.said)
        .seal(&to_b.said, signature);
    let refusal = receive(&mut b, &pong_reply(&sealed)).unwrap_err();
    assert_eq!(refusal, Refusal::BadSignature);
}

#[test]
fn a_claimed_identity_must_be_proved() {
    let mut mallory = Mallory::new();
    let a_key = identity(1).public_key().to_bytes();
    let (mut b, schedule, _) = ask(&mut mallory, &public(2), a_key);
    let own = mallory.said.sign(Role::Initiator, &identity(66)).to_vec();
    let sealed = schedule
        .message_key("mydht handshake 1 pong reply", &mallory.said)
        .seal(&mallory.said, own);
    let refusal = receive(&mut b, &pong_reply(&sealed)).unwrap_err();
    assert_eq!(refusal, Refusal::BadSignature);
}

/// The roles are signed: a side's signature as the one is none as the other.
#[test]
fn a_signature_of_the_other_role_is_none() {
    let mut mallory = Mallory::new();
    let key = identity(66).public_key().to_bytes();
    let (mut b, schedule, _) = ask(&mut mallory, &public(2), key);
    let other = mallory.said.sign(Role::Responder, &identity(66)).to_vec();
    let sealed = schedule
        .message_key("mydht handshake 1 pong reply", &mallory.said)
        .seal(&mallory.said, other);
    let refusal = receive(&mut b, &pong_reply(&sealed)).unwrap_err();
    assert_eq!(refusal, Refusal::BadSignature);
}

#[test]
fn a_replayed_handshake_is_refused() {
    let (a, b) = (public(1), public(2));
    let ([ping, pong, reply], _) = exchange(&a, &b);
    let mut later = Handshake::accept(b, fresh(3), DEADLINE);
    receive(&mut later, &ping).unwrap();
    assert_eq!(receive(&mut later, &reply).unwrap_err(), Refusal::NotProved);
    let (mut later, _) = Handshake::connect(a, None, &fresh(3), DEADLINE);
    assert_eq!(receive(&mut later, &pong).unwrap_err(), Refusal::NotProved);
}

#[test]
fn a_reflected_handshake_is_refused() {
    let a = public(1);
    let (mut initiator, bytes) = connect(&a);
    let refusal = receive(&mut accept(&a), &bytes).unwrap_err();
    assert_eq!(refusal, Refusal::Itself);
    // Under another name, A answers itself: and is told its own key.
    let mut renamed = ping(&bytes);
    renamed.key = identity(66).public_key().to_bytes();
    let answered = answer(&mut accept(&a), &renamed.to_bytes());
    assert!(receive(&mut initiator, &answered).is_err());
    let (mut initiator, bytes) = connect(&a);
    let answered = forge(&mut Mallory::new(), &bytes, |said| {
        honest(said, &identity(1))
    });
    assert_eq!(
        receive(&mut initiator, &answered).unwrap_err(),
        Refusal::Itself
    );
}

#[test]
fn versions_and_preambles_cannot_be_lowered() {
    let (mut a, mut bytes) = connect(&public(1));
    let mut answered = answer(&mut accept(&public(2)), &bytes);
    bytes[1] = 0;
    let refusal = receive(&mut accept(&public(2)), &bytes).unwrap_err();
    assert_eq!(refusal, Refusal::Version(0));
    answered[1] = 0;
    assert_eq!(receive(&mut a, &answered).unwrap_err(), Refusal::Version(0));
    // What was sent before the handshake was changed, for one side.
    for change in [
        |channel: &mut Channel| channel.preamble[6] = 0,
        |channel: &mut Channel| channel.preamble[5] = 2,
        |channel: &mut Channel| channel.binding[0] ^= 1,
        |channel: &mut Channel| channel.binding.clear(),
        // What is moved from one to the other is not the same.
        |channel: &mut Channel| {
            let moved = channel.preamble.pop();
            channel.binding.splice(..0, moved);
        },
    ] {
        let mut other = channel();
        change(&mut other);
        let (mut a, ping) = connect(&public(1));
        let answered = answer(&mut accept(&public(2)), &ping);
        let refusal = a.receive(&answered, &other, Duration::ZERO, |_| true);
        assert_eq!(refusal.unwrap_err(), Refusal::NotProved);
    }
}

#[test]
fn ciphers_cannot_be_lowered() {
    let (_, bytes) = connect(&public(1));
    let offers: [&[Cipher]; 4] = [
        &[BOTH[1]],
        &[BOTH[1], BOTH[0]],
        &[Cipher::None, BOTH[0]],
        &[BOTH[0], BOTH[1], BOTH[0]],
    ];
    for offer in offers {
        let mut lowered = ping(&bytes);
        lowered.offer = offer.to_vec();
        let (mut a, _) = connect(&public(1));
        let answered = answer(&mut accept(&public(2)), &lowered.to_bytes());
        assert_eq!(receive(&mut a, &answered).unwrap_err(), Refusal::NotProved);
    }
    for (chosen, why) in [
        (BOTH[1], Refusal::NotProved),
        (Cipher::None, Refusal::NotOffered),
    ] {
        let (mut a, bytes) = connect(&public(1));
        let mut answered = pong(&answer(&mut accept(&public(2)), &bytes));
        assert_ne!(answered.cipher, chosen);
        answered.cipher = chosen;
        assert_eq!(receive(&mut a, &answered.to_bytes()).unwrap_err(), why);
    }
    let mut only_none = ping(&bytes);
    only_none.offer = vec![Cipher::None];
    let refusal = receive(&mut accept(&public(2)), &only_none.to_bytes()).unwrap_err();
    assert_eq!(refusal, Refusal::NoCommonCipher);
}

#[test]
fn authentication_cannot_be_left_out() {
    for mode in [Mode::NoAuth, Mode::Private] {
        let (_, bytes) = connect(&public(1));
        let mut changed = ping(&bytes);
        changed.mode = mode;
        let refusal = receive(&mut accept(&public(2)), &changed.to_bytes()).unwrap_err();
        assert_eq!(refusal, Refusal::Mode(mode));
        let (mut a, bytes) = connect(&public(1));
        let mut answered = pong(&answer(&mut accept(&public(2)), &bytes));
        answered.mode = mode;
        let refusal = receive(&mut a, &answered.to_bytes()).unwrap_err();
        assert_eq!(refusal, Refusal::Mode(mode));
    }
    // A key without a signature, and a signature that is cut.
    for cut in [0, 1, SIGNATURE - 1] {
        let (mut a, bytes) = connect(&public(1));
        let answered = forge(&mut Mallory::new(), &bytes, |said| {
            let mut proof = honest(said, &identity(66));
            proof.truncate(32 + cut);
            proof
        });
        let refusal = receive(&mut a, &answered).unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal}");
    }
}

#[test]
fn who_has_not_the_groups_secret_is_no_member() {
    // Whoever accepts says nothing that an outsider could read, and takes nothing from it.
    let (mut outsider, ping) = connect(&private(1, 8));
    let mut member = accept(&private(2, 9));
    let answered = answer(&mut member, &ping);
    let refusal = receive(&mut outsider, &answered).unwrap_err();
    assert_eq!(refusal, Refusal::NotProved);
    let refusal = receive(&mut member, &pong_reply(&[0; 80])).unwrap_err();
    assert_eq!(refusal, Refusal::NotProved);
    // The other way round.
    let (mut member, ping) = connect(&private(1, 9));
    let answered = answer(&mut accept(&private(2, 8)), &ping);
    let refusal = receive(&mut member, &answered).unwrap_err();
    assert_eq!(refusal, Refusal::NotProved);
}

/// Every encoding of a point of small order on the curve or its twist, as libsodium lists them:
/// with each of them the shared secret would be known to all.
#[test]
fn fresh_keys_of_small_order_are_refused() {
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        for high in [0, 0x80] {
            let mut weak: [u8; 32] = hex::decode(point).unwrap().try_into().unwrap();
            weak[31] |= high;
            let (_, bytes) = connect(&public(1));
            let mut changed = ping(&bytes);
            changed.ephemeral = weak;
            let refusal = receive(&mut accept(&public(2)), &changed.to_bytes()).unwrap_err();
            assert_eq!(refusal, Refusal::WeakExchange, "{point}");
            let (mut a, bytes) = connect(&public(1));
            let mut answered = pong(&answer(&mut accept(&public(2)), &bytes));
            answered.ephemeral = weak;
            let refusal = receive(&mut a, &answered.to_bytes()).unwrap_err();
            assert_eq!(refusal, Refusal::WeakExchange, "{point}");
        }
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    // Of order 1, and on no point.
    let mut off = [0; 32];
    off[0] = 2;
    let mut one = [0; 32];
    one[0] = 1;
    for key in [off, one, [0; 32]] {
        let (_, bytes) = connect(&public(1));
        let mut changed = ping(&bytes);
        changed.key = key;
        let refusal = receive(&mut accept(&public(2)), &changed.to_bytes()).unwrap_err();
        assert_eq!(refusal, Refusal::WeakKey);
        let (mut a, bytes) = connect(&public(1));
        // A signature that a key of order 1 would verify: R and S of nothing.
        let answered = forge(&mut Mallory::new(), &bytes, |_| {
            [&key[..], &one, &[0; 32]].concat()
        });
        assert_eq!(receive(&mut a, &answered).unwrap_err(), Refusal::WeakKey);
    }
}
