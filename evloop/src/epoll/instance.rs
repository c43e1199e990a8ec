//! The interest list.

use super::error::Error;
use super::flags::{Event, Flags};
use super::nesting;
use super::source::{Pollable, Queue, Source, Waiter};
use super::watcher::Watcher;
use crate::core::{Interest, Key, Trigger};
use crate::driver::Driver;
use crate::lock::lock;
use crate::shared::Shared;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

/// `EPOLL_CTL_ADD`.
pub const CTL_ADD: i32 = 1;
/// `EPOLL_CTL_DEL`.
pub const CTL_DEL: i32 = 2;
/// `EPOLL_CTL_MOD`.
pub const CTL_MOD: i32 = 3;

/// An epoll in userspace.
///
/// May be shared between threads. It waits with the [`Driver`] it was made with; on one that may
/// not block, `wait` says `WouldBlock` as [`Poll`](crate::Poll) does.
pub struct Epoll {
    instance: Arc<Instance>,
    /// Its own readiness, for those who watch it.
    source: Source,
}

#[derive(Debug)]
pub(super) struct Instance {
    shared: Arc<Shared>,
    /// By queue and handle.
    entries: Mutex<HashMap<(u64, u64), Entry>>,
    queue: Mutex<Weak<Queue>>,
    /// Some epoll has watched this one: from then on it must learn of every change.
    nested: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    queue: Weak<Queue>,
    exclusive: bool,
}

impl Epoll {
    /// An epoll that waits with `driver`.
    pub fn with_driver(driver: impl Driver + 'static) -> Epoll {
        let instance = Arc::new(Instance {
            shared: Shared::new(Box::new(driver)),
            entries: Mutex::default(),
            queue: Mutex::default(),
            nested: AtomicBool::new(false),
        });
        let watcher: Weak<dyn Watcher> = Arc::<Instance>::downgrade(&instance);
        let source = Source::of(Some(watcher));
        *lock(&instance.queue) = Arc::downgrade(&source.queue);
        Epoll { instance, source }
    }

