//! The lock-free way from the setting ends of user sources to the loop.
//!
//! Every source has a [`Link`]: one word with its readiness and flags. A setter swaps the readiness
//! in and, if it is the first since the loop last looked, pushes the source on a stack (Treiber,
//! 1986). The loop takes the whole stack at once, so there is no ABA, and a source is on it at most
//! once however often it is set.

use crate::core::Key;
use crate::sync::{Arc, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::ptr;

/// The readiness bits of a link's state.
const READY: u64 = 0xffff;
/// The interest bits: what a source is watched for, whether a oneshot source is disarmed or not.
const MASK_SHIFT: u32 = 16;
const MASK: u64 = READY << MASK_SHIFT;
/// On the stack, or about to be pushed by the setter that set this flag.
const QUEUED: u64 = 1 << 32;
/// Registered on a loop.
const ATTACHED: u64 = 1 << 33;
/// The registration is gone: nothing is set any more, and whoever sees it last gives the loop's
/// reference back.
const DEAD: u64 = 1 << 34;
/// The readiness came by [`Link::trigger`], and adds to what the loop knows.
const MERGE: u64 = 1 << 35;
/// An edge without oneshot: a report depends on nothing but the readiness and the interest.
const PLAIN: u64 = 1 << 36;

/// Link of a queued source.
#[derive(Debug)]
pub(crate) struct Link<T> {
    state: AtomicU64,
    /// Meaningful while QUEUED is set; written by the pusher and by the loop only.
    next: AtomicPtr<T>,
    /// The slot in the loop's core; written and read under the loop's lock only.
    key: AtomicU64,
    /// The token; written and read under the loop's lock only.
    token: AtomicUsize,
}

/// A source that can be queued.
pub(crate) trait Linked: Sized {
    fn link(&self) -> &Link<Self>;
}

/// Report of a source since the loop last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub key: Key,
    pub token: usize,
    pub ready: u16,
    pub mask: u16,
    /// An edge without oneshot.
    pub plain: bool,
    /// Add to what is pending instead of replacing it.
    pub merge: bool,
}

impl<T> Link<T> {
    pub fn new() -> Self {
        Link {
            state: AtomicU64::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            key: AtomicU64::new(Key::NONE.to_bits()),
            token: AtomicUsize::new(0),
        }
    }

    /// Returns the readiness that was last set.
    #[inline]
    pub fn ready(&self) -> u16 {
        (self.state.load(Ordering::Acquire) & READY) as u16
    }

    /// The bits that are not cleared: none is by a trigger.
    #[inline]
    pub fn still_set(&self) -> u16 {
        let state = self.state.load(Ordering::Acquire);
        if state & MERGE == 0 {
            (state & READY) as u16
        } else {
            u16::MAX
        }
    }

    /// Replaces the readiness. True: the caller must push the source.
    #[inline]
    pub fn set(&self, ready: u16) -> bool {
        // What is not of interest is not queued, and neither is a clear, as in mio: they change neither the order of the
        // events nor the length of a wait. The loop looks at `still_set` before it reports a source.
        self.change(|state| {
            let wanted = u64::from(ready) & (state >> MASK_SHIFT);
            (u64::from(ready), wanted != 0)
        })
    }

    /// Adds to the readiness that the loop has not seen yet, and replaces what it has seen.
    #[inline]
    pub fn trigger(&self, ready: u16) -> bool {
        self.change(|state| {
            let unseen = if state & QUEUED != 0 {
                state & READY
            } else {
                0
            };
            // What is not of interest is queued too: under a later interest it is merged with what comes then.
            (MERGE | unseen | u64::from(ready), ready != 0)
        })
    }

    /// `next` gives the readiness, and whether the loop has to know.
    #[inline]
    fn change(&self, next: impl Fn(u64) -> (u64, bool)) -> bool {
        // Relaxed: a guess, which the exchange below checks and synchronises.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & DEAD != 0 {
                return false;
            }
            let (ready, queue) = next(state);
            let mut new = (state & !(READY | MERGE)) | ready;
            // Not attached: it is only stored, and `attach` samples it later.
            if queue && state & ATTACHED != 0 {
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

    /// Queues what is set to any of `mask` from now on, and returns the readiness at this moment.
    /// `plain`: an edge without oneshot. Under the loop's lock.
    pub fn attach(&self, token: usize, mask: u16, plain: bool) -> u16 {
        // Relaxed: only the loop reads it, under the lock that is held here.
        self.token.store(token, Ordering::Relaxed);
        let set = u64::from(mask) << MASK_SHIFT | ATTACHED | if plain { PLAIN } else { 0 };
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let new = state & !(MASK | PLAIN) | set;
            match self
                .state
                .compare_exchange_weak(state, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return (state & READY) as u16,
                Err(actual) => state = actual,
            }
        }
    }

    /// From now on changes are only stored. Under the loop's lock.
    pub fn detach(&self) {
        self.state.fetch_and(!ATTACHED, Ordering::AcqRel);
    }

    pub fn is_attached(&self) -> bool {
        self.state.load(Ordering::Acquire) & ATTACHED != 0
    }

    /// The registration is gone. True: the source is not queued and never will be, so the caller
    /// gives the loop's reference back; false: the drain that meets the source does. Under the
    /// loop's lock.
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
        Key::from_bits(self.key.load(Ordering::Relaxed))
    }

    /// Under the loop's lock.
    pub fn set_key(&self, key: Key) {
        self.key.store(key.to_bits(), Ordering::Relaxed);
    }
}

/// The stack of sources that said something.
///
/// The loop owns one strong reference of every source that was ever attached to it, from its first
/// attachment until its death; that reference is what keeps the raw pointers here valid.
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
            // The caller set QUEUED, so nobody else writes `next`; the exchange publishes it.
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

    /// Takes everything, the youngest first, and appends it to `reports`. One thread at a time:
    /// under the loop's lock.
    ///
    /// Each source is visited once: the stack is the wrong way round, and reading the few words of
    /// the reports backwards is cheaper than turning its links. False if there was nothing.
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
            // QUEUED is set, so this clears it, as `fetch_and` would. But it is one instruction on x86, and that is a loop.
            let state = link.state.fetch_sub(QUEUED, Ordering::AcqRel);
            debug_assert!(state & QUEUED != 0);
            if state & DEAD != 0 {
                // SAFETY: DEAD with QUEUED means that `kill` left the loop's reference to this drain. No setter
                // queues the source again, because `kill` cleared ATTACHED.
                drop(unsafe { Arc::from_raw(node.cast_const()) });
            } else if state & ATTACHED != 0 {
                reports.push(Report {
                    key: link.key(),
                    token: link.token.load(Ordering::Relaxed),
                    ready: (state & READY) as u16,
                    mask: ((state & MASK) >> MASK_SHIFT) as u16,
                    plain: state & PLAIN != 0,
                    merge: state & MERGE != 0,
                });
            }
            node = next;
        }
    }
}
