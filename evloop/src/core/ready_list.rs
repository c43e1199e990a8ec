//! The queue of ready sources, in the order in which they became ready.
//!
//! Keys in one piece of memory instead of links in the slots: a harvest reads ahead of itself, so
//! that the slots of many sources are fetched at once, and a slot is 8 bytes smaller. The price is
//! that a source that is removed leaves its key behind; such keys are passed over, and swept out
//! once they are the majority.

use super::slot::{After, Cause, Fired, Key, Slot};
use super::slots::Slots;

/// Below this many left-behind keys, sweeping is not worth it.
const FEW: usize = 32;

#[derive(Debug)]
pub(super) struct ReadyList {
    /// From `head` on: one entry for each linked slot, and `left` entries whose slot is gone.
    queue: Vec<Key>,
    head: usize,
    left: usize,
    /// Number of linked slots that are pulses.
    pulses: usize,
}

impl ReadyList {
    pub const fn new() -> Self {
        ReadyList {
            queue: Vec::new(),
            head: 0,
            left: 0,
            pulses: 0,
        }
    }

    /// Returns the number of sources that wait; some may have been cleared since.
    #[inline]
    pub fn len(&self) -> usize {
        // Every left-behind key is still in the queue from `head` on: `take` and the sweep uncount
        // it when it goes.
        self.queue.len() - self.head - self.left
    }

    /// Returns the number of waiting sources that are no pulses.
    #[inline]
    pub fn lasting(&self) -> usize {
        self.len() - self.pulses
    }

    /// Makes a slot the new tail.
    #[inline]
    pub fn push(&mut self, slot: &mut Slot, key: Key, cause: Cause) {
        slot.link(cause);
        self.enter(slot, key);
    }

    /// Makes a slot that counts as linked already the new tail.
    #[inline]
    pub fn enter(&mut self, slot: &Slot, key: Key) {
        if slot.is_pulse() {
            self.pulses += 1;
        }
        self.queue.push(key);
    }

    /// The entry at the head, if there is no other.
    #[inline]
    pub fn only(&self) -> Option<Key> {
        match self.queue.get(self.head..) {
            Some([key]) => Some(*key),
            _ => None,
        }
    }

    /// Forgets all entries, whose slots are not linked any more.
    #[inline]
    pub fn clear(&mut self) {
        // `left` and `pulses` are zero already: the one entry was a live plain edge.
        self.queue.clear();
        self.head = 0;
    }

    /// Some of the entries.
    #[inline]
    pub fn entries(&self, range: std::ops::Range<usize>) -> &[Key] {
        self.queue.get(range).unwrap_or_default()
    }

    /// Notes that a linked slot became a pulse, or ceased to be one.
    pub fn turn(&mut self, was_pulse: bool, is_pulse: bool) {
        self.pulses = self.pulses + usize::from(is_pulse) - usize::from(was_pulse);
    }

    /// The entries from the head to the tail, for a caller who takes them out at the front and says
    /// so with [`advance`](ReadyList::advance).
    #[inline]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.head..self.queue.len()
    }

    /// Takes entry `at` out and returns what it reports. A level-triggered source goes to the tail.
    /// `sample` says to what a sampled source is set now.
    #[inline]
    pub fn take(
        &mut self,
        slots: &mut Slots,
        at: usize,
        mut sample: impl FnMut(Key) -> u16,
    ) -> Option<Fired> {
        let key = *self.queue.get(at)?;
        let Some(slot) = slots.get_mut(key) else {
            self.left -= 1;
            return None;
        };
        if slot.is_pulse() {
            self.pulses -= 1;
        }
        if slot.is_sampled() {
            // Narrowed, not replaced: what was set since is queued, and would be reported twice.
            slot.set_ready(slot.ready() & sample(key));
        }
        if slot.effective() == 0 {
            if slot.passed_over() == After::Free {
                slots.remove(key);
            }
            return None;
        }
        let fired = slot.fired(key);
        if slot.reported() == After::Again {
            // Behind the range that the harvest took at its start, so it is reported once per
            // harvest.
            self.push(slot, key, Cause::Level);
        }
        Some(fired)
    }

    /// Drops entries from the head until one is ready; false if there is none.
    pub fn settle(&mut self, slots: &mut Slots, mut sample: impl FnMut(Key) -> u16) -> bool {
        let mut head = self.head;
        let mut found = false;
        while let Some(key) = self.queue.get(head) {
            if let Some(slot) = slots.get_mut(*key) {
                if slot.is_sampled() {
                    slot.set_ready(slot.ready() & sample(*key));
                }
                if slot.effective() != 0 {
                    found = true;
                    break;
                }
            }
            // For its bookkeeping: the slot is gone, or has nothing to report.
            let nothing = self.take(slots, head, |_| 0);
            debug_assert!(nothing.is_none());
            head += 1;
        }
        self.advance(head);
        found
    }

    /// Moves the head to entry `head`; what is before it is forgotten as soon as that costs no more
    /// than it saves.
    #[inline]
    pub fn advance(&mut self, head: usize) {
        let rest = self.queue.len() - head;
        if rest == 0 {
            self.queue.clear();
            self.head = 0;
        } else if head >= rest {
            // This moves no more keys than were passed over, so it is O(1) amortised.
            self.queue.copy_within(head.., 0);
            self.queue.truncate(rest);
            self.head = 0;
        } else {
            self.head = head;
        }
    }

    /// Notes that `slot`, which was linked, is gone.
    pub fn leave(&mut self, slots: &Slots, slot: &Slot) {
        self.left += 1;
        if slot.is_pulse() {
            self.pulses -= 1;
        }
        if self.left > FEW && self.left > (self.queue.len() - self.head) / 2 {
            // First: what is before the head was reported, and `retain` would keep it if its slot
            // lives.
            self.queue.drain(..self.head);
            self.head = 0;
            self.queue.retain(|key| slots.get(*key).is_some());
            self.left = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Core, Interest, Trigger};
    use super::FEW;

    #[test]
    fn sources_that_come_ready_and_go_unharvested_leave_nothing_behind() {
        let mut core = Core::new();
        let interest = Interest::new(1, Trigger::Level);
        let stays = core.insert(7, interest, 1);
        for token in 0..10_000 {
            let key = core.insert(token, interest, 1);
            core.remove(key).unwrap();
            assert!(
                core.remove(key).is_err(),
                "its index is used again, its key is not"
            );
            assert_eq!(core.ready_len(), 1);
            assert!(core.list().range().len() <= FEW + 2);
        }
        assert!(core.contains(stays));
        let mut fired = Vec::new();
        core.harvest(8, |event| fired.push(event.token));
        assert_eq!(fired, [7]);
    }
}
