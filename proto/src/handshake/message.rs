//! The messages of a handshake, byte by byte: see docs/wire.md.
//!
//! A format of their own, with fixed places: what is parsed before anybody is authenticated should
//! be little, and the same whatever encoding the messages behind it have.

use super::{Mode, Refusal};
use crate::shadow::Cipher;

/// The version of the handshake.
pub const VERSION: u8 = 1;

/// The most bytes of a message; the longest of ours has 180.
pub const MAX_MESSAGE: usize = 256;

/// The most ciphers that a PING may offer.
pub(super) const MAX_OFFER: usize = 8;

const PING: u8 = 1;
const PONG: u8 = 2;
const PONG_REPLY: u8 = 3;
const REFUSED: u8 = 4;

/// The bytes of an AEAD's tag.
pub(super) const TAG: usize = 16;

/// 32 random bytes that the other side's signature must cover.
pub(super) type Challenge = [u8; 32];

/// First message of who connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ping {
    pub(super) mode: Mode,
    /// The ciphers that the sender takes, the best first. Numbers that this version does not know
    /// are left out.
    pub(super) offer: Vec<Cipher>,
    pub(super) challenge: Challenge,
    /// A fresh X25519 key.
    pub(super) ephemeral: [u8; 32],
    /// The ed25519 key of who speaks: a claim, until its signature has come.
    pub(super) key: [u8; 32],
}

/// Answer of who accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pong {
    pub(super) mode: Mode,
    pub(super) cipher: Cipher,
    pub(super) challenge: Challenge,
    pub(super) ephemeral: [u8; 32],
    /// Key and signature, encrypted, and the tag.
    pub(super) sealed: Vec<u8>,
}

/// A message, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Ping(Ping),
    Pong(Pong),
    /// Last message, by who connected: its signature, encrypted, and the tag.
    PongReply {
        sealed: Vec<u8>,
    },
    /// The handshake is refused; the number says why, unproved.
    Refused(u8),
}

/// Takes a message apart from its front.
struct Parser<'a>(&'a [u8]);

const CUT: Refusal = Refusal::Malformed("it is too short");

impl Parser<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(CUT)?;
        self.0 = rest;
        Ok(*first)
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn mode(&mut self) -> Result<Mode, Refusal> {
        Mode::from_wire(self.byte()?).ok_or(Refusal::Malformed("there is no such mode"))
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).to_vec()
    }
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Refusal::Malformed("it is too long"));
        }
        let mut parser = Parser(bytes);
        let [kind, version] = parser.array()?;
        // Checked before the kind, because another version may define other kinds.
        if version != VERSION {
            return Err(Refusal::Version(version));
        }
        let message = match kind {
            PING => Message::Ping(Ping {
                mode: parser.mode()?,
                offer: offer(&mut parser)?,
                challenge: parser.array()?,
                ephemeral: parser.array()?,
                key: parser.array()?,
            }),
            PONG => {
                let mode = parser.mode()?;
                let cipher = Cipher::from_wire(parser.byte()?)
                    .ok_or(Refusal::Malformed("it chose a cipher that there is not"))?;
                Message::Pong(Pong {
                    mode,
                    cipher,
                    challenge: parser.array()?,
                    ephemeral: parser.array()?,
                    sealed: parser.rest(),
                })
            }
            PONG_REPLY => Message::PongReply {
                sealed: parser.rest(),
            },
            REFUSED => Message::Refused(parser.byte()?),
            _ => return Err(Refusal::Malformed("there is no message of its kind")),
        };
        if !parser.0.is_empty() {
            return Err(Refusal::Malformed("it is too long"));
        }
        Ok(message)
    }
}

fn offer(parser: &mut Parser<'_>) -> Result<Vec<Cipher>, Refusal> {
    let count = usize::from(parser.byte()?);
    if count > MAX_OFFER {
        return Err(Refusal::Malformed("it offers too many ciphers"));
    }
    let mut offer = Vec::with_capacity(count);
    for _ in 0..count {
        // Unknown ciphers are skipped, so that later versions can offer new ones to this one.
        offer.extend(Cipher::from_wire(parser.byte()?));
    }
    Ok(offer)
}

impl Ping {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![PING, VERSION, self.mode as u8, self.offer.len() as u8];
        bytes.extend(self.offer.iter().map(|cipher| *cipher as u8));
        bytes.extend(self.challenge);
        bytes.extend(self.ephemeral);
        bytes.extend(self.key);
        bytes
    }
}

impl Pong {
    /// Returns the bytes before the sealed ones.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut bytes = vec![PONG, VERSION, self.mode as u8, self.cipher as u8];
        bytes.extend(self.challenge);
        bytes.extend(self.ephemeral);
        bytes
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.sealed);
        bytes
    }
}

pub(super) fn pong_reply(sealed: &[u8]) -> Vec<u8> {
    [&[PONG_REPLY, VERSION], sealed].concat()
}

/// Tells a peer that it is refused.
pub(super) fn refused(code: u8) -> Vec<u8> {
    vec![REFUSED, VERSION, code]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping() -> Ping {
        Ping {
            mode: Mode::Public,
            offer: vec![Cipher::Aes256CtrHmacSha256, Cipher::ChaCha20Poly1305],
            challenge: [1; 32],
            ephemeral: [2; 32],
            key: [3; 32],
        }
    }

    fn pong() -> Pong {
        Pong {
            mode: Mode::Private,
            cipher: Cipher::ChaCha20Poly1305,
            challenge: [4; 32],
            ephemeral: [5; 32],
            sealed: vec![6; 112],
        }
    }

    #[test]
    fn messages_come_back() {
        for (bytes, message) in [
            (ping().to_bytes(), Message::Ping(ping())),
            (pong().to_bytes(), Message::Pong(pong())),
            (
                pong_reply(&[7; 80]),
                Message::PongReply {
                    sealed: vec![7; 80],
                },
            ),
            (refused(3), Message::Refused(3)),
        ] {
            assert_eq!(Message::parse(&bytes), Ok(message));
            assert!(bytes.len() <= 180);
        }
    }

    #[test]
    fn a_message_has_one_length() {
        let ping = ping().to_bytes();
        for len in 0..ping.len() {
            let cut = Message::parse(&ping[..len]);
            assert!(matches!(cut, Err(Refusal::Malformed(_))), "{len}");
        }
        let long = [&ping[..], &[0]].concat();
        assert!(Message::parse(&long).is_err());
        assert!(Message::parse(&[0; MAX_MESSAGE + 1]).is_err());
        assert!(Message::parse(&[refused(1), vec![0]].concat()).is_err());
    }

    #[test]
    fn what_this_version_does_not_know_is_left_out_or_refused() {
        let mut bytes = ping().to_bytes();
        bytes[4] = 77;
        let Ok(Message::Ping(parsed)) = Message::parse(&bytes) else {
            panic!("a PING");
        };
        assert_eq!(parsed.offer, [Cipher::ChaCha20Poly1305]);
        bytes[3] = 9;
        assert!(Message::parse(&bytes).is_err());
        bytes[2] = 7;
        assert!(Message::parse(&bytes).is_err());
        bytes[1] = 2;
        assert_eq!(Message::parse(&bytes), Err(Refusal::Version(2)));
        assert!(Message::parse(&[9, VERSION]).is_err());
    }
}
