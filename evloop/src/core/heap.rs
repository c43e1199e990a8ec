//! Timers: an indexed binary heap, so that a cancelled timer is truly removed in O(log n).

use super::slot::Key;
use slab::Slab;
use std::time::Duration;

/// Names a timer; stale keys are harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    index: u32,
    sequence: u64,
}

#[derive(Debug)]
struct Timer {
    deadline: Duration,
    /// Unique: breaks ties in the order of insertion and serves as the generation of the key.
    sequence: u64,
    /// Position of the timer in the heap.
    position: u32,
    source: Key,
    ready: u16,
}

#[derive(Debug, Default)]
pub(super) struct Heap {
    timers: Slab<Timer>,
    heap: Vec<u32>,
    sequence: u64,
}

impl Heap {
    pub const fn new() -> Self {
        Heap {
            timers: Slab::new(),
            heap: Vec::new(),
            sequence: 0,
        }
    }

    pub fn insert(&mut self, deadline: Duration, source: Key, ready: u16) -> TimerKey {
        // A 64-bit count does not wrap in practice, so a key whose index was reused never matches.
        self.sequence += 1;
        let position = self.heap.len();
        let index = self.timers.insert(Timer {
            deadline,
            sequence: self.sequence,
            position: position as u32,
            source,
            ready,
        }) as u32;
        self.heap.push(index);
        self.sift_up(position);
        TimerKey {
            index,
            sequence: self.sequence,
        }
    }

    /// False if the timer was due or removed before.
    pub fn remove(&mut self, key: TimerKey) -> bool {
        match self.timers.get(key.index as usize) {
            // The slab reuses indices: without the sequence an old key would cancel a stranger's
            // timer.
            Some(timer) if timer.sequence == key.sequence => {
                let position = timer.position as usize;
                self.take(position);
                true
            }
            _ => false,
        }
    }

    pub fn next_deadline(&self) -> Option<Duration> {
        let index = *self.heap.first()?;
        Some(self.timers.get(index as usize)?.deadline)
    }

    /// Takes the earliest timer out if it has expired.
    pub fn pop_due(&mut self, now: Duration) -> Option<(Key, u16)> {
        if self.next_deadline()? > now {
            return None;
        }
        let timer = self.take(0)?;
        Some((timer.source, timer.ready))
    }

    fn take(&mut self, position: usize) -> Option<Timer> {
        if position >= self.heap.len() {
            return None;
        }
        let index = self.heap.swap_remove(position);
        let timer = self.timers.try_remove(index as usize)?;
        if position < self.heap.len() {
            self.place(position);
            // The timer that filled the hole came from the bottom: it may have to go either way.
            self.sift_down(position);
            self.sift_up(position);
        }
        Some(timer)
    }

    fn order(&self, position: usize) -> Option<(Duration, u64)> {
        let timer = self.timers.get(*self.heap.get(position)? as usize)?;
        Some((timer.deadline, timer.sequence))
    }

    fn place(&mut self, position: usize) {
        if let Some(index) = self.heap.get(position)
            && let Some(timer) = self.timers.get_mut(*index as usize)
        {
            timer.position = position as u32;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.place(a);
        self.place(b);
    }

    fn sift_up(&mut self, mut position: usize) {
        while position > 0 {
            let parent = (position - 1) / 2;
            // Both positions are within the heap, so neither is `None`, which would sort first.
            if self.order(parent) <= self.order(position) {
                return;
            }
            self.swap(parent, position);
            position = parent;
        }
    }

    fn sift_down(&mut self, mut position: usize) {
        loop {
            let mut least = position;
            for child in [2 * position + 1, 2 * position + 2] {
                if child < self.heap.len() && self.order(child) < self.order(least) {
                    least = child;
                }
            }
            if least == position {
                return;
            }
            self.swap(least, position);
            position = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_in_order_and_removed_ones_never() {
        let mut heap = Heap::default();
        let mut model = Vec::new();
        let mut seed = 1u64;
        for round in 0..2_000u64 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            let at = Duration::from_nanos(seed >> 56);
            let key = heap.insert(at, Key::NONE, round as u16);
            model.push((at, key, round as u16));
            if seed & 0x100 != 0 {
                let victim = (seed >> 20) as usize % model.len();
                let (_, key, _) = model.remove(victim);
                assert!(heap.remove(key));
                assert!(!heap.remove(key), "removed twice");
            }
        }
        model.sort_by_key(|(at, key, _)| (*at, key.sequence));
        assert_eq!(heap.next_deadline(), model.first().map(|first| first.0));
        let due: Vec<u16> =
            std::iter::from_fn(|| heap.pop_due(Duration::from_secs(1)).map(|due| due.1)).collect();
        let expected: Vec<u16> = model.iter().map(|timer| timer.2).collect();
        assert_eq!(due, expected);
        assert!(heap.heap.is_empty() && heap.timers.is_empty());
    }
}
