//! epoll, asked directly.
//!
//! By way of `polling` a wait is five system calls (its timer descriptor is set and armed, its
//! notifier read and armed again) and hides interruptions; here it is a single `epoll_wait`, and a
//! wake is a single `write`. The readiness bits are the kernel's own, read-hang-up included.

use super::interest::{BATCH, OsInterest, RawSource, borrow};
use crate::ready::Ready;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// The bell's mark. The numbers of sources are smaller.
const BELL: u64 = u64::MAX;

/// An epoll, and an event counter in it that ends its waits.
#[derive(Debug)]
pub(super) struct Selector {
    epoll: OwnedFd,
    bell: OwnedFd,
}

pub(super) struct Buffer(Vec<epoll::Event>);

// SAFETY: an epoll event is not Send only because its data could be a pointer; ours are numbers, always.
unsafe impl Send for Buffer {}

pub(super) fn buffer() -> Buffer {
    Buffer(Vec::with_capacity(BATCH))
}

impl Selector {
    pub fn new() -> io::Result<Selector> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edge-triggered: every write is an edge, so the counter is never read. It has room for 2⁶⁴ − 2 of them.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &bell, epoll::EventData::new_u64(BELL), flags)?;
        Ok(Selector { epoll, bell })
    }

    pub fn add(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
        let source = unsafe { borrow(source) };
        let data = epoll::EventData::new_u64(number);
        Ok(epoll::add(&self.epoll, source, data, flags(how))?)
    }

    pub fn modify(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        // SAFETY: as in `add`.
        let source = unsafe { borrow(source) };
        let data = epoll::EventData::new_u64(number);
        Ok(epoll::modify(&self.epoll, source, data, flags(how))?)
    }

    pub fn delete(&self, source: RawSource) -> io::Result<()> {
        // SAFETY: as in `add`.
        let source = unsafe { borrow(source) };
        Ok(epoll::delete(&self.epoll, source)?)
    }

    pub fn wait(
        &self,
        buffer: &mut Buffer,
        timeout: Option<Duration>,
        sink: &mut dyn FnMut(u64, u16),
    ) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        let list = &mut buffer.0;
        list.clear();
        epoll::wait(&self.epoll, spare_capacity(list), timeout.as_ref())?;
        for event in list {
            let data = event.data.u64();
            if data != BELL {
                sink(data, ready(event.flags));
            }
        }
        Ok(())
    }

    /// Ends the current wait, or the next one.
    pub fn notify(&self) -> io::Result<()> {
        match rustix::io::write(&self.bell, &1_u64.to_ne_bytes()) {
            // The counter is full, so the bell has been rung.
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub fn raw(&self) -> RawSource {
        self.epoll.as_raw_fd()
    }
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

/// As [`KINDS`] has it, without a loop: this is for each event. A test compares the two.
fn ready(flags: epoll::EventFlags) -> u16 {
    let flags = flags.bits();
    // Writable, error and hang-up are in the same order here and there, one bit apart.
    let kinds = flags & 0b1 | flags >> 1 & 0b1110 | flags >> 6 & 0x80;
    // As in mio: something urgent to read is something to read.
    let urgent = (flags >> 1 & 1) * u32::from((Ready::PRIORITY | Ready::READABLE).mask());
    (kinds | urgent) as u16
}

/// Rounded up to milliseconds, as `epoll_wait` has them: rounded down, the end of a timeout would
/// be a spin.
fn timespec(timeout: Duration) -> Timespec {
    // `epoll_wait` takes an `int`. A longer wait ends early, and the loop looks at the clock.
    let millis = timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i64;
    Timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, ready};
    use crate::ready::Ready;
    use rustix::event::epoll::EventFlags;

    #[test]
    fn each_set_of_flags_is_the_readiness_of_its_kinds() {
        for set in 0..1_u32 << KINDS.len() {
            let (mut flags, mut expected) = (EventFlags::ET, 0);
            for (bit, (flag, ready)) in KINDS.iter().enumerate() {
                if set >> bit & 1 != 0 {
                    flags |= *flag;
                    expected |= ready.mask();
                }
            }
            if expected & Ready::PRIORITY.mask() != 0 {
                expected |= Ready::READABLE.mask();
            }
            assert_eq!(ready(flags), expected, "{flags:?}");
        }
    }
}
