//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// Doubling waits. Pure: time is an argument.
///
/// A failure soon after the last try doubles the wait, up to a bound; one that went well for as long as the bound
/// starts again from the first wait.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
    tried: Option<Duration>,
}

impl Backoff {
    /// Waits from `first` to `most`.
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        let first = first.min(most);
        Backoff {
            first,
            most,
            next: first,
            tried: None,
        }
    }

    /// It failed at `now`: when to try again.
    pub(super) fn failed(&mut self, now: Duration) -> Duration {
        let healthy = |tried: Duration| now.saturating_sub(tried) > self.most;
        if self.tried.is_some_and(healthy) {
            self.next = self.first;
        }
        let at = now.saturating_add(self.next);
        self.next = self.next.saturating_mul(2).min(self.most);
        self.tried = Some(at);
        at
    }

    /// It works: the next failure waits shortly.
    pub(super) fn works(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
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
        backoff.works();
        let now = at + MS(1102);
        assert_eq!(backoff.failed(now), now + MS(100));
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
