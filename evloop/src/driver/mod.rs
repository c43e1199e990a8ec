//! Drivers, by which a loop waits: the operating system, a parked thread, turns that somebody gives
//! it, or a clock that only moves when it is told to.

mod clock;
#[cfg(not(target_arch = "wasm32"))]
mod os;
#[cfg(not(target_arch = "wasm32"))]
mod park;
mod recording;
mod turns;

pub use clock::VirtualClock;
#[cfg(not(target_arch = "wasm32"))]
pub use os::Os;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use os::{OsInterest, RawSource};
#[cfg(not(target_arch = "wasm32"))]
pub use park::Park;
pub use recording::Recording;
pub use turns::Turns;

use crate::event::Events;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Waiting and time of a loop.
///
/// A loop asks its driver only when it has nothing to report (and, if the driver has sources of its
/// own, once per fairness budget), so nothing here is on the fast path.
pub trait Driver: Send + Sync + fmt::Debug {
    /// Time since the driver's own epoch: never goes back.
    fn now(&self) -> Duration;

    /// False if [`wait`](Driver::wait) may not block: `poll` then says `WouldBlock` instead of
    /// waiting.
    fn may_block(&self) -> bool;

    /// Waits until [`notify`](Driver::notify) was called, one of the driver's own sources is ready
    /// (it is given to `sink` with the number it was added under), or `timeout` has passed (`None`:
    /// for ever). Spurious returns are allowed; returning early by rounding is too, because the
    /// loop looks at the clock.
    ///
    /// # Errors
    /// `Interrupted` when a signal came; whatever the operating system says otherwise.
    fn wait(&self, timeout: Option<Duration>, sink: &mut dyn FnMut(u64, u16)) -> io::Result<()>;

    /// Ends the current or the next [`wait`](Driver::wait); for a driver that may not block: asks
    /// for a turn.
    ///
    /// # Errors
    /// What the operating system says.
    fn notify(&self) -> io::Result<()>;

    /// For a driver that may not block: the loop wants a turn at `deadline` at the latest (`None`:
    /// only when it is notified).
    fn note(&self, _deadline: Option<Duration>) {}

    /// For a driver that may not block: this is what a poll is about to give (`None`:
    /// `WouldBlock`).
    ///
    /// # Errors
    /// Are given instead.
    fn giving(&self, _events: Option<&Events>) -> io::Result<()> {
        Ok(())
    }

    /// Calls `hook` from now on when [`notify`](Driver::notify) asks for a turn; false if this
    /// driver takes none.
    fn on_wake(&self, _hook: Option<Arc<dyn Fn() + Send + Sync>>) -> bool {
        false
    }

    /// The operating system's selector, if this driver is one.
    #[cfg(not(target_arch = "wasm32"))]
    #[doc(hidden)]
    fn os(&self) -> Option<&Os> {
        None
    }
}
