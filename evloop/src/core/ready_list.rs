//! The queue of ready sources, in the order in which they became ready.
//!
//! Keys in one piece of memory instead of links in the slots: a harvest reads ahead of itself, so that the slots of
//! many sources are fetched at once, and a slot is 8 bytes smaller. The price is that a source that is removed
//! leaves its key behind; such keys are passed over, and swept out once they are the majority.

use super::slot::{Key, Slot};
use super::slots::Slots;

/// Below this many left-behind keys, sweeping is not worth it.
const FEW: usize = 32;

#[derive(Debug)]
pub(super) struct ReadyList {
    /// From `head` on: one entry for each slot with `linked` set, and `left` entries whose slot is gone.
    queue: Vec<Key>,
    head: usize,
    left: usize,
}

impl ReadyList {
    pub const fn new() -> Self {
        ReadyList {
            queue: Vec::new(),
            head: 0,
            left: 0,
        }
    }

    /// How many sources wait; some may have been cleared since.
    #[inline]
    pub fn len(&self) -> usize {
        self.queue.len() - self.head - self.left
    }

    /// Makes a slot the new tail.
    #[inline]
    pub fn push(&mut self, slot: &mut Slot, key: Key) {
        debug_assert!(!slot.linked);
        slot.linked = true;
        self.queue.push(key);
    }

    /// The entries from the head to the tail, for a caller who takes them out at the front and says so with
    /// [`advance`](ReadyList::advance).
    #[inline]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.head..self.queue.len()
    }

    /// Takes entry `at` out: its slot, which is not linked any more. `None` if that is gone.
    #[inline]
    pub fn take<'a>(&mut self, slots: &'a mut Slots, at: usize) -> Option<(Key, &'a mut Slot)> {
        let key = *self.queue.get(at)?;
        match slots.get_mut(key) {
            Some(slot) => {
                slot.linked = false;
                Some((key, slot))
            }
            None => {
                self.left -= 1;
                None
            }
        }
    }

    /// Drops entries from the head until one is ready; false if there is none.
    pub fn settle(&mut self, slots: &mut Slots) -> bool {
        let mut head = self.head;
        let mut found = false;
        while let Some(key) = self.queue.get(head) {
            match slots.get_mut(*key) {
                Some(slot) if slot.effective() != 0 => {
                    found = true;
                    break;
                }
                Some(slot) => slot.linked = false,
                None => self.left -= 1,
            }
            head += 1;
        }
        self.advance(head);
        found
    }

    /// Moves the head to entry `head`; what is before it is forgotten as soon as that costs no more than it saves.
    #[inline]
    pub fn advance(&mut self, head: usize) {
        let rest = self.queue.len() - head;
        if rest == 0 {
            self.queue.clear();
            self.head = 0;
        } else if head >= rest {
            self.queue.copy_within(head.., 0);
            self.queue.truncate(rest);
            self.head = 0;
        } else {
            self.head = head;
        }
    }

    /// A slot that was linked is gone.
    pub fn leave(&mut self, slots: &Slots) {
        self.left += 1;
        if self.left > FEW && self.left > (self.queue.len() - self.head) / 2 {
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
