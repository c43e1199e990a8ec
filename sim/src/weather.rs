//! Latency of the network.

use std::time::Duration;

use mydht_transports::memory::MemoryAddress;

use mydht_proto::id::Hash;

/// A round world: every address has a place on it, and what is sent takes its time by the distance.
/// Now and then it takes a little longer, or is lost on the way and sent again.
///
/// All of its arithmetic is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Latency of the shortest path.
    pub nearest: Duration,
    /// Latency that the longest path adds.
    pub span: Duration,
    /// Latency that any path may add.
    pub jitter: Duration,
    /// The share of the pieces that are lost, and sent again after [`RETRANSMIT`], after twice
    /// that, and so on.
    pub loss: f64,
}

/// After so long TCP sends again what was lost: the least that Linux waits.
pub const RETRANSMIT: Duration = Duration::from_millis(200);

/// Lost so often in a row, it goes through.
const MOST_LOST: u32 = 6;

impl Default for Weather {
    /// 5 to 105 ms one way, as between hosts all over the world, and one piece in two hundred is
    /// lost.
    fn default() -> Self {
        Weather {
            nearest: Duration::from_millis(5),
            span: Duration::from_millis(90),
            jitter: Duration::from_millis(10),
            loss: 0.005,
        }
    }
}

impl Weather {
    /// The latency from one address to another, asked again for each piece.
    pub fn seeded(self, seed: u64) -> impl FnMut(MemoryAddress, MemoryAddress) -> Duration {
        let mut rng = fastrand::Rng::with_seed(seed);
        move |from, to| {
            let way = self
                .span
                .mul_f64(distance(place(seed, from), place(seed, to)));
            let jitter = self.jitter.mul_f64(rng.f64());
            let lost = (0..MOST_LOST).take_while(|_| rng.f64() < self.loss);
            let again: Duration = lost.map(|times| RETRANSMIT * (1 << times)).sum();
            self.nearest + way + jitter + again
        }
    }
}

/// On a torus of one by one.
fn place(seed: u64, address: MemoryAddress) -> [f64; 2] {
    let mut name = seed.to_le_bytes().to_vec();
    name.extend(address.0.to_le_bytes());
    // Derived from a hash and not from the generator: a place must not depend on who is asked
    // first.
    let Hash(bytes) = Hash::of(&name);
    let at = |from: usize| {
        let part = [
            bytes[from],
            bytes[from + 1],
            bytes[from + 2],
            bytes[from + 3],
        ];
        f64::from(u32::from_le_bytes(part)) / f64::from(u32::MAX)
    };
    [at(0), at(4)]
}

/// From 0 to 1.
fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let along = |axis: usize| {
        let apart = (a[axis] - b[axis]).abs();
        apart.min(1.0 - apart)
    };
    let square = along(0) * along(0) + along(1) * along(1);
    // Half a square's diagonal is the farthest.
    // IEEE 754 requires correctly rounded square roots and basic operations. Other functions differ
    // between machines.
    (2.0 * square).sqrt().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemoryAddress = MemoryAddress(1);
    const B: MemoryAddress = MemoryAddress(2);

    #[test]
    fn the_same_seed_is_the_same_weather() {
        let run = |seed| {
            let mut latency = Weather::default().seeded(seed);
            (0..500).map(|_| latency(A, B)).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn ways_are_as_long_in_both_directions_and_within_bounds() {
        let weather = Weather {
            jitter: Duration::ZERO,
            loss: 0.0,
            ..Weather::default()
        };
        let mut latency = weather.seeded(1);
        let mut sum = Duration::ZERO;
        for number in 2..1000 {
            let other = MemoryAddress(number);
            let there = latency(A, other);
            assert_eq!(there, latency(other, A));
            assert!((weather.nearest..=weather.nearest + weather.span).contains(&there));
            sum += there;
        }
        assert_eq!(latency(A, A), weather.nearest);
        let mean = sum / 998;
        assert!(mean > weather.span / 3 && mean < weather.span, "{mean:?}");
    }

    #[test]
    fn what_is_lost_takes_longer() {
        let weather = Weather {
            loss: 0.25,
            ..Weather::default()
        };
        let mut latency = weather.seeded(1);
        let late = (0..10_000).filter(|_| latency(A, B) > RETRANSMIT).count();
        assert!((2_300..2_700).contains(&late), "{late}");
        let mut never = Weather {
            loss: 1.0,
            ..weather
        }
        .seeded(1);
        assert!(never(A, B) < RETRANSMIT * 64 + Duration::from_secs(1));
    }
}
