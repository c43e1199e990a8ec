//! Waits before a server is tried again.

use std::time::Duration;

use mydht_proto::Backoff;

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(30);

/// Doubling waits from half a second to half a minute with jitter, so that the clients of a server
/// that died do not all come back at once.
pub(super) struct SpreadBackoff {
    backoff: Backoff,
    random: fastrand::Rng,
}

impl SpreadBackoff {
    pub(super) fn new(seed: u64) -> Self {
        SpreadBackoff {
            backoff: Backoff::new(FIRST, LAST),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Returns the next wait: between a half and all of the doubling one.
    pub(super) fn next_wait(&mut self) -> Duration {
        let half = self.backoff.next_wait() / 2;
        half + self.within(half)
    }

    /// Makes the next wait short again, after a login.
    pub(super) fn reset(&mut self) {
        self.backoff.reset();
    }

    /// Makes the next wait the longest.
    pub(super) fn exhaust(&mut self) {
        self.backoff.exhaust();
    }

    /// Returns a random time of at most `max`.
    pub(super) fn within(&mut self, max: Duration) -> Duration {
        max.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_vary_and_end_somewhere() {
        let waits = |seed| {
            let mut backoff = SpreadBackoff::new(seed);
            (0..20).map(|_| backoff.next_wait()).collect::<Vec<_>>()
        };
        let mut most = FIRST;
        for wait in waits(1) {
            assert!(most / 2 <= wait && wait <= most, "{wait:?} of {most:?}");
            most = (most * 2).min(LAST);
        }
        assert_ne!(waits(1), waits(2));
        let mut backoff = SpreadBackoff::new(3);
        backoff.exhaust();
        assert!(backoff.next_wait() >= LAST / 2);
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }
}
