use std::fmt;

use super::{Mode, VERSION};
use crate::id::PeerId;

/// Why a handshake ends without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Bytes that are no message of a handshake.
    Malformed(&'static str),
    /// The peer speaks another version of it.
    Version(u8),
    /// The peer is in another kind of network.
    Mode(Mode),
    /// There is no cipher that both take.
    NoCommonCipher,
    /// The peer chose a cipher that it was not offered.
    NotOffered,
    /// A message came that has no place here.
    OutOfTurn,
    /// The peer is this node.
    Itself,
    /// Its fresh key is none: everybody would know the shared secret.
    WeakExchange,
    /// Its identity's key is none.
    WeakKey,
    /// The peer has other keys: what it sent was changed on its way, or it is not in this private
    /// network.
    NotProved,
    /// Its signature is not of this handshake, or not by its key.
    BadSignature,
    /// Another peer than the one that was dialled.
    WrongPeer {
        /// Peer that was dialled.
        expected: PeerId,
        /// Peer that answered.
        found: PeerId,
    },
    /// This node does not take this peer.
    NotAccepted(PeerId),
    /// Handshake past its deadline.
    Late,
    /// The peer refused, and this is what it said.
    ByPeer(&'static str),
}

/// Reason that the refused peer learns: enough to mend a setting, and nothing about keys.
const REASONS: [&str; 7] = [
    "it gives no reason",
    "it did not understand what was sent",
    "it speaks another version of the handshake",
    "it is in another kind of network (see --mode)",
    "it takes none of the ciphers that were offered",
    "it could not be convinced of who this node is",
    "it does not accept this node",
];

impl Refusal {
    /// The number that the peer is told.
    pub(super) fn code(&self) -> u8 {
        match self {
            Refusal::Malformed(_) | Refusal::OutOfTurn => 1,
            Refusal::Version(_) => 2,
            Refusal::Mode(_) => 3,
            Refusal::NoCommonCipher | Refusal::NotOffered => 4,
            // One code for all of these: naming the check that failed would only help an attacker.
            Refusal::WeakExchange
            | Refusal::WeakKey
            | Refusal::NotProved
            | Refusal::BadSignature
            | Refusal::WrongPeer { .. } => 5,
            Refusal::NotAccepted(_) | Refusal::Itself => 6,
            Refusal::Late | Refusal::ByPeer(_) => 0,
        }
    }

    /// Reads a peer's reason.
    pub(super) fn by_peer(code: u8) -> Self {
        let [unknown, ..] = REASONS;
        Refusal::ByPeer(REASONS.get(usize::from(code)).unwrap_or(&unknown))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(why) => write!(f, "its handshake is not understood: {why}"),
            Refusal::Version(theirs) => write!(
                f,
                "it speaks version {theirs} of the handshake, this node {VERSION}: update the older one"
            ),
            Refusal::Mode(theirs) => write!(f, "its network is {theirs}: use the same --mode on both"),
            Refusal::NoCommonCipher => f.write_str("it offers no cipher that this node takes"),
            Refusal::NotOffered => f.write_str("it chose a cipher that it was not offered"),
            Refusal::OutOfTurn => f.write_str("it sent a message of the handshake out of turn"),
            Refusal::Itself => f.write_str("it is this node itself"),
            Refusal::WeakExchange => f.write_str("its fresh key is no key"),
            Refusal::WeakKey => f.write_str("its identity's key is no key"),
            Refusal::NotProved => f.write_str(
                "it does not have the keys: it is of another private network, or somebody is in between",
            ),
            Refusal::BadSignature => f.write_str("its signature is wrong"),
            Refusal::WrongPeer { expected, found } => {
                write!(f, "it is {found}, and {expected} was looked for")
            }
            Refusal::NotAccepted(peer) => write!(f, "this node does not accept {peer}"),
            Refusal::Late => f.write_str("it was not authenticated in time"),
            Refusal::ByPeer(why) => write!(f, "it refused: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}
