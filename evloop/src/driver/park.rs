//! A thread that parks.

use super::Driver;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Waits by parking the thread: for loops with user sources and timers only. It needs nothing of the operating
/// system but a condition variable.
#[derive(Debug)]
pub struct Park {
    epoch: Instant,
    notified: Mutex<bool>,
    condvar: Condvar,
}

impl Park {
    /// A driver whose time starts now.
    pub fn new() -> Self {
        Park {
            epoch: Instant::now(),
            notified: Mutex::new(false),
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

    fn wait(&self, timeout: Option<Duration>, _: &mut dyn FnMut(u32, u16)) -> io::Result<()> {
        let mut notified = self.notified.lock().unwrap_or_else(PoisonError::into_inner);
        if !*notified && timeout != Some(Duration::ZERO) {
            notified = match timeout {
                Some(timeout) => {
                    self.condvar
                        .wait_timeout(notified, timeout)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .condvar
                    .wait(notified)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        *notified = false;
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        *self.notified.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condvar.notify_one();
        Ok(())
    }
}
