//! The operating system by way of `polling` alone.

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

#[cfg_attr(any(target_os = "linux", target_os = "android"), expect(dead_code))]
pub(super) fn add(
    poller: &Poller,
    source: RawSource,
    number: u64,
    how: OsInterest,
) -> io::Result<()> {
    // SAFETY: the caller of `Os::add` removes the source before it closes it.
    unsafe { poller.add_with_mode(source, event(number, how), mode(poller, how)) }
}

#[cfg_attr(any(target_os = "linux", target_os = "android"), expect(dead_code))]
pub(super) fn modify(
    poller: &Poller,
    source: RawSource,
    number: u64,
    how: OsInterest,
) -> io::Result<()> {
    // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
    let source = unsafe { borrow(source) };
    poller.modify_with_mode(source, event(number, how), mode(poller, how))
}

fn event(number: u64, how: OsInterest) -> Event {
    let mut event = Event::new(
        number as usize,
        how.ready.is_readable(),
        how.ready.is_writable(),
    );
    if how.ready.contains(Ready::PRIORITY) {
        event.set_priority(true);
    }
    event
}

/// Where the system has no edges (Windows), a level is reported instead: more events, none lost.
fn mode(poller: &Poller, how: OsInterest) -> PollMode {
    match (how.edge && poller.supports_edge(), how.oneshot) {
        (true, true) => PollMode::EdgeOneshot,
        (true, false) => PollMode::Edge,
        (false, true) => PollMode::Oneshot,
        (false, false) => PollMode::Level,
    }
}

pub(super) fn wait(
    poller: &Poller,
    events: &mut Buffer,
    timeout: Option<Duration>,
    sink: &mut dyn FnMut(u64, u16),
) -> io::Result<()> {
    events.clear();
    poller.wait(events, timeout)?;
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
        sink(event.key as u64, ready.mask());
    }
    Ok(())
}
