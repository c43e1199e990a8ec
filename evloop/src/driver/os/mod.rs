//! The operating system's selector, by way of the `polling` crate.

mod interest;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
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
use polling::Poller;
use std::fmt;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Waits in the operating system: epoll, kqueue, event ports or wepoll.
pub struct Os {
    epoch: Instant,
    poller: Poller,
    buffer: Mutex<system::Buffer>,
}

impl fmt::Debug for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Os").field("poller", &self.poller).finish()
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
            poller: Poller::new()?,
            buffer: Mutex::new(system::buffer()),
        })
    }

    pub(crate) fn add(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        // It is removed before it is closed, or with it: the sockets of this crate deregister when they are
        // dropped, and for EventedFd it is the documented duty of the owner of the descriptor, as in mio.
        system::add(&self.poller, source, number, how)
    }

    pub(crate) fn modify(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        system::modify(&self.poller, source, number, how)
    }

    pub(crate) fn delete(&self, source: RawSource) -> io::Result<()> {
        // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
        let source = unsafe { interest::borrow(source) };
        self.poller.delete(source)
    }

    #[cfg(unix)]
    pub(crate) fn raw(&self) -> RawSource {
        std::os::fd::AsRawFd::as_raw_fd(&self.poller)
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
        system::wait(&self.poller, &mut buffer, timeout, sink)
    }

    fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    fn os(&self) -> Option<&Os> {
        Some(self)
    }
}
