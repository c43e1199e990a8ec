//! Events around a service while a test waits for it.

use std::time::{Duration, Instant};

use mydht_spawner::{Result, SpawnUnyield};

/// Environment that services run in.
pub trait World {
    /// The failure of a service is given by `unyield`.
    const REPORTS: bool;
    /// Whatever can happen without `unyield` has happened when `turn` comes back.
    const SETTLES: bool;

    /// Lets others run.
    fn turn(&mut self);

    /// Unyields until the service has ended; gives the failures that `unyield` gave.
    fn finish(&mut self, handle: &mut impl SpawnUnyield) -> Vec<mydht_spawner::Error> {
        let mut failures = Vec::new();
        self.wait(|| {
            failures.extend(handle.unyield().err());
            handle.is_finished()
        });
        failures
    }

    /// Unyields until `done`.
    fn run_until(&mut self, handle: &mut impl SpawnUnyield, mut done: impl FnMut() -> bool) {
        self.wait(|| {
            handle.unyield().unwrap();
            done()
        });
    }

    /// Turns until `done`. The limits only turn a hang into a failure.
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

    /// Unyields some times and checks that nothing comes of it: `changed` stays false. Where
    /// services run elsewhere this sees only what happens in that many turns; it can miss a fault
    /// there, and never invents one.
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

/// On this thread, inside `spawn` and `unyield`.
pub struct Here;

impl World for Here {
    const REPORTS: bool = true;
    const SETTLES: bool = true;

    fn turn(&mut self) {}
}

/// On other threads.
pub struct Threads;

impl World for Threads {
    const REPORTS: bool = false;
    const SETTLES: bool = false;

    fn turn(&mut self) {
        std::thread::yield_now();
    }
}

/// On this thread, inside a runtime.
#[cfg(all(feature = "future", not(target_arch = "wasm32")))]
pub struct TokioWorld {
    runtime: tokio::runtime::Runtime,
    set: std::rc::Rc<tokio::task::LocalSet>,
}

#[cfg(all(feature = "future", not(target_arch = "wasm32")))]
impl TokioWorld {
    pub fn new() -> Self {
        TokioWorld {
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            set: std::rc::Rc::default(),
        }
    }

    pub fn spawner(&self) -> mydht_spawner::FutureSpawner<mydht_spawner::Tokio> {
        mydht_spawner::FutureSpawner::new(mydht_spawner::Tokio::new(self.set.clone()))
    }
}

#[cfg(all(feature = "future", not(target_arch = "wasm32")))]
impl World for TokioWorld {
    const REPORTS: bool = true;
    const SETTLES: bool = true;

    fn turn(&mut self) {
        self.runtime.block_on(self.set.run_until(async {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }));
    }
}

/// Checks how often a failure was given.
pub fn reported_once<W: World>(_: &W, failures: &[mydht_spawner::Error]) {
    assert_eq!(failures.len(), usize::from(W::REPORTS), "{failures:?}");
}

/// Returns the parts of a service's failure.
pub fn failure(ended: Result<()>) -> String {
    ended.unwrap_err().to_string()
}
