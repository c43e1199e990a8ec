//! Values that must change their form to cross a thread.

use super::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
use crate::error::Result;

/// A value with a form that can cross threads.
///
/// Legacy MyDHT's way to use `Rc` within a thread and not pay for `Arc`: what is inside is cloned
/// out where it leaves the thread. It is implemented for `Rc<T>` and `Arc<T>`.
pub trait SRef: Sized {
    /// The form that crosses.
    type Send: SToRef<Self> + Send;

    /// Changes into it.
    fn into_sendable(self) -> Self::Send;
}

/// The form of a value that crosses threads; see [`SRef`].
pub trait SToRef<T>: Sized {
    /// Changes back, on the receiving thread.
    fn into_ref(self) -> T;
}

impl<T: Clone + Send> SRef for std::rc::Rc<T> {
    type Send = Owned<T>;

    fn into_sendable(self) -> Owned<T> {
        Owned(std::rc::Rc::unwrap_or_clone(self))
    }
}

impl<T: Send + Sync> SRef for std::sync::Arc<T> {
    type Send = Self;

    fn into_sendable(self) -> Self {
        self
    }
}

impl<T: Send + Sync> SToRef<Self> for std::sync::Arc<T> {
    fn into_ref(self) -> Self {
        self
    }
}

/// Form in which the value of an `Rc` crosses to another thread.
#[derive(Clone, Debug)]
pub struct Owned<T>(T);

impl<T> SToRef<std::rc::Rc<T>> for Owned<T> {
    fn into_ref(self) -> std::rc::Rc<T> {
        std::rc::Rc::new(self.0)
    }
}

/// Makes channels of `C` over channels of `C::Send`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefChannel<Ch> {
    channel: Ch,
}

impl<Ch> RefChannel<Ch> {
    /// Over `channel`.
    pub const fn new(channel: Ch) -> Self {
        RefChannel { channel }
    }
}

impl<C: SRef, Ch: SpawnChannel<C::Send>> SpawnChannel<C> for RefChannel<Ch> {
    type Send = RefSend<Ch::Send>;
    type Recv = RefRecv<Ch::Recv>;

    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)> {
        let (send, recv) = self.channel.new_channel()?;
        Ok((RefSend { send }, RefRecv { recv }))
    }
}

/// The sending end of a [`RefChannel`].
#[derive(Clone, Debug)]
pub struct RefSend<D> {
    send: D,
}

impl<C: SRef, D: SpawnSend<C::Send>> SpawnSend<C> for RefSend<D> {
    const CAN_SEND: bool = D::CAN_SEND;

    fn send(&mut self, command: C) -> Result<()> {
        self.send.send(command.into_sendable())
    }

    fn try_send(&mut self, command: C) -> std::result::Result<(), SendError<C>> {
        self.send
            .try_send(command.into_sendable())
            .map_err(|refused| SendError {
                error: refused.error,
                // Back in the form in which it was given.
                command: refused.command.map(SToRef::into_ref),
            })
    }
}

/// The receiving end of a [`RefChannel`].
#[derive(Debug)]
pub struct RefRecv<R> {
    recv: R,
}

impl<C: SRef, R: SpawnRecv<C::Send>> SpawnRecv<C> for RefRecv<R> {
    fn recv(&mut self) -> Result<Option<C>> {
        Ok(self.recv.recv()?.map(SToRef::into_ref))
    }
}
