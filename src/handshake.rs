//! The authentication of two peers: PING, PONG, PONG.
//!
//! Three messages prove who each peer is and agree on fresh keys: see [`state::Handshake`]. docs/wire.md has the
//! format, docs/security.md what it promises and how it compares with Noise.

mod frame;
mod local;
mod message;
mod refusal;
mod schedule;
pub mod state;
#[cfg(test)]
mod tests;
mod transcript;

pub use frame::{FrameIn, framed};
pub use local::{Channel, Fresh, Local, Mode};
pub use message::{MAX_MESSAGE, VERSION};
pub use refusal::Refusal;

use crate::id::PeerId;
use crate::msg::{Challenge, ProtoMessage};

/// One side of it.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// Connected, and sent its PING.
    PingSent { challenge: Challenge },
    /// Accepted.
    Accepted { challenge: Challenge },
    /// Answered with its PONG.
    PongSent { peer: PeerId, challenge: Challenge },
}

/// What follows from a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// To be sent.
    pub(crate) send: Option<ProtoMessage>,
    /// The authentication is done, and this is who the peer is.
    pub(crate) done: Option<PeerId>,
}

impl Handshake {
    /// The side that connects, and its first message.
    pub(crate) fn connect(own: PeerId, challenge: Challenge) -> (Self, ProtoMessage) {
        let ping = ProtoMessage::Ping { id: own, challenge };
        (Handshake::PingSent { challenge }, ping)
    }

    /// The side that accepts.
    pub(crate) fn accept(challenge: Challenge) -> Self {
        Handshake::Accepted { challenge }
    }

    /// Takes the peer's next message.
    ///
    /// # Errors
    /// Why the peer is refused, for people.
    pub(crate) fn receive(&mut self, own: PeerId, message: &ProtoMessage) -> Result<Step, String> {
        use ProtoMessage as M;
        let forged = || Err("it did not give the challenge back".to_owned());
        let itself = || Err("it is this node itself".to_owned());
        match (&*self, message) {
            (Handshake::Accepted { .. }, M::Ping { id, .. }) if *id == own => itself(),
            (Handshake::Accepted { challenge: ours }, M::Ping { id, challenge }) => {
                let challenge_back = *challenge;
                let challenge = *ours;
                *self = Handshake::PongSent {
                    peer: *id,
                    challenge,
                };
                let send = Some(M::Pong {
                    id: own,
                    reply: challenge_back,
                    challenge,
                });
                Ok(Step { send, done: None })
            }
            (Handshake::PingSent { .. }, M::Pong { id, .. }) if *id == own => itself(),
            (Handshake::PingSent { challenge: ours }, M::Pong { reply, .. }) if reply != ours => {
                forged()
            }
            (Handshake::PingSent { .. }, M::Pong { id, challenge, .. }) => Ok(Step {
                send: Some(M::PongReply { reply: *challenge }),
                done: Some(*id),
            }),
            (Handshake::PongSent { challenge, .. }, M::PongReply { reply })
                if reply != challenge =>
            {
                forged()
            }
            (Handshake::PongSent { peer, .. }, M::PongReply { .. }) => Ok(Step {
                send: None,
                done: Some(*peer),
            }),
            (_, M::Bye { reason }) => Err(format!("it left: {reason}")),
            (_, other) => Err(format!(
                "it sent {} before it was authenticated",
                other.name()
            )),
        }
    }
}

#[cfg(test)]
mod unproved_tests {
    use super::*;
    use crate::id::Hash;

    const A: PeerId = PeerId(Hash([1; 32]));
    const B: PeerId = PeerId(Hash([2; 32]));

    #[test]
    fn three_messages_introduce_two_peers() {
        let (mut a, ping) = Handshake::connect(A, [3; 32]);
        let mut b = Handshake::accept([4; 32]);
        let step = b.receive(B, &ping).unwrap();
        assert_eq!(step.done, None);
        let step = a.receive(A, &step.send.unwrap()).unwrap();
        assert_eq!(step.done, Some(B));
        let step = b.receive(B, &step.send.unwrap()).unwrap();
        let expected = Step {
            send: None,
            done: Some(A),
        };
        assert_eq!(step, expected);
    }

    #[test]
    fn a_forged_pong_is_refused() {
        let (mut a, ping) = Handshake::connect(A, [3; 32]);
        let forged = ProtoMessage::Pong {
            id: B,
            reply: [0; 32],
            challenge: [0; 32],
        };
        assert!(a.receive(A, &forged).is_err());
        let mut b = Handshake::accept([4; 32]);
        b.receive(B, &ping).unwrap();
        let forged = ProtoMessage::PongReply { reply: [0; 32] };
        assert!(b.receive(B, &forged).is_err());
    }

    #[test]
    fn a_node_refuses_itself_and_whatever_comes_out_of_turn() {
        let (mut a, ping) = Handshake::connect(A, [3; 32]);
        assert!(Handshake::accept([4; 32]).receive(A, &ping).is_err());
        assert!(a.receive(A, &ping).is_err());
        for message in crate::msg::tests::samples() {
            let mut fresh = Handshake::accept([4; 32]);
            let is_ping = matches!(message, ProtoMessage::Ping { .. });
            assert_eq!(fresh.receive(B, &message).is_ok(), is_ping);
        }
    }
}
