//! A thread that parks.

use super::Driver;
use crate::lock;
use std::io;
use std::sync::{Condvar, Mutex};
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
        let mut notified = lock::lock(&self.notified);
        if !*notified && timeout != Some(Duration::ZERO) {
            notified = lock::wait(&self.condvar, notified, timeout);
        }
        *notified = false;
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        *lock::lock(&self.notified) = true;
        self.condvar.notify_one();
        Ok(())
    }
}
