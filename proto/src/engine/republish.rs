//! Republishing of records, so that they outlive the nodes that keep them (Maymounkov and
//! Mazières, *Kademlia* (2002), §2.5).
//!
//! Once in [`RoutingLimits::republish`](crate::RoutingLimits::republish) a node goes through the
//! records that it keeps, one at a time, and stores each at the nodes nearest to its key. A record
//! that a peer has put here since then is left alone: that peer has stored it at the others too, so
//! that mostly one of the nodes that keep a record does the work.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::after_store::AfterStore;
use super::context::Context;
use super::interface::StoreOp;
use crate::id::{Hash, Key};
use crate::record::Record;

/// Maximum keys of which the time of the last put is remembered. A forgotten record is republished
/// once too often.
const NOTED: usize = 16 * 1024;

/// Rounds of republishing.
#[derive(Debug, Default)]
pub(super) struct Republish {
    /// Start of the next round. `None` until the engine is first used.
    due: Option<Duration>,
    /// Rounds that were begun.
    rounds: u64,
    /// The last key of the round under way; `None`: there is none, or it is at its beginning.
    after: Option<Key>,
    /// Set while the store is asked for the next record, or one is being republished.
    is_busy: bool,
    /// Time of the last put, by key.
    noted: HashMap<Key, Duration>,
    /// The puts of `noted`, the oldest first; some have been superseded.
    order: VecDeque<(Duration, Key)>,
}

impl Republish {
    /// Notes that a record was put here, and so at the others.
    pub(super) fn note(&mut self, key: Key, now: Duration) {
        self.noted.insert(key, now);
        self.order.push_back((now, key));
        if self.order.len() > NOTED
            && let Some((at, oldest)) = self.order.pop_front()
            // A key that was stored once more since then has a younger entry in `order`.
            && self.noted.get(&oldest) == Some(&at)
        {
            self.noted.remove(&oldest);
        }
    }

    fn was_put_since(&self, key: &Key, since: Duration) -> bool {
        self.noted.get(key).is_some_and(|at| *at > since)
    }

    /// Returns when the next round begins, if it can.
    pub(super) fn next_deadline(&self, cx: &Context) -> Option<Duration> {
        let can = !self.is_busy && !cx.stopping && !cx.peers.is_empty();
        self.due.filter(|_| can)
    }

    /// Returns true if [`run`](Self::run) has something to do.
    pub(super) fn is_due(&self, cx: &Context) -> bool {
        if cx.limits.routing.republish.is_zero() || cx.stopping {
            return false;
        }
        let can = !self.is_busy && !cx.peers.is_empty();
        self.due
            .is_none_or(|due| can && (due <= cx.now || self.after.is_some()))
    }

    /// Begins a round if it is time, or goes on with one that had no peers left.
    pub(super) fn run(&mut self, cx: &mut Context) {
        if !self.is_due(cx) {
            return;
        }
        let period = cx.limits.routing.republish;
        let due = *self.due.get_or_insert_with(|| {
            // Nodes that were started together do not all begin together.
            cx.now.saturating_add(period + jitter(&cx.own.0, 0, period))
        });
        if self.is_busy || cx.peers.is_empty() {
            return;
        }
        if due <= cx.now {
            self.rounds += 1;
            let jitter = jitter(&cx.own.0, self.rounds, period);
            self.due = Some(cx.now.saturating_add(period + jitter));
        } else if self.after.is_none() {
            return;
        }
        self.next(cx);
    }

    /// Goes on with the next record.
    pub(super) fn next(&mut self, cx: &mut Context) {
        self.is_busy = !cx.peers.is_empty() && !cx.stopping;
        if self.is_busy {
            cx.ask_store(StoreOp::Next(self.after), AfterStore::NextKept);
        }
    }

    /// Takes the key of the next record that the store keeps.
    pub(super) fn kept(&mut self, cx: &mut Context, key: Option<Key>) {
        self.after = key;
        let Some(key) = key else {
            self.is_busy = false;
            return;
        };
        let since = cx.now.saturating_sub(cx.limits.routing.republish);
        if self.was_put_since(&key, since) {
            self.next(cx);
        } else {
            cx.ask_store(StoreOp::Get(key), AfterStore::Republish);
        }
    }

    /// Takes the record from the store. Returns it if it is to be republished.
    pub(super) fn fetched(&mut self, cx: &mut Context, record: Option<Record>) -> Option<Record> {
        let unix = cx.unix_millis();
        let record = record.filter(|record| !record.is_expired(unix));
        if record.is_none() {
            // It has expired, or is gone, or its attachment is not whole.
            self.next(cx);
        }
        record
    }

    /// Ends a round because the store failed. The next round may have more luck.
    pub(super) fn failed(&mut self) {
        self.is_busy = false;
        self.after = None;
    }
}

/// Returns a delay of up to an eighth of `period`, different in each round and at each node.
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
