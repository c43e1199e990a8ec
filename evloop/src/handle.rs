//! Running a loop by turns.

use crate::shared::{Shared, TurnBudget};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A loop as seen by whoever gives it its turns. It does not keep the loop alive.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Weak<Shared>,
}

/// Report of a turn: its work, and what the loop wants next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnReport {
    /// Events that the turn's polls gave.
    pub events: usize,
    /// Something is ready still: give another turn soon.
    pub more: bool,
    /// Otherwise, give a turn when the loop's clock says this, or when it is woken.
    pub next_deadline: Option<Duration>,
}

impl Handle {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Handle {
            shared: Arc::downgrade(shared),
        }
    }

    /// False once the [`Poll`](crate::Poll) and its sources are gone.
    pub fn is_alive(&self) -> bool {
        self.shared.strong_count() > 0
    }

    /// Starts a turn at `now`: once `budget` is used up and at least one poll has given events,
    /// polls say `WouldBlock` until [`end_turn`](Handle::end_turn) even if more is ready.
    pub fn begin_turn(&self, now: Duration, budget: Duration) {
        if let Some(shared) = self.shared.upgrade() {
            shared.enter().turn = Some(TurnBudget {
                end: now.saturating_add(budget),
                events: 0,
                asked: false,
            });
        }
    }

    /// Ends a turn. If nothing more is ready, the loop is idle from here on: its next source wakes
    /// it.
    pub fn end_turn(&self) -> TurnReport {
        let Some(shared) = self.shared.upgrade() else {
            return TurnReport::default();
        };
        let turn = shared.enter().turn.take();
        TurnReport {
            events: turn.map_or(0, |turn| turn.events),
            more: shared.rest(),
            next_deadline: shared.next_deadline(),
        }
    }

    /// True if a poll would find events now.
    pub fn is_ready(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.rest())
    }

    /// When the loop wants its next turn, if it is waiting for a time at all: the deadline of the
    /// last poll that said `WouldBlock`, or an earlier timer.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.shared.upgrade()?.next_deadline()
    }

    /// Time since the loop's own epoch; zero once the loop is gone.
    pub fn now(&self) -> Duration {
        self.shared
            .upgrade()
            .map_or(Duration::ZERO, |shared| shared.driver.now())
    }

    /// Calls `hook` when an idle loop becomes ready; false if the loop's driver blocks and needs no
    /// turns.
    pub fn on_wake(&self, hook: impl Fn() + Send + Sync + 'static) -> bool {
        self.shared
            .upgrade()
            .is_some_and(|shared| shared.driver.on_wake(Some(Arc::new(hook))))
    }

    /// Forgets the hook of [`on_wake`](Handle::on_wake).
    pub fn forget_wake(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.driver.on_wake(None);
        }
    }
}
