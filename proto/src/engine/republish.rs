//! What is kept is put again, so that it outlives the nodes that keep it (Maymounkov and Mazières, *Kademlia* (2002),
//! §2.5).
//!
//! Once in [`Limits::republish`](crate::Limits::republish) a node goes through what it keeps, one record at a time, and
//! puts each with the nodes that are nearest to its key now. What a peer has put here since then it leaves alone: that
//! peer has put it with the others too, so that mostly one of the nodes that keep a record does the work.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::put::For;
use super::{AfterStore, Engine, StoreOp};
use crate::id::{Hash, Key};
use crate::record::Record;

/// Keys of which it is remembered when a peer put them, at most. What is forgotten is put again once too often.
const NOTED: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Republish {
    /// When the next round begins.
    due: Option<Duration>,
    /// Rounds that were begun.
    rounds: u64,
    /// How far the round under way is; `None`: there is none, or it is at its beginning.
    after: Option<Key>,
    /// The store was asked for the next record, or one is being put.
    is_busy: bool,
    /// When each was last put.
    noted: HashMap<Key, Duration>,
    /// The same, the oldest first; some of another time than above.
    order: VecDeque<(Duration, Key)>,
}

impl Republish {
    /// A record was put here, and so with the others.
    pub(super) fn note(&mut self, key: Key, now: Duration) {
        self.noted.insert(key, now);
        self.order.push_back((now, key));
        if self.order.len() > NOTED
            && let Some((at, oldest)) = self.order.pop_front()
            && self.noted.get(&oldest) == Some(&at)
        {
            self.noted.remove(&oldest);
        }
    }

    fn was_put_since(&self, key: &Key, since: Duration) -> bool {
        self.noted.get(key).is_some_and(|at| *at > since)
    }
}

impl Engine {
    /// When the next round begins, if anything comes of it.
    pub(super) fn republish_deadline(&self) -> Option<Duration> {
        let can = !self.republish.is_busy && !self.stopping && !self.peers.is_empty();
        self.republish.due.filter(|_| can)
    }

    /// Begins a round, or goes on with one that all peers had left, if it is time.
    pub(super) fn republish(&mut self) {
        let period = self.limits.republish;
        if period.is_zero() || self.stopping {
            return;
        }
        let due = *self.republish.due.get_or_insert_with(|| {
            // Nodes that were started together do not all begin together.
            self.now
                .saturating_add(period + jitter(&self.own.0, 0, period))
        });
        if self.republish.is_busy || self.peers.is_empty() {
            return;
        }
        if due <= self.now {
            self.republish.rounds += 1;
            let jitter = jitter(&self.own.0, self.republish.rounds, period);
            self.republish.due = Some(self.now.saturating_add(period + jitter));
        } else if self.republish.after.is_none() {
            return;
        }
        self.next_kept();
    }

    /// Goes on with the next record.
    pub(super) fn next_kept(&mut self) {
        self.republish.is_busy = !self.peers.is_empty() && !self.stopping;
        if self.republish.is_busy {
            let op = StoreOp::Next(self.republish.after);
            self.store(op, AfterStore::NextKept);
        }
    }

    /// The store names the next record that it keeps.
    pub(super) fn kept(&mut self, key: Option<Key>) {
        self.republish.after = key;
        let Some(key) = key else {
            self.republish.is_busy = false;
            return;
        };
        let since = self.now.saturating_sub(self.limits.republish);
        if self.republish.was_put_since(&key, since) {
            self.next_kept();
        } else {
            self.store(StoreOp::Get(key), AfterStore::Republish);
        }
    }

    /// Puts a record again, if it is worth it.
    pub(super) fn put_again(&mut self, record: Option<Record>) {
        match record {
            Some(record) if !record.is_expired(self.unix_millis()) => self.copy(For::Round, record),
            // It is gone, or not whole.
            _ => self.next_kept(),
        }
    }

    /// The store failed: the next round may have more luck.
    pub(super) fn republish_failed(&mut self) {
        self.republish.is_busy = false;
        self.republish.after = None;
    }
}

/// Up to an eighth of `period`, another each time and at each node.
fn jitter(own: &Hash, round: u64, period: Duration) -> Duration {
    let seed = [&own.0[..], &round.to_le_bytes()].concat();
    period / 2048 * u32::from(Hash::of(&seed).0[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_remembered_within_bounds() {
        let mut republish = Republish::default();
        let key = |number: usize| Key::of_content(&number.to_le_bytes());
        let at = |number: usize| Duration::from_secs(number as u64 + 1);
        for number in 0..NOTED {
            republish.note(key(number), at(number));
        }
        republish.note(key(0), at(NOTED));
        assert!(republish.was_put_since(&key(0), at(NOTED - 1)));
        for number in 1..3 * NOTED {
            republish.note(key(number), at(NOTED + number));
        }
        assert!(!republish.was_put_since(&key(0), Duration::ZERO));
        assert!(republish.was_put_since(&key(3 * NOTED - 1), Duration::ZERO));
        assert!(republish.noted.len() <= NOTED && republish.order.len() <= NOTED);
    }

    #[test]
    fn rounds_are_not_in_step() {
        let hour = Duration::from_secs(3600);
        let all: std::collections::BTreeSet<Duration> = (0..64)
            .map(|round| jitter(&Hash::of(b"node"), round, hour))
            .collect();
        assert!(all.len() > 32 && all.iter().all(|jitter| *jitter < hour / 8));
    }
}
