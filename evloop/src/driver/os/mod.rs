//! The operating system's selector: epoll, or what the `polling` crate makes of another system's.

mod interest;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod portable;

#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use portable as system;

// A circle on purpose: the trait names this type, the one driver that has sources of its own (`Driver::os`). A second
// trait and a downcast would say the same in more words.
use super::Driver;
use crate::lock::try_lock;
pub(crate) use interest::{OsInterest, RawSource};
use std::fmt;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Waits in the operating system: epoll, kqueue, event ports or wepoll.
pub struct Os {
    epoch: Instant,
    selector: system::Selector,
    buffer: Mutex<system::Buffer>,
}

impl fmt::Debug for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Os")
            .field("selector", &self.selector)
            .finish()
    }
}

impl Os {
    /// A selector of its own, whose time starts now.
    ///
    /// # Errors
    /// When the operating system has no more descriptors to give.
    pub fn new() -> io::Result<Self> {
        Ok(Os {
            epoch: Instant::now(),
            selector: system::Selector::new()?,
            buffer: Mutex::new(system::buffer()),
        })
    }

    pub(crate) fn add(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        // It is removed before it is closed, or with it: the sockets of this crate deregister when they are
        // dropped, and for EventedFd it is the documented duty of the owner of the descriptor, as in mio.
        self.selector.add(source, number, how)
    }

    pub(crate) fn modify(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        self.selector.modify(source, number, how)
    }

    pub(crate) fn delete(&self, source: RawSource) -> io::Result<()> {
        self.selector.delete(source)
    }

    #[cfg(unix)]
    pub(crate) fn raw(&self) -> RawSource {
        self.selector.raw()
    }
}

impl Driver for Os {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, sink: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        let Some(mut buffer) = try_lock(&self.buffer) else {
            // Another thread waits already, and gives what it gets to the same loop.
            return Ok(());
        };
        self.selector.wait(&mut buffer, timeout, sink)
    }

    fn notify(&self) -> io::Result<()> {
        self.selector.notify()
    }

    fn os(&self) -> Option<&Os> {
        Some(self)
    }
}
