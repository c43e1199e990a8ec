//! Run state of a service that any thread of a pool may run.

use crate::sync::{AtomicU8, Ordering};

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const AGAIN: u8 = 2;
const DONE: u8 = 3;

/// At most one job is queued or running for a service, and a wake that comes meanwhile is
/// remembered, one of them.
///
/// ```text
/// IDLE ── wake ──▶ QUEUED ── wake ──▶ AGAIN
///   ▲                │  ▲               │
///   └──── rest ──────┘  └──── rest ─────┘      finish: DONE, for ever
/// ```
#[derive(Debug)]
pub struct RunState(AtomicU8);

impl RunState {
    /// With a first job queued.
    pub fn queued() -> Self {
        RunState(AtomicU8::new(QUEUED))
    }

    /// True if the caller must queue a job.
    pub fn wake(&self) -> bool {
        let woken = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
                IDLE => Some(QUEUED),
                QUEUED => Some(AGAIN),
                // One remembered wake is enough, and after the end there is nothing to wake.
                _ => None,
            });
        // Whoever took it out of IDLE queues the job, so there is never a second one.
        woken == Ok(IDLE)
    }

    /// The job has found nothing more to do. True if it must be queued again, because of a wake
    /// since it was queued.
    pub fn rest(&self) -> bool {
        let rested =
            self.0
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
                    AGAIN => Some(QUEUED),
                    QUEUED => Some(IDLE),
                    _ => None,
                });
        rested == Ok(AGAIN)
    }

    /// The service has ended.
    pub fn finish(&self) {
        // Whatever it was: a wake that comes later finds DONE and queues nothing.
        self.0.store(DONE, Ordering::Release);
    }

    pub fn is_finished(&self) -> bool {
        self.0.load(Ordering::Acquire) == DONE
    }

    /// Nobody has it: a job is neither queued nor running.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.0.load(Ordering::Acquire), IDLE | DONE)
    }
}
