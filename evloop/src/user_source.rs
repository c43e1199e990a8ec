//! A loop's side of its user sources.

use crate::core::{Interest, Trigger};
use crate::shared::{AWAKE, CLOSED, Shared, Source};
use crate::{Compat, PollOpt, Ready, Token};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The interest of a source that is not registered.
const DISARMED: Interest = Interest::new(0, Trigger::Level);

impl Shared {
    /// Queues a source whose link said so, and wakes the loop if it sleeps.
    #[inline]
    pub fn push(&self, source: &Arc<Source>) -> io::Result<()> {
        self.inbox.push(source);
        // The push and this load are SeqCst, as are the sleeper's store and its look at the inbox: one of the two
        // sees the other, so no wake is lost.
        match self.sleep.load(Ordering::SeqCst) {
            AWAKE => Ok(()),
            CLOSED => {
                drop(self.enter());
                Ok(())
            }
            _ => self.wake().map(drop),
        }
    }

    /// Registers or reregisters a user source.
    pub fn attach(
        self: &Arc<Self>,
        source: &Arc<Source>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let mut state = self.enter();
        self.bind(source)?;
        let interest = state.user_interest(interest, opts);
        let link = &source.link;
        if !state.core.contains(link.key()) {
            // Set before `attach`: from there on the source may be queued.
            link.set_key(state.insert_user(source.clone(), DISARMED));
        }
        let (key, core) = (link.key(), &mut state.core);
        // The core has not learned of what was set while it was not attached or not of interest, nor of clears. Never
        // stale: see above.
        let plain = interest.trigger == Trigger::Edge && !interest.oneshot;
        let bits = link.attach(token.0, interest.mask, plain);
        let _ = core.update(key, bits, 0);
        let _ = core.modify(key, token.0, interest);
        let ready = core.is_wanted(key, bits);
        self.count(&state);
        drop(state);
        if ready { self.wake().map(drop) } else { Ok(()) }
    }

    /// Binds a source to this loop, for ever, at its first use. Under the lock.
    fn bind(self: &Arc<Self>, source: &Arc<Source>) -> io::Result<()> {
        let first = source.home().is_none();
        if !Arc::ptr_eq(source.bind(self), self) {
            return Err(other_poll());
        }
        if first {
            // The loop's own reference: `kill` or the drain after it gives it back.
            std::mem::forget(source.clone());
        }
        Ok(())
    }

    pub fn detach(self: &Arc<Self>, source: &Arc<Source>) -> io::Result<()> {
        let mut state = self.enter();
        self.bind(source)?;
        let link = &source.link;
        if link.is_attached() {
            link.detach();
            // The slot stays until the registration is dropped, and so does its place on the ready list, as in mio. Stale
            // only if the loop was closed: then nothing is pending either.
            let _ = state.core.modify(link.key(), 0, DISARMED);
        }
        Ok(())
    }

    /// The registration of a source that is bound here is gone.
    pub fn kill(self: &Arc<Self>, source: &Arc<Source>) {
        let mut state = self.enter();
        let link = &source.link;
        let closed = self.sleep.load(Ordering::SeqCst) == CLOSED;
        // mio 0.6 queues a registration that is dropped, in order to free it: that ends a wait (statement 40).
        let queued = state.compat == Compat::Mio06 && !closed;
        if queued {
            if state.core.abandon(link.key()).is_err() {
                // Bound, but never registered.
                let key = state.core.insert(0, DISARMED, 0);
                let _ = state.core.abandon(key);
            }
        } else {
            // Stale if it was never registered, or if the loop was closed.
            let _ = state.core.remove(link.key());
        }
        let reference = state.forget_user(link.key());
        self.count(&state);
        let ours = link.kill();
        drop(state);
        drop(reference);
        if queued {
            // There is nobody to hand an error to; mio ignores it too.
            let _ = self.wake();
        }
        if ours {
            // SAFETY: `bind` forgot one reference when the source was bound, which it is; the source is not queued and never
            // will be, so this is the only place that gives it back, and it runs once, in the registration's drop.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(source)) };
        }
    }
}

pub fn other_poll() -> io::Error {
    io::Error::other("registration handle associated with another `Poll` instance")
}
