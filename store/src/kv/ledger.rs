//! Ledger of a store's entries, and the choice of those to evict. Pure: events and time are passed
//! in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use mydht_proto::engine::Usage;

use foldhash::fast::RandomState;

use super::{Listed, Millis, Stay};

/// Limits of a store's size.
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

#[derive(Debug)]
struct Kept {
    bytes: u64,
    stay: Stay,
    /// Asked for since the hand last passed.
    visited: bool,
    /// Which of the queue's mentions of the key is about this entry.
    number: u64,
}

/// The entries of a store without their values.
///
/// Eviction is SIEVE's (Zhang et al., NSDI 2024): a queue in the order of insertion, a mark on what
/// was asked for, and a hand that goes from the oldest to the newest, takes the marks away and
/// evicts what has none.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Hashed with a seed of its own: peers choose keys, and do not see it.
    kept: HashMap<Arc<[u8]>, Kept, RandomState>,
    /// Entries that may be evicted, oldest first. Mentions of removed entries are skipped.
    queue: VecDeque<(Arc<[u8]>, u64)>,
    /// Position of the hand in the queue: it has passed the mentions before.
    hand: usize,
    expiring: BTreeSet<(Millis, Arc<[u8]>)>,
    bytes: u64,
    /// Usage by the node's own entries.
    own: Usage,
    next: u64,
}

/// Effects of a put.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Put {
    /// Keys of the entries evicted for it.
    pub(super) gone: Vec<Arc<[u8]>>,
    /// Expiry of the entry. An entry put under one of the node's own keys is the node's own.
    pub(super) stay: Stay,
}

impl Ledger {
    pub(super) fn usage(&self) -> Usage {
        Usage {
            entries: self.kept.len(),
            bytes: self.bytes,
        }
    }

    /// Adds an entry that the backend already has.
    pub(super) fn restore(&mut self, listed: Listed) {
        self.insert(&listed.key, listed.len, listed.stay);
    }

    /// Marks an entry as used. Skipped while no eviction is near, because marking would slow down
    /// every get.
    pub(super) fn touch(&mut self, key: &[u8], limits: &StoreLimits) {
        if self.bytes < limits.bytes / 2 && self.kept.len() < limits.entries / 2 {
            return;
        }
        if let Some(kept) = self.kept.get_mut(key) {
            kept.visited = true;
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some((key, kept)) = self.kept.remove_entry(key) else {
            return;
        };
        self.bytes -= kept.bytes;
        if kept.stay.is_own() {
            self.own.entries -= 1;
            self.own.bytes -= kept.bytes;
        }
        if let Some(at) = kept.stay.expires() {
            self.expiring.remove(&(at, key));
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
            // Keeps the hand between the same two entries as before.
            self.hand = passed;
        }
    }

    /// Records a put, and evicts entries for it.
    ///
    /// # Errors
    /// When the entry cannot fit. Nothing has changed then.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        len: u64,
        stay: Stay,
        now: Millis,
        limits: &StoreLimits,
    ) -> io::Result<Put> {
        let bytes = len.saturating_add(key.len() as u64);
        if bytes > limits.bytes || limits.entries == 0 {
            return Err(too_long(len, limits));
        }
        let before = self.kept.get(key).filter(|kept| kept.stay.is_own());
        let stay = match before {
            Some(_) => stay.for_own(),
            None => stay,
        };
        let own_bytes = self.own.bytes - before.map_or(0, |kept| kept.bytes);
        let own_entries = self.own.entries - usize::from(before.is_some());
        if own_bytes + bytes > limits.bytes || own_entries >= limits.entries {
            return Err(no_room(limits));
        }
        // Removed only now: if the new entry cannot fit, the old one must stay.
        self.remove(key);
        let mut gone = Vec::new();
        while self.bytes + bytes > limits.bytes || self.kept.len() >= limits.entries {
            let Some(victim) = self.expired(now).or_else(|| self.unvisited()) else {
                // Only the node's own entries are left, which were checked above to leave enough
                // room.
                break;
            };
            self.remove(&victim);
            gone.push(victim);
        }
        self.insert(key, len, stay);
        Ok(Put { gone, stay })
    }

    fn insert(&mut self, key: &[u8], len: u64, stay: Stay) {
        let bytes = len.saturating_add(key.len() as u64);
        let number = self.next;
        self.next += 1;
        let key: Arc<[u8]> = key.into();
        if stay.is_own() {
            self.own.entries += 1;
            self.own.bytes += bytes;
        } else {
            self.queue.push_back((Arc::clone(&key), number));
        }
        if let Some(at) = stay.expires() {
            self.expiring.insert((at, Arc::clone(&key)));
        }
        self.bytes += bytes;
        let kept = Kept {
            bytes,
            stay,
            visited: false,
            number,
        };
        self.kept.insert(key, kept);
    }

    /// Returns the key of an expired entry.
    pub(super) fn expired(&self, now: Millis) -> Option<Arc<[u8]>> {
        let (at, key) = self.expiring.first()?;
        (*at <= now).then(|| key.clone())
    }

