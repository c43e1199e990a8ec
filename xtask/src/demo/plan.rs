//! The time that a row of builds takes, estimated while they run. Pure: time is an argument.

use std::time::Duration;

/// A part of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Name for the user.
    pub name: &'static str,
    /// Time that it takes on two quiet cores, in seconds: its share of the estimate.
    pub seconds: u32,
}

/// Seconds that are worked on before the pace of this machine is taken from them: the first crates
/// are small and say little.
const KNOWN_AFTER: f64 = 5.0;

/// A row of parts, and how far it has come.
#[derive(Debug)]
pub struct Plan {
    parts: &'static [Part],
    /// Parts that are done.
    done: usize,
    /// Share of the current part that is done, from 0 to 1.
    share: f64,
    /// Share of the current part that was done before.
    found: f64,
    /// Seconds of the parts before that were worked on, and not found to be done.
    worked: f64,
}

impl Plan {
    /// Creates a plan of which nothing is done.
    pub fn new(parts: &'static [Part]) -> Self {
        Plan {
            parts,
            done: 0,
            share: 0.0,
            found: 0.0,
            worked: 0.0,
        }
    }

    /// Returns the part that is being built, and its number from 1; `None` when all are done.
    pub fn current(&self) -> Option<(usize, Part)> {
        Some((self.done + 1, *self.parts.get(self.done)?))
    }

    /// Returns the number of parts.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Sets how much of the current part is done: `done` crates of `all`, of which `found` were
    /// there before and took no time.
    pub fn set(&mut self, done: usize, found: usize, all: usize) {
        let all = all.max(done).max(1) as f64;
        self.share = done as f64 / all;
        self.found = found as f64 / all;
    }

    /// Ends the current part.
    pub fn next(&mut self) {
        self.worked += self.seconds(self.done) * (1.0 - self.found);
        self.done += 1;
        self.share = 0.0;
        self.found = 0.0;
    }

    fn seconds(&self, part: usize) -> f64 {
        self.parts.get(part).map_or(0.0, |part| part.seconds.into())
    }

    /// Estimates the time that is left, `elapsed` after the first part began.
    ///
    /// What is left is as slow as what was worked on. While that is next to nothing, it is as on
    /// the machine that the seconds were taken on.
    pub fn left(&self, elapsed: Duration) -> Duration {
        let current = self.seconds(self.done);
        let after: f64 = (self.done + 1..self.len())
            .map(|part| self.seconds(part))
            .sum();
        let left = current * (1.0 - self.share) + after;
        let worked = self.worked + current * (self.share - self.found);
        let pace = match worked < KNOWN_AFTER {
            true => 1.0,
            false => elapsed.as_secs_f64() / worked,
        };
        Duration::from_secs_f64((left * pace).max(0.0))
    }
}

/// Writes a time for people: to the second, and above a minute to ten seconds.
pub fn about(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    match seconds {
        0..=60 => format!("{seconds} s"),
        _ => {
            let tens = seconds.div_ceil(10);
            format!("{} min {:02} s", tens / 6, tens % 6 * 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &[Part] = &[
        Part {
            name: "a",
            seconds: 20,
        },
        Part {
            name: "b",
            seconds: 80,
        },
    ];

    fn left(plan: &Plan, elapsed: u64) -> u64 {
        plan.left(Duration::from_secs(elapsed)).as_secs()
    }

    #[test]
    fn what_is_left_is_as_slow_as_what_is_done() {
        let mut plan = Plan::new(PARTS);
        assert_eq!(
            left(&plan, 30),
            100,
            "nothing is done: as on the other machine"
        );
        plan.set(1, 0, 10);
        assert_eq!(left(&plan, 30), 98, "too little is done");
        plan.set(5, 0, 10);
        assert_eq!(left(&plan, 20), 180);
        plan.next();
        assert_eq!(plan.current(), Some((2, PARTS[1])));
        assert_eq!(left(&plan, 20), 80);
        plan.set(10, 0, 10);
        assert_eq!(left(&plan, 200), 0);
        plan.next();
        assert_eq!(plan.current(), None);
        assert_eq!(left(&plan, 200), 0);
    }

    #[test]
    fn what_was_there_before_says_nothing_of_the_pace() {
        let mut plan = Plan::new(PARTS);
        plan.set(10, 10, 10);
        plan.next();
        assert_eq!(left(&plan, 1), 80);
        plan.set(5, 0, 10);
        assert_eq!(left(&plan, 80), 80);
    }

    #[test]
    fn a_part_without_crates_or_with_more_than_expected_divides_by_nothing() {
        let mut plan = Plan::new(PARTS);
        plan.set(0, 0, 0);
        assert_eq!(left(&plan, 0), 100);
        plan.set(7, 0, 5);
        assert_eq!(left(&plan, 20), 80);
    }

    #[test]
    fn times_are_rounded_as_people_do() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.2, "1 s"),
            (60.0, "60 s"),
            (61.0, "1 min 10 s"),
            (119.0, "2 min 00 s"),
            (130.0, "2 min 10 s"),
        ] {
            assert_eq!(about(Duration::from_secs_f64(seconds)), text);
        }
    }
}
