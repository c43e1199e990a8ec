//! RendezvousConfig inside one process.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use super::{Rendezvous, RtcAddress, Signal, SignalKind};
use crate::lock::lock;

/// Signals that wait for one peer at most.
const BACKLOG: usize = 4096;

/// The peers of one process that can signal to each other: several nodes in one page, or a test.
/// Clones are the same rendezvous.
///
/// ```
/// use mydht_evloop::Poll;
/// use mydht_transports::rendezvous::{Signal, LocalRendezvous, SignalKind, Rendezvous};
///
/// let rendezvous = LocalRendezvous::<Poll>::default();
/// let mut alice = rendezvous.join("alice".parse()?)?;
/// let mut bob = rendezvous.join("bob".parse()?)?;
/// alice.send(&"bob".parse()?, SignalKind::Offer, "hello".into())?;
/// let Signal::From { peer, body, .. } = bob.receive()? else { unreachable!() };
/// assert_eq!((peer.name(), body.as_str()), ("alice", "hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LocalRendezvous<P: UserSources> {
    peers: Arc<Mutex<HashMap<RtcAddress, Inbox<P>>>>,
}

struct Inbox<P: UserSources> {
    waiting: VecDeque<Signal>,
    trigger: P::Trigger,
}

impl<P: UserSources> Clone for LocalRendezvous<P> {
    fn clone(&self) -> Self {
        LocalRendezvous {
            peers: Arc::clone(&self.peers),
        }
    }
}

impl<P: UserSources> Default for LocalRendezvous<P> {
    fn default() -> Self {
        LocalRendezvous {
            peers: Arc::default(),
        }
    }
}

impl<P: UserSources> LocalRendezvous<P> {
    /// Comes in under a name.
    ///
    /// # Errors
    /// `AlreadyExists` if somebody has it.
    pub fn join(&self, name: RtcAddress) -> io::Result<LocalMember<P>> {
        let (registration, trigger) = P::user_source();
        let mut peers = lock(&self.peers);
        if peers.contains_key(&name) {
            let why = format!("{name} is taken: choose another name");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let waiting = VecDeque::new();
        peers.insert(name.clone(), Inbox { waiting, trigger });
        Ok(LocalMember {
            rendezvous: self.clone(),
            name,
            registration,
        })
    }
}

/// One peer of a [`LocalRendezvous`]; dropped, it leaves.
pub struct LocalMember<P: UserSources> {
    rendezvous: LocalRendezvous<P>,
    name: RtcAddress,
    registration: P::Registration,
}

impl<P: UserSources> Drop for LocalMember<P> {
    fn drop(&mut self) {
        lock(&self.rendezvous.peers).remove(&self.name);
    }
}

impl<P: UserSources> Registerable<P> for LocalMember<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        // Signals that came before the registration were reported to nobody.
        if let Some(inbox) = lock(&self.rendezvous.peers).get(&self.name)
            && !inbox.waiting.is_empty()
        {
            inbox.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        self.registration.reregister(poll, token, interest)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

impl<P: UserSources> Rendezvous<P> for LocalMember<P> {
    fn local(&self) -> Option<RtcAddress> {
        Some(self.name.clone())
    }

    fn send(&mut self, peer: &RtcAddress, kind: SignalKind, body: String) -> io::Result<()> {
        let mut peers = lock(&self.rendezvous.peers);
        let inbox = peers.get_mut(peer).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("cannot signal to {peer}: nobody is there"),
            )
        })?;
        if inbox.waiting.len() >= BACKLOG {
            return Err(io::Error::other(format!(
                "cannot signal to {peer}: {BACKLOG} signals wait for it"
            )));
        }
        inbox.waiting.push_back(Signal::From {
            peer: self.name.clone(),
            kind,
            body,
        });
        inbox.trigger.set_readiness(Ready::Readable)
    }

    fn receive(&mut self) -> io::Result<Signal> {
        lock(&self.rendezvous.peers)
            .get_mut(&self.name)
            .and_then(|inbox| inbox.waiting.pop_front())
            .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mydht_evloop::traits::{self, Events};
    use mydht_evloop::{LoopEvents, Poll};
    use std::time::Duration;

    #[test]
    fn a_signal_is_reported_whether_it_came_before_or_after_the_registration() {
        let rendezvous = LocalRendezvous::<Poll>::default();
        let mut a = rendezvous.join("a".parse().unwrap()).unwrap();
        let mut b = rendezvous.join("b".parse().unwrap()).unwrap();
        let poll = Poll::new().unwrap();
        let mut events = LoopEvents::with_capacity(4);
        let to = "b".parse().unwrap();
        a.send(&to, SignalKind::Offer, "1".into()).unwrap();
        b.register(&poll, 7, Ready::Readable).unwrap();
        for body in ["1", "2"] {
            let count = traits::Poll::poll(&poll, &mut events, Some(Duration::from_secs(5)));
            assert_eq!(count.unwrap(), 1);
            assert!(matches!(b.receive(), Ok(Signal::From { body: got, .. }) if got == body));
            assert_eq!(b.receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
            a.send(&to, SignalKind::Candidate, "2".into()).unwrap();
        }
    }

    #[test]
    fn names_are_taken_once_and_given_back() {
        let rendezvous = LocalRendezvous::<Poll>::default();
        let name: RtcAddress = "a".parse().unwrap();
        let mut a = rendezvous.join(name.clone()).unwrap();
        assert!(rendezvous.join(name.clone()).is_err());
        drop(rendezvous.join("b".parse().unwrap()).unwrap());
        let to_nobody = a.send(&"b".parse().unwrap(), SignalKind::Bye, String::new());
        assert_eq!(to_nobody.unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(a);
        assert!(rendezvous.join(name).is_ok());
    }
}
