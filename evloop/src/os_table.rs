//! Which of a loop's sources are the operating system's.

use crate::core::Key;
use crate::driver::RawSource;
use slab::Slab;
use std::collections::{HashMap, VecDeque};

/// A number of the operating system's events: the index of an entry, and above it the generation of
/// the number, as wide as the system's own word has room for.
const INDEX_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const GENERATIONS: u64 = (1 << (usize::BITS - INDEX_BITS)) - 1;

/// Most registrations that are kept although their descriptor was closed and is in use again.
const ORPHANS: usize = 256;

#[derive(Debug)]
struct Entry {
    number: u64,
    key: Key,
}

/// Numbers for the operating system's events, and what they stand for.
///
/// The system may report a number after its descriptor was closed or deregistered: while a wait is
/// going on, or for as long as a duplicate of the descriptor is open. So a number is never given to
/// another source: its generation differs.
#[derive(Debug, Default)]
pub(crate) struct OsTable {
    entries: Slab<Entry>,
    numbers: HashMap<RawSource, u64>,
    /// Numbers whose descriptor was closed without being deregistered and now is another source's,
    /// the oldest first. Their events go to the old token, because a duplicate may keep them alive.
    /// In most cases none does, and the system does not say: so they are few.
    orphans: VecDeque<u64>,
    /// Generation of the latest number.
    generation: u64,
}

impl OsTable {
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of the next source.
    pub fn reserve(&self) -> u64 {
        // One generation less than there is room for: the greatest number is the selector's own.
        let generation = (self.generation + 1) % GENERATIONS;
        generation << INDEX_BITS | self.entries.vacant_key() as u64
    }

    /// Enters `source` under the number that `reserve` gave. Returns the key of a source that is
    /// forgotten for it.
    pub fn insert(&mut self, source: RawSource, key: Key) -> Option<Key> {
        let number = self.reserve();
        self.generation = number >> INDEX_BITS;
        self.entries.insert(Entry { number, key });
        // The system forgot a descriptor that was closed, or no number could be added for it again.
        let orphan = self.numbers.insert(source, number)?;
        self.orphans.push_back(orphan);
        if self.orphans.len() <= ORPHANS {
            return None;
        }
        let oldest = self.orphans.pop_front()?;
        self.take(oldest)
    }

    pub fn get(&self, source: RawSource) -> Option<(u64, Key)> {
        let number = *self.numbers.get(&source)?;
        Some((number, self.entry(number)?.key))
    }

    pub fn remove(&mut self, source: RawSource) -> Option<Key> {
        let number = self.numbers.remove(&source)?;
        self.take(number)
    }

    /// Returns the key of a number's source; a key that names nothing once the source is gone.
    pub fn key(&self, number: u64) -> Key {
        self.entry(number).map_or(Key::NONE, |entry| entry.key)
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries
            .get(index(number))
            .filter(|entry| entry.number == number)
    }

    fn take(&mut self, number: u64) -> Option<Key> {
        // The number may be an old one, whose index another source has now.
        self.entry(number)?;
        Some(self.entries.try_remove(index(number))?.key)
    }
}

fn index(number: u64) -> usize {
    (number & ((1 << INDEX_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::{ORPHANS, OsTable};
    use crate::core::{Core, Interest, Key, Trigger};

    fn key() -> Key {
        Core::new().insert(0, Interest::new(1, Trigger::Pulse), 0)
    }

    #[test]
    fn a_number_is_never_given_to_another_source() {
        let mut table = OsTable::default();
        let mut seen = std::collections::HashSet::new();
        for round in 0..10_000 {
            let number = table.reserve();
            assert!(seen.insert(number), "{number} again");
            assert_eq!(table.key(number), Key::NONE, "reserved only");
            table.insert(5, key());
            assert_eq!(table.get(5), Some((number, key())));
            // Otherwise it counts as closed and open again, which makes an orphan of it.
            if round % 3 > 0 {
                assert_eq!(table.remove(5), Some(key()));
                assert_eq!(table.key(number), Key::NONE);
            }
        }
    }

    #[test]
    fn orphans_keep_their_key_and_are_few() {
        let mut table = OsTable::default();
        let first = table.reserve();
        assert_eq!(table.insert(5, key()), None);
        for _ in 0..ORPHANS {
            assert_eq!(table.insert(5, key()), None);
        }
        assert_eq!(table.key(first), key());
        assert_eq!(table.len(), 1);
        assert_eq!(table.insert(5, key()), Some(key()), "the oldest is gone");
        assert_eq!(table.key(first), Key::NONE);
        assert_eq!(table.entries.len(), ORPHANS + 1);
    }
}
