//! mio 0.6's public API over [`mydht_evloop`], for programs that name `mio` themselves:
//!
//! ```toml
//! [patch.crates-io]
//! mio = { git = "https://github.com/cheme/mydht" }
//! ```
//!
//! ```text
//!   a program, or a dependency of it, of 2016 to 2020
//!         |  use mio::{Poll, Events, Token, ...}
//!         v
//!   this package, under the name mio  -->  mydht_evloop, with Compat::Mio06
//! ```
//!
//! Every quirk of 0.6.23 is kept ([`mydht_evloop::Compat::Mio06`]). Windows' `Binding` and
//! `Overlapped` are missing.
//!
//! # Start here
//!
//! * [`Poll`], [`Events`] and [`Evented`]: mio's own documentation applies.
//! * [`mydht_evloop`]: what this crate adds to mio's API.

pub use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token};

pub mod event {
    //! Readiness event types and utilities.
    pub use mydht_evloop::event::{Event, Evented, Events, IntoIter, Iter};
}

#[cfg(not(target_arch = "wasm32"))]
pub use mydht_evloop::net;

#[cfg(unix)]
pub use mydht_evloop::unix;

#[cfg(feature = "with-deprecated")]
#[doc(hidden)]
pub use mydht_evloop::event::{Event, Evented, Iter as EventsIter};

#[cfg(all(feature = "with-deprecated", not(target_arch = "wasm32")))]
#[doc(hidden)]
pub use mydht_evloop::IoVec;

#[cfg(all(feature = "with-deprecated", not(target_arch = "wasm32")))]
#[doc(hidden)]
pub use mydht_evloop::{tcp, udp};

#[cfg(feature = "with-deprecated")]
#[doc(hidden)]
#[allow(deprecated)]
pub use mydht_evloop::{channel, timer, would_block};

#[cfg(feature = "with-deprecated")]
#[doc(hidden)]
pub mod deprecated {
    pub use mydht_evloop::deprecated::{
        EventLoop, EventLoopBuilder, Handler, NotifyError, Sender, TryAccept, TryRead, TryWrite,
    };
    #[cfg(unix)]
    pub use mydht_evloop::deprecated::{
        PipeReader, PipeWriter, Shutdown, UnixListener, UnixSocket, UnixStream, pipe, unix,
    };
}
