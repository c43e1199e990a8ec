//! Storage of slots: a vector with a free list, whose keys carry a generation.
//!
//! Not the `slab` crate: its check of what is vacant and ours of the generation are the same
//! question, asked twice for every event.

use super::slot::{Fired, Key, Slot};

/// End of the free list.
const NIL: usize = usize::MAX;

#[derive(Debug)]
pub(super) struct Slots {
    /// A vacant slot has the generation of its next use, which no key has yet, and in `token` the
    /// next vacant index.
    slots: Vec<Slot>,
    free: usize,
    len: usize,
}

impl Slots {
    pub const fn new() -> Self {
        Slots {
            slots: Vec::new(),
            free: NIL,
            len: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Takes `slot` in, under a key that no slot has had before.
    pub fn insert(&mut self, mut slot: Slot) -> Key {
        self.len += 1;
        // `NIL` is past the end of any vector, so an empty free list takes the other branch.
        let index = self.free;
        if let Some(vacant) = self.slots.get_mut(index) {
            self.free = vacant.token;
            slot.generation = vacant.generation;
            *vacant = slot;
        } else {
            slot.generation = 1;
            self.slots.push(slot);
            return Key::new((self.slots.len() - 1) as u32, 1);
        }
        Key::new(index as u32, slot.generation)
    }

    #[inline]
    pub fn get(&self, key: Key) -> Option<&Slot> {
        match self.slots.get(key.index() as usize) {
            Some(slot) if slot.generation == key.generation() => Some(slot),
            _ => None,
        }
    }

    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        match self.slots.get_mut(key.index() as usize) {
            Some(slot) if slot.generation == key.generation() => Some(slot),
            _ => None,
        }
    }

    /// Reports a slot that came off the ready list, if it is a plain edge with something to report:
    /// no other has more to do than that. `None` leaves it as it was.
    #[inline]
    pub fn report_plain(&mut self, key: Key) -> Option<Fired> {
        self.get_mut(key)?.report_plain(key)
    }

    /// Takes a slot out; `None` if it is gone already.
    pub fn remove(&mut self, key: Key) -> Option<Slot> {
        let free = self.free;
        let slot = self.get_mut(key)?;
        let removed = *slot;
        // Wraps after 2³² uses of one slot: only a key that was kept that long could be mistaken.
        slot.generation = slot.generation.wrapping_add(1);
        slot.token = free;
        self.free = key.index() as usize;
        self.len -= 1;
        Some(removed)
    }
}
