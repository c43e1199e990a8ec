//! When new paths are looked for.

use std::time::Duration;

use super::PathState;

/// A path that seems to be cut often comes back within this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Time to wait for new paths before looking for others.
const AGAIN: Duration = Duration::from_secs(3);

/// The polite one leaves the first try to the other: two at once would only cost one of them.
const POLITE: Duration = Duration::from_secs(1);

/// Decides on restarts of ICE (RFC 8445, section 2.4) from what is said about the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    polite: bool,
    restart_at: Option<Duration>,
}

impl Path {
    pub fn new(polite: bool) -> Self {
        Path {
            polite,
            restart_at: None,
        }
    }

    pub fn changed(&mut self, state: PathState, now: Duration) {
        let wait = match state {
            PathState::Connected => {
                self.restart_at = None;
                return;
            }
            PathState::Disconnected => PATIENCE,
            PathState::Failed => Duration::ZERO,
        };
        let at = now + wait + if self.polite { POLITE } else { Duration::ZERO };
        // The earlier time stays: more news of the same cut must not put it off.
        self.restart_at = Some(self.restart_at.map_or(at, |before| before.min(at)));
    }

    /// True if new paths are to be looked for now.
    pub fn is_due(&mut self, now: Duration) -> bool {
        let due = self.restart_at.is_some_and(|at| at <= now);
        if due {
            // If this finds no path either, the next try follows.
            self.restart_at = Some(now + AGAIN);
        }
        due
    }

    pub fn next_deadline(&self) -> Option<Duration> {
        self.restart_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_path_that_comes_back_is_left_alone() {
        let mut path = Path::new(false);
        path.changed(PathState::Disconnected, ms(0));
        assert!(!path.is_due(ms(999)));
        path.changed(PathState::Connected, ms(999));
        assert!(!path.is_due(ms(60_000)));
        assert_eq!(path.next_deadline(), None);
    }

    #[test]
    fn a_cut_path_is_replaced_by_one_end_first_and_again() {
        for (polite, first) in [(false, 1000), (true, 2000)] {
            let mut path = Path::new(polite);
            path.changed(PathState::Disconnected, ms(0));
            assert_eq!(path.next_deadline(), Some(ms(first)));
            assert!(path.is_due(ms(first)));
            assert!(!path.is_due(ms(first)));
            assert!(path.is_due(ms(first + 3000)));
        }
    }

    #[test]
    fn a_failed_path_is_replaced_at_once() {
        let mut path = Path::new(false);
        path.changed(PathState::Disconnected, ms(0));
        path.changed(PathState::Failed, ms(500));
        assert!(path.is_due(ms(500)));
    }
}
