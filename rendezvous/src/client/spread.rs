//! When to try again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(30);

/// Waits that double from half a second to half a minute, each between a half of it and all of it by chance, so that the
/// clients of a server that died do not all come back at once.
pub(super) struct Backoff {
    wait: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Backoff {
            wait: FIRST,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(LAST);
        wait / 2 + self.within(wait / 2)
    }

    /// All went well: the next wait is short again.
    pub(super) fn reset(&mut self) {
        self.wait = FIRST;
    }

    /// The next wait is the longest.
    pub(super) fn exhaust(&mut self) {
        self.wait = LAST;
    }

    /// A time by chance.
    pub(super) fn within(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_vary_and_end_somewhere() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..20).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        let mut most = FIRST;
        for wait in waits(1) {
            assert!(most / 2 <= wait && wait <= most, "{wait:?} of {most:?}");
            most = (most * 2).min(LAST);
        }
        assert_ne!(waits(1), waits(2));
        let mut backoff = Backoff::new(3);
        backoff.exhaust();
        assert!(backoff.next() >= LAST / 2);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
