//! A thread that parks.

use super::Driver;
use crate::lock;
use std::io;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Waits by parking the thread: for loops with user sources and timers only. It needs nothing of
/// the operating system but a condition variable.
#[derive(Debug)]
pub struct Park {
    epoch: Instant,
    state: Mutex<State>,
    condvar: Condvar,
}

#[derive(Debug, Default)]
struct State {
    notified: bool,
    /// A thread is parked. Notifying a condition variable costs a system call, whether anybody
    /// waits or not.
    parked: bool,
}

impl Park {
    /// A driver whose time starts now.
    pub fn new() -> Self {
        Park {
            epoch: Instant::now(),
            state: Mutex::default(),
            condvar: Condvar::new(),
        }
    }
}

impl Default for Park {
    fn default() -> Self {
        Park::new()
    }
}

impl Driver for Park {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, _: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        let mut state = lock::lock(&self.state);
        // Under the lock that `notify` takes, so a notification that comes first is not lost.
        if !state.notified && timeout != Some(Duration::ZERO) {
            state.parked = true;
            // No loop: `Driver::wait` may return without a reason.
            state = lock::wait(&self.condvar, state, timeout);
            state.parked = false;
        }
        state.notified = false;
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        let mut state = lock::lock(&self.state);
        state.notified = true;
        let parked = state.parked;
        // Without the lock, or the thread that wakes would have to wait for it at once.
        drop(state);
        if parked {
            self.condvar.notify_one();
        }
        Ok(())
    }
}