    /// An epoll that waits by parking its thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn park() -> Epoll {
        Epoll::with_driver(crate::driver::Park::new())
    }

    /// An epoll that never blocks.
    pub fn turns() -> Epoll {
        Epoll::with_driver(crate::driver::Turns::new())
    }

    /// `epoll_ctl`: [`add`](Epoll::add), [`modify`](Epoll::modify) or [`delete`](Epoll::delete) by
    /// its number.
    ///
    /// # Errors
    /// As those; [`Error::Invalid`] for any other number.
    pub fn ctl(
        &self,
        operation: i32,
        target: &(impl Pollable + ?Sized),
        event: Event,
    ) -> Result<(), Error> {
        let source = target.source().ok_or(Error::NotPollable)?;
        // epoll_ctl(2): `EINVAL` if the target is the epoll itself, whatever the operation.
        if Arc::ptr_eq(&source.queue, &self.source.queue) {
            return Err(Error::Invalid);
        }
        match operation {
            CTL_ADD => self.add_source(source, event),
            CTL_MOD => self.modify_source(source, event),
            CTL_DEL => self.delete_source(source),
            _ => Err(Error::Invalid),
        }
    }

    /// Watches a source. If it is ready already, it is reported, and a sleeping
    /// [`wait`](Epoll::wait) wakes.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotPollable`]; [`Error::Loop`] and [`Error::Invalid`] for epolls
    /// (see [`Error`]); [`Error::Invalid`] for `EXCLUSIVE` with `ONESHOT`, `RDHUP`, `PRI` or an
    /// epoll.
    pub fn add(&self, target: &(impl Pollable + ?Sized), event: Event) -> Result<(), Error> {
        self.ctl(CTL_ADD, target, event)
    }

    /// Replaces flags and data, arms a oneshot entry again and samples the source: what is ready
    /// and watched for is reported (edge-triggered: again), what is not watched for any more is
    /// not.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] if the entry is or would be `EXCLUSIVE`.
    pub fn modify(&self, target: &(impl Pollable + ?Sized), event: Event) -> Result<(), Error> {
        self.ctl(CTL_MOD, target, event)
    }

    /// Stops watching a source; what was pending is not reported.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete(&self, target: &(impl Pollable + ?Sized)) -> Result<(), Error> {
        self.ctl(CTL_DEL, target, Event::default())
    }

    /// `epoll_wait`: waits until something is ready or `timeout` has passed (`None`: for ever),
    /// fills `events` from the front and says how many there are.
    ///
    /// # Errors
    /// `InvalidInput` for an empty slice; `WouldBlock` where nothing may block.
    pub fn wait(&self, events: &mut [Event], timeout: Option<Duration>) -> io::Result<usize> {
        if events.is_empty() {
            return Err(Error::Invalid.into());
        }
        let capacity = events.len();
        let result = self
            .instance
            .shared
            .poll(capacity, timeout, false, &mut |index, fired| {
                if let Some(event) = events.get_mut(index) {
                    *event = Event::new(Flags::from_core(fired.ready), fired.token);
                }
            });
        // Taking events out may have left nothing: whoever watches this epoll must know.
        self.instance.refresh(0);
        result
    }

    /// Returns the handle by which the owner of the thread runs the loop by turns.
    pub fn handle(&self) -> crate::Handle {
        crate::Handle::new(&self.instance.shared)
    }

    fn add_source(&self, source: &Source, event: Event) -> Result<(), Error> {
        let inner = source.queue.epoll.as_ref().and_then(Weak::upgrade);
        let exclusive = event.flags.contains(Flags::EXCLUSIVE);
        // epoll_ctl(2): `EPOLLEXCLUSIVE` goes with IN, OUT, ERR, HUP, WAKEUP and ET only, and not
        // for an epoll.
        if exclusive
            && (inner.is_some()
                || event
                    .flags
                    .intersects(Flags::ONESHOT | Flags::RDHUP | Flags::PRI))
        {
            return Err(Error::Invalid);
        }
        let topology = match &inner {
            Some(inner) => {
                // Held until the entry exists: a thread that checks in between could close a
                // circle.
                let topology = nesting::lock();
                let outer: Arc<dyn Watcher> = self.instance.clone();
                nesting::check(&outer, inner)?;
                inner.nest();
                Some(topology)
            }
            None => None,
        };
        let mut woken = false;
        {
            // The queue's lock before the entries', as when a source tells its watchers.
            let mut queue = source.queue.lock();
            let mut entries = self.instance.entries();
            if entries.contains_key(&source.identity()) {
                return Err(Error::Exists);
            }
            // Under the queue's lock: no change falls between this sample and the new waiter.
            let interest = interest(event.flags);
            let key = self
                .instance
                .shared
                .enter()
                .core
                .insert(event.data, interest, queue.ready);
            woken |= queue.ready & interest.mask != 0;
            entries.insert(
                source.identity(),
                Entry {
                    key,
                    queue: Arc::downgrade(&source.queue),
                    exclusive,
                },
            );
            let waiter = Waiter {
                instance: Arc::<Instance>::downgrade(&self.instance),
                key,
                exclusive,
            };
            // The kernel's order: the newest first, then the exclusive ones, the oldest first.
            if exclusive {
                queue.waiters.push(waiter);
            } else {
                queue.waiters.insert(0, waiter);
            }
        }
        drop(topology);
        self.instance.changed(woken);
        Ok(())
    }

    fn modify_source(&self, source: &Source, event: Event) -> Result<(), Error> {
        if event.flags.contains(Flags::EXCLUSIVE) {
            return Err(Error::Invalid);
        }
        let woken = {
            let queue = source.queue.lock();
            let entries = self.instance.entries();
            let entry = entries.get(&source.identity()).ok_or(Error::NotFound)?;
            if entry.exclusive {
                return Err(Error::Invalid);
            }
            let interest = interest(event.flags);
            self.instance
                .shared
                .enter()
                .core
                .modify(entry.key, event.data, interest)
                .map_err(|_| Error::NotFound)?;
            queue.ready & interest.mask != 0
        };
        self.instance.changed(woken);
        Ok(())
    }

    fn delete_source(&self, source: &Source) -> Result<(), Error> {
        {
            let mut queue = source.queue.lock();
            let entry = self
                .instance
                .entries()
                .remove(&source.identity())
                .ok_or(Error::NotFound)?;
            // Never stale: its entry was in the list until now.
            let _ = self.instance.shared.enter().core.remove(entry.key);
            queue.waiters.retain(|waiter| {
                // Keys are unique within one instance only.
                waiter.key != entry.key
                    || !std::ptr::addr_eq(waiter.instance.as_ptr(), Arc::as_ptr(&self.instance))
            });
        }
        self.instance.refresh(0);
        Ok(())
    }
}

