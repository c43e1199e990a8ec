//! Errors of `epoll_ctl`.

use std::{fmt, io};

/// Why an operation was refused. The names are those of the system call's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// `EEXIST`: the source is in the interest list already.
    Exists,
    /// `ENOENT`: it is not.
    NotFound,
    /// `EINVAL`: an unknown operation, a combination of flags that makes no sense, an epoll added
    /// to itself, a wait for no events.
    Invalid,
    /// `EPERM`: the source cannot be polled.
    NotPollable,
    /// `ELOOP`: epolls would watch one another in a circle, or more than five deep.
    Loop,
}

impl Error {
    /// Linux's number for it.
    pub const fn errno(self) -> i32 {
        match self {
            Error::NotPollable => 1,
            Error::NotFound => 2,
            Error::Exists => 17,
            Error::Invalid => 22,
            Error::Loop => 40,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Exists => "the source is in the interest list already",
            Error::NotFound => "the source is not in the interest list",
            Error::Invalid => "invalid operation or flags",
            Error::NotPollable => "the source cannot be polled",
            Error::Loop => "epolls in a circle, or more than five deep",
        })
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error {
            Error::Exists => io::ErrorKind::AlreadyExists,
            Error::NotFound => io::ErrorKind::NotFound,
            Error::Invalid => io::ErrorKind::InvalidInput,
            Error::NotPollable => io::ErrorKind::PermissionDenied,
            Error::Loop => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
