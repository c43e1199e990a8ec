//! The blind relay as a transport.

mod address;
mod stream;

use std::io;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use super::handle::Handle;
use mydht_transports::Transport;

pub use address::RelayAddress;
pub use stream::{RelayEnd, RelayStream};

/// Connects with the users of a rendezvous server, over the server. Who it accepts has proved its
/// id to the server only: what is sent should be encrypted, and the peer prove itself, above this.
///
/// There is one relay between two users, and as many streams over it as both want.
pub struct Relay<P: UserSources> {
    handle: Handle<P>,
    registration: P::Registration,
    trigger: P::Trigger,
}

impl<P: UserSources> Relay<P> {
    /// Accepts the streams that users of this handle's server open. A handle has one relay at a
    /// time.
    pub fn new(handle: Handle<P>) -> Self {
        let (registration, trigger) = P::user_source();
        handle.lock().accept_by(trigger.clone());
        Relay {
            handle,
            registration,
            trigger,
        }
    }
}

impl<P: UserSources> Drop for Relay<P> {
    fn drop(&mut self) {
        self.handle.lock().accept_no_more();
        self.handle.wake();
    }
}

impl<P: UserSources> Registerable<P> for Relay<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        if self.handle.lock().has_accepted() {
            self.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.reregister(poll, token, interest)?;
        if self.handle.lock().has_accepted() {
            self.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(done)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

impl<P: UserSources> Transport<P> for Relay<P> {
    type Address = RelayAddress;
    type Stream = RelayStream<P>;

    /// The server carries all that goes over it: any other way is better.
    fn rank(_: &RelayAddress) -> u8 {
        0
    }

    fn local_address(&self) -> Option<RelayAddress> {
        Some(self.handle.user().into())
    }

    fn accept(&mut self) -> io::Result<(RelayStream<P>, RelayAddress)> {
        let (registration, trigger) = P::user_source();
        let key = self.handle.lock().accept(trigger)?;
        let stream = RelayStream::new(self.handle.clone(), key, registration);
        Ok((stream, key.peer.into()))
    }

    fn connect_with(&mut self, address: &RelayAddress) -> io::Result<RelayStream<P>> {
        let (registration, trigger) = P::user_source();
        let connected = self.handle.lock().connect(address.0, trigger);
        let key = connected.map_err(|error| {
            let what = format!("cannot connect with {address}: {error}");
            io::Error::new(error.kind(), what)
        })?;
        self.handle.wake();
        Ok(RelayStream::new(self.handle.clone(), key, registration))
    }
}
