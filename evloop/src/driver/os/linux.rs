//! `polling`'s epoll instance, asked directly.
//!
//! A wait of `polling` is five system calls on Linux (its timer descriptor is set and armed, its notifier read and
//! armed again) and hides interruptions; this one is a single `epoll_wait`. The readiness bits are the kernel's own,
//! read-hang-up included. `polling` still makes the instance and wakes it.

use super::interest::{BATCH, OsInterest, RawSource, borrow};
use super::portable;
use crate::ready::Ready;
use polling::Poller;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// What `polling` marks its own descriptors with.
const NOTIFY: u64 = usize::MAX as u64;

pub(super) struct Buffer {
    list: Vec<epoll::Event>,
    notified: portable::Buffer,
}

// SAFETY: an epoll event is not Send only because its data could be a pointer; ours are numbers, always.
unsafe impl Send for Buffer {}

pub(super) fn buffer() -> Buffer {
    Buffer {
        list: Vec::with_capacity(BATCH),
        notified: portable::buffer(),
    }
}

pub(super) fn add(
    poller: &Poller,
    source: RawSource,
    number: u64,
    how: OsInterest,
) -> io::Result<()> {
    // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
    let source = unsafe { borrow(source) };
    let data = epoll::EventData::new_u64(number);
    Ok(epoll::add(poller.as_fd(), source, data, flags(how))?)
}

pub(super) fn modify(
    poller: &Poller,
    source: RawSource,
    number: u64,
    how: OsInterest,
) -> io::Result<()> {
    // SAFETY: as in `add`.
    let source = unsafe { borrow(source) };
    let data = epoll::EventData::new_u64(number);
    Ok(epoll::modify(poller.as_fd(), source, data, flags(how))?)
}

/// The kernel's flags beside ours.
const KINDS: [(epoll::EventFlags, Ready); 6] = [
    (epoll::EventFlags::IN, Ready::READABLE),
    (epoll::EventFlags::OUT, Ready::WRITABLE),
    (epoll::EventFlags::PRI, Ready::PRIORITY),
    (epoll::EventFlags::RDHUP, Ready::READ_HUP),
    (epoll::EventFlags::ERR, Ready::ERROR),
    (epoll::EventFlags::HUP, Ready::HUP),
];

fn flags(how: OsInterest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    for (flag, ready) in KINDS {
        flags.set(flag, how.ready.contains(ready));
    }
    flags.set(epoll::EventFlags::ET, how.edge);
    flags.set(epoll::EventFlags::ONESHOT, how.oneshot);
    flags
}

fn ready(flags: epoll::EventFlags) -> u16 {
    let mut bits = 0;
    for (flag, ready) in KINDS {
        if flags.contains(flag) {
            bits |= ready.mask();
        }
    }
    if bits & Ready::PRIORITY.mask() != 0 {
        // As in mio: something urgent to read is something to read.
        bits |= Ready::READABLE.mask();
    }
    bits
}

pub(super) fn wait(
    poller: &Poller,
    buffer: &mut Buffer,
    timeout: Option<Duration>,
    sink: &mut dyn FnMut(u64, u16),
) -> io::Result<()> {
    let timeout = timeout.map(timespec);
    buffer.list.clear();
    epoll::wait(
        poller.as_fd(),
        spare_capacity(&mut buffer.list),
        timeout.as_ref(),
    )?;
    let mut notified = false;
    for event in &buffer.list {
        let data = event.data.u64();
        if data == NOTIFY {
            notified = true;
        } else {
            sink(data, ready(event.flags));
        }
    }
    if notified {
        // Takes the notification out and arms the notifier again.
        return portable::wait(poller, &mut buffer.notified, Some(Duration::ZERO), sink);
    }
    Ok(())
}

/// Rounded up to milliseconds, as `epoll_wait` has them: rounded down, the end of a timeout would be a spin.
fn timespec(timeout: Duration) -> Timespec {
    let millis = timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i64;
    Timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    }
}
