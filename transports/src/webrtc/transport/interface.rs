//! Interfaces of the transport to the event loop, the node and diagnostics.

use std::fmt;
use std::io;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady};
use mydht_evloop::{Poll, PollOpt};

use super::WebRtc;
use crate::Transport;
use crate::lock::lock;
use crate::rendezvous::{Rendezvous, RtcAddress};
use crate::webrtc::{Backend, RtcStream};

/// Its connections, for who looks for what one waits for.
impl<S: Rendezvous<Poll>, B: Backend> fmt::Debug for WebRtc<S, B>
where
    B::Peer: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = lock(&self.inner);
        f.debug_struct("WebRtc")
            .field("mute", &inner.mute)
            .field(
                "connections",
                &inner.connections.values().collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Drop for WebRtc<S, B> {
    fn drop(&mut self) {
        lock(&self.inner).close_all();
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Registerable<Poll> for WebRtc<S, B> {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        self.registration.register(poll, token, interest)?;
        let (timer, readable) = (mydht_evloop::Token(token), Ready::Readable.into());
        poll.register(&self.timer, timer, readable, PollOpt::edge())?;
        let mut inner = lock(&self.inner);
        inner.rendezvous.register(poll, token, Ready::Readable)?;
        inner.backend.register(poll, token, Ready::Readable)?;
        inner.events = Some(poll.handle());
        // What came before.
        TriggerReady::set_readiness(&inner.trigger, Ready::Readable)?;
        Ok(true)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        self.registration.reregister(poll, token, interest)?;
        let (timer, readable) = (mydht_evloop::Token(token), Ready::Readable.into());
        poll.reregister(&self.timer, timer, readable, PollOpt::edge())?;
        let inner = lock(&self.inner);
        inner.rendezvous.reregister(poll, token, Ready::Readable)?;
        inner.backend.reregister(poll, token, Ready::Readable)?;
        TriggerReady::set_readiness(&inner.trigger, Ready::Readable)?;
        Ok(true)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        poll.deregister(&self.timer)?;
        self.registration.deregister(poll)?;
        let inner = lock(&self.inner);
        inner.rendezvous.deregister(poll)?;
        inner.backend.deregister(poll)
    }
}

impl<S: Rendezvous<Poll>, B: Backend> Transport<Poll> for WebRtc<S, B> {
    type Address = RtcAddress;
    type Stream = RtcStream<S, B>;

    fn local_address(&self) -> Option<RtcAddress> {
        lock(&self.inner).rendezvous.local()
    }

    fn accept(&mut self) -> io::Result<(RtcStream<S, B>, RtcAddress)> {
        let mut next = lock(&self.inner).next_accepted();
        // What has been accepted is given first; a turn may bring more.
        if next.is_none() {
            self.turn();
            next = lock(&self.inner).next_accepted();
        }
        let (key, stream, address) = next.ok_or(io::ErrorKind::WouldBlock)?;
        Ok((RtcStream::new(&self.inner, key, stream, false), address))
    }

    fn connect_with(&mut self, address: &RtcAddress) -> io::Result<RtcStream<S, B>> {
        let (key, stream) = lock(&self.inner).open(address)?;
        Ok(RtcStream::new(&self.inner, key, stream, true))
    }
}
