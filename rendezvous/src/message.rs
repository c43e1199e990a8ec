//! Messages between clients and servers.
//!
//! Messages are JSON objects in text frames, told apart by `type`; relayed bytes are binary frames.
//! Members that are not known are ignored, so that a later version may add some.

use serde::{Deserialize, Serialize};

use super::user::{Nonce, PublicKey, Signature, UserId};
use mydht_transports::rendezvous::SignalKind;

/// The version of the protocol. Both sides must speak the same.
pub const VERSION: u32 = 1;

/// Path at which a server accepts WebSockets.
pub const PATH: &str = "/signal";

/// Signed message from one user to another: see [`sealed_bytes`](super::sealed_bytes).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// For whom.
    pub to: UserId,
    /// Kind of the message.
    pub kind: Kind,
    /// Sequence number, one more with each message of a sender. The first is the sender's clock, in
    /// milliseconds, times 1024.
    pub seq: u64,
    /// When it is void: milliseconds since 1970, by the sender's clock.
    pub expires: u64,
    /// A description or a candidate: opaque to all but the two.
    pub body: String,
    /// The sender's, over all of the above and its key.
    pub signature: Signature,
}

/// Kinds of messages between users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A description that asks for another (JSEP, RFC 8829).
    Offer,
    /// The other.
    Answer,
    /// A way by which the sender may be reached (trickle ICE, RFC 8838).
    Candidate,
    /// The sender gives up, or leaves.
    Bye,
}

impl Kind {
    /// As it is signed.
    pub(super) const fn code(self) -> u8 {
        match self {
            Kind::Offer => 0,
            Kind::Answer => 1,
            Kind::Candidate => 2,
            Kind::Bye => 3,
        }
    }

    /// The one that is signed so.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Kind::Offer, Kind::Answer, Kind::Candidate, Kind::Bye]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

impl From<SignalKind> for Kind {
    fn from(kind: SignalKind) -> Self {
        match kind {
            SignalKind::Offer => Kind::Offer,
            SignalKind::Answer => Kind::Answer,
            SignalKind::Candidate => Kind::Candidate,
            SignalKind::Bye => Kind::Bye,
        }
    }
}

impl From<Kind> for SignalKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Offer => SignalKind::Offer,
            Kind::Answer => SignalKind::Answer,
            Kind::Candidate => SignalKind::Candidate,
            Kind::Bye => SignalKind::Bye,
        }
    }
}

/// Message of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromClient {
    /// The answer to the challenge: who it is, and that it can prove it.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The client's key.
        key: PublicKey,
        /// The server as the client knows it: host and port of the address that it dialled.
        server: String,
        /// Over [`hello_bytes`](super::hello_bytes).
        signature: Signature,
    },
    /// Enter a room; it is made if it is not there.
    Join {
        /// Its name.
        room: String,
    },
    /// Leave a room.
    Leave {
        /// Its name.
        room: String,
    },
    /// Say whether a user is here, and say it when it comes.
    Find {
        /// The user.
        user: UserId,
    },
    /// Wait no longer for a user.
    Forget {
        /// The user.
        user: UserId,
    },
    /// Pass this on.
    Signal {
        /// To whom, and what.
        sealed: Sealed,
    },
    /// Relay between this user and the client, once that one wants it too.
    Relay {
        /// With whom.
        user: UserId,
    },
    /// Relay no longer.
    Unrelay {
        /// With whom.
        user: UserId,
    },
    /// The client is there. Answered by `pong`.
    Ping,
}

/// Message of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromServer {
    /// The first message of a connection: what the client has to sign.
    Challenge {
        /// [`VERSION`].
        version: u32,
        /// New for each connection.
        nonce: Nonce,
    },
    /// The client is who it says.
    Welcome {
        /// Its id.
        user: UserId,
        /// Whether users of other servers cannot be reached though they should be.
        alone: bool,
    },
    /// The client is in a room.
    Joined {
        /// Its name.
        room: String,
        /// The others in it.
        members: Vec<UserId>,
    },
    /// Another user came into a room.
    Entered {
        /// The room.
        room: String,
        /// The user.
        user: UserId,
    },
    /// Another user left a room, or the server.
    Left {
        /// The room.
        room: String,
        /// The user.
        user: UserId,
    },
    /// A user that was asked for is here.
    Here {
        /// The user.
        user: UserId,
    },
    /// A user that was asked for is not here. When it comes, `here` follows.
    Away {
        /// The user.
        user: UserId,
    },
    /// Another user says something.
    Signal {
        /// The sender.
        from: UserId,
        /// Its key: `from` must follow from it, and the signature be by it.
        key: PublicKey,
        /// The message.
        sealed: Sealed,
    },
    /// Another user wants a relay. It is open when the client asks for it too.
    RelayAsked {
        /// The user.
        user: UserId,
    },
    /// Both want the relay: frames pass from now on.
    RelayOpen {
        /// With whom.
        user: UserId,
    },
    /// Frames pass no longer, or the relay was refused.
    RelayClosed {
        /// With whom.
        user: UserId,
        /// Why, for people.
        reason: String,
    },
    /// The connection with the other servers broke, or was mended.
    Alone {
        /// Whether users of other servers cannot be reached now.
        alone: bool,
    },
    /// The server restarts: come back after a random part of this time.
    Restarting {
        /// Milliseconds.
        spread_ms: u64,
    },
    /// To `ping`.
    Pong,
    /// Something that the client said was refused.
    Error(Refusal),
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// The limit that was reached, by its name in [`Limits`](super::Limits), with code `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The user that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The room that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// For people.
    pub text: String,
}

