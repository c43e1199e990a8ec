//! A token bucket.

use std::time::Duration;

/// So much a second, and so much at once.
///
/// Kept as one time, by the generic cell rate algorithm (ITU-T I.371): when the bucket will be full again.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_second: u64,
    burst: u64,
    full_at: Duration,
}

impl Bucket {
    /// A full bucket that holds `burst` and is filled by `per_second`; both at least 1.
    pub(super) fn new(per_second: u64, burst: u64) -> Self {
        Bucket {
            per_second: per_second.max(1),
            burst: burst.max(1),
            full_at: Duration::ZERO,
        }
    }

    fn time_of(&self, amount: u64) -> Duration {
        let nanoseconds = u128::from(amount) * 1_000_000_000 / u128::from(self.per_second);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Takes `amount` even if it is not there, and says how long to wait until the bucket is no longer overdrawn.
    pub(super) fn charge(&mut self, now: Duration, amount: u64) -> Duration {
        self.full_at = self.full_at.max(now).saturating_add(self.time_of(amount));
        (self.full_at - now).saturating_sub(self.time_of(self.burst))
    }

    /// Takes `amount`, or nothing if it is not all there.
    ///
    /// # Errors
    /// How long until it is.
    pub(super) fn take(&mut self, now: Duration, amount: u64) -> Result<(), Duration> {
        let before = self.full_at;
        let wait = self.charge(now, amount);
        if wait.is_zero() {
            return Ok(());
        }
        self.full_at = before;
        Err(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(10, 3);
        let now = 7 * SECOND;
        for _ in 0..3 {
            assert_eq!(bucket.take(now, 1), Ok(()));
        }
        assert_eq!(bucket.take(now, 1), Err(SECOND / 10));
        assert_eq!(
            bucket.take(now, 1),
            Err(SECOND / 10),
            "a refusal costs nothing"
        );
        assert_eq!(bucket.take(now + SECOND / 10, 1), Ok(()));
        assert!(bucket.take(now + SECOND / 10, 1).is_err());
        assert_eq!(bucket.take(9 * SECOND, 3), Ok(()), "and it is full again");
        assert!(
            bucket.take(9 * SECOND, 4).is_err(),
            "but holds no more than that"
        );
    }

    #[test]
    fn what_is_charged_is_owed() {
        let mut bucket = Bucket::new(100, 50);
        assert_eq!(bucket.charge(SECOND, 50), Duration::ZERO);
        assert_eq!(bucket.charge(SECOND, 100), SECOND);
        assert_eq!(bucket.charge(2 * SECOND, 100), SECOND);
    }

    #[test]
    fn limits_that_make_no_sense_do_no_harm() {
        let mut bucket = Bucket::new(0, 0);
        assert_eq!(bucket.take(SECOND, 1), Ok(()));
        assert!(bucket.charge(SECOND, u64::MAX) > SECOND);
        assert!(bucket.charge(SECOND, u64::MAX) > SECOND);
    }

    proptest! {
        /// Whoever waits as told gets at most the burst and the rate, and is never told to wait in vain.
        #[test]
        fn never_more_than_the_rate(
            rate in 1u64..10_000,
            burst in 1u64..10_000,
            steps in prop::collection::vec((0u64..3_000, 1u64..100), 1..200),
        ) {
            let mut bucket = Bucket::new(rate, burst);
            let begin = 5 * SECOND;
            let (mut now, mut taken) = (begin, 0);
            for (wait, amount) in steps {
                now += Duration::from_millis(wait);
                match bucket.take(now, amount) {
                    Ok(()) => taken += amount,
                    Err(wait) if amount <= burst => {
                        // A nanosecond for each amount that was rounded down.
                        now += wait;
                        prop_assert_eq!(bucket.take(now, amount), Ok(()));
                        taken += amount;
                    }
                    Err(_) => {}
                }
                let passed = (now - begin).as_nanos();
                let allowed = u128::from(burst) + (passed * u128::from(rate)).div_ceil(1_000_000_000);
                prop_assert!(u128::from(taken) <= allowed + 1 + taken as u128 / 1_000_000);
            }
        }
    }
}
