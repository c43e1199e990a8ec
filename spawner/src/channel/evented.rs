//! A channel whose receiver is a source of an event loop.

use std::fmt;
use std::io;
use std::marker::PhantomData;

use mydht_evloop::traits::{Poll, Ready, Registerable, Token, TriggerReady, UserSources};

use super::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
use crate::error::Result;

/// Makes channels over the channels of `Ch` whose receiver can be registered on the loop `P`.
///
/// Every `send` sets the receiver readable, and so does dropping a sender, so that the loop sees
/// the closing as well. As with any edge-triggered source, receive until there is `None` (or
/// `Closed`) before the next poll.
pub struct MioChannel<Ch, P> {
    channel: Ch,
    poll: PhantomData<fn() -> P>,
}

impl<Ch, P> MioChannel<Ch, P> {
    /// Over `channel`.
    pub const fn new(channel: Ch) -> Self {
        MioChannel {
            channel,
            poll: PhantomData,
        }
    }
}

impl<Ch: Clone, P> Clone for MioChannel<Ch, P> {
    fn clone(&self) -> Self {
        Self::new(self.channel.clone())
    }
}

impl<Ch: Default, P> Default for MioChannel<Ch, P> {
    fn default() -> Self {
        Self::new(Ch::default())
    }
}

impl<Ch: fmt::Debug, P> fmt::Debug for MioChannel<Ch, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MioChannel")
            .field("channel", &self.channel)
            .finish()
    }
}

impl<C, Ch: SpawnChannel<C>, P: UserSources> SpawnChannel<C> for MioChannel<Ch, P> {
    type Send = MioSend<Ch::Send, P::Trigger>;
    type Recv = MioRecv<Ch::Recv, P::Registration>;

    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)> {
        let (send, recv) = self.channel.new_channel()?;
        let (registration, trigger) = P::user_source();
        let send = MioSend {
            send,
            trigger: OnDrop(trigger),
        };
        Ok((send, MioRecv { recv, registration }))
    }
}

/// The sending end of a [`MioChannel`]. It can cross threads if its sender and the loop's trigger
/// can.
#[derive(Clone)]
pub struct MioSend<D, T: TriggerReady> {
    // Dropped before the trigger fires: the receiver must find the channel closed when it looks.
    send: D,
    trigger: OnDrop<T>,
}

#[derive(Clone)]
struct OnDrop<T: TriggerReady>(T);

impl<T: TriggerReady> Drop for OnDrop<T> {
    fn drop(&mut self) {
        // Nobody is left to tell if a loop cannot be woken.
        let _ = self.0.set_readiness(Ready::Readable);
    }
}

impl<D, T: TriggerReady> MioSend<D, T> {
    /// Has the receiver reported although nothing is sent: for one that did not receive all that
    /// there was.
    ///
    /// # Errors
    /// `Error::Io` when the loop could not be woken.
    pub fn report(&self) -> Result<()> {
        Ok(self.trigger.0.set_readiness(Ready::Readable)?)
    }
}

impl<C, D: SpawnSend<C>, T: TriggerReady> SpawnSend<C> for MioSend<D, T> {
    const CAN_SEND: bool = D::CAN_SEND;

    /// # Errors
    /// As the sender below; `Error::Io` when the loop could not be woken. The command was sent
    /// then.
    fn send(&mut self, command: C) -> Result<()> {
        self.try_send(command).map_err(|refused| refused.error)
    }

    fn try_send(&mut self, command: C) -> std::result::Result<(), SendError<C>> {
        // Sent before the loop is told: a receiver that wakes must find the command.
        self.send.try_send(command)?;
        self.trigger
            .0
            .set_readiness(Ready::Readable)
            .map_err(|error| SendError {
                error: error.into(),
                // It was sent: given back, it would be sent twice.
                command: None,
            })
    }
}

/// The receiving end of a [`MioChannel`].
#[derive(Debug)]
pub struct MioRecv<R, G> {
    recv: R,
    registration: G,
}

impl<C, R: SpawnRecv<C>, G> SpawnRecv<C> for MioRecv<R, G> {
    fn recv(&mut self) -> Result<Option<C>> {
        self.recv.recv()
    }
}

impl<R, G> MioRecv<R, G> {
    /// The receiver and the registration, for a service that keeps the registration elsewhere.
    pub fn into_parts(self) -> (R, G) {
        (self.recv, self.registration)
    }
}

impl<P: Poll, R, G: Registerable<P>> Registerable<P> for MioRecv<R, G> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        self.registration.register(poll, token, interest)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        self.registration.reregister(poll, token, interest)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

crate::debug::opaque_debug!(MioSend<D, T: TriggerReady>);
