//! Features of Unix: any descriptor as a source, and the kinds of readiness beyond readable and
//! writable.

use crate::event::Evented;
use crate::ready::write_names;
use crate::{Poll, PollOpt, Ready, Token};
use std::fmt;
use std::io;
use std::ops::{BitAnd, BitOr, BitXor, Deref, DerefMut, Sub};
use std::os::fd::RawFd;

/// A descriptor as a source: pipes, terminals, signal and timer descriptors, sockets of other
/// crates.
///
/// It does not own the descriptor. Deregister it before it is closed: the number may come back as
/// another file. It should not block. Regular files cannot be polled: `PermissionDenied`.
///
/// ```
/// use mydht_evloop::{Poll, PollOpt, Ready, Token, unix::EventedFd};
/// use std::os::fd::AsRawFd;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let poll = Poll::new()?;
/// poll.register(
///     &EventedFd(&listener.as_raw_fd()),
///     Token(0),
///     Ready::readable(),
///     PollOpt::edge(),
/// )?;
/// poll.deregister(&EventedFd(&listener.as_raw_fd()))
/// # }
/// ```
#[derive(Debug)]
pub struct EventedFd<'a>(pub &'a RawFd);

impl Evented for EventedFd<'_> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        poll.shared().os_register(*self.0, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        poll.shared().os_reregister(*self.0, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        poll.shared().os_deregister(*self.0)
    }
}

/// Readiness with the kinds that only Unix has. It converts from and into [`Ready`].
///
/// ```
/// use mydht_evloop::{Ready, unix::UnixReady};
///
/// let ready = Ready::readable() | UnixReady::hup();
/// assert!(UnixReady::from(ready).is_hup());
/// ```
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixReady(Ready);

impl UnixReady {
    /// An asynchronous I/O completion.
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "macos"
    ))]
    #[inline]
    pub fn aio() -> UnixReady {
        UnixReady(Ready::AIO)
    }

    /// An error. Descriptors report it whether it was asked for or not.
    #[inline]
    pub fn error() -> UnixReady {
        UnixReady(Ready::ERROR)
    }

    /// Both directions are closed. Descriptors report it whether it was asked for or not.
    #[inline]
    pub fn hup() -> UnixReady {
        UnixReady(Ready::HUP)
    }

    /// A list of asynchronous I/O completions.
    #[cfg(target_os = "freebsd")]
    #[inline]
    pub fn lio() -> UnixReady {
        UnixReady(Ready::LIO)
    }

    /// Something urgent to read.
    #[cfg(any(
        target_os = "android",
        target_os = "illumos",
        target_os = "linux",
        target_os = "solaris"
    ))]
    #[inline]
    pub fn priority() -> UnixReady {
        UnixReady(Ready::PRIORITY)
    }

    /// True if an asynchronous I/O completion is in the set.
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "macos"
    ))]
    #[inline]
    pub fn is_aio(&self) -> bool {
        self.0.contains(Ready::AIO)
    }

    /// True if error is in the set.
    #[inline]
    pub fn is_error(&self) -> bool {
        self.0.contains(Ready::ERROR)
    }

    /// True if hang-up is in the set.
    #[inline]
    pub fn is_hup(&self) -> bool {
        self.0.contains(Ready::HUP)
    }

    /// True if a list of asynchronous I/O completions is in the set.
    #[cfg(target_os = "freebsd")]
    #[inline]
    pub fn is_lio(&self) -> bool {
        self.0.contains(Ready::LIO)
    }

    /// True if priority is in the set.
    #[cfg(any(
        target_os = "android",
        target_os = "illumos",
        target_os = "linux",
        target_os = "solaris"
    ))]
    #[inline]
    pub fn is_priority(&self) -> bool {
        self.0.contains(Ready::PRIORITY)
    }
}

impl From<Ready> for UnixReady {
    fn from(ready: Ready) -> UnixReady {
        UnixReady(ready)
    }
}

impl From<UnixReady> for Ready {
    fn from(ready: UnixReady) -> Ready {
        ready.0
    }
}

impl Deref for UnixReady {
    type Target = Ready;

    fn deref(&self) -> &Ready {
        &self.0
    }
}

impl DerefMut for UnixReady {
    fn deref_mut(&mut self) -> &mut Ready {
        &mut self.0
    }
}

impl BitOr for UnixReady {
    type Output = UnixReady;

    #[inline]
    fn bitor(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 | other.0)
    }
}

impl BitXor for UnixReady {
    type Output = UnixReady;

    #[inline]
    fn bitxor(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 ^ other.0)
    }
}

impl BitAnd for UnixReady {
    type Output = UnixReady;

    #[inline]
    fn bitand(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 & other.0)
    }
}

impl Sub for UnixReady {
    type Output = UnixReady;

    #[inline]
    fn sub(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 - other.0)
    }
}

impl fmt::Debug for UnixReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(
            f,
            self.0.as_usize(),
            &[
                (Ready::READABLE.as_usize(), "Readable"),
                (Ready::WRITABLE.as_usize(), "Writable"),
                (Ready::ERROR.as_usize(), "Error"),
                (Ready::HUP.as_usize(), "Hup"),
                (Ready::AIO.as_usize(), "Aio"),
                (Ready::LIO.as_usize(), "Lio"),
                (Ready::PRIORITY.as_usize(), "Priority"),
            ],
        )
    }
}
