//! The operating system's selector, by way of the `polling` crate.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
mod portable;

#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use portable as system;

use super::Driver;
use crate::ready::Ready;
use polling::Poller;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

#[cfg(unix)]
pub(crate) type RawSource = std::os::fd::RawFd;
#[cfg(windows)]
pub(crate) type RawSource = std::os::windows::io::RawSocket;

/// How many events one call of the operating system may bring. More stay there until the next call.
const BATCH: usize = 1024;

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

    pub(crate) fn add(&self, source: RawSource, number: u32, how: OsInterest) -> io::Result<()> {
        // It is removed before it is closed, or with it: the sockets of this crate deregister when they are
        // dropped, and for EventedFd it is the documented duty of the owner of the descriptor, as in mio.
        system::add(&self.poller, source, number, how)
    }

    pub(crate) fn modify(&self, source: RawSource, number: u32, how: OsInterest) -> io::Result<()> {
        system::modify(&self.poller, source, number, how)
    }

    pub(crate) fn delete(&self, source: RawSource) -> io::Result<()> {
        // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
        let source = unsafe { borrow(source) };
        self.poller.delete(source)
    }

    #[cfg(unix)]
    pub(crate) fn raw(&self) -> RawSource {
        std::os::fd::AsRawFd::as_raw_fd(&self.poller)
    }
}

#[cfg(unix)]
unsafe fn borrow<'a>(source: RawSource) -> std::os::fd::BorrowedFd<'a> {
    // SAFETY: the caller's.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(source) }
}

#[cfg(windows)]
unsafe fn borrow<'a>(source: RawSource) -> std::os::windows::io::BorrowedSocket<'a> {
    // SAFETY: the caller's.
    unsafe { std::os::windows::io::BorrowedSocket::borrow_raw(source) }
}

/// What the system is asked to watch a source for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsInterest {
    pub ready: Ready,
    pub edge: bool,
    pub oneshot: bool,
}

impl Driver for Os {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, sink: &mut dyn FnMut(u32, u16)) -> io::Result<()> {
        let mut buffer = match self.buffer.try_lock() {
            Ok(buffer) => buffer,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            // Somebody else waits already, and will give what he gets to the same loop.
            Err(TryLockError::WouldBlock) => return Ok(()),
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
