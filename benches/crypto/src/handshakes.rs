use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use mydht_proto::handshake::{Channel, Credentials, Fresh, Handshake};
use mydht_proto::identity::{GroupSecret, Identity};
use snow::{Builder, HandshakeState};

use crate::{Row, duel};

/// Handshakes a round.
const EACH: usize = 20;

fn ours(credentials: &[Arc<Credentials>; 2]) {
    let [a, b] = credentials;
    let channel = Channel::default();
    let fresh = || Fresh::generate().expect("randomness");
    let receive = |side: &mut Handshake, message: &[u8]| {
        side.receive(&message[2..], &channel, Duration::ZERO, |_| true)
            .expect("an honest peer")
    };
    let (mut a, ping) = Handshake::connect(a.clone(), None, &fresh(), Duration::MAX);
    let mut b = Handshake::accept(b.clone(), fresh(), Duration::MAX);
    let pong = receive(&mut b, &ping).send.expect("PONG");
    let step = receive(&mut a, &pong);
    let reply = step.send.expect("PONG_REPLY");
    black_box((step.session, receive(&mut b, &reply).session));
}

/// Noise with a payload in its second and its third message, as a node would have.
struct Noise {
    pattern: &'static str,
    statics: [Vec<u8>; 2],
    /// Each side signs its static key and checks the other's, as libp2p does: what binds an ed25519
    /// identity.
    identities: Option<[SigningKey; 2]>,
}

impl Noise {
    fn new(pattern: &'static str, with_identities: bool) -> Self {
        let key = || {
            Self::builder(pattern)
                .generate_keypair()
                .expect("keys")
                .private
        };
        let identities = [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32]));
        Noise {
            pattern,
            statics: [key(), key()],
            identities: with_identities.then_some(identities),
        }
    }

    fn builder<'a>(pattern: &str) -> Builder<'a> {
        Builder::new(pattern.parse().expect("a pattern"))
    }

    fn side(&self, index: usize) -> HandshakeState {
        let builder = Self::builder(self.pattern)
            .local_private_key(&self.statics[index])
            .expect("a key");
        let builder = if self.pattern.contains("psk3") {
            builder.psk(3, &[9; 32]).expect("a secret")
        } else {
            builder
        };
        if index == 0 {
            builder.build_initiator().expect("an initiator")
        } else {
            builder.build_responder().expect("a responder")
        }
    }

    /// The payload of a side.
    fn proof(&self, index: usize) -> Vec<u8> {
        match &self.identities {
            Some(identities) => identities[index]
                .sign(&self.statics[index])
                .to_bytes()
                .to_vec(),
            None => Vec::new(),
        }
    }

    fn check(&self, index: usize, payload: &[u8]) {
        if let Some(identities) = &self.identities {
            let signature = ed25519_dalek::Signature::from_slice(payload).expect("a signature");
            identities[index]
                .verifying_key()
                .verify_strict(&self.statics[index], &signature)
                .expect("authentic");
        }
    }

    fn run(&self) {
        let (mut a, mut b) = (self.side(0), self.side(1));
        let (mut wire, mut payload) = ([0; 512], [0; 512]);
        let len = a.write_message(&[], &mut wire).expect("the first");
        b.read_message(&wire[..len], &mut payload)
            .expect("the first");
        let len = b
            .write_message(&self.proof(1), &mut wire)
            .expect("the second");
        let read = a
            .read_message(&wire[..len], &mut payload)
            .expect("the second");
        self.check(1, &payload[..read]);
        let len = a
            .write_message(&self.proof(0), &mut wire)
            .expect("the third");
        let read = b
            .read_message(&wire[..len], &mut payload)
            .expect("the third");
        self.check(0, &payload[..read]);
        let modes = (a.into_transport_mode(), b.into_transport_mode());
        black_box((modes.0.expect("done"), modes.1.expect("done")));
    }
}

pub(crate) fn measure(rounds: usize) -> Vec<Row> {
    let identity = |seed| Arc::new(Identity::from_seed(&[seed; 32]));
    let public = [1, 2].map(|seed| Arc::new(Credentials::public(identity(seed))));
    let group = || GroupSecret::from_bytes([9; 32]);
    let private = [1, 2].map(|seed| Arc::new(Credentials::private(identity(seed), group())));
    let xx = "Noise_XX_25519_ChaChaPoly_SHA256";
    let psk = "Noise_XXpsk3_25519_ChaChaPoly_SHA256";
    let contests = [
        ("public, beside Noise XX", &public, Noise::new(xx, false)),
        (
            "public, beside Noise XX with signed keys",
            &public,
            Noise::new(xx, true),
        ),
        (
            "private, beside Noise XXpsk3",
            &private,
            Noise::new(psk, false),
        ),
    ];
    contests
        .into_iter()
        .map(|(name, credentials, noise)| {
            let [ours, peer, ratio] = duel(
                rounds,
                || (0..EACH).for_each(|_| ours(credentials)),
                || (0..EACH).for_each(|_| noise.run()),
            );
            let micros = 1e6 / EACH as f64;
            Row {
                name: name.into(),
                ours: ours * micros,
                peer: peer * micros,
                ratio: 1.0 / ratio,
            }
        })
        .collect()
}
