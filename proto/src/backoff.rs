//! Waits before something that failed is tried again.

use std::time::Duration;

/// Doubling waits. Pure: time is an argument.
///
/// Each failure doubles the wait, up to a bound. [`reset`](Backoff::reset), or a success that
/// lasted longer than the bound, starts again from the first wait.
///
/// ```
/// use std::time::Duration;
///
/// use mydht_proto::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3));
/// let waits = [(); 4].map(|()| backoff.next_wait().as_secs());
/// assert_eq!(waits, [1, 2, 3, 3]);
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
    tried: Option<Duration>,
}

impl Backoff {
    /// Creates waits from `first` to `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        let first = first.min(max);
        Backoff {
            first,
            max,
            next: first,
            tried: None,
        }
    }

    /// Returns the wait after a failure and doubles the next one. A caller with many peers adds
    /// jitter, so that they do not all come back at once.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.max);
        wait
    }

    /// Returns when to try again after a failure at `now`.
    ///
    /// If the try before that lasted longer than the longest wait, it counts as a success.
    pub fn failed(&mut self, now: Duration) -> Duration {
        let healthy = |tried: Duration| now.saturating_sub(tried) > self.max;
        if self.tried.is_some_and(healthy) {
            self.reset();
        }
        let at = now.saturating_add(self.next_wait());
        // Not `now`: the next try starts after the wait, and its lifetime is measured from then on.
        self.tried = Some(at);
        at
    }

    /// Makes the next wait the first one again, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// Makes the next wait the longest one, where an early try is known to be useless.
    pub fn exhaust(&mut self) {
        self.next = self.max;
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let mut backoff = Backoff::new(MS(100), MS(1000));
        let mut now = MS(5000);
        for wait in [100, 200, 400, 800, 1000, 1000] {
            let at = backoff.failed(now);
            assert_eq!(at - now, MS(wait));
            // It is tried then, and fails at once.
            now = at;
        }
    }

    #[test]
    fn what_went_well_for_long_starts_again_from_the_first_wait() {
        let mut backoff = Backoff::new(MS(100), MS(1000));
        let at = backoff.failed(MS(0));
        let at = backoff.failed(at);
        // Well for a second and a bit.
        assert_eq!(backoff.failed(at + MS(1001)), at + MS(1101));
        backoff.reset();
        let now = at + MS(1102);
        assert_eq!(backoff.failed(now), now + MS(100));
    }

    #[test]
    fn an_exhausted_backoff_waits_longest_until_it_is_reset() {
        let mut backoff = Backoff::new(MS(100), MS(1000));
        backoff.exhaust();
        assert_eq!(backoff.next_wait(), MS(1000));
        backoff.reset();
        assert_eq!(backoff.next_wait(), MS(100));
        // A first wait over the bound is the bound.
        assert_eq!(Backoff::new(MS(9), MS(5)).next_wait(), MS(5));
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_bound_or_shorter_than_the_first(
            gaps in proptest::collection::vec(0u64..5000, 1..50),
            first in 1u64..500,
            more in 0u64..3000,
        ) {
            let mut backoff = Backoff::new(MS(first), MS(first + more));
            let mut now = MS(0);
            for gap in gaps {
                now += MS(gap);
                let wait = backoff.failed(now) - now;
                prop_assert!(wait >= MS(first) && wait <= MS(first + more));
            }
        }
    }
}
