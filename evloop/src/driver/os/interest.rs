//! Sources and interests in the operating system's terms.

use crate::ready::Ready;

#[cfg(unix)]
pub(crate) type RawSource = std::os::fd::RawFd;
#[cfg(windows)]
pub(crate) type RawSource = std::os::windows::io::RawSocket;

/// Most events that one call of the operating system may bring. More stay there until the next
/// call.
pub(super) const BATCH: usize = 1024;

/// Readiness and options that the system watches a source for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsInterest {
    pub ready: Ready,
    pub edge: bool,
    pub oneshot: bool,
}

#[cfg(unix)]
pub(super) unsafe fn borrow<'a>(source: RawSource) -> std::os::fd::BorrowedFd<'a> {
    // SAFETY: the caller's.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(source) }
}

#[cfg(windows)]
pub(super) unsafe fn borrow<'a>(source: RawSource) -> std::os::windows::io::BorrowedSocket<'a> {
    // SAFETY: the caller's.
    unsafe { std::os::windows::io::BorrowedSocket::borrow_raw(source) }
}
