//! A loop's side of its user sources.

use crate::inbox::Linked;
use crate::shared::{AWAKE, CLOSED, Shared, Source};
use crate::{PollOpt, Ready, Token};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Shared {
    /// Queues a source whose link said so, and wakes the loop if that is wanted and needed.
    #[inline]
    pub fn push(&self, source: &Arc<Source>, wake: bool) -> io::Result<()> {
        self.inbox.push(source);
        // The push and this load are SeqCst, as are the sleeper's store and its look at the inbox: one of the two
        // sees the other, so no wake is lost.
        match self.sleep.load(Ordering::SeqCst) {
            AWAKE => Ok(()),
            CLOSED => {
                drop(self.enter());
                Ok(())
            }
            _ if wake => self.wake().map(drop),
            _ => Ok(()),
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
        let link = source.link();
        if !link.is_attached() || state.core.modify(link.key(), token.0, interest).is_err() {
            // Set before `attach`: from there on the source may be queued. What is set in between is stored, and
            // `attach` gives it.
            let key = state.core.insert(token.0, interest, 0);
            link.set_key(key);
            let ready = link.attach();
            // Not stale: it was inserted above. The second call samples it.
            let _ = state.core.update(key, ready, 0);
            let _ = state.core.modify(key, token.0, interest);
        }
        self.leave(state)
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
        let link = source.link();
        if link.is_attached() {
            link.detach();
            // Stale only if the loop was closed: then nothing is pending either.
            let _ = state.core.remove(link.key());
            self.count(&state);
        }
        Ok(())
    }

    /// The registration of a source that is bound here is gone.
    pub fn kill(self: &Arc<Self>, source: &Arc<Source>) {
        let mut state = self.enter();
        let link = source.link();
        if link.is_attached() {
            let _ = state.core.remove(link.key());
            self.count(&state);
        }
        let ours = link.kill();
        drop(state);
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
