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

    #[inline]
    pub fn head(&self) -> u32 {
        self.head
    }

    /// Puts slot `index` at the tail. It must not be linked.
    #[inline]
    pub fn push_back(&mut self, slots: &mut Slab<Slot>, index: u32) {
        let old_tail = self.tail;
        if let Some(slot) = slots.get_mut(index as usize) {
            debug_assert!(!slot.linked);
            slot.linked = true;
            slot.prev = old_tail;
            slot.next = NIL;
        } else {
            return;
        }
        match slots.get_mut(old_tail as usize) {
            Some(tail) if old_tail != NIL => tail.next = index,
            _ => self.head = index,
        }
        self.tail = index;
        self.len += 1;
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
        match slots.get_mut(prev as usize) {
            Some(slot) if prev != NIL => slot.next = next,
            _ => self.head = next,
        }
        match slots.get_mut(next as usize) {
            Some(slot) if next != NIL => slot.prev = prev,
            _ => self.tail = prev,
        }
        self.len -= 1;
    }
}
