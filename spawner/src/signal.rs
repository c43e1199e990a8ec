//! Notifications of a thread, apart from its own parking, whose token other code on the thread may
//! consume.

use crate::sync::{AtomicBool, Ordering};

/// Why a wait came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The thread was notified since the last wait.
    Notified,
    /// The owner is gone.
    Cancelled,
    /// The wait gave up.
    Nothing,
}

/// The state that a service's thread shares with those who wake it.
///
/// A notification is remembered until the next wait, so that one that comes between "there was
/// nothing" and "sleep" is not lost. Whoever sets a flag unparks the thread after it.
#[derive(Debug)]
pub struct Signal {
    notified: AtomicBool,
    cancelled: AtomicBool,
    finished: AtomicBool,
}

impl Signal {
    pub fn new() -> Self {
        Signal {
            notified: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        }
    }

    /// True if the thread must be unparked. False if somebody else has notified it and it has not
    /// looked since: that one unparks it.
    ///
    /// After its wait, the thread sees everything that the notifier wrote before.
    pub fn notify(&self) -> bool {
        !self.notified.swap(true, Ordering::AcqRel)
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    pub fn finish(&self) {
        // Paired with `is_finished`: who sees it sees all that the service wrote.
        self.finished.store(true, Ordering::Release);
    }

    pub fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Waits with `sleep(0)`, `sleep(1)` and so on, which may come back for no reason; false gives
    /// up.
    pub fn wait(&self, mut sleep: impl FnMut(usize) -> bool) -> Wake {
        let mut nth = 0;
        loop {
            // First: a service whose owner is gone must not go on because it was notified too.
            if self.is_cancelled() {
                return Wake::Cancelled;
            }
            // Cleared before the thread looks at its channel: what is sent later notifies it again.
            if self.notified.swap(false, Ordering::AcqRel) {
                return Wake::Notified;
            }
            if !sleep(nth) {
                return Wake::Nothing;
            }
            nth += 1;
        }
    }
}
