//! Faults that a stream in memory injects on purpose.

use std::collections::VecDeque;

/// Decides how many bytes each read or write may move: a device that is slow and choppy on purpose.
///
/// Every decision comes from the schedule or the seed, so a failure can be run again.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Positions in the stream where a transfer stops, ascending: it blocks there once, then goes
    /// on.
    stops: VecDeque<u64>,
    /// Blocks before every call that could move bytes.
    block_every_call: bool,
    /// Blocks at random, and moves a random number of bytes.
    random: Option<Random>,
    blocked_last: bool,
    position: u64,
}

#[derive(Clone, Debug)]
struct Random {
    rng: fastrand::Rng,
    max_chunk: usize,
    block_percent: u8,
}

impl Faults {
    /// A stream that moves as much as it can.
    pub fn none() -> Self {
        Self::default()
    }

    /// Stops once at each of these positions (in bytes since the stream was opened).
    pub fn stop_at(positions: impl IntoIterator<Item = u64>) -> Self {
        let mut stops: Vec<u64> = positions.into_iter().collect();
        stops.sort_unstable();
        Faults {
            stops: stops.into(),
            ..Self::default()
        }
    }

    /// Every call that could move bytes blocks first, and moves at most `max_chunk` bytes when
    /// tried again.
    pub fn block_every_call(max_chunk: usize) -> Self {
        Faults {
            block_every_call: true,
            random: Some(Random {
                rng: fastrand::Rng::with_seed(0),
                max_chunk: max_chunk.max(1),
                block_percent: 0,
            }),
            ..Self::default()
        }
    }

    /// Moves 1 to `max_chunk` bytes a call, and blocks `block_percent` times in a hundred.
    pub fn seeded(seed: u64, max_chunk: usize, block_percent: u8) -> Self {
        Faults {
            random: Some(Random {
                rng: fastrand::Rng::with_seed(seed),
                max_chunk: max_chunk.max(1),
                block_percent: block_percent.min(99),
            }),
            ..Self::default()
        }
    }

    pub(super) fn are_none(&self) -> bool {
        self.stops.is_empty() && !self.block_every_call && self.random.is_none()
    }

    /// Returns how many of `available` bytes may move now. `None` is `WouldBlock`, and the stream
    /// will be reported again.
    pub(super) fn allow(&mut self, available: usize) -> Option<usize> {
        // A call that can move nothing must not use up a stop or a number of the seed.
        if available == 0 {
            return Some(0);
        }
        let mut allowed = available;
        if self.block_every_call {
            self.blocked_last = !self.blocked_last;
            if self.blocked_last {
                return None;
            }
        }
        if let Some(random) = &mut self.random {
            if random.rng.u8(..100) < random.block_percent {
                return None;
            }
            let most = random.max_chunk.min(allowed);
            allowed = if self.block_every_call {
                most
            } else {
                random.rng.usize(1..=most)
            };
        }
        if let Some(&stop) = self.stops.front() {
            let distance = stop.saturating_sub(self.position);
            if distance == 0 {
                self.stops.pop_front();
                return None;
            }
            allowed = allowed.min(usize::try_from(distance).unwrap_or(usize::MAX));
        }
        Some(allowed)
    }

    /// Notes that `moved` bytes went through.
    pub(super) fn moved(&mut self, moved: usize) {
        self.position += moved as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_once_at_each_position() {
        let mut faults = Faults::stop_at([3, 0, 5]);
        let mut seen = Vec::new();
        for _ in 0..7 {
            let step = faults.allow(4);
            faults.moved(step.unwrap_or(0));
            seen.push(step);
        }
        assert_eq!(seen, [None, Some(3), None, Some(2), None, Some(4), Some(4)]);
    }

    #[test]
    fn blocks_before_every_call() {
        let mut faults = Faults::block_every_call(2);
        let seen: Vec<_> = (0..4).map(|_| faults.allow(9)).collect();
        assert_eq!(seen, [None, Some(2), None, Some(2)]);
    }

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let run = |seed| {
            let mut faults = Faults::seeded(seed, 10, 30);
            (0..100).map(|_| faults.allow(50)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!(run(7).contains(&None));
    }

    #[test]
    fn the_end_of_a_stream_is_never_held_back() {
        assert_eq!(Faults::block_every_call(1).allow(0), Some(0));
    }
}
