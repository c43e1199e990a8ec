use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use x25519_dalek::StaticSecret;

use super::message::{Message, Ping, Pong, pong_reply, refused};
use super::schedule::Schedule;
use super::transcript::{Role, Transcript};
use super::{Channel, Credentials, Fresh, Mode, Refusal, framed};
use crate::id::PeerId;
use crate::identity::{PublicKey, SIGNATURE, Signature};
use crate::shadow::{Cipher, Keys};

const PONG_KEY: &str = "mydht handshake 1 pong";
const REPLY_KEY: &str = "mydht handshake 1 pong reply";

/// One side of a handshake. Pure: no I/O, no clock, no source of randomness.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use mydht_proto::handshake::{Channel, Credentials, Fresh, Handshake};
/// use mydht_proto::identity::Identity;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let [a, b] = [Identity::generate()?, Identity::generate()?];
/// let (a_id, b_id) = (a.id(), b.id());
/// let local = |identity| Arc::new(Credentials::public(Arc::new(identity)));
/// let (now, deadline) = (Duration::ZERO, Duration::from_secs(10));
/// let anybody = |_: &_| true;
///
/// let channel = Channel::default();
/// let (mut a, ping) = Handshake::connect(local(a), Some(b_id), &Fresh::generate()?, deadline);
/// let mut b = Handshake::accept(local(b), Fresh::generate()?, deadline);
/// // Messages are sent with their length before them; here it is taken off again.
/// let pong = b.receive(&ping[2..], &channel, now, anybody)?.send.ok_or("PONG")?;
/// let step = a.receive(&pong[2..], &channel, now, anybody)?;
/// let (reply, to_b) = (step.send.ok_or("PONG_REPLY")?, step.session.ok_or("session")?);
/// let to_a = b.receive(&reply[2..], &channel, now, anybody)?.session.ok_or("session")?;
/// assert_eq!((to_b.peer(), to_a.peer()), (b_id, a_id));
/// # Ok(())
/// # }
/// ```
pub struct Handshake {
    ours: Arc<Credentials>,
    deadline: Duration,
    state: State,
}

enum State {
    /// Connected, and sent its PING.
    PingSent {
        ephemeral: StaticSecret,
        expected: Option<PeerId>,
        ping: Vec<u8>,
    },
    /// Accepted.
    Accepted(Fresh),
    /// Answered with its PONG.
    PongSent {
        schedule: Schedule,
        said: Transcript,
        claimed: Box<PublicKey>,
        cipher: Cipher,
    },
    /// Done, or refused.
    Over,
}

/// Result of a message.
#[derive(Debug, Default)]
pub struct Step {
    /// To be sent, as it is.
    pub send: Option<Vec<u8>>,
    /// The handshake is done.
    pub session: Option<Session>,
}

/// Result of a handshake.
#[derive(Debug)]
pub struct Session {
    /// The peer's key. Proved, unless the mode is [`Mode::NoAuth`].
    pub key: PublicKey,
    /// Mode: what was proved.
    pub mode: Mode,
    /// Keys of the writing direction.
    pub send: Keys,
    /// Keys of the reading direction.
    pub receive: Keys,
}

impl Session {
    /// Returns the id of the peer.
    pub fn peer(&self) -> PeerId {
        self.key.id()
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::PingSent { .. } => "PING sent",
            State::Accepted { .. } => "accepted",
            State::PongSent { .. } => "PONG sent",
            State::Over => "over",
        })
    }
}

impl Refusal {
    /// Returns the refusal to send; `None` if the peer is told nothing.
    pub fn to_send(&self) -> Option<Vec<u8>> {
        match self {
            Refusal::ByPeer(_) => None,
            _ => Some(framed(&refused(self.code()))),
        }
    }
}

impl Handshake {
    /// The side that connects, and its first message. `expected`: who is looked for, if that is
    /// known.
    pub fn connect(
        ours: Arc<Credentials>,
        expected: Option<PeerId>,
        fresh: &Fresh,
        deadline: Duration,
    ) -> (Self, Vec<u8>) {
        let ephemeral = StaticSecret::from(fresh.ephemeral);
        let ping = Ping {
            mode: ours.mode,
            offer: ours.ciphers.clone(),
            challenge: fresh.challenge,
            ephemeral: x25519_dalek::PublicKey::from(&ephemeral).to_bytes(),
            key: ours.identity.public_key().to_bytes(),
        }
        .to_bytes();
        let message = framed(&ping);
        let state = State::PingSent {
            ephemeral,
            expected,
            ping,
        };
        let handshake = Handshake {
            ours,
            deadline,
            state,
        };
        (handshake, message)
    }

