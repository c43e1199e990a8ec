//! The blind relay as a transport.

mod address;
mod stream;

use std::io;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use super::hub::Hub;
use mydht_transports::Transport;

pub use address::RelayAddress;
pub use stream::{RelayEnd, RelayStream};

/// Connects with the users of a signalling server, over the server. Who it accepts has proved its
/// id to the server only: what is sent should be encrypted, and the peer prove itself, above this.
///
/// There is one relay between two users, and as many streams over it as both want.
pub struct Relay<P: UserSources> {
    hub: Hub<P>,
    registration: P::Registration,
    trigger: P::Trigger,
}

impl<P: UserSources> Relay<P> {
    /// Accepts what the users of the hub's server open. A hub has one of these at a time.
    pub fn new(hub: Hub<P>) -> Self {
        let (registration, trigger) = P::user_source();
        hub.lock().accept_by(trigger.clone());
        Relay {
            hub,
            registration,
            trigger,
        }
    }
}

impl<P: UserSources> Drop for Relay<P> {
    fn drop(&mut self) {
        self.hub.lock().accept_no_more();
        self.hub.wake();
    }
}

impl<P: UserSources> Registerable<P> for Relay<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        if self.hub.lock().has_accepted() {
            self.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.reregister(poll, token, interest)?;
        if self.hub.lock().has_accepted() {
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
        Some(self.hub.user().into())
    }

    fn accept(&mut self) -> io::Result<(RelayStream<P>, RelayAddress)> {
        let (registration, trigger) = P::user_source();
        let key = self.hub.lock().accept(trigger)?;
        let stream = RelayStream::new(self.hub.clone(), key, registration);
        Ok((stream, key.peer.into()))
    }

    fn connect_with(&mut self, address: &RelayAddress) -> io::Result<RelayStream<P>> {
        let (registration, trigger) = P::user_source();
        let connected = self.hub.lock().connect(address.0, trigger);
        let key = connected.map_err(|error| {
            let what = format!("cannot connect with {address}: {error}");
            io::Error::new(error.kind(), what)
        })?;
        self.hub.wake();
        Ok(RelayStream::new(self.hub.clone(), key, registration))
    }
}
