//! The operating system's selector, by way of the `polling` crate.

use super::Driver;
use crate::ready::Ready;
use polling::{Event, Events, PollMode, Poller};
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
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
    events: Mutex<Events>,
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
            events: Mutex::new(Events::with_capacity(
                NonZeroUsize::new(BATCH).unwrap_or(NonZeroUsize::MIN),
            )),
        })
    }

    pub(crate) fn add(&self, source: RawSource, number: u32, how: OsInterest) -> io::Result<()> {
        // SAFETY: the caller removes the source before it closes it, or has the operating system do so: the
        // sockets of this crate deregister when they are dropped, and for EventedFd it is the documented duty of
        // the owner of the descriptor, as in mio.
        unsafe {
            self.poller
                .add_with_mode(source, how.event(number), self.mode(how))
        }
    }

    pub(crate) fn modify(&self, source: RawSource, number: u32, how: OsInterest) -> io::Result<()> {
        // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
        let source = unsafe { borrow(source) };
        self.poller
            .modify_with_mode(source, how.event(number), self.mode(how))
    }

    pub(crate) fn delete(&self, source: RawSource) -> io::Result<()> {
        // SAFETY: as in `modify`.
        let source = unsafe { borrow(source) };
        self.poller.delete(source)
    }

    /// Where the system has no edges (Windows), a level is reported instead: more events, none lost.
    fn mode(&self, how: OsInterest) -> PollMode {
        match (how.edge && self.poller.supports_edge(), how.oneshot) {
            (true, true) => PollMode::EdgeOneshot,
            (true, false) => PollMode::Edge,
            (false, true) => PollMode::Oneshot,
            (false, false) => PollMode::Level,
        }
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

impl OsInterest {
    fn event(self, number: u32) -> Event {
        let mut event = Event::new(
            number as usize,
            self.ready.is_readable(),
            self.ready.is_writable(),
        );
        if self.ready.contains(Ready::PRIORITY) {
            event.set_priority(true);
        }
        event
    }
}

impl Driver for Os {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, sink: &mut dyn FnMut(u32, u16)) -> io::Result<()> {
        let mut events = match self.events.try_lock() {
            Ok(events) => events,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            // Somebody else waits already, and will give what he gets to the same loop.
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        events.clear();
        self.poller.wait(&mut events, timeout)?;
        for event in events.iter() {
            let mut ready = Ready::empty();
            if event.readable {
                ready |= Ready::readable();
            }
            if event.writable {
                ready |= Ready::writable();
            }
            if event.is_priority() {
                ready |= Ready::PRIORITY;
            }
            if event.is_interrupt() {
                ready |= Ready::HUP;
            }
            if event.is_err() == Some(true) {
                ready |= Ready::ERROR;
            }
            sink(event.key as u32, ready.bits());
        }
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    fn os(&self) -> Option<&Os> {
        Some(self)
    }
}
