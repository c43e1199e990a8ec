//! Why a service stopped.

use std::{fmt, io};

/// The result of a service, a channel or a spawner.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a service stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It waits: not a failure. The spawner restarts it when it is unyielded.
    Yield,
    /// It has nothing more to do: not a failure either.
    End,
    /// The other end of a channel is gone.
    Closed,
    /// A bounded channel is full: try again when it was read from.
    Full,
    /// It panicked, with this message. The panic was contained.
    Panicked(String),
    /// Reading or writing failed.
    Io(io::Error),
    /// The service's own error.
    Service(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A service's own error.
    pub fn service(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::Service(error.into())
    }

    /// True for the two variants that are not failures.
    pub const fn is_control(&self) -> bool {
        matches!(self, Error::Yield | Error::End)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Yield => f.write_str("the service waits to be unyielded"),
            Error::End => f.write_str("the service has ended"),
            Error::Closed => f.write_str("the other end of the channel is gone"),
            Error::Full => f.write_str("the channel is full"),
            Error::Panicked(message) => write!(f, "the service panicked: {message}"),
            Error::Io(error) => write!(f, "{error}"),
            Error::Service(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Service(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    /// `WouldBlock` is a yield: the stream will be ready later.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock {
            Error::Yield
        } else {
            Error::Io(error)
        }
    }
}
