//! Wait queues.

use super::flags::Flags;
use super::watcher::Watcher;
use crate::core::Key;
use crate::lock;
use smallvec::SmallVec;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// Numbers for queues and handles: never used twice, so that a new source is never taken for an old
/// one.
pub(super) fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only uniqueness counts, nothing is published by the number.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Source that an [`Epoll`](super::Epoll) can watch.
pub trait Pollable {
    /// The handle to watch; `None` for what cannot be polled (regular files): adding it is `EPERM`.
    fn source(&self) -> Option<&Source>;
}

/// A handle to a wait queue: a descriptor, as it were, of an open file.
///
/// [`duplicate`](Source::duplicate) makes a second handle to the same queue, which can be watched
/// under its own interest. When the last handle is dropped, the queue leaves all interest lists and
/// what was pending is gone.
pub struct Source {
    pub(super) queue: Arc<Queue>,
    handle: u64,
}

/// The state of a source and those who watch it.
#[derive(Debug)]
pub(super) struct Queue {
    id: u64,
    /// The epoll that this queue is the readiness of, if it is one's.
    pub epoll: Option<Weak<dyn Watcher>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub ready: u16,
    /// One in the common case; several with several epolls, or several handles in one.
    pub waiters: SmallVec<[Waiter; 1]>,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub instance: Weak<dyn Watcher>,
    pub key: Key,
    pub exclusive: bool,
}

impl Source {
    /// A source that is ready for nothing.
    pub fn new() -> Source {
        Source::of(None)
    }

    pub(super) fn of(epoll: Option<Weak<dyn Watcher>>) -> Source {
        Source {
            queue: Arc::new(Queue {
                id: unique(),
                epoll,
                state: Mutex::default(),
            }),
            handle: unique(),
        }
    }

    /// A second handle to the same queue.
    pub fn duplicate(&self) -> Source {
        Source {
            queue: self.queue.clone(),
            handle: unique(),
        }
    }

    /// Returns the readiness of the source.
    pub fn ready(&self) -> Flags {
        Flags::from_core(self.queue.lock().ready)
    }

    /// Sets the readiness to exactly this. Whoever watches for any of it is woken, even if nothing
    /// changed: an edge is a notification, not a transition.
    pub fn set(&self, ready: Flags) {
        self.queue.update(|_| ready.core(), ready.core());
    }

    /// Adds `ready` to the readiness, and wakes whoever watches for any of it. An edge-triggered
    /// event carries all that the source is ready for then.
    pub fn wake(&self, ready: Flags) {
        self.queue.update(|old| old | ready.core(), ready.core());
    }

    /// Clears this readiness. Events that were pending because of it alone are not reported.
    pub fn clear(&self, ready: Flags) {
        self.queue.update(|old| old & !ready.core(), 0);
    }

    /// Sets the readiness to exactly `ready`, and wakes whoever watches for any of `woken`. The
    /// kernel does so when it wakes a queue with a mask; a file that is closed wakes with all of
    /// it.
    pub fn update(&self, ready: Flags, woken: Flags) {
        self.queue.update(|_| ready.core(), woken.core());
    }

    pub(super) fn identity(&self) -> (u64, u64) {
        (self.queue.id, self.handle)
    }
}

impl Queue {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        lock::lock(&self.state)
    }

    fn update(&self, ready: impl FnOnce(u16) -> u16, woken: u16) {
        let mut state = self.lock();
        state.ready = ready(state.ready);
        state.tell(woken);
    }
}

impl State {
    /// Tells the watchers what the queue is ready for, and wakes those who watch for any of
    /// `woken`.
    ///
    /// Locks are taken from the source outwards: a queue's own is held while its watchers are told,
    /// so that two threads cannot tell them in the wrong order; circles do not exist.
    pub fn tell(&mut self, woken: u16) {
        let mut exclusive_done = false;
        for waiter in &self.waiters {
            let Some(instance) = waiter.instance.upgrade() else {
                // An epoll that is being dropped has not removed its waiter yet.
                continue;
            };
            if waiter.exclusive {
                let mask = if exclusive_done { 0 } else { woken };
                // The kernel stops at the first exclusive watcher that it woke from its sleep.
                exclusive_done |= instance.update(waiter.key, self.ready, mask);
            } else {
                instance.update(waiter.key, self.ready, woken);
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let id = self.id;
        // No lock: the last reference is gone, so nobody else can reach the queue.
        let state = lock::get_mut(&mut self.state);
        for waiter in state.waiters.drain(..) {
            if let Some(instance) = waiter.instance.upgrade() {
                instance.forget(id);
            }
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Source::new()
    }
}

impl Pollable for Source {
    fn source(&self) -> Option<&Source> {
        Some(self)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("id", &self.queue.id)
            .finish_non_exhaustive()
    }
}
