//! The lock-free way from the setting ends of user sources to the loop.
//!
//! Every source has a [`Link`]: one word with its readiness and flags. A setter swaps the readiness in and, if it
//! is the first since the loop last looked, pushes the source on a stack (Treiber, 1986). The loop takes the whole
//! stack at once, so there is no ABA, and a source is on it at most once however often it is set.

use crate::core::Key;
use crate::sync::{Arc, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::ptr;

/// The readiness bits of a link's state.
const READY: u32 = 0xffff;
/// On the stack, or about to be pushed by the setter that set this flag.
const QUEUED: u32 = 1 << 16;
/// Registered on a loop.
const ATTACHED: u32 = 1 << 17;
/// The registration is gone: whoever sees it last gives the loop's reference back.
const DEAD: u32 = 1 << 18;
/// The readiness came by [`Link::trigger`].
const MERGE: u32 = 1 << 19;

/// What a queued source carries.
#[derive(Debug)]
pub(crate) struct Link<T> {
    state: AtomicU32,
    /// Meaningful while QUEUED is set; written by the pusher and by the loop only.
    next: AtomicPtr<T>,
    /// The slot in the loop's core; written and read under the loop's lock only.
    key: AtomicU64,
}

/// A source that can be queued.
pub(crate) trait Linked: Sized {
    fn link(&self) -> &Link<Self>;
}

/// What a source said since the loop last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub key: Key,
    pub ready: u16,
    /// Add to what is pending instead of replacing it.
    pub merge: bool,
}

impl<T> Link<T> {
    pub fn new() -> Self {
        Link {
            state: AtomicU32::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            key: AtomicU64::new(0),
        }
    }

    pub fn ready(&self) -> u16 {
        (self.state.load(Ordering::Acquire) & READY) as u16
    }

    /// Replaces the readiness. True: the caller must push the source.
    pub fn set(&self, ready: u16) -> bool {
        self.change(|_| u32::from(ready))
    }

    /// Adds to the readiness that the loop has not seen yet, and replaces what it has seen.
    pub fn trigger(&self, ready: u16) -> bool {
        self.change(|state| {
            let unseen = if state & QUEUED != 0 {
                state & READY
            } else {
                0
            };
            MERGE | unseen | u32::from(ready)
        })
    }

    #[inline]
    fn change(&self, next: impl Fn(u32) -> u32) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let mut new = (state & !(READY | MERGE)) | next(state);
            // Clearing what was clear tells the loop nothing. Clearing what was set does, because the loop may
            // have taken the readiness in without having reported it yet.
            if state & ATTACHED != 0 && (new | state) & READY != 0 {
                new |= QUEUED;
            }
            match self
                .state
                .compare_exchange_weak(state, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return new & QUEUED != 0 && state & QUEUED == 0,
                Err(actual) => state = actual,
            }
        }
    }

    /// From now on changes are queued; gives the readiness at this moment. Under the loop's lock.
    pub fn attach(&self) -> u16 {
        (self.state.fetch_or(ATTACHED, Ordering::AcqRel) & READY) as u16
    }

    /// From now on changes are only stored. Under the loop's lock.
    pub fn detach(&self) {
        self.state.fetch_and(!ATTACHED, Ordering::AcqRel);
    }

    pub fn is_attached(&self) -> bool {
        self.state.load(Ordering::Acquire) & ATTACHED != 0
    }

    /// The registration is gone. True: the source is not queued and never will be, so the caller gives the loop's
    /// reference back; false: the drain that meets the source does. Under the loop's lock.
    pub fn kill(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let new = (state & !ATTACHED) | DEAD;
            match self
                .state
                .compare_exchange_weak(state, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return state & QUEUED == 0,
                Err(actual) => state = actual,
            }
        }
    }

    pub fn key(&self) -> Key {
        let packed = self.key.load(Ordering::Relaxed);
        Key {
            index: packed as u32,
            generation: (packed >> 32) as u32,
        }
    }

    /// Under the loop's lock.
    pub fn set_key(&self, key: Key) {
        let packed = u64::from(key.index) | u64::from(key.generation) << 32;
        self.key.store(packed, Ordering::Relaxed);
    }
}

/// The stack of sources that said something.
///
/// The loop owns one strong reference of every source that was ever attached to it, from its first attachment
/// until its death; that reference is what keeps the raw pointers here valid.
#[derive(Debug)]
pub(crate) struct Inbox<T: Linked> {
    head: AtomicPtr<T>,
}

impl<T: Linked> Inbox<T> {
    pub fn new() -> Self {
        Inbox {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// True if nothing was pushed since the last drain.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // SeqCst: one half of the handshake with a loop that goes to sleep. See `Shared::sleep`.
        self.head.load(Ordering::SeqCst).is_null()
    }

    /// Pushes a source whose [`Link::set`] or [`Link::trigger`] said so.
    pub fn push(&self, source: &Arc<T>) {
        let node = Arc::as_ptr(source).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            source.link().next.store(head, Ordering::Relaxed);
            match self
                .head
                .compare_exchange_weak(head, node, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(actual) => head = actual,
            }
        }
    }

    /// Takes everything, the youngest first, and appends it to `reports`. One thread at a time: under the loop's
    /// lock.
    ///
    /// Each source is visited once: the stack is the wrong way round, and reading the few words of the reports
    /// backwards is cheaper than turning its links. False if there was nothing.
    #[inline]
    pub fn drain(&self, reports: &mut Vec<Report>) -> bool {
        let any = !self.is_empty();
        if any {
            self.take(reports);
        }
        any
    }

    fn take(&self, reports: &mut Vec<Report>) {
        let mut node = self.head.swap(ptr::null_mut(), Ordering::SeqCst);
        while !node.is_null() {
            // SAFETY: a source that is on the stack has QUEUED set, and the loop's reference to it is given back
            // only below or, when QUEUED is not set, by the caller of `kill`.
            let source = unsafe { &*node };
            let link = source.link();
            // Before QUEUED is cleared: from then on a setter may push the source again and write `next`.
            let next = link.next.load(Ordering::Relaxed);
            let state = link.state.fetch_and(!(QUEUED | MERGE), Ordering::AcqRel);
            if state & DEAD != 0 {
                // SAFETY: DEAD with QUEUED means that `kill` left the loop's reference to this drain. No setter
                // queues the source again, because `kill` cleared ATTACHED.
                drop(unsafe { Arc::from_raw(node.cast_const()) });
            } else if state & ATTACHED != 0 {
                reports.push(Report {
                    key: link.key(),
                    ready: (state & READY) as u16,
                    merge: state & MERGE != 0,
                });
            }
            node = next;
        }
    }
}
