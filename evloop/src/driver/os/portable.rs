//! The operating system by way of `polling`: kqueue, event ports, wepoll. Tested on Linux too,
//! which does not use it.

use super::interest::{BATCH, OsInterest, RawSource, borrow};
use crate::ready::Ready;
use polling::{Event, Events, PollMode, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

pub(super) type Buffer = Events;

pub(super) fn buffer() -> Buffer {
    Events::with_capacity(NonZeroUsize::new(BATCH).unwrap_or(NonZeroUsize::MIN))
}

#[derive(Debug)]
pub(super) struct Selector(Poller);

impl Selector {
    pub fn new() -> io::Result<Selector> {
        Ok(Selector(Poller::new()?))
    }

    pub fn add(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        // SAFETY: the caller of `Os::add` removes the source before it closes it.
        unsafe {
            self.0
                .add_with_mode(source, event(number, how), mode(&self.0, how))
        }
    }

    pub fn modify(&self, source: RawSource, number: u64, how: OsInterest) -> io::Result<()> {
        // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
        let source = unsafe { borrow(source) };
        self.0
            .modify_with_mode(source, event(number, how), mode(&self.0, how))
    }

    pub fn delete(&self, source: RawSource) -> io::Result<()> {
        // SAFETY: as in `modify`.
        let source = unsafe { borrow(source) };
        self.0.delete(source)
    }

    pub fn wait(
        &self,
        events: &mut Buffer,
        timeout: Option<Duration>,
        sink: &mut dyn FnMut(u64, u16),
    ) -> io::Result<()> {
        events.clear();
        self.0.wait(events, timeout)?;
        for event in events.iter() {
            sink(event.key as u64, ready(&event));
        }
        Ok(())
    }

    pub fn notify(&self) -> io::Result<()> {
        self.0.notify()
    }

    #[cfg(unix)]
    pub fn raw(&self) -> RawSource {
        std::os::fd::AsRawFd::as_raw_fd(&self.0)
    }
}

fn event(number: u64, how: OsInterest) -> Event {
    let mut event = Event::new(
        // It fits: the table makes numbers no wider than a word.
        number as usize,
        how.ready.is_readable(),
        how.ready.is_writable(),
    );
    if how.ready.contains(Ready::PRIORITY) {
        event.set_priority(true);
    }
    event
}

/// Returns the mode of the poller. A system without edges (Windows) reports a level instead: more
/// events, none lost.
fn mode(poller: &Poller, how: OsInterest) -> PollMode {
    match (how.edge && poller.supports_edge(), how.oneshot) {
        (true, true) => PollMode::EdgeOneshot,
        (true, false) => PollMode::Edge,
        (false, true) => PollMode::Oneshot,
        (false, false) => PollMode::Level,
    }
}

fn ready(event: &Event) -> u16 {
    let mut ready = Ready::empty();
    for (is, kind) in [
        (event.readable, Ready::READABLE),
        (event.writable, Ready::WRITABLE),
        (event.is_priority(), Ready::PRIORITY),
        (event.is_interrupt(), Ready::HUP),
        (event.is_err() == Some(true), Ready::ERROR),
    ] {
        if is {
            ready |= kind;
        }
    }
    ready.mask()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::{Buffer, OsInterest, Selector, buffer};
    use crate::ready::Ready;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    fn wait(selector: &Selector, buffer: &mut Buffer, timeout: Duration) -> Vec<(u64, u16)> {
        let mut seen = Vec::new();
        selector
            .wait(buffer, Some(timeout), &mut |number, ready| {
                seen.push((number, ready));
            })
            .unwrap();
        seen
    }

    #[test]
    fn it_reports_under_the_number_and_can_be_notified() {
        let selector = Selector::new().unwrap();
        let mut buffer = buffer();
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let how = OsInterest {
            ready: Ready::READABLE,
            edge: false,
            oneshot: false,
        };
        let (long, now) = (Duration::from_secs(60), Duration::ZERO);
        let number = 5 << 32 | 7;
        selector.add(reader.as_raw_fd(), number, how).unwrap();
        assert_eq!(wait(&selector, &mut buffer, now), []);
        writer.write_all(b"x").unwrap();
        let readable = Ready::READABLE.mask();
        for _ in 0..2 {
            assert_eq!(wait(&selector, &mut buffer, long), [(number, readable)]);
        }
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 1);
        selector.modify(reader.as_raw_fd(), 9, how).unwrap();
        writer.write_all(b"y").unwrap();
        assert_eq!(wait(&selector, &mut buffer, long), [(9, readable)]);
        selector.delete(reader.as_raw_fd()).unwrap();
        selector.notify().unwrap();
        assert_eq!(wait(&selector, &mut buffer, long), [], "it did not wait");
        assert!(selector.raw() >= 0);
    }
}
