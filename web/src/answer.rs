//! Answers of the node, awaited.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Something that comes once. Clones wait for the same.
pub(crate) struct Answer<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Answer(Arc::clone(&self.0))
    }
}

impl<T> Answer<T> {
    pub(crate) fn new() -> Self {
        Answer(Arc::default())
    }

    fn lock(&self) -> MutexGuard<'_, (Option<T>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, value: T) {
        let mut inner = self.lock();
        inner.0 = Some(value);
        let waker = inner.1.take();
        // Unlocked before the wake, which may run code that takes this lock.
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) async fn wait(self) -> T {
        poll_fn(|context| {
            let mut inner = self.lock();
            inner.1 = Some(context.waker().clone());
            inner.0.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
