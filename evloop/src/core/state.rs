//! The state machine itself.

use super::heap::{Heap, TimerKey};
use super::ready_list::ReadyList;
use super::slot::{After, Cause, Fired, Interest, Key, Slot};
use super::slots::Slots;
use std::fmt;
use std::time::Duration;

/// The key names a source that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source is not registered")
    }
}

impl std::error::Error for Stale {}

/// Sources, their readiness and their timers.
#[derive(Debug)]
pub struct Core {
    slots: Slots,
    list: ReadyList,
    timers: Heap,
}

impl Default for Core {
    fn default() -> Self {
        Core::new()
    }
}

impl Core {
    /// An empty one; it allocates with the first source.
    pub const fn new() -> Self {
        Core {
            slots: Slots::new(),
            list: ReadyList::new(),
            timers: Heap::new(),
        }
    }

    /// Returns the number of sources.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is no source.
    pub fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Watches a source that is `ready` now. If that is of interest, the next harvest reports it.
    pub fn insert(&mut self, token: usize, interest: Interest, ready: u16) -> Key {
        let slot = Slot::new(token, interest, ready);
        let fires = slot.effective() != 0;
        let key = self.slots.insert(slot);
        if fires && let Some(slot) = self.slots.get_mut(key) {
            self.list.push(slot, key, Cause::Registered);
        }
        key
    }

    /// Watches a source whose readiness is cleared elsewhere, without a word here: it is asked for
    /// before it is reported. The source has no token and is ready for nothing yet.
    pub(crate) fn insert_sampled(&mut self, interest: Interest) -> Key {
        let mut slot = Slot::new(0, interest, 0);
        slot.sample();
        self.slots.insert(slot)
    }

    /// Replaces token and interest, arms a disarmed source again and samples its readiness: what is
    /// ready and of interest is reported by the next harvest, what is not of interest any more is
    /// not.
    ///
    /// # Errors
    /// [`Stale`] if it was removed.
    pub fn modify(&mut self, key: Key, token: usize, interest: Interest) -> Result<(), Stale> {
        let slot = self.slots.get_mut(key).ok_or(Stale)?;
        slot.token = token;
        let was_pulse = slot.is_pulse();
        slot.set_interest(interest);
        if slot.is_linked() {
            self.list.turn(was_pulse, slot.is_pulse());
        }
        // What does not match any more stays on the list, as in the kernel: the harvest passes over it.
        if slot.effective() != 0 && !slot.is_linked() {
            self.list.push(slot, key, Cause::Registered);
        }
        Ok(())
    }

    /// Forgets a source; what was pending is never reported. O(1).
    ///
    /// # Errors
    /// [`Stale`] if it was removed before.
    pub fn remove(&mut self, key: Key) -> Result<(), Stale> {
        let slot = self.slots.remove(key).ok_or(Stale)?;
        if slot.is_linked() {
            self.list.leave(&self.slots, &slot);
        }
        Ok(())
    }

    /// Removes a source, but puts it on the ready list if it is not there: the harvest that comes
    /// to its place passes over it. Until then [`is_queued`](Core::is_queued) counts it.
    ///
    /// # Errors
    /// [`Stale`] if it was removed before.
    pub(crate) fn abandon(&mut self, key: Key) -> Result<(), Stale> {
        let slot = self.slots.get_mut(key).ok_or(Stale)?;
        slot.abandon();
        if !slot.is_linked() {
            self.list.push(slot, key, Cause::Set);
        }
        Ok(())
    }

    /// True if `key` names a source.
    pub fn contains(&self, key: Key) -> bool {
        self.slots.get(key).is_some()
    }

    /// Returns the known readiness of the source, of interest or not.
    pub fn ready(&self, key: Key) -> Option<u16> {
        self.slots.get(key).map(Slot::ready)
    }

    /// Adds to a source's readiness and reports it (edge: again) if any of `ready` is of interest.
    /// Several wakes before a harvest give one event with the bits merged.
    #[inline]
    pub fn wake(&mut self, key: Key, ready: u16) {
        self.wake_as(key, ready, Cause::Woken);
    }

