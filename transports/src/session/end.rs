//! Why a session is over.

use std::fmt;
use std::io;

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer left, and says why.
    Left(String),
    /// This end left, and tells the peer this reason.
    Closed(String),
    /// Nothing was heard of the peer for so many seconds.
    Silent(u64),
    /// The peer said what it may not say.
    Violation(String),
    /// The carrier of the session is gone.
    Lost(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Left(reason) if reason.is_empty() => write!(f, "the peer left"),
            End::Left(reason) => write!(f, "the peer left: {reason}"),
            End::Closed(_) => write!(f, "the connection was closed"),
            End::Silent(seconds) => write!(f, "the peer was silent for {seconds} s"),
            End::Violation(what) => write!(f, "the peer broke the protocol: {what}"),
            End::Lost(why) => write!(f, "the connection is lost: {why}"),
        }
    }
}

impl End {
    /// Returns the result of a read once all received bytes were read: the end, or an error.
    pub(super) fn on_read(&self) -> io::Result<usize> {
        match self {
            End::Left(_) | End::Closed(_) => Ok(0),
            _ => Err(self.error()),
        }
    }

    /// Returns the error of a write.
    pub fn error(&self) -> io::Error {
        let kind = match self {
            End::Left(_) | End::Closed(_) => io::ErrorKind::BrokenPipe,
            End::Silent(_) => io::ErrorKind::TimedOut,
            End::Violation(_) => io::ErrorKind::InvalidData,
            End::Lost(_) => io::ErrorKind::ConnectionReset,
        };
        io::Error::new(kind, self.to_string())
    }
}
