//! Time that the node's turns take of the page's thread.

/// Tenths of a millisecond that are told apart; what is longer counts as that.
const BINS: usize = 1000;

/// Turns counted by their length.
#[derive(Clone, Debug)]
pub struct Turns {
    bins: Vec<u32>,
    count: u64,
    longest: f64,
}

impl Default for Turns {
    fn default() -> Self {
        Turns {
            bins: vec![0; BINS],
            count: 0,
            longest: 0.0,
        }
    }
}

impl Turns {
    /// One took so many milliseconds.
    pub fn add(&mut self, milliseconds: f64) {
        let bin = (milliseconds * 10.0).clamp(0.0, (BINS - 1) as f64) as usize;
        self.bins[bin] = self.bins[bin].saturating_add(1);
        self.count += 1;
        self.longest = self.longest.max(milliseconds);
    }

    /// Returns the number of turns.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in milliseconds.
    pub fn longest(&self) -> f64 {
        self.longest
    }

    /// 99 of 100 were shorter, in milliseconds, to a tenth.
    pub fn percentile_99(&self) -> f64 {
        let wanted = (self.count * 99).div_ceil(100);
        let mut seen = 0;
        let bin = self.bins.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        match self.count {
            0 => 0.0,
            // Returns the upper end of the bin, so that the figure is not below the measurement.
            _ => bin.map_or(self.longest, |bin| (bin + 1) as f64 / 10.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_is_above_99_of_100() {
        let mut turns = Turns::default();
        assert_eq!(turns.percentile_99(), 0.0);
        for _ in 0..99 {
            turns.add(0.25);
        }
        turns.add(50.0);
        assert_eq!(turns.percentile_99(), 0.3);
        turns.add(50.0);
        assert_eq!(turns.percentile_99(), 50.1);
        assert_eq!((turns.count(), turns.longest()), (101, 50.0));
        // What is too long to be told apart, and what makes no sense, is counted all the same.
        turns.add(1e9);
        turns.add(-1.0);
        assert_eq!(turns.count(), 103);
    }
}
