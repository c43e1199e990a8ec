//! Environments that services run in, and the waits of a case.

use std::time::{Duration, Instant};

use crate::{Error, Result, SpawnUnyield};

/// Environment that the services of a spawner run in: their caller's thread, threads, an executor.
///
/// An implementation has the two constants and [`turn`](World::turn). The other methods panic when
/// a service hangs.
pub trait World {
    /// Whether `unyield` returns the failure of a service. A spawner that runs services on other
    /// threads leaves the failure in the handle.
    const REPORTS: bool;
    /// Whether a turn does all that can happen without an `unyield`. False where services run on
    /// other threads.
    const SETTLES: bool;

    /// Lets services run that are ready to.
    fn turn(&mut self);

    /// Unyields until the service has ended. Returns the failures that `unyield` returned.
    ///
    /// # Panics
    /// When the service does not end.
    fn finish(&mut self, handle: &mut impl SpawnUnyield) -> Vec<Error> {
        let mut failures = Vec::new();
        self.wait(|| {
            failures.extend(handle.unyield().err());
            handle.is_finished()
        });
        failures
    }

    /// Unyields until `done` returns true.
    ///
    /// # Panics
    /// When it never does, or the service fails.
    fn run_until(&mut self, handle: &mut impl SpawnUnyield, mut done: impl FnMut() -> bool) {
        self.wait(|| {
            handle.unyield().unwrap();
            done()
        });
    }

    /// Gives turns until `done` returns true.
    ///
    /// # Panics
    /// When it never does: after 10,000 turns, or a minute where services run elsewhere.
    fn wait(&mut self, mut done: impl FnMut() -> bool) {
        let mut limit = None;
        for turn in 0.. {
            if done() {
                return;
            }
            if Self::SETTLES {
                assert!(turn < 10_000, "it hangs");
            } else {
                // wasm32 has no such clock, and no world that needs it.
                let limit = *limit.get_or_insert_with(|| Instant::now() + Duration::from_secs(60));
                assert!(Instant::now() < limit, "it hangs");
            }
            self.turn();
        }
    }

    /// Unyields a few times and checks that `changed` stays false. Where services run elsewhere
    /// this can miss a fault, and never reports one that is none.
    ///
    /// # Panics
    /// When `changed` returns true, or the service fails.
    fn nothing_happens(
        &mut self,
        handle: &mut impl SpawnUnyield,
        mut changed: impl FnMut() -> bool,
    ) {
        for _ in 0..if Self::SETTLES { 3 } else { 50 } {
            handle.unyield().unwrap();
            self.turn();
            assert!(!changed());
        }
    }
}

/// World of services that run on the caller's thread, inside `spawn` and `unyield`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here;

impl World for Here {
    const REPORTS: bool = true;
    const SETTLES: bool = true;

    fn turn(&mut self) {}
}

/// World of services that run on other threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl World for Threads {
    const REPORTS: bool = false;
    const SETTLES: bool = false;

    fn turn(&mut self) {
        std::thread::yield_now();
    }
}

/// Checks how often a failure was returned.
pub(super) fn reported_once<W: World>(_: &W, failures: &[Error]) {
    assert_eq!(failures.len(), usize::from(W::REPORTS), "{failures:?}");
}

/// Returns the message of a service's failure.
pub(super) fn failure(ended: Result<()>) -> String {
    ended.unwrap_err().to_string()
}
