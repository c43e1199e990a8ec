//! Turns: the loop runs when somebody lets it, and never blocks.

use super::Driver;
use crate::lock::lock;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use web_time::Instant;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// A driver that never blocks: `poll` says `WouldBlock` when nothing is ready, and whoever owns the
/// thread calls again when it was asked to (see [`on_wake`](Turns::on_wake)) or when the
/// [deadline](crate::Handle::next_deadline) has passed. In the browser `js` does that.
///
/// Clones share their state: keep one to set the hook after the loop was made.
#[derive(Clone)]
pub struct Turns {
    epoch: Instant,
    wake: Arc<Mutex<Option<Wake>>>,
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

impl Turns {
    /// A driver whose time starts now.
    pub fn new() -> Self {
        Turns {
            epoch: Instant::now(),
            wake: Arc::default(),
        }
    }

    /// `wake` is called when a source of an idle loop becomes ready, at most once until the loop
    /// was polled again. It runs inside the call that made the source ready: let it schedule a
    /// turn, not run one.
    pub fn on_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        *lock(&self.wake) = Some(Arc::new(wake));
    }
}

impl Default for Turns {
    fn default() -> Self {
        Turns::new()
    }
}

impl Driver for Turns {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn may_block(&self) -> bool {
        false
    }

    fn wait(&self, _: Option<Duration>, _: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        // Called without the lock held: the hook may set another hook.
        let wake = lock(&self.wake).clone();
        if let Some(wake) = wake {
            wake();
        }
        Ok(())
    }

    fn on_wake(&self, hook: Option<Arc<dyn Fn() + Send + Sync>>) -> bool {
        *lock(&self.wake) = hook;
        true
    }
}
