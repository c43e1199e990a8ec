//! Measurements of a simulation.

use std::time::Duration;

use serde::Serialize;

use mydht_proto::id::Hash;

/// Numbers of one kind, one for each node or lookup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution(Vec<f64>);

impl Distribution {
    /// Creates the distribution of these numbers, in any order.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.sort_unstable_by(f64::total_cmp);
        Distribution(numbers)
    }

    /// Returns how many numbers there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// 0 if there are none.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// The least number that at least this share of all does not exceed; 0 if there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        // Cannot underflow: ranks begin at 1, and a share of 0 is the least number.
        let at = rank.clamp(1, self.0.len().max(1)) - 1;
        self.0.get(at).copied().unwrap_or(0.0)
    }

    /// All of them, the least first.
    pub fn sorted(&self) -> &[f64] {
        &self.0
    }
}

/// In a report: a summary.
impl Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Summary {
            count: usize,
            mean: f64,
            p50: f64,
            p90: f64,
            p99: f64,
            max: f64,
        }
        let summary = Summary {
            count: self.count(),
            mean: self.mean(),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            max: self.quantile(1.0),
        };
        summary.serialize(serializer)
    }
}

/// Outcomes of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Asked, through nodes that lived until the answer.
    pub asked: usize,
    /// Requests that were fulfilled.
    pub done: usize,
    /// Why it was not: a few of the answers, and when they came (in milliseconds).
    pub failures: Vec<(u128, String)>,
}

/// Failures that are told one by one.
const SHOWN: usize = 10;

impl Tally {
    pub(super) fn note(&mut self, now: Duration, result: Result<(), String>) {
        self.asked += 1;
        match result {
            Ok(()) => self.done += 1,
            Err(why) if self.failures.len() < SHOWN => self.failures.push((now.as_millis(), why)),
            Err(_) => {}
        }
    }

    /// The share that was done; 1 if nothing was asked.
    pub fn share(&self) -> f64 {
        if self.asked == 0 {
            1.0
        } else {
            self.done as f64 / self.asked as f64
        }
    }
}

/// Measurements of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The seed that it began with.
    pub seed: u64,
    /// Nodes at its end.
    pub peers: usize,
    /// Hash of everything that happened: equal for two runs that went the same way.
    pub trace: Hash,
    /// Seconds of virtual time.
    pub virtual_seconds: f64,
    /// Messages that nodes read.
    pub messages: u64,
    /// Messages of handshakes that they read beside these: up to three for each connection.
    pub handshakes: u64,
    /// Pieces that arrived at nodes.
    pub deliveries: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Values put.
    pub puts: Tally,
    /// Copies of each.
    pub copies: Distribution,
    /// Values looked up.
    pub lookups: Tally,
    /// Nodes that were asked one after the other, for lookups that were found elsewhere than at the
    /// node that was asked itself.
    pub hops: Distribution,
    /// Virtual milliseconds of the same lookups.
    pub latency: Distribution,
    /// Messages read by each node that lived to the end.
    pub load: Distribution,
    /// Bytes read and written by each of them.
    pub traffic: Distribution,
    /// Connected peers of each of them at the end.
    pub connections: Distribution,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numbers_that_were_measured() {
        let numbers = Distribution::of([4.0, 1.0, 3.0, 2.0]);
        let at = [0.0, 0.25, 0.26, 0.5, 0.99, 1.0].map(|share| numbers.quantile(share));
        assert_eq!(at, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0]);
        assert!((numbers.mean() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_no_division_by_zero() {
        let none = Distribution::default();
        assert_eq!((none.mean(), none.quantile(0.5)), (0.0, 0.0));
        assert_eq!(Tally::default().share(), 1.0);
    }

    #[test]
    fn a_tally_tells_a_few_failures_of_many() {
        let mut tally = Tally::default();
        for number in 0..100 {
            let result = if number % 4 == 0 {
                Err("no".into())
            } else {
                Ok(())
            };
            tally.note(Duration::from_secs(number), result);
        }
        assert_eq!((tally.asked, tally.done), (100, 75));
        assert!((tally.share() - 0.75).abs() < 1e-9);
        assert_eq!(tally.failures.len(), SHOWN);
        assert_eq!(tally.failures[1], (4000, "no".into()));
    }
}
