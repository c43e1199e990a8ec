//! A socket that deregisters itself when it is closed.

use crate::driver::RawSource;
use crate::os_source::Binding;
use std::ops::Deref;
#[cfg(unix)]
use std::os::fd::AsRawFd as AsRaw;
#[cfg(windows)]
use std::os::windows::io::AsRawSocket as AsRaw;

/// A socket and the loop it belongs to.
#[derive(Debug)]
pub(crate) struct Registered<S: AsRaw> {
    /// Dropped before `socket` is closed, because fields are dropped in order.
    pub guard: Guard,
    pub socket: S,
}

/// Deregisters a descriptor.
#[derive(Debug)]
pub(crate) struct Guard {
    source: RawSource,
    pub binding: Binding,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.binding.release(self.source);
    }
}

impl<S: AsRaw> Registered<S> {
    pub fn new(socket: S) -> Self {
        Self::with(socket, Binding::default())
    }

    /// A second handle, bound to the same loop.
    pub fn duplicate(&self, socket: S) -> Self {
        Self::with(socket, self.guard.binding.duplicate())
    }

    fn with(socket: S, binding: Binding) -> Self {
        let source = raw(&socket);
        Registered {
            guard: Guard { source, binding },
            socket,
        }
    }

    /// The socket alone; its registration stays.
    #[cfg(unix)]
    pub fn into_inner(self) -> S {
        let Registered { guard, socket } = self;
        // Without its loop the guard has nothing to deregister from.
        guard.binding.forget();
        socket
    }
}

impl<S: AsRaw> Deref for Registered<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.socket
    }
}

#[cfg(unix)]
pub(crate) fn raw(socket: &impl AsRaw) -> RawSource {
    socket.as_raw_fd()
}

#[cfg(windows)]
pub(crate) fn raw(socket: &impl AsRaw) -> RawSource {
    socket.as_raw_socket()
}