    /// The side that accepts.
    pub fn accept(ours: Arc<Credentials>, fresh: Fresh, deadline: Duration) -> Self {
        Handshake {
            ours,
            deadline,
            state: State::Accepted(fresh),
        }
    }

    /// When it must be done.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Takes the peer's next message, without its length, and what identifies the channel that it
    /// came by. That is known only now: a channel with keys of its own may still be opening when
    /// the first message is sent. `accepts` is asked whether this node takes a peer: on the
    /// accepting side first for who it claims to be, before anything is computed, and then for who
    /// it is.
    ///
    /// # Errors
    /// Why there will be no session; every later message is refused too.
    pub fn receive(
        &mut self,
        message: &[u8],
        channel: &Channel,
        now: Duration,
        accepts: impl Fn(&PeerId) -> bool,
    ) -> Result<Step, Refusal> {
        // Any failure below leaves the handshake over, so that no state can be tried twice.
        let state = std::mem::replace(&mut self.state, State::Over);
        if now > self.deadline {
            return Err(Refusal::Late);
        }
        match (state, Message::parse(message)?) {
            (State::Over, _) => Err(Refusal::OutOfTurn),
            // Unauthenticated, but whoever can forge it could just as well cut the connection.
            (_, Message::Refused(code)) => Err(Refusal::by_peer(code)),
            // Of what was sent and came it is the bytes that are signed, not what was understood of them.
            (State::Accepted(fresh), Message::Ping(ping)) => {
                let mut said = Transcript::new(channel);
                said.add(message);
                self.ping(fresh, said, &ping, accepts)
            }
            (
                State::PingSent {
                    ephemeral,
                    expected,
                    ping,
                },
                Message::Pong(pong),
            ) => {
                let mut said = Transcript::new(channel);
                said.add(&ping);
                self.pong(ephemeral, expected, said, &pong, accepts)
            }
            (
                State::PongSent {
                    schedule,
                    said,
                    claimed,
                    cipher,
                },
                Message::PongReply { sealed },
            ) => self.pong_reply(&schedule, said, *claimed, cipher, &sealed, accepts),
            _ => Err(Refusal::OutOfTurn),
        }
    }

    fn same_mode(&self, theirs: Mode) -> Result<(), Refusal> {
        if theirs == self.ours.mode {
            return Ok(());
        }
        Err(Refusal::Mode(theirs))
    }

    fn somebody_else(&self, key: &[u8; 32]) -> Result<PublicKey, Refusal> {
        let key = PublicKey::from_bytes(key).ok_or(Refusal::WeakKey)?;
        if key == self.ours.identity.public_key() {
            return Err(Refusal::Itself);
        }
        Ok(key)
    }

    fn ping(
        &mut self,
        fresh: Fresh,
        mut said: Transcript,
        ping: &Ping,
        accepts: impl Fn(&PeerId) -> bool,
    ) -> Result<Step, Refusal> {
        self.same_mode(ping.mode)?;
        let claimed = self.somebody_else(&ping.key)?;
        if !accepts(&claimed.id()) {
            return Err(Refusal::NotAccepted(claimed.id()));
        }
        let taken = |cipher: &&Cipher| self.ours.ciphers.contains(*cipher);
        let cipher = *ping
            .offer
            .iter()
            .find(taken)
            .ok_or(Refusal::NoCommonCipher)?;
        let ephemeral = StaticSecret::from(fresh.ephemeral);
        let mut pong = Pong {
            mode: self.ours.mode,
            cipher,
            challenge: fresh.challenge,
            ephemeral: x25519_dalek::PublicKey::from(&ephemeral).to_bytes(),
            sealed: Vec::new(),
        };
        said.add(&pong.head());
        let schedule = Schedule::new(ephemeral, &ping.ephemeral, self.ours.group.as_ref())?;
        // Derived before `prove` extends the transcript: the peer learns the key and the signature
        // only by decrypting them.
        let key = schedule.message_key(PONG_KEY, &said);
        let sealed_over = said.clone();
        let proof = self.prove(Role::Responder, &mut said, true);
        pong.sealed = key.seal(&sealed_over, proof);
        self.state = State::PongSent {
            schedule,
            said,
            claimed: Box::new(claimed),
            cipher,
        };
        Ok(Step {
            send: Some(framed(&pong.to_bytes())),
            session: None,
        })
    }