fn interest(flags: Flags) -> Interest {
    Interest {
        // epoll_ctl(2): `EPOLLERR` and `EPOLLHUP` are reported whether they were asked for or not.
        mask: (flags | Flags::ERR | Flags::HUP).core(),
        trigger: if flags.contains(Flags::ET) {
            Trigger::Edge
        } else {
            Trigger::Level
        },
        oneshot: flags.contains(Flags::ONESHOT),
    }
}

impl Instance {
    fn entries(&self) -> MutexGuard<'_, HashMap<(u64, u64), Entry>> {
        lock(&self.entries)
    }

    fn queue(&self) -> Option<Arc<Queue>> {
        lock(&self.queue).upgrade()
    }

    /// The interest list changed; `woken`: so that something is ready.
    fn changed(&self, woken: bool) {
        if woken {
            // The only error is a driver's that cannot wake its own thread, and the parked one can.
            let _ = self.shared.wake();
        }
        self.refresh(if woken { Flags::IN.core() } else { 0 });
    }

    /// Tells those who watch this epoll whether anything in it is really ready.
    fn refresh(&self, woken: u16) {
        // Few epolls are nested: the others pay one load here, and no lock.
        if !self.nested.load(Ordering::SeqCst) {
            return;
        }
        let Some(queue) = self.queue() else {
            return;
        };
        let mut state = queue.lock();
        // Held together: the answer and its telling must not be overtaken by a later answer.
        let ready = self.shared.enter().core.has_ready();
        state.ready = if ready { Flags::IN.core() } else { 0 };
        let woken = woken & state.ready;
        state.tell(woken);
    }
}

impl Watcher for Instance {
    fn update(&self, key: Key, ready: u16, woken: u16) -> bool {
        let mut state = self.shared.enter();
        let hit = state.core.update(key, ready, woken).unwrap_or(false);
        drop(state);
        let slept = hit && self.shared.wake().unwrap_or(false);
        self.refresh(if hit { Flags::IN.core() } else { 0 });
        slept
    }

    fn forget(&self, id: u64) {
        let mut gone = Vec::new();
        self.entries().retain(|(queue, _), entry| {
            if *queue == id {
                gone.push(entry.key);
            }
            *queue != id
        });
        let mut state = self.shared.enter();
        for key in gone {
            let _ = state.core.remove(key);
        }
        drop(state);
        self.refresh(0);
    }

    fn nest(&self) {
        self.nested.store(true, Ordering::SeqCst);
        self.refresh(0);
    }

    fn watched(&self) -> Vec<Arc<dyn Watcher>> {
        // The queues are dropped outside of the lock: the last reference to one would come back for it.
        let queues: Vec<Arc<Queue>> = self
            .entries()
            .values()
            .filter_map(|entry| entry.queue.upgrade())
            .collect();
        queues
            .iter()
            .filter_map(|queue| queue.epoll.as_ref()?.upgrade())
            .collect()
    }

    fn watchers(&self) -> Vec<Arc<dyn Watcher>> {
        let Some(queue) = self.queue() else {
            return Vec::new();
        };
        let state = queue.lock();
        state
            .waiters
            .iter()
            .filter_map(|waiter| waiter.instance.upgrade())
            .collect()
    }
}

impl Pollable for Epoll {
    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // Sources outlive it and must not keep its entries.
        // They are taken out at once, because a queue is locked before the entries, never after.
        let entries = std::mem::take(&mut *self.instance.entries());
        for entry in entries.into_values() {
            if let Some(queue) = entry.queue.upgrade() {
                queue.lock().waiters.retain(|waiter| {
                    !std::ptr::addr_eq(waiter.instance.as_ptr(), Arc::as_ptr(&self.instance))
                });
            }
        }
        self.instance.shared.close();
    }
}

impl fmt::Debug for Epoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoll").finish_non_exhaustive()
    }
}
