//! epoll in userspace behind mio 0.6's API, natively, in the browser and on a virtual clock.
//!
//! ```text
//!   Registration, SetReadiness      sockets (net, unix)      Timer
//!           \                            |                   /
//!            v                           v                  v
//!         Poll: register, reregister, deregister, poll -> Events
//!                                 |
//!                      core::Core: slots, queues, deadlines
//!                                 |
//!                      Driver: how a loop waits
//!        +------------+-----------+------------+
//!       Os          Park        Turns     VirtualClock
//!    epoll, ...   a thread    JS, by hand    tests, recorded and replayed
//! ```
//!
//! The crate root is mio 0.6's public API, so a program that names `mio` needs no change.
//!
//! # Start here
//!
//! * [`Poll`], [`Events`], [`Registration`]: the loop, as in mio 0.6.
//! * [`Poll::turns`] and [`Handle`]: a loop that never blocks, for whoever owns the thread.
//! * `js` (on wasm32): runs a loop in a page or in Node.
//! * [`VirtualClock`]: loops whose time is set, for tests. [`driver::Recording`]: a run of them.
//! * [`core`]: the state machine under it. [`driver`]: what a loop waits with.
//! * [`traits`]: what MyDHT's services need of a loop.

mod bridge;
mod compat;
pub mod core;
#[allow(missing_docs)]
#[doc(hidden)]
pub mod deprecated;
pub mod driver;
pub mod epoll;
pub mod event;
mod handle;
mod inbox;
#[cfg(target_arch = "wasm32")]
pub mod js;
pub mod local;
mod lock;
mod loop_timer;
#[cfg(all(feature = "mio06", not(target_arch = "wasm32")))]
pub mod mio06;
#[cfg(not(target_arch = "wasm32"))]
pub mod net;
#[cfg(not(target_arch = "wasm32"))]
mod os_source;
#[cfg(not(target_arch = "wasm32"))]
mod os_table;
mod poll;
mod poll_opt;
mod ready;
mod registration;
mod shared;
mod sync;
mod token;
mod trace;
pub mod traits;
#[cfg(unix)]
pub mod unix;
mod user_source;
mod virtual_loops;

pub use bridge::LoopEvents;
pub use compat::Compat;
pub use driver::VirtualClock;
pub use event::Events;
pub use handle::{Handle, TurnReport};
pub use loop_timer::Timer;
pub use poll::Poll;
pub use poll_opt::PollOpt;
pub use ready::Ready;
pub use registration::{Registration, SetReadiness};
pub use token::Token;
pub use trace::Record;

// mio's default features put these at the root too.
#[doc(hidden)]
#[allow(deprecated)]
pub use deprecated::{channel, timer, would_block};
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use deprecated::{tcp, udp};
#[doc(hidden)]
pub use event::{Event, Evented, Iter as EventsIter};
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use iovec::IoVec;

/// The examples of the documentation pages are tests.
#[cfg(all(doctest, unix))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/migrating-from-mio-0.6.md")]
    struct Migrating;
    #[doc = include_str!("../docs/browser.md")]
    struct Browser;
    #[doc = include_str!("../docs/semantics.md")]
    struct Semantics;
    #[doc = include_str!("../../docs/tutorials/port-a-mio-program.md")]
    struct Tutorial;
}