/// Why something was refused, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Text that is no message of this protocol. The connection is closed.
    Malformed,
    /// The client speaks another version. The connection is closed.
    Version,
    /// The client believes that it talks to another server. The connection is closed.
    WrongServer,
    /// The signature does not prove the key. The connection is closed.
    NotProved,
    /// Only `hello` is taken from who has not proved who it is, and only once. The connection is
    /// closed.
    OutOfTurn,
    /// The proof did not come in time, or nothing came for too long. The connection is closed.
    TimedOut,
    /// Another login of the same user: this connection is closed, and the client must not open it
    /// again by itself.
    Replaced,
    /// The user is not here.
    Absent,
    /// The client is not in this room.
    NotInRoom,
    /// The name of a room is empty, or has characters that cannot be seen.
    RoomName,
    /// No relay is open with this user.
    NoRelay,
    /// Request that concerns the client itself.
    Yourself,
    /// A limit was reached; `limit` says which.
    Limit,
}

/// Bytes before the payload of a relayed frame: 1, and the id of the other user.
pub const RELAY_HEADER: usize = 33;

/// The first byte of a binary frame that is relayed.
const RELAY: u8 = 1;

/// A frame to be relayed to `user`, or that `user` sent.
pub fn relay_frame(user: &UserId, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(RELAY_HEADER + payload.len());
    frame.push(RELAY);
    frame.extend_from_slice(&user.0);
    frame.extend_from_slice(payload);
    frame
}

/// The user and the payload of a relayed frame; `None` if it is none.
pub fn split_relay_frame(frame: &[u8]) -> Option<(UserId, &[u8])> {
    let (kind, rest) = frame.split_first()?;
    let (user, payload) = rest.split_first_chunk()?;
    (*kind == RELAY).then_some((UserId(*user), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed() -> Sealed {
        Sealed {
            to: UserId([1; 32]),
            kind: Kind::Offer,
            seq: 2,
            expires: 3,
            body: "v=0\r\n".into(),
            signature: Signature([4; 64]),
        }
    }

    #[test]
    fn messages_look_as_written_down() {
        let id = "01".repeat(32);
        let signal = FromClient::Signal { sealed: sealed() };
        let expected = format!(
            r#"{{"type":"signal","sealed":{{"to":"{id}","kind":"offer","seq":2,"expires":3,"body":"v=0\r\n","signature":"{}"}}}}"#,
            "04".repeat(64)
        );
        assert_eq!(serde_json::to_string(&signal).unwrap(), expected);
        let error = FromServer::Error(Refusal {
            code: Code::Limit,
            limit: Some("rooms".into()),
            user: None,
            room: None,
            text: "full".into(),
        });
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"type":"error","code":"limit","limit":"rooms","text":"full"}"#
        );
        let ping = serde_json::from_str::<FromClient>(r#"{"type":"ping","later":true}"#);
        assert_eq!(ping.unwrap(), FromClient::Ping);
    }

    #[test]
    fn all_that_a_server_says_is_understood_by_a_client() {
        let (user, room) = (UserId([1; 32]), "room".to_owned());
        let all = [
            FromServer::Challenge {
                version: 1,
                nonce: Nonce([2; 32]),
            },
            FromServer::Welcome { user, alone: true },
            FromServer::Joined {
                room: room.clone(),
                members: vec![user],
            },
            FromServer::Entered {
                room: room.clone(),
                user,
            },
            FromServer::Left { room, user },
            FromServer::Here { user },
            FromServer::Away { user },
            FromServer::Signal {
                from: user,
                key: PublicKey([3; 32]),
                sealed: sealed(),
            },
            FromServer::RelayAsked { user },
            FromServer::RelayOpen { user },
            FromServer::RelayClosed {
                user,
                reason: "gone".into(),
            },
            FromServer::Alone { alone: false },
            FromServer::Restarting { spread_ms: 5 },
            FromServer::Pong,
        ];
        for message in all {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<FromServer>(&text).unwrap(), message);
        }
    }

    #[test]
    fn relayed_frames_name_the_other_user() {
        let user = UserId([7; 32]);
        let frame = relay_frame(&user, b"payload");
        assert_eq!(split_relay_frame(&frame), Some((user, &b"payload"[..])));
        assert_eq!(
            split_relay_frame(&frame[..RELAY_HEADER]),
            Some((user, &b""[..]))
        );
        assert_eq!(split_relay_frame(&frame[..RELAY_HEADER - 1]), None);
        assert_eq!(split_relay_frame(&[]), None);
        let mut other = frame;
        other[0] = 2;
        assert_eq!(split_relay_frame(&other), None);
    }

    proptest! {
        /// Refuses text that is no message, without a panic.
        #[test]
        fn any_text_is_a_message_or_not(text in ".*", cut in 0usize..400) {
            let _ = serde_json::from_str::<FromClient>(&text);
            let signal = serde_json::to_string(&FromClient::Signal { sealed: sealed() }).unwrap();
            let cut = cut.min(signal.len() - 1);
            prop_assert!(serde_json::from_str::<FromClient>(&signal[..cut]).is_err());
        }
    }
}
