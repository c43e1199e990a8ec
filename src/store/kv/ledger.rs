//! What is in a store, and what goes when there is too much. Pure: it is told what happens and what time it is.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{Listed, Millis};

/// How much a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Entries. Each costs about 200 bytes of memory beside what it costs where it is kept.
    pub entries: usize,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits {
            entries: 1 << 18,
            bytes: 1 << 30,
        }
    }
}

/// What is in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries, those that expired and were not removed yet included.
    pub entries: usize,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

#[derive(Debug)]
struct Kept {
    bytes: u64,
    expires: Option<Millis>,
    /// Asked for since the hand last passed.
    visited: bool,
    /// Which of the queue's mentions of the key is about this entry.
    number: u64,
}

/// The entries of a store without their values.
///
/// Eviction is SIEVE's (Zhang et al., NSDI 2024): a queue in the order of insertion, a mark on what was asked for, and a
/// hand that goes from the oldest to the newest, takes the marks away and evicts what has none.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    kept: HashMap<Box<[u8]>, Kept>,
    /// The oldest first; mentions of entries that are gone are passed over.
    queue: VecDeque<(Box<[u8]>, u64)>,
    /// Those before it have been passed by the hand.
    hand: usize,
    expiring: BTreeSet<(Millis, Box<[u8]>)>,
    bytes: u64,
    next: u64,
}

impl Ledger {
    pub(super) fn usage(&self) -> Usage {
        Usage {
            entries: self.kept.len(),
            bytes: self.bytes,
        }
    }

    /// An entry that was there before.
    pub(super) fn restore(&mut self, listed: Listed) {
        self.insert(&listed.key, listed.len, listed.expires);
    }

    /// An entry is asked for.
    pub(super) fn touch(&mut self, key: &[u8]) {
        if let Some(kept) = self.kept.get_mut(key) {
            kept.visited = true;
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some(kept) = self.kept.remove(key) else {
            return;
        };
        self.bytes -= kept.bytes;
        if let Some(at) = kept.expires {
            self.expiring.remove(&(at, key.into()));
        }
        // The mentions of what is gone must not outgrow what is there.
        if self.queue.len() > 2 * self.kept.len() + 16 {
            let (kept, hand) = (&self.kept, self.hand);
            let mut index = 0;
            let mut passed = 0;
            self.queue.retain(|(key, number)| {
                let stays = kept.get(key).is_some_and(|kept| kept.number == *number);
                passed += usize::from(stays && index < hand);
                index += 1;
                stays
            });
            self.hand = passed;
        }
    }

    /// An entry is put: gives the keys of those that go for it, or `None` if there can be no room for it.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        len: u64,
        expires: Option<Millis>,
        now: Millis,
        limits: &StoreLimits,
    ) -> Option<Vec<Box<[u8]>>> {
        let bytes = len.saturating_add(key.len() as u64);
        if bytes > limits.bytes || limits.entries == 0 {
            return None;
        }
        self.remove(key);
        let mut gone = Vec::new();
        while self.bytes + bytes > limits.bytes || self.kept.len() >= limits.entries {
            let Some(victim) = self.expired(now).or_else(|| self.unvisited()) else {
                break;
            };
            self.remove(&victim);
            gone.push(victim);
        }
        self.insert(key, len, expires);
        Some(gone)
    }

    fn insert(&mut self, key: &[u8], len: u64, expires: Option<Millis>) {
        let bytes = len.saturating_add(key.len() as u64);
        let number = self.next;
        self.next += 1;
        self.queue.push_back((key.into(), number));
        if let Some(at) = expires {
            self.expiring.insert((at, key.into()));
        }
        self.bytes += bytes;
        let kept = Kept {
            bytes,
            expires,
            visited: false,
            number,
        };
        self.kept.insert(key.into(), kept);
    }

    /// One that has expired.
    pub(super) fn expired(&self, now: Millis) -> Option<Box<[u8]>> {
        let (at, key) = self.expiring.first()?;
        (*at <= now).then(|| key.clone())
    }

