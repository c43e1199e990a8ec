//! Why a service stopped.

use std::{fmt, io};

/// The result of a service, a channel or a spawner.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a service stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The service waits: not a failure. The spawner restarts it when it is unyielded.
    Yield,
    /// The service has nothing more to do: not a failure either.
    End,
    /// The other end of a channel is gone.
    Closed,
    /// A bounded channel is full: try again when it was read from.
    Full,
    /// The service panicked, with this message. The panic was contained.
    Panicked(String),
    /// The service is running: the request needs it suspended or finished.
    Running,
    /// The service returned `Yield` to a spawner that cannot restart it: on such a spawner a
    /// service waits inside [`SpawnerYield::spawn_yield`](crate::SpawnerYield::spawn_yield), and
    /// goes on after `Loop`.
    NotRestartable,
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

    /// Copies kind and message. An error that cannot be cloned (a service's own) keeps its message
    /// only.
    pub(crate) fn copy(&self) -> Self {
        match self {
            Error::Yield => Error::Yield,
            Error::End => Error::End,
            Error::Closed => Error::Closed,
            Error::Full => Error::Full,
            Error::Panicked(message) => Error::Panicked(message.clone()),
            Error::Running => Error::Running,
            Error::NotRestartable => Error::NotRestartable,
            Error::Io(error) => Error::Io(match error.raw_os_error() {
                // The code is enough: kind and text follow from it.
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            Error::Service(error) => Error::service(error.to_string()),
        }
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
            Error::Running => f.write_str("the service is running"),
            Error::NotRestartable => {
                f.write_str("the service yielded to a spawner that cannot restart it")
            }
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
