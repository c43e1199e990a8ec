//! Measuring, which the benches share.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Something that watches sources, can make some ready, and reports them.
pub trait Contender {
    /// Name in the table.
    const NAME: &'static str;
    /// The most sources it is measured with.
    const MOST: usize = usize::MAX;

    /// With `sources` idle sources.
    fn new(sources: usize) -> Self;

    /// Makes these sources ready, polls until all were reported, and gives their number.
    fn round(&mut self, ready: &[usize]) -> usize;
}

/// A contender whose sources can be taken away and put back.
pub trait Registers: Contender {
    /// Deregisters a source and registers it again.
    fn again(&mut self, index: usize);
}

/// The processor time of this thread: a wait for another program's turn is not the contender's.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The median of `samples` measurements, in nanoseconds per event. Every measurement takes about 30
/// ms.
pub fn measure<C: Contender>(sources: usize, ready: usize, samples: usize) -> Option<f64> {
    if sources > C::MOST {
        return None;
    }
    let mut contender = C::new(sources);
    // Spread over all sources, the same for every contender: 7919 is a prime.
    let chosen: Vec<usize> = (0..ready)
        .map(|number| (number * (sources / ready).max(1) + number * 7919) % sources)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut rounds = 1;
    loop {
        let start = cpu_time();
        for _ in 0..rounds {
            assert_eq!(contender.round(&chosen), chosen.len());
        }
        if (cpu_time() - start).as_millis() >= 15 {
            break;
        }
        rounds *= 2;
    }
    let mut samples: Vec<f64> = (0..samples)
        .map(|_| {
            let start = cpu_time();
            for _ in 0..2 * rounds {
                contender.round(std::hint::black_box(&chosen));
            }
            (cpu_time() - start).as_nanos() as f64 / (2 * rounds * chosen.len()) as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    Some(samples[samples.len() / 2])
}
