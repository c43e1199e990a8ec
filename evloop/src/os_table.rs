//! Which of a loop's sources are the operating system's.

use crate::core::Key;
use crate::driver::RawSource;
use slab::Slab;
use std::collections::HashMap;

#[derive(Debug)]
struct Entry {
    source: RawSource,
    /// `Key::NONE` once it was removed while a wait was going on.
    key: Key,
}

/// Numbers for the operating system's events, and what they stand for.
#[derive(Debug, Default)]
pub(crate) struct OsTable {
    entries: Slab<Entry>,
    numbers: HashMap<RawSource, u32>,
    /// Removed while a wait was going on: the wait may still report them, so they are not used again before it
    /// is over.
    retired: Vec<u32>,
    waiting: bool,
}

impl OsTable {
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn reserve(&mut self) -> u32 {
        self.entries.vacant_key() as u32
    }

    /// Enters `source` under the number that `reserve` gave; gives the key of an older source that had the same
    /// descriptor and was closed without being deregistered.
    pub fn insert(&mut self, source: RawSource, key: Key) -> Option<Key> {
        let number = self.entries.insert(Entry { source, key }) as u32;
        let stale = self.numbers.insert(source, number)?;
        self.forget(stale)
    }

    pub fn get(&self, source: RawSource) -> Option<(u32, Key)> {
        let number = *self.numbers.get(&source)?;
        Some((number, self.entries.get(number as usize)?.key))
    }

    pub fn remove(&mut self, source: RawSource) -> Option<Key> {
        let number = self.numbers.remove(&source)?;
        debug_assert_eq!(
            self.entries.get(number as usize).map(|entry| entry.source),
            Some(source)
        );
        self.forget(number)
    }

    fn forget(&mut self, number: u32) -> Option<Key> {
        let entry = self.entries.get_mut(number as usize)?;
        let key = std::mem::replace(&mut entry.key, Key::NONE);
        if self.waiting {
            self.retired.push(number);
        } else {
            self.entries.try_remove(number as usize);
        }
        Some(key)
    }

    pub fn key(&self, number: u32) -> Key {
        self.entries
            .get(number as usize)
            .map_or(Key::NONE, |entry| entry.key)
    }

    pub fn wait_begins(&mut self) {
        self.waiting = true;
    }

    pub fn wait_over(&mut self) {
        self.waiting = false;
        for number in self.retired.drain(..) {
            self.entries.try_remove(number as usize);
        }
    }
}
