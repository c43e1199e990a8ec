//! The deprecated part of mio's API, which programs of its time still name (tokio 0.1 and ws 0.9
//! do). With the feature `with-deprecated`, mio's own module `deprecated` too: the event loop of
//! mio 0.5, with its pipes and Unix sockets.

pub mod channel;
#[cfg(feature = "with-deprecated")]
mod event_loop;
#[cfg(feature = "with-deprecated")]
mod non_block;
pub mod timer;
#[cfg(not(target_arch = "wasm32"))]
pub mod udp;
#[cfg(all(feature = "with-deprecated", unix))]
pub mod unix;

#[cfg(feature = "with-deprecated")]
pub use event_loop::{EventLoop, EventLoopBuilder, Handler, NotifyError, Sender};
#[cfg(feature = "with-deprecated")]
pub use non_block::{TryAccept, TryRead, TryWrite};
#[cfg(all(feature = "with-deprecated", unix))]
pub use unix::{PipeReader, PipeWriter, Shutdown, UnixListener, UnixSocket, UnixStream, pipe};

use crate::event::{Event, Evented};
use crate::{Poll, PollOpt, Ready, Registration, SetReadiness, Token};
use std::io;
use std::ops::Not;

impl Ready {
    #[deprecated(note = "use Ready::empty")]
    #[doc(hidden)]
    pub fn none() -> Ready {
        Ready::empty()
    }

    #[deprecated(note = "use UnixReady")]
    #[doc(hidden)]
    #[inline]
    pub fn error() -> Ready {
        Ready::ERROR
    }

    #[deprecated(note = "use UnixReady")]
    #[doc(hidden)]
    #[inline]
    pub fn hup() -> Ready {
        Ready::HUP
    }

    #[deprecated(note = "use Ready::is_empty")]
    #[doc(hidden)]
    #[inline]
    pub fn is_none(&self) -> bool {
        self.is_empty()
    }

    #[deprecated(note = "use UnixReady")]
    #[doc(hidden)]
    #[inline]
    pub fn is_error(&self) -> bool {
        self.contains(Ready::ERROR)
    }

    #[deprecated(note = "use UnixReady")]
    #[doc(hidden)]
    #[inline]
    pub fn is_hup(&self) -> bool {
        self.contains(Ready::HUP)
    }

    #[deprecated(note = "use Ready::as_usize")]
    #[doc(hidden)]
    #[inline]
    pub fn bits(&self) -> usize {
        self.as_usize()
    }
}

#[doc(hidden)]
impl Not for Ready {
    type Output = Ready;

    #[inline]
    fn not(self) -> Ready {
        Ready::from_usize(!self.as_usize())
    }
}

impl PollOpt {
    #[deprecated(note = "it means nothing")]
    #[doc(hidden)]
    #[inline]
    pub fn urgent() -> PollOpt {
        PollOpt(0b1000)
    }

    #[deprecated(note = "name the options")]
    #[doc(hidden)]
    #[inline]
    pub fn all() -> PollOpt {
        PollOpt::edge() | PollOpt::level() | PollOpt::oneshot()
    }

    #[deprecated(note = "it means nothing")]
    #[doc(hidden)]
    #[inline]
    pub fn is_urgent(&self) -> bool {
        self.contains(PollOpt(0b1000))
    }

    #[deprecated(note = "ask for the options")]
    #[doc(hidden)]
    #[inline]
    pub fn bits(&self) -> usize {
        self.0
    }
}

#[doc(hidden)]
impl Not for PollOpt {
    type Output = PollOpt;

    #[inline]
    fn not(self) -> PollOpt {
        PollOpt(!self.0)
    }
}

#[cfg(unix)]
mod of_unix {
    use crate::Ready;
    use crate::unix::UnixReady;
    use std::ops::Not;

    #[cfg(not(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "macos"
    )))]
    impl UnixReady {
        #[deprecated(note = "it is nothing here")]
        #[doc(hidden)]
        pub fn aio() -> UnixReady {
            Ready::empty().into()
        }

        #[deprecated(note = "it never is")]
        #[doc(hidden)]
        pub fn is_aio(&self) -> bool {
            false
        }
    }

    #[doc(hidden)]
    impl Not for UnixReady {
        type Output = UnixReady;

        #[inline]
        fn not(self) -> UnixReady {
            (!Ready::from(self)).into()
        }
    }
}

impl Event {
    #[deprecated(note = "use Event::readiness")]
    #[doc(hidden)]
    pub fn kind(&self) -> Ready {
        self.readiness()
    }
}

// Without `deregister`: it would hide that of the loop traits, which is stricter. Who has `Evented` in scope has the same.
impl Registration {
    /// Creates a pair. With an invalid token ([`Poll::register`] says which) it is not registered.
    #[deprecated(note = "use Registration::new2")]
    #[doc(hidden)]
    pub fn new(
        poll: &Poll,
        token: Token,
        interest: Ready,
        opt: PollOpt,
    ) -> (Registration, SetReadiness) {
        let pair = Registration::new2();
        // A signature from before there was an error to give.
        let _ = Evented::register(&pair.0, poll, token, interest, opt);
        pair
    }

    #[deprecated(note = "use Poll::reregister")]
    #[doc(hidden)]
    pub fn update(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        Evented::reregister(self, poll, token, interest, opts)
    }
}

#[deprecated(note = "use ErrorKind::WouldBlock")]
#[doc(hidden)]
pub fn would_block() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}

#[cfg(not(target_arch = "wasm32"))]
mod net {
    use crate::net::{TcpListener, TcpStream};
    use std::io;
    use std::net::SocketAddr;
    use std::time::Duration;

    impl TcpStream {
        #[deprecated(note = "use TcpStream::set_keepalive")]
        #[doc(hidden)]
        pub fn set_keepalive_ms(&self, keepalive: Option<u32>) -> io::Result<()> {
            self.set_keepalive(keepalive.map(|time| Duration::from_millis(time.into())))
        }

        #[deprecated(note = "use TcpStream::keepalive")]
        #[doc(hidden)]
        pub fn keepalive_ms(&self) -> io::Result<Option<u32>> {
            // Rounded up, and at most what there is room for.
            let millis = |time: Duration| time.as_nanos().div_ceil(1_000_000);
            let keepalive = self.keepalive()?;
            Ok(keepalive.map(|time| u32::try_from(millis(time)).unwrap_or(u32::MAX)))
        }
    }

    impl TcpListener {
        #[deprecated(note = "use TcpListener::from_std")]
        #[doc(hidden)]
        pub fn from_listener(
            listener: std::net::TcpListener,
            _: &SocketAddr,
        ) -> io::Result<TcpListener> {
            TcpListener::from_std(listener)
        }
    }
}

/// mio's name for what is in [`crate::net`].
#[cfg(not(target_arch = "wasm32"))]
pub mod tcp {
    pub use crate::net::{TcpListener, TcpStream};
    pub use std::net::Shutdown;
}