    fn pong(
        &mut self,
        ephemeral: StaticSecret,
        expected: Option<PeerId>,
        mut said: Transcript,
        pong: &Pong,
        accepts: impl Fn(&PeerId) -> bool,
    ) -> Result<Step, Refusal> {
        self.same_mode(pong.mode)?;
        // A cipher that was not offered would be a downgrade, to no cipher at all for instance.
        if !self.ours.ciphers.contains(&pong.cipher) {
            return Err(Refusal::NotOffered);
        }
        said.add(&pong.head());
        let schedule = Schedule::new(ephemeral, &pong.ephemeral, self.ours.group.as_ref())?;
        let proof = schedule
            .message_key(PONG_KEY, &said)
            .open(&said, &pong.sealed)?;
        let (key, signature) = proof
            .split_first_chunk::<32>()
            .ok_or(Refusal::Malformed("it has no key"))?;
        let key = self.somebody_else(key)?;
        said.add(&key.to_bytes());
        self.check(Role::Responder, &mut said, &key, signature)?;
        let found = key.id();
        // Compared after the signature has been verified: until then the id is only a claim.
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(Refusal::WrongPeer { expected, found });
        }
        if !accepts(&found) {
            return Err(Refusal::NotAccepted(found));
        }
        let reply_key = schedule.message_key(REPLY_KEY, &said);
        let sealed_over = said.clone();
        let proof = self.prove(Role::Initiator, &mut said, false);
        let sealed = reply_key.seal(&sealed_over, proof);
        // The first secret belongs to the initiator, so this side sends with it.
        let (send, receive) = schedule.secrets(&said);
        let cipher = pong.cipher;
        let keys = |secret| Keys { cipher, secret };
        Ok(Step {
            send: Some(framed(&pong_reply(&sealed))),
            session: Some(Session {
                key,
                mode: self.ours.mode,
                send: keys(send),
                receive: keys(receive),
            }),
        })
    }

    fn pong_reply(
        &self,
        schedule: &Schedule,
        mut said: Transcript,
        claimed: PublicKey,
        cipher: Cipher,
        sealed: &[u8],
        accepts: impl Fn(&PeerId) -> bool,
    ) -> Result<Step, Refusal> {
        let proof = schedule.message_key(REPLY_KEY, &said).open(&said, sealed)?;
        self.check(Role::Initiator, &mut said, &claimed, &proof)?;
        if !accepts(&claimed.id()) {
            return Err(Refusal::NotAccepted(claimed.id()));
        }
        // The first secret belongs to the initiator, so this side receives with it.
        let (receive, send) = schedule.secrets(&said);
        let keys = |secret| Keys { cipher, secret };
        Ok(Step {
            send: None,
            session: Some(Session {
                key: claimed,
                mode: self.ours.mode,
                send: keys(send),
                receive: keys(receive),
            }),
        })
    }

    /// Returns the proof of this side: its key, where the peer does not know it yet, and its
    /// signature of all that was said. The signature then belongs to what was said.
    fn prove(&self, role: Role, said: &mut Transcript, with_key: bool) -> Vec<u8> {
        // Reserves room for the tag that `seal` appends.
        let mut proof = Vec::with_capacity(32 + SIGNATURE + super::message::TAG);
        if with_key {
            let key = self.ours.identity.public_key().to_bytes();
            said.add(&key);
            proof.extend_from_slice(&key);
        }
        if self.ours.mode != Mode::NoAuth {
            let signature = said.sign(role, &self.ours.identity);
            said.add(&signature);
            proof.extend_from_slice(&signature);
        }
        proof
    }

    /// Checks what [`prove`](Self::prove) made.
    fn check(
        &self,
        role: Role,
        said: &mut Transcript,
        key: &PublicKey,
        signature: &[u8],
    ) -> Result<(), Refusal> {
        if self.ours.mode == Mode::NoAuth {
            return match signature {
                [] => Ok(()),
                _ => Err(Refusal::Malformed("it is too long")),
            };
        }
        let signature: &Signature = signature
            .try_into()
            .map_err(|_| Refusal::Malformed("its signature has another length"))?;
        if !said.verify(role, key, signature) {
            return Err(Refusal::BadSignature);
        }
        said.add(signature);
        Ok(())
    }
}
