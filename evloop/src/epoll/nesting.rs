//! Epolls that watch epolls: no circles, no more than five deep.

use super::error::Error;
use super::watcher::{Watcher, same};
use std::sync::{Arc, Mutex, MutexGuard};

/// The longest chain of epolls, counting both ends (Linux: `EP_MAX_NESTS` is 4 edges).
const DEEPEST: usize = 5;

/// Held while an epoll is added to another, so that two threads cannot close a circle together.
pub(super) fn lock() -> MutexGuard<'static, ()> {
    static TOPOLOGY: Mutex<()> = Mutex::new(());
    crate::lock::lock(&TOPOLOGY)
}

/// May `outer` watch `inner`?
pub(super) fn check(outer: &Arc<dyn Watcher>, inner: &Arc<dyn Watcher>) -> Result<(), Error> {
    if same(outer, inner) {
        return Err(Error::Invalid);
    }
    let above = height(outer, DEEPEST)?;
    let below = depth(inner, outer, DEEPEST)?;
    // `above` counts `outer` and `below` counts `inner`: the sum is the length of the new chain.
    if above + below > DEEPEST {
        return Err(Error::Loop);
    }
    Ok(())
}

/// The longest chain of epolls from `instance` down, counting it. Finding `outer` there is a
/// circle.
fn depth(
    instance: &Arc<dyn Watcher>,
    outer: &Arc<dyn Watcher>,
    limit: usize,
) -> Result<usize, Error> {
    if same(instance, outer) || limit == 0 {
        return Err(Error::Loop);
    }
    let mut deepest = 0;
    for inner in instance.watched() {
        deepest = deepest.max(depth(&inner, outer, limit - 1)?);
    }
    Ok(deepest + 1)
}

/// The longest chain of epolls from `instance` up, counting it.
fn height(instance: &Arc<dyn Watcher>, limit: usize) -> Result<usize, Error> {
    if limit == 0 {
        return Err(Error::Loop);
    }
    let mut highest = 0;
    for outer in instance.watchers() {
        highest = highest.max(height(&outer, limit - 1)?);
    }
    Ok(highest + 1)
}
