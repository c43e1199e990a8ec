//! How often something may happen.

use std::time::Duration;

/// A rate with a burst. Pure: time is an argument.
///
/// The generic cell rate algorithm (ITU-T I.371, annex A): each event moves a "theoretical arrival time" on by its
/// share of a second, and it may run ahead of the clock by the burst. One field is all the state there is.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    share: Duration,
    burst: Duration,
    arrival: Duration,
}

impl Rate {
    /// `per_second` events a second, and as many at once after a quiet second; 0: no bound.
    pub(super) fn per_second(per_second: u32) -> Self {
        let share = Duration::from_secs(1).checked_div(per_second);
        Rate {
            share: share.unwrap_or(Duration::ZERO),
            burst: Duration::from_secs(1),
            arrival: Duration::ZERO,
        }
    }

    /// Counts one event. `Some`: it was one too many, and until when to hold the next ones back.
    pub(super) fn count(&mut self, now: Duration) -> Option<Duration> {
        self.arrival = self.arrival.max(now).saturating_add(self.share);
        let ahead = self.arrival.saturating_sub(now);
        (ahead > self.burst).then(|| self.arrival.saturating_sub(self.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_passes_and_the_next_waits_for_its_share() {
        let mut rate = Rate::per_second(10);
        let now = Duration::from_secs(7);
        for _ in 0..10 {
            assert_eq!(rate.count(now), None);
        }
        let until = now + Duration::from_millis(100);
        assert_eq!(rate.count(now), Some(until));
        assert_eq!(rate.count(until + Duration::from_millis(100)), None);
    }

    #[test]
    fn no_rate_holds_nothing_back() {
        let mut rate = Rate::per_second(0);
        assert!((0..100_000).all(|_| rate.count(Duration::ZERO).is_none()));
    }

    proptest! {
        /// Whoever waits when told to is never faster than the rate, but for the burst.
        #[test]
        fn the_rate_holds_over_any_pauses(
            per_second in 1u32..2000,
            gaps in proptest::collection::vec(0u64..50, 1..500),
        ) {
            let mut rate = Rate::per_second(per_second);
            let (mut now, mut events) = (Duration::ZERO, 0u32);
            for gap in gaps {
                now += Duration::from_millis(gap);
                events += 1;
                if let Some(until) = rate.count(now) {
                    prop_assert!(until > now);
                    now = until;
                }
            }
            let may = now.as_secs_f64() * f64::from(per_second) + f64::from(per_second) + 1.0;
            prop_assert!(f64::from(events) <= may, "{} events in {:?}", events, now);
        }
    }
}
