//! A token bucket: a rate with a burst.

use std::num::NonZeroU64;
use std::time::Duration;

/// A rate with a burst. Pure: time is an argument and must not go back.
///
/// Implemented by the generic cell rate algorithm (ITU-T I.371, annex A): the only state is the
/// time at which the bucket will be full again.
///
/// ```
/// use std::time::Duration;
///
/// use mydht_proto::TokenBucket;
///
/// let mut bucket = TokenBucket::new(10, 1);
/// let now = Duration::from_secs(7);
/// assert_eq!(bucket.take(now, 1), Ok(()));
/// assert_eq!(bucket.take(now, 1), Err(Duration::from_millis(100)));
/// ```
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// Tokens added a second; `None`: the bucket is always full.
    per_second: Option<NonZeroU64>,
    burst: u64,
    full_at: Duration,
}

impl TokenBucket {
    /// Creates a full bucket that holds `burst` tokens and is filled by `per_second`. Zeros count
    /// as one.
    pub fn new(per_second: u64, burst: u64) -> Self {
        TokenBucket {
            per_second: Some(NonZeroU64::new(per_second).unwrap_or(NonZeroU64::MIN)),
            burst: burst.max(1),
            full_at: Duration::ZERO,
        }
    }

    /// Creates a bucket that never runs empty.
    pub fn unlimited() -> Self {
        TokenBucket {
            per_second: None,
            burst: 1,
            full_at: Duration::ZERO,
        }
    }

    /// Returns the time in which `amount` tokens are added.
    fn time_of(&self, amount: u64) -> Duration {
        let Some(per_second) = self.per_second else {
            return Duration::ZERO;
        };
        // 128 bits, because `amount` times a billion may overflow 64.
        let nanoseconds = u128::from(amount) * 1_000_000_000 / u128::from(per_second.get());
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Takes `amount` tokens even if there are fewer, and returns how long the bucket stays
    /// overdrawn.
    pub fn charge(&mut self, now: Duration, amount: u64) -> Duration {
        self.full_at = self.full_at.max(now).saturating_add(self.time_of(amount));
        // Cannot underflow: `full_at` is at least `now` here.
        (self.full_at - now).saturating_sub(self.time_of(self.burst))
    }

    /// Takes `amount` tokens, or none if there are fewer.
    ///
    /// # Errors
    /// How long until there are enough.
    pub fn take(&mut self, now: Duration, amount: u64) -> Result<(), Duration> {
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
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 3);
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
        let mut bucket = TokenBucket::new(100, 50);
        assert_eq!(bucket.charge(SECOND, 50), Duration::ZERO);
        assert_eq!(bucket.charge(SECOND, 100), SECOND);
        assert_eq!(bucket.charge(2 * SECOND, 100), SECOND);
    }

    #[test]
    fn an_unlimited_bucket_never_makes_anybody_wait() {
        let mut bucket = TokenBucket::unlimited();
        for now in [Duration::ZERO, SECOND, SECOND] {
            assert_eq!(bucket.charge(now, u64::MAX), Duration::ZERO);
            assert_eq!(bucket.take(now, u64::MAX), Ok(()));
        }
    }

    #[test]
    fn limits_that_make_no_sense_do_no_harm() {
        let mut bucket = TokenBucket::new(0, 0);
        assert_eq!(bucket.take(SECOND, 1), Ok(()));
        assert!(bucket.charge(SECOND, u64::MAX) > SECOND);
        assert!(bucket.charge(SECOND, u64::MAX) > SECOND);
    }

    proptest! {
        /// Whoever waits as told gets at most the burst and the rate, and is never told to wait in
        /// vain.
        #[test]
        fn never_more_than_the_rate(
            rate in 1u64..10_000,
            burst in 1u64..10_000,
            steps in prop::collection::vec((0u64..3_000, 1u64..100), 1..200),
        ) {
            let mut bucket = TokenBucket::new(rate, burst);
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
