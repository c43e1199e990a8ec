//! Interface to the maker of connections: the browser, or a native implementation.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use mydht_evloop::Poll;
use mydht_evloop::traits::Registerable;
use mydht_small::Excerpt;

use super::Notify;
use crate::session::Pipe;

/// Operation of a peer connection. One runs at a time, and ends with [`PeerEvent::Done`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Make an offer, for new paths if `restart`, and take it for the local description. Done: the
    /// offer.
    Offer {
        /// The paths that were found before are of no use.
        restart: bool,
    },
    /// Take an offer of the peer, and make the answer the local description. Done: the answer.
    Answer {
        /// The peer's description.
        offer: String,
        /// An offer of this end is out, and given up.
        rollback: bool,
    },
    /// Take the peer's answer. Done: empty.
    Accept {
        /// The peer's description.
        answer: String,
    },
    /// Take a candidate of the peer. Done: empty.
    Candidate(String),
}

/// Error of an [`Op`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// Rejected by the browser or the library, in its words.
    #[error("{0}")]
    Rejected(Excerpt),
    /// An offer that would change nothing.
    #[error("there is nothing to offer")]
    NothingToOffer,
    /// An answer to an offer that this end has not made, or has rolled back.
    #[error("no offer is out")]
    NoOffer,
}

impl OpError {
    /// Wraps the error of a browser or a library.
    pub fn rejected(why: impl Display) -> Self {
        OpError::Rejected(why.to_string().as_str().into())
    }
}

/// Whether there is a path to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathState {
    /// The path works.
    Connected,
    /// The path seems to be cut, and may come back by itself.
    Disconnected,
    /// The path is cut, and will not come back by itself.
    Failed,
}

/// Event of a peer connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// Result of the last [`Op`].
    Done(Result<String, OpError>),
    /// This end can be reached by this candidate.
    Candidate(String),
    /// The path has changed.
    Path(PathState),
    /// The channel is open.
    Open,
    /// The channel is closed, and why if that is known.
    Closed(String),
}

/// One connection with one channel, reliable and ordered, whose messages it carries. Dropped, it is
/// closed.
pub trait Peer: Pipe {
    /// Begins to do something.
    fn start(&mut self, op: Op);

    /// Returns the next event, if there is one.
    fn poll(&mut self) -> Option<PeerEvent>;

    /// Sends a message that may be lost, overtaken, and is not waited for.
    ///
    /// # Errors
    /// `Unsupported` where such messages were not asked for; `WouldBlock` where there is no room.
    fn send_datagram(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives the next such message, replacing the content of `message`.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    fn receive_datagram(&mut self, message: &mut Vec<u8>) -> io::Result<()>;
}

/// Makes peer connections. It is registered under the token of the transport.
pub trait Backend: Registerable<Poll> {
    /// Type of the peer connections.
    type Peer: Peer;

    /// A connection that tells of what happens to it by `notify`.
    ///
    /// # Errors
    /// When no more can be made.
    fn peer(&mut self, notify: Notify) -> io::Result<Self::Peer>;

    /// Runs the work for all connections, and returns the deadline of the next turn.
    fn turn(&mut self, now: Duration) -> Option<Duration> {
        let _ = now;
        None
    }
}
