//! The state machine: which sources are watched, which of them are ready, which timers expire when.
//!
//! Nothing here performs I/O, reads a clock or calls user code while it works: readiness comes in
//! by [`Core::wake`], [`Core::set`] and [`Core::update`], events go out by [`Core::harvest`], and
//! time is an argument. Every driver and both handles (the one for threads and the one for a single
//! thread) stand on it.
//!
//! ```
//! use mydht_evloop::core::{Core, Interest, Trigger};
//!
//! const IN: u16 = 1;
//! let mut core = Core::new();
//! let key = core.insert(7, Interest::new(IN, Trigger::Edge), 0);
//! core.wake(key, IN);
//! let mut seen = Vec::new();
//! core.harvest(16, |event| seen.push((event.token, event.ready)));
//! assert_eq!(seen, [(7, IN)]);
//! assert_eq!(core.harvest(16, |_| ()), 0, "an edge reports once per wake");
//! ```

#![forbid(unsafe_code)]

mod heap;
mod ready_list;
mod slot;
mod slots;
mod state;

pub use heap::TimerKey;
pub use slot::{Cause, Fired, Interest, Key, Trigger};
pub use state::{Core, Stale};