    /// Returns the next entry without a mark, moving the hand.
    fn unvisited(&mut self) -> Option<Arc<[u8]>> {
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

fn too_long(len: u64, limits: &StoreLimits) -> io::Error {
    let StoreLimits { entries, bytes } = limits;
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!(
            "a value of {len} bytes is over what the store may hold ({bytes} bytes, {entries} entries): put it as a file"
        ),
    )
}

fn no_room(limits: &StoreLimits) -> io::Error {
    let StoreLimits { entries, bytes } = limits;
    io::Error::new(
        io::ErrorKind::StorageFull,
        format!(
            "the node's own values take all that the store may hold ({bytes} bytes, {entries} entries): remove some, or \
             give it more"
        ),
    )
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
        let gone = ledger
            .put(key.as_bytes(), 10, Stay::until(at), now, &ROOMY)
            .unwrap()
            .gone;
        let text = |key: Arc<[u8]>| String::from_utf8(key.to_vec()).unwrap();
        gone.into_iter().map(text).collect()
    }

    #[test]
    fn what_nobody_asked_for_goes_first_then_the_oldest() {
        let mut ledger = Ledger::default();
        for key in ["a", "b", "c"] {
            assert!(put(&mut ledger, key, 0).is_empty());
        }
        ledger.touch(b"a", &ROOMY);
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
        // Republished, an entry expires as the last put says.
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
        let put = |ledger: &mut Ledger, key: &[u8], len| {
            ledger.put(key, len, Stay::default(), 0, &limits)
        };
        let mut ledger = Ledger::default();
        for key in [b"a", b"b", b"c", b"d"] {
            assert!(put(&mut ledger, key, 24).unwrap().gone.is_empty());
        }
        let refused = put(&mut ledger, b"e", 100).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(ledger.usage().entries, 4);
        assert_eq!(put(&mut ledger, b"e", 60).unwrap().gone.len(), 3);
        assert_eq!(put(&mut ledger, b"e", 99).unwrap().gone.len(), 1);
        assert_eq!(
            ledger.usage(),
            Usage {
                entries: 1,
                bytes: 100
            }
        );
    }

    #[test]
    fn nothing_of_the_nodes_own_goes_for_anything() {
        let own = Stay::default().for_own();
        let mut ledger = Ledger::default();
        put(&mut ledger, "a", 0);
        assert_eq!(ledger.put(b"b", 10, own, 0, &ROOMY).unwrap().gone.len(), 0);
        put(&mut ledger, "c", 0);
        // A peer's value under the node's own key is as the one before.
        let again = ledger.put(b"b", 10, Stay::default(), 0, &ROOMY).unwrap();
        assert_eq!(
            again,
            Put {
                gone: vec![],
                stay: own
            }
        );
        assert_eq!(put(&mut ledger, "d", 0), ["a"]);
        assert_eq!(put(&mut ledger, "e", 0), ["c"]);
        ledger.put(b"f", 10, own, 0, &ROOMY).unwrap();
        ledger.put(b"g", 10, own, 0, &ROOMY).unwrap();
        assert_eq!(ledger.usage().entries, 3);
        for stay in [Stay::default(), own] {
            let refused = ledger.put(b"h", 10, stay, 0, &ROOMY).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(ledger.usage().entries, 3, "nothing has changed");
        ledger.put(b"b", 20, own, 0, &ROOMY).unwrap();
        ledger.remove(b"g");
        assert!(put(&mut ledger, "h", 0).is_empty());
    }

    proptest! {
        /// Beside a plain map: the limits hold, nothing goes without being named, and what is named
        /// was there.
        #[test]
        fn the_ledger_is_the_map(
            entries in 1usize..8,
            bytes in 20u64..200,
            steps in proptest::collection::vec((0u8..12, 0u64..40, 0u8..5, 0u64..50), 0..300),
        ) {
            let limits = StoreLimits { entries, bytes };
            let mut ledger = Ledger::default();
            // What is there, and whether it is the node's own.
            let mut map = std::collections::BTreeMap::<Vec<u8>, (u64, Stay)>::new();
            for (now, (key, len, what, expires)) in steps.into_iter().enumerate() {
                let (key, now) = ([key], now as Millis);
                match what {
                    0 => {
                        ledger.remove(&key);
                        map.remove(&key[..]);
                    }
                    1 => ledger.touch(&key, &limits),
                    _ => {
                        let expires = (expires > 25).then(|| now + expires - 25);
                        let stay = match what {
                            2 => Stay::until(expires).for_own(),
                            _ => Stay::until(expires),
                        };
                        match ledger.put(&key, len, stay, now, &limits) {
                            Err(_) => {
                                let others = map.iter().filter(|(other, _)| ***other != key[..]);
                                let own = others.filter(|(_, (_, stay))| stay.is_own());
                                let taken: u64 = own.clone().map(|(_, (len, _))| len).sum();
                                prop_assert!(taken + len + 1 > bytes || own.count() >= entries);
                            }
                            Ok(put) => {
                                let before = map.remove(&key[..]);
                                let was_own = before.is_some_and(|(_, stay)| stay.is_own());
                                prop_assert_eq!(put.stay.is_own(), stay.is_own() || was_own);
                                for key in put.gone {
                                    let gone = map.remove(&key[..]);
                                    let Some((_, stay)) = gone else {
                                        return Err(TestCaseError::fail("it was not there"));
                                    };
                                    let expired = stay.expires().is_some_and(|at| at <= now);
                                    prop_assert!(expired || !stay.is_own());
                                }
                                map.insert(key.to_vec(), (len + 1, put.stay));
                            }
                        }
                    }
                }
                let bytes_there = map.values().map(|(len, _)| len).sum();
                let usage = Usage { entries: map.len(), bytes: bytes_there };
                prop_assert_eq!(ledger.usage(), usage);
                prop_assert!(usage.entries <= entries && usage.bytes <= bytes);
                prop_assert!(ledger.queue.len() <= 2 * map.len() + 17);
                prop_assert!(ledger.expiring.len() <= map.len());
            }
        }
    }
}
