//! Rendezvous without a server: a node's peers carry its signals to theirs.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Post, UserId};
use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};
use mydht_transports::rendezvous::{Rendezvous, RtcAddress, Signal, SignalKind};

use super::id_of;
use crate::shell::unix_millis;
use mydht_proto::PeerId;
use mydht_proto::SignalPort;
use mydht_proto::identity::Identity;

/// Signals that wait on their way out, and on their way in; of more the oldest are lost.
const WAITING: usize = 256;

/// Carries the signals of a transport by the peers of its node: give one clone to the transport as
/// its [`Rendezvous`], and another to the node as its `mydht::Components::signal_port`. Both ends
/// must be connected with a node in common, and the bodies are signed from end to end.
pub struct PeerRendezvous<P: UserSources> {
    inner: Arc<Mutex<Inner<P>>>,
}

struct Inner<P: UserSources> {
    post: Post,
    outgoing: VecDeque<(UserId, Vec<u8>)>,
    incoming: VecDeque<Signal>,
    registration: P::Registration,
    trigger: P::Trigger,
}

impl<P: UserSources> Clone for PeerRendezvous<P> {
    fn clone(&self) -> Self {
        PeerRendezvous {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<P: UserSources> PeerRendezvous<P> {
    /// Creates the rendezvous of the node with this identity.
    pub fn new(identity: Arc<Identity>) -> Self {
        let (registration, trigger) = P::user_source();
        PeerRendezvous {
            inner: Arc::new(Mutex::new(Inner {
                post: Post::new(Box::new(identity), id_of),
                outgoing: VecDeque::new(),
                incoming: VecDeque::new(),
                registration,
                trigger,
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= WAITING {
        queue.pop_front();
    }
    queue.push_back(item);
}

impl<P: UserSources> SignalPort for PeerRendezvous<P>
where
    P::Registration: Send,
    P::Trigger: Send,
{
    fn outgoing(&mut self) -> Option<(PeerId, Vec<u8>)> {
        let (to, sealed) = self.lock().outgoing.pop_front()?;
        Some((to.into(), sealed))
    }

    fn incoming(&mut self, sealed: &[u8]) {
        let mut inner = self.lock();
        match inner.post.open(unix_millis(), sealed) {
            Ok((from, kind, body)) => {
                let signal = Signal::From {
                    peer: from.into(),
                    kind: kind.into(),
                    body,
                };
                push(&mut inner.incoming, signal);
                // It fails only when the system cannot wake a sleeping loop; this one is awake.
                let _ = inner.trigger.set_readiness(Ready::Readable);
            }
            // For debugging only: any peer can send as many of these as it likes.
            Err(why) => tracing::debug!(%why, "a signal is dropped"),
        }
    }
}

impl<P: UserSources> Registerable<P> for PeerRendezvous<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let inner = self.lock();
        let done = inner.registration.register(poll, token, interest)?;
        // Signals that came before the registration were reported to nobody.
        if !inner.incoming.is_empty() {
            inner.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        self.lock().registration.reregister(poll, token, interest)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.lock().registration.deregister(poll)
    }
}

impl<P: UserSources> Rendezvous<P> for PeerRendezvous<P> {
    fn local(&self) -> Option<RtcAddress> {
        Some(self.lock().post.own().into())
    }

    fn send(&mut self, peer: &RtcAddress, kind: SignalKind, body: String) -> io::Result<()> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let to: UserId = peer.name().parse().map_err(invalid)?;
        let mut inner = self.lock();
        let sealed = inner.post.seal(unix_millis(), to, kind.into(), &body);
        push(&mut inner.outgoing, (to, sealed));
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Signal> {
        let next = self.lock().incoming.pop_front();
        next.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::Kind;
    use mydht_evloop::Poll;

    fn through_peers(seed: u8) -> PeerRendezvous<Poll> {
        PeerRendezvous::new(Arc::new(Identity::from_seed(&[seed; 32])))
    }

    #[test]
    fn the_vector_of_the_wire_page_is_what_is_sealed() {
        let mut post = Post::new(Box::new(Identity::from_seed(&[1; 32])), id_of);
        let sealed = hex::encode(post.seal(1, UserId([9; 32]), Kind::Candidate, "body"));
        let page: String = include_str!("../../../docs/wire.md")
            .split_whitespace()
            .collect();
        assert!(page.contains(&sealed), "docs/wire.md has not {sealed}");
    }

    #[test]
    fn what_comes_is_heard_once_and_what_is_no_signal_is_not() {
        let (mut a, mut b) = (through_peers(1), through_peers(2));
        let to = Rendezvous::<Poll>::local(&b).unwrap();
        for body in ["1", "2"] {
            a.send(&to, SignalKind::Offer, body.into()).unwrap();
            let (_, sealed) = a.outgoing().unwrap();
            b.incoming(&sealed[..sealed.len() - 1]);
            b.incoming(&sealed);
            b.incoming(&sealed);
            let peer = Rendezvous::<Poll>::local(&a).unwrap();
            let (kind, body) = (SignalKind::Offer, body.to_owned());
            assert_eq!(b.receive().unwrap(), Signal::From { peer, kind, body });
            assert_eq!(b.receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
        assert_eq!(a.outgoing(), None);
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let (mut a, mut b) = (through_peers(1), through_peers(2));
        let to = Rendezvous::<Poll>::local(&b).unwrap();
        for number in 0..WAITING + 10 {
            a.send(&to, SignalKind::Candidate, number.to_string())
                .unwrap();
        }
        let mut count = 0;
        while let Some((_, sealed)) = a.outgoing() {
            count += 1;
            b.incoming(&sealed);
        }
        assert_eq!(count, WAITING);
        let first = b.receive().unwrap();
        assert!(matches!(first, Signal::From { body, .. } if body == "10"));
    }
}
