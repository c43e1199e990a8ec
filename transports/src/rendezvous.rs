//! Rendezvous: exchange of what two peers need to make a connection that they do not have yet.
//!
//! A [`Rendezvous`] carries short texts between peers that know each other's names: over a server,
//! through nodes that know both, or inside one page ([`LocalRendezvous`]). It does not read them.

mod local;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use mydht_evloop::traits::{Poll, Registerable};

pub use local::{LocalMember, LocalRendezvous};
use mydht_small::Excerpt;

use crate::InvalidAddress;

/// Bytes of a signal's body at most: a session description with its candidates is a tenth of it.
pub const MAX_BODY: usize = 16 * 1024;

/// Bytes of a peer's name at most.
pub const MAX_NAME: usize = 128;

/// Form of an [`RtcAddress`], for errors.
const RTC_FORM: &str = "rtc:NAME with at most 128 visible ASCII characters";

/// A peer as its rendezvous knows it: 1 to [`MAX_NAME`] visible ASCII characters, written
/// `rtc:NAME`. A name without a colon is read without the `rtc:` too.
///
/// ```
/// use mydht_transports::rendezvous::RtcAddress;
///
/// let address: RtcAddress = "rtc:5f0c".parse()?;
/// assert_eq!(address.name(), "5f0c");
/// assert!("rtc:two words".parse::<RtcAddress>().is_err());
/// # Ok::<(), mydht_transports::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RtcAddress(Arc<str>);

impl RtcAddress {
    /// The address of the peer of this name.
    ///
    /// # Errors
    /// When the name is empty, longer than [`MAX_NAME`], or has other characters.
    pub fn new(name: &str) -> Result<Self, InvalidAddress> {
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidAddress::new(name, RTC_FORM));
        }
        Ok(RtcAddress(name.into()))
    }

    /// The name alone.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl From<[u8; 32]> for RtcAddress {
    /// Names a peer by the 64 hexadecimal digits of its id.
    fn from(id: [u8; 32]) -> Self {
        RtcAddress(hex::encode(id).into())
    }
}

impl fmt::Display for RtcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rtc:{}", self.0)
    }
}

impl FromStr for RtcAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix("rtc:") {
            Some(name) => Self::new(name),
            // What begins like an address of another kind is none of this one.
            None if text.contains(':') => Err(InvalidAddress::new(text, RTC_FORM)),
            None => Self::new(text),
        }
    }
}

/// Kind of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// A session description that asks for a connection, or for new paths of one.
    Offer,
    /// The session description that answers it.
    Answer,
    /// A path by which the sender may be reached.
    Candidate,
    /// The sender does not connect, or closes.
    Bye,
}

impl SignalKind {
    /// Its name on the wire: `offer`, `answer`, `candidate` or `bye`.
    pub const fn as_str(self) -> &'static str {
        match self {
            SignalKind::Offer => "offer",
            SignalKind::Answer => "answer",
            SignalKind::Candidate => "candidate",
            SignalKind::Bye => "bye",
        }
    }
}

/// Error of reading a [`SignalKind`] from text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("unknown kind of signal `{0}`: expected offer, answer, candidate or bye")]
pub struct UnknownSignalKind(pub Excerpt);

impl FromStr for SignalKind {
    type Err = UnknownSignalKind;

    fn from_str(text: &str) -> Result<Self, UnknownSignalKind> {
        [Self::Offer, Self::Answer, Self::Candidate, Self::Bye]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownSignalKind(text.into()))
    }
}

/// Event of a rendezvous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A peer says something.
    From {
        /// Sender. The rendezvous vouches for it as far as it can.
        peer: RtcAddress,
        /// Kind of the signal.
        kind: SignalKind,
        /// At most [`MAX_BODY`] bytes; written by the peer, so anything can be in it.
        body: String,
    },
    /// A signal did not reach its peer.
    Unreachable {
        /// The peer.
        peer: RtcAddress,
        /// In words for a user.
        why: String,
    },
}

/// Carries signals between this end and its peers.
///
/// A rendezvous is registered under the token of the transport that it belongs to. It is readable
/// when there is something to [`receive`](Rendezvous::receive), and when it has work of its own,
/// which it does inside `receive`: call `receive` until it returns `WouldBlock`.
///
/// Signals of one peer to another arrive once and in the order in which they were sent, or not at
/// all. One that reconnects keeps what it is given meanwhile, up to a bound of its own.
pub trait Rendezvous<P: Poll>: Registerable<P> {
    /// Returns the address of this end; `None` while it is not settled.
    fn local(&self) -> Option<RtcAddress>;

    /// Sends a signal. That it cannot be delivered is heard later, as [`Signal::Unreachable`].
    ///
    /// # Errors
    /// When it is known at once that it will not be delivered: in one line, for a user.
    fn send(&mut self, peer: &RtcAddress, kind: SignalKind, body: String) -> io::Result<()>;

    /// The next signal.
    ///
    /// # Errors
    /// `WouldBlock` when there is none yet. Any other error: there will be none ever again.
    fn receive(&mut self) -> io::Result<Signal>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_ascii_of_a_bounded_length() {
        assert!(RtcAddress::new(&"x".repeat(MAX_NAME)).is_ok());
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(MAX_NAME + 1)] {
            assert!(RtcAddress::new(wrong).is_err(), "{wrong}");
        }
        let error = RtcAddress::new("a\n").unwrap_err().to_string();
        let length = format!("at most {MAX_NAME} visible");
        assert!(
            error.contains(r"`a\n`") && error.contains(&length),
            "{error}"
        );
        let address = RtcAddress::new("rtc").unwrap();
        assert_eq!(address.to_string().parse(), Ok(address));
        for other in ["tcp:127.0.0.1:4000", "ws://a/", "relay:5f0c", "a:b"] {
            assert!(other.parse::<RtcAddress>().is_err(), "{other}");
            assert!(RtcAddress::new(other).is_ok());
        }
    }

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in [
            SignalKind::Offer,
            SignalKind::Answer,
            SignalKind::Candidate,
            SignalKind::Bye,
        ] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("Offer".parse::<SignalKind>().is_err());
    }
}
