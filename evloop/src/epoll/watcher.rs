//! An epoll as its sources and its neighbours see it.

use crate::core::Key;
use std::fmt;
use std::sync::Arc;

/// An epoll behind the queues that it watches.
///
/// A trait, so that queues and the rules of nesting do not depend on the interest list, which
/// depends on both.
pub(super) trait Watcher: Send + Sync + fmt::Debug {
    /// Notes that the entry `key` is ready for `ready`, and wakes the epoll if it watches for any
    /// of `woken`. True if that ended a sleep.
    fn update(&self, key: Key, ready: u16, woken: u16) -> bool;

    /// Removes the entries of the queue `id`, which is gone.
    fn forget(&self, id: u64);

    /// Notes that another epoll watches this one from now on.
    fn nest(&self);

    /// Returns the epolls that this one watches.
    fn watched(&self) -> Vec<Arc<dyn Watcher>>;

    /// Returns the epolls that watch this one.
    fn watchers(&self) -> Vec<Arc<dyn Watcher>>;
}

/// Compares identities. The pointers alone: one type may have several vtables.
pub(super) fn same(one: &Arc<dyn Watcher>, other: &Arc<dyn Watcher>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}