    /// The next that the hand finds without a mark.
    fn unvisited(&mut self) -> Option<Box<[u8]>> {
        // Twice around at most: the first time may take marks away.
        for _ in 0..2 * self.queue.len() + 1 {
            if self.hand >= self.queue.len() {
                self.hand = 0;
            }
            let (key, number) = self.queue.get(self.hand)?;
            let live = self.kept.get_mut(key).filter(|kept| kept.number == *number);
            match live {
                Some(kept) if kept.visited => {
                    kept.visited = false;
                    self.hand += 1;
                }
                Some(_) => return Some(key.clone()),
                None => drop(self.queue.remove(self.hand)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOMY: StoreLimits = StoreLimits {
        entries: 3,
        bytes: 1000,
    };

    fn put(ledger: &mut Ledger, key: &str, now: Millis) -> Vec<String> {
        expiring(ledger, key, None, now)
    }

    fn expiring(ledger: &mut Ledger, key: &str, at: Option<Millis>, now: Millis) -> Vec<String> {
        let gone = ledger.put(key.as_bytes(), 10, at, now, &ROOMY).unwrap();
        let text = |key: Box<[u8]>| String::from_utf8(key.into()).unwrap();
        gone.into_iter().map(text).collect()
    }

    #[test]
    fn what_nobody_asked_for_goes_first_then_the_oldest() {
        let mut ledger = Ledger::default();
        for key in ["a", "b", "c"] {
            assert!(put(&mut ledger, key, 0).is_empty());
        }
        ledger.touch(b"a");
        assert_eq!(put(&mut ledger, "d", 0), ["b"]);
        assert_eq!(put(&mut ledger, "e", 0), ["c"]);
        assert_eq!(put(&mut ledger, "f", 0), ["d"], "the hand goes on");
        assert_eq!(put(&mut ledger, "g", 0), ["e"]);
        assert_eq!(
            ledger.usage(),
            Usage {
                entries: 3,
                bytes: 33
            }
        );
    }

    #[test]
    fn what_expired_goes_before_anything_else() {
        let mut ledger = Ledger::default();
        put(&mut ledger, "a", 0);
        expiring(&mut ledger, "b", Some(20), 0);
        expiring(&mut ledger, "c", Some(10), 0);
        assert_eq!(put(&mut ledger, "d", 10), ["c"]);
        assert_eq!(put(&mut ledger, "e", 19), ["a"]);
        assert_eq!(put(&mut ledger, "f", 20), ["b"]);
        // Put again, it expires when it was said last.
        let mut ledger = Ledger::default();
        expiring(&mut ledger, "a", Some(5), 0);
        put(&mut ledger, "a", 0);
        assert_eq!(ledger.expired(100), None);
    }

    #[test]
    fn bytes_are_a_limit_too_and_what_is_over_it_evicts_nothing() {
        let limits = StoreLimits {
            entries: 100,
            bytes: 100,
        };
        let mut ledger = Ledger::default();
        for key in [b"a", b"b", b"c", b"d"] {
            assert!(ledger.put(key, 24, None, 0, &limits).unwrap().is_empty());
        }
        assert_eq!(ledger.put(b"e", 100, None, 0, &limits), None);
        assert_eq!(ledger.usage().entries, 4);
        assert_eq!(ledger.put(b"e", 60, None, 0, &limits).unwrap().len(), 3);
        assert_eq!(ledger.put(b"e", 99, None, 0, &limits).unwrap().len(), 1);
        assert_eq!(
            ledger.usage(),
            Usage {
                entries: 1,
                bytes: 100
            }
        );
    }

    proptest! {
        /// Beside a plain map: the limits hold, nothing goes without being named, and what is named was there.
        #[test]
        fn the_ledger_is_the_map(
            entries in 1usize..8,
            bytes in 20u64..200,
            steps in proptest::collection::vec((0u8..12, 0u64..40, 0u8..4, 0u64..50), 0..300),
        ) {
            let limits = StoreLimits { entries, bytes };
            let mut ledger = Ledger::default();
            let mut map = std::collections::BTreeMap::new();
            for (now, (key, len, what, expires)) in steps.into_iter().enumerate() {
                let (key, now) = ([key], now as Millis);
                match what {
                    0 => {
                        ledger.remove(&key);
                        map.remove(&key[..]);
                    }
                    1 => ledger.touch(&key),
                    _ => {
                        let expires = (expires > 25).then(|| now + expires - 25);
                        match ledger.put(&key, len, expires, now, &limits) {
                            None => prop_assert!(len + 1 > bytes),
                            Some(gone) => {
                                map.remove(&key[..]);
                                for key in gone {
                                    prop_assert!(map.remove(&key[..]).is_some());
                                }
                                map.insert(key.to_vec(), len + 1);
                            }
                        }
                    }
                }
                let usage = Usage { entries: map.len(), bytes: map.values().sum() };
                prop_assert_eq!(ledger.usage(), usage);
                prop_assert!(usage.entries <= entries && usage.bytes <= bytes);
                prop_assert!(ledger.queue.len() <= 2 * map.len() + 17);
                prop_assert!(ledger.expiring.len() <= map.len());
            }
        }
    }
}
