//! The intrusive doubly linked list of ready slots: linking, unlinking and rotating are O(1).

use super::slot::{NIL, Slot};
use slab::Slab;

#[derive(Debug)]
pub(super) struct ReadyList {
    head: u32,
    tail: u32,
    len: u32,
}

impl ReadyList {
    pub const fn new() -> Self {
        ReadyList {
            head: NIL,
            tail: NIL,
            len: 0,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Makes `slot` the new tail; [`join`](ReadyList::join) must follow. In two steps, so that a caller who has the
    /// slot already does not look it up again.
    #[inline]
    pub fn mark(&self, slot: &mut Slot) {
        debug_assert!(!slot.linked);
        slot.linked = true;
        slot.prev = self.tail;
        slot.next = NIL;
    }

    /// Joins the marked slot `index` to the tail.
    #[inline]
    pub fn join(&mut self, slots: &mut Slab<Slot>, index: u32) {
        let tail = std::mem::replace(&mut self.tail, index);
        self.len += 1;
        if self.len == 1 {
            self.head = index;
        } else if let Some(slot) = slots.get_mut(tail as usize) {
            slot.next = index;
        }
    }

    /// Takes the slot at the head out.
    pub fn pop_front(&mut self, slots: &mut Slab<Slot>) {
        if let Some(slot) = slots.get_mut(self.head as usize).filter(|slot| slot.linked) {
            slot.linked = false;
            // The new head's `prev` is left dangling: a head's is never read.
            self.head = slot.next;
            self.len -= 1;
        }
    }

    /// The head, for a caller who takes slots out at the front himself and says so with [`end`](ReadyList::end).
    #[inline]
    pub fn begin(&self) -> u32 {
        self.head
    }

    /// What the caller of [`begin`](ReadyList::begin) left: the new head and how many there are.
    #[inline]
    pub fn end(&mut self, head: u32, len: usize) {
        self.head = head;
        self.len = len as u32;
    }

    /// The slot at the head.
    #[inline]
    pub fn front<'a>(&self, slots: &'a Slab<Slot>) -> Option<(u32, &'a Slot)> {
        if self.len == 0 {
            return None;
        }
        Some((self.head, slots.get(self.head as usize)?))
    }

    /// Takes slot `index` out. Nothing happens if it is not linked.
    #[inline]
    pub fn unlink(&mut self, slots: &mut Slab<Slot>, index: u32) {
        let (prev, next) = match slots.get_mut(index as usize) {
            Some(slot) if slot.linked => {
                slot.linked = false;
                (slot.prev, slot.next)
            }
            _ => return,
        };
        let (first, last) = (index == self.head, index == self.tail);
        match slots.get_mut(prev as usize) {
            Some(slot) if !first => slot.next = next,
            _ => self.head = next,
        }
        match slots.get_mut(next as usize) {
            Some(slot) if !last => slot.prev = prev,
            _ => self.tail = prev,
        }
        self.len -= 1;
    }
}
