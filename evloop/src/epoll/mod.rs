//! Linux's epoll, in userspace: interest lists of sources that are not descriptors, with the
//! kernel's semantics.
//!
//! For code that comes from C, for sources that need several loops, and for nesting. [`Source`] is
//! what the kernel calls a wait queue: whoever owns it says what it is ready for ([`Source::set`],
//! [`Source::clear`]) and whom a change wakes ([`Source::wake`]). An [`Epoll`] is a source itself.
//!
//! ```
//! use mydht_evloop::epoll::{Epoll, Event, Flags, Source};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let epoll = Epoll::park();
//! let source = Source::new();
//! epoll.add(&source, Event::new(Flags::IN | Flags::ET, 42))?;
//! source.set(Flags::IN);
//! let mut events = [Event::default(); 8];
//! assert_eq!(epoll.wait(&mut events, None)?, 1);
//! assert_eq!((events[0].flags, events[0].data), (Flags::IN, 42));
//! assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO))?, 0, "edge");
//! # Ok(())
//! # }
//! ```
//!
//! The rules are those of `fs/eventpoll.c`, measured on Linux 6.18: see `docs/specification.md` of
//! this crate.

mod error;
mod flags;
mod instance;
mod nesting;
mod source;
mod watcher;

pub use error::Error;
pub use flags::{Event, Flags};
pub use instance::{CTL_ADD, CTL_DEL, CTL_MOD, Epoll};
pub use source::{Pollable, Source};
