//! Whether the other end is still there.

use std::time::Duration;

/// Action that the silence of a peer calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// None: the peer was heard lately, or has been asked.
    Fine,
    /// Ask whether it is there.
    Ask,
    /// Close: the peer has been silent for too long.
    Dead,
}

/// Asks a peer that was silent for `interval`, and gives it up when it was silent for `dead_after`.
///
/// A peer is never given up for our own sleep: where the page was suspended, or a laptop closed,
/// the time slept does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    dead_after: Duration,
    heard: Duration,
    asked: bool,
}

impl Heartbeat {
    pub fn new(interval: Duration, dead_after: Duration, now: Duration) -> Self {
        Heartbeat {
            interval,
            dead_after,
            heard: now,
            asked: false,
        }
    }

    /// Something came.
    pub fn heard(&mut self, now: Duration) {
        self.heard = now;
        self.asked = false;
    }

    /// To be called after what has come was taken.
    pub fn poll(&mut self, now: Duration) -> Beat {
        if now < self.next_deadline() {
            return Beat::Fine;
        }
        if now > self.next_deadline() + self.interval {
            // Nobody called for longer than was asked for: what the peer said meanwhile may be on its way.
            self.heard = now.saturating_sub(self.interval);
            self.asked = false;
        }
        if now >= self.heard + self.dead_after {
            Beat::Dead
        } else if self.asked {
            Beat::Fine
        } else {
            // Once: from here on the deadline is `dead_after`.
            self.asked = true;
            Beat::Ask
        }
    }

    /// When to poll next.
    pub fn next_deadline(&self) -> Duration {
        self.heard
            + if self.asked {
                self.dead_after
            } else {
                self.interval
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Calls, and what they give.
    fn run(steps: &[(u64, bool, Beat)]) {
        let mut heartbeat = Heartbeat::new(s(2), s(8), s(100));
        for &(at, heard, beat) in steps {
            if heard {
                heartbeat.heard(s(100 + at));
            }
            assert_eq!(heartbeat.poll(s(100 + at)), beat, "at {at}");
        }
    }

    #[test]
    fn a_silent_peer_is_asked_once_and_given_up() {
        use Beat::{Ask, Dead, Fine};
        run(&[
            (0, false, Fine),
            (1, false, Fine),
            (2, false, Ask),
            (3, false, Fine),
            (7, false, Fine),
            (8, false, Dead),
        ]);
    }

    #[test]
    fn a_peer_that_answers_is_asked_again_and_lives() {
        use Beat::{Ask, Fine};
        run(&[
            (2, false, Ask),
            (3, true, Fine),
            (4, false, Fine),
            (5, false, Ask),
            (12, true, Fine),
            (14, false, Ask),
        ]);
    }

    #[test]
    fn our_own_sleep_does_not_count() {
        use Beat::{Ask, Dead, Fine};
        run(&[
            (2, false, Ask),
            // Asleep from here on.
            (1000, false, Ask),
            (1002, false, Fine),
            (1006, false, Dead),
        ]);
        run(&[(500, false, Ask), (501, true, Fine), (503, false, Ask)]);
    }
}
