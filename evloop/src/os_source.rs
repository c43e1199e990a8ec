//! Registering what belongs to the operating system.

use crate::core::{Interest, Trigger};
use crate::driver::{OsInterest, RawSource};
use crate::lock::lock;
use crate::shared::Shared;
use crate::{Poll, PollOpt, Ready, Token};
use std::io;
use std::sync::{Mutex, MutexGuard, Weak};

/// A loop without the operating system has no sources of it.
fn no_os() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this loop's driver has no operating-system sources",
    )
}

fn interests(ready: Ready, opts: PollOpt) -> (Interest, OsInterest) {
    // As in mio: level wins over edge.
    let edge = opts.is_edge() && !opts.is_level();
    (
        Interest {
            // epoll_ctl(2) reports errors and hang-ups unasked, so the core's mask lets them pass.
            mask: (ready | Ready::ERROR | Ready::HUP).mask(),
            trigger: Trigger::Pulse,
            oneshot: opts.is_oneshot(),
        },
        OsInterest {
            ready,
            edge,
            oneshot: opts.is_oneshot(),
        },
    )
}

impl Shared {
    pub(crate) fn os_register(
        &self,
        source: RawSource,
        token: Token,
        ready: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let os = self.driver.os().ok_or_else(no_os)?;
        let (interest, how) = interests(ready, opts);
        let mut state = self.enter();
        let number = state.os.reserve();
        // First: if the system refuses, nothing was changed. Its events wait for the lock that is held here.
        os.add(source, number, how)?;
        let key = state.core.insert(token.0, interest, 0);
        if let Some(forgotten) = state.os.insert(source, key) {
            let _ = state.core.remove(forgotten);
        }
        self.count(&state);
        Ok(())
    }

    pub(crate) fn os_reregister(
        &self,
        source: RawSource,
        token: Token,
        ready: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let os = self.driver.os().ok_or_else(no_os)?;
        let (interest, how) = interests(ready, opts);
        let mut state = self.enter();
        let (number, key) = state.os.get(source).ok_or(io::ErrorKind::NotFound)?;
        os.modify(source, number, how)?;
        // The system samples the source again, so what was pending here is old.
        let _ = state.core.update(key, 0, 0);
        state
            .core
            .modify(key, token.0, interest)
            .map_err(|_| io::ErrorKind::NotFound.into())
    }

    pub(crate) fn os_deregister(&self, source: RawSource) -> io::Result<()> {
        let os = self.driver.os().ok_or_else(no_os)?;
        let mut state = self.enter();
        // First here: if `delete` fails because the descriptor is closed, the source is gone all
        // the same.
        let key = state.os.remove(source).ok_or(io::ErrorKind::NotFound)?;
        let _ = state.core.remove(key);
        self.count(&state);
        os.delete(source)
    }
}

/// Which loop a socket is registered on.
#[derive(Debug, Default)]
pub(crate) struct Binding {
    /// The loop it was first registered on, for ever, as in mio.
    shared: Mutex<Option<Weak<Shared>>>,
}

impl Binding {
    fn lock(&self) -> MutexGuard<'_, Option<Weak<Shared>>> {
        lock(&self.shared)
    }

    /// Returns a binding to the same loop for a second handle to the socket.
    pub fn duplicate(&self) -> Binding {
        Binding {
            shared: Mutex::new(self.lock().clone()),
        }
    }

    pub fn register(
        &self,
        poll: &Poll,
        source: RawSource,
        token: Token,
        ready: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let mut bound = self.lock();
        let ours = std::sync::Arc::downgrade(poll.shared());
        match &*bound {
            Some(other) if !other.ptr_eq(&ours) => {
                return Err(io::Error::other("socket already registered"));
            }
            _ => *bound = Some(ours),
        }
        poll.shared().os_register(source, token, ready, opts)
    }

    /// The socket is given away: its registration stays.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    /// The socket is about to be closed.
    pub fn release(&self, source: RawSource) {
        if let Some(shared) = self.lock().take().and_then(|shared| shared.upgrade()) {
            // NotFound if it was deregistered before: then there is nothing to do.
            let _ = shared.os_deregister(source);
        }
    }
}