    #[inline]
    fn wake_as(&mut self, key: Key, ready: u16, cause: Cause) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.set_ready(slot.ready() | ready);
        // Linked already, it keeps its place: a second entry would report it twice.
        if ready & slot.mask() != 0 && !slot.is_linked() {
            self.list.push(slot, key, cause);
        }
    }

    /// Replaces a source's readiness and reports it (edge: again) if any of it is of interest.
    /// Cleared before the harvest, it is not reported.
    #[inline]
    pub fn set(&mut self, key: Key, ready: u16) {
        // A source that is gone has nothing to be reported.
        let _ = self.update(key, ready, ready);
    }

    /// Replaces a source's readiness by `ready`, but wakes it only for the bits `woken`: what a
    /// wait queue with a wake-up mask does. An event then carries all of `ready` that is of
    /// interest. True if it was woken.
    ///
    /// # Errors
    /// [`Stale`] if it was removed.
    #[inline]
    pub fn update(&mut self, key: Key, ready: u16, woken: u16) -> Result<bool, Stale> {
        let slot = self.slots.get_mut(key).ok_or(Stale)?;
        let hit = woken & slot.mask() != 0;
        if slot.set_and_link(ready, hit) {
            self.list.enter(slot, key);
        }
        Ok(hit)
    }

    /// As [`wake`](Core::wake) if the source is already waiting to be reported, as
    /// [`set`](Core::set) if not: an event carries what became ready since the last one, and
    /// nothing that is older.
    ///
    /// # Errors
    /// [`Stale`] if it was removed.
    #[inline]
    pub fn trigger(&mut self, key: Key, ready: u16) -> Result<(), Stale> {
        let slot = self.slots.get(key).ok_or(Stale)?;
        let pending = if slot.is_linked() { slot.ready() } else { 0 };
        self.update(key, pending | ready, ready).map(drop)
    }

    /// Reports at most `capacity` ready sources, each at most once and the longest waiting first,
    /// and gives how many it reported. Level-triggered sources go to the tail; those that were not
    /// reached keep the head.
    ///
    /// It visits at most the sources that were ready when it was called, so it ends however much is
    /// woken later.
    #[inline]
    pub fn harvest(&mut self, capacity: usize, mut sink: impl FnMut(Fired)) -> usize {
        self.harvest_of(capacity, |_| u16::MAX, |_, fired| sink(fired))
    }

    /// As [`harvest`](Core::harvest) for a core with sampled sources: `sample` returns which of
    /// their bits were not cleared. `sink` gets the number of each report too.
    #[inline]
    pub(crate) fn harvest_of(
        &mut self,
        capacity: usize,
        sample: impl FnMut(Key) -> u16,
        mut sink: impl FnMut(usize, Fired),
    ) -> usize {
        // One entry and nothing behind it, as in a ping-pong: no loop, and no head to move.
        if let Some(key) = self.list.only()
            && capacity > 0
            && let Some(fired) = self.slots.report_plain(key)
        {
            self.list.clear();
            sink(0, fired);
            return 1;
        }
        self.harvest_many(capacity, sample, sink)
    }

    // Not inlined: alone, the loop keeps its state in registers.
    #[inline(never)]
    fn harvest_many(
        &mut self,
        capacity: usize,
        mut sample: impl FnMut(Key) -> u16,
        mut sink: impl FnMut(usize, Fired),
    ) -> usize {
        let Core { slots, list, .. } = self;
        let entries = list.range();
        let mut at = entries.start;
        let mut reported = 0;
        while at < entries.end && reported < capacity {
            // Plain edges come in runs, and change nothing but their slots.
            // The loop's condition keeps `capacity - reported` above zero.
            let run = list.entries(at..entries.end.min(at + (capacity - reported)));
            let before = reported;
            for key in run {
                let Some(fired) = slots.report_plain(*key) else {
                    break;
                };
                sink(reported, fired);
                reported += 1;
            }
            at += reported - before;
            if at < entries.end && reported < capacity {
                if let Some(fired) = list.take(slots, at, &mut sample) {
                    sink(reported, fired);
                    reported += 1;
                }
                at += 1;
            }
        }
        list.advance(at);
        reported
    }

    /// [`set`](Core::set) and [`harvest`](Core::harvest) of one source in one step, for a caller
    /// who knows that nothing else waits: the same, without a way through the ready list. `None` if
    /// there is nothing to report.
    #[inline]
    pub fn set_and_report(&mut self, key: Key, ready: u16) -> Option<Fired> {
        let slot = self.slots.get_mut(key)?;
        slot.set_ready(ready);
        debug_assert!(!slot.is_linked());
        if slot.effective() == 0 {
            return None;
        }
        let fired = Fired {
            cause: Cause::Set,
            ..slot.fired(key)
        };
        if slot.reported() == After::Again {
            self.list.push(slot, key, Cause::Level);
        }
        Some(fired)
    }

    /// True if any of `bits` is of interest.
    pub(crate) fn is_wanted(&self, key: Key, bits: u16) -> bool {
        self.slots
            .get(key)
            .is_some_and(|slot| slot.mask() & bits != 0)
    }

    /// True if a source that is no pulse is on the ready list, cleared or abandoned since or not.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.list.lasting() > 0
    }

    /// True if a harvest would report something. Sources that were cleared since are taken off the
    /// list on the way, so this is O(1) amortised and consumes no edge.
    pub fn has_ready(&mut self) -> bool {
        self.has_ready_of(|_| u16::MAX)
    }

    /// As [`has_ready`](Core::has_ready) for a core with sampled sources.
    pub(crate) fn has_ready_of(&mut self, sample: impl FnMut(Key) -> u16) -> bool {
        self.list.settle(&mut self.slots, sample)
    }

    /// Returns the number of sources that wait to be reported; some of them may have been cleared
    /// since.
    #[inline]
    pub fn ready_len(&self) -> usize {
        self.list.len()
    }

    /// At `deadline` the source is woken with `ready`, once.
    pub fn insert_timer(&mut self, deadline: Duration, source: Key, ready: u16) -> TimerKey {
        self.timers.insert(deadline, source, ready)
    }

    /// Cancels a timer in O(log n); false if it was due or removed before.
    pub fn remove_timer(&mut self, timer: TimerKey) -> bool {
        self.timers.remove(timer)
    }

    /// Wakes the sources whose timers have expired at `now`, in the order of their deadlines.
    pub fn advance(&mut self, now: Duration) {
        while let Some((source, ready)) = self.timers.pop_due(now) {
            self.wake_as(source, ready, Cause::Timer);
        }
    }

    #[cfg(test)]
    pub(super) fn list(&self) -> &ReadyList {
        &self.list
    }

    /// The deadline of the earliest timer.
    #[inline]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.timers.next_deadline()
    }
}
