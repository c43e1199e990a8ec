//! The server as a way for transports to exchange descriptions.

use std::io;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use super::handle::Handle;
use super::user::UserId;
use mydht_transports::rendezvous::{Rendezvous, RtcAddress, Signal, SignalKind};

/// Signals over a rendezvous server: signed end to end, proved and new when they are heard.
pub struct ServerRendezvous<P: UserSources> {
    handle: Handle<P>,
    registration: P::Registration,
    trigger: P::Trigger,
}

impl<P: UserSources> ServerRendezvous<P> {
    /// Receives the signals of the users of this handle's server. A handle has one of these at a
    /// time.
    pub fn new(handle: Handle<P>) -> Self {
        let (registration, trigger) = P::user_source();
        handle.lock().signal_by(trigger.clone());
        ServerRendezvous {
            handle,
            registration,
            trigger,
        }
    }

    fn report(&self) -> io::Result<()> {
        let inner = self.handle.lock();
        if inner.has_signals() || inner.has_ended().is_some() {
            self.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(())
    }
}

impl<P: UserSources> Registerable<P> for ServerRendezvous<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        self.report()?;
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.reregister(poll, token, interest)?;
        self.report()?;
        Ok(done)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

impl<P: UserSources> Rendezvous<P> for ServerRendezvous<P> {
    fn local(&self) -> Option<RtcAddress> {
        Some(self.handle.user().into())
    }

    fn send(&mut self, peer: &RtcAddress, kind: SignalKind, body: String) -> io::Result<()> {
        let to: UserId = peer
            .name()
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut inner = self.handle.lock();
        let time = inner.time();
        let said = inner.client().signal(time, to, kind.into(), body);
        let state = inner.client().state().to_string();
        drop(inner);
        self.handle.wake();
        said.map_err(|_| {
            let why = format!("cannot send a signal to {peer}: the rendezvous server: {state}");
            io::Error::new(io::ErrorKind::NotConnected, why)
        })
    }

    fn receive(&mut self) -> io::Result<Signal> {
        let mut inner = self.handle.lock();
        // Signals that came before the end are heard before it.
        match (inner.next_signal(), inner.has_ended()) {
            (Some(signal), _) => Ok(signal),
            (None, Some(why)) => Err(io::Error::new(io::ErrorKind::NotConnected, why)),
            (None, None) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}
