//! A receiver that is never empty.

use super::{SpawnChannel, SpawnRecv};
use crate::error::Result;

/// Makes channels whose receiver gives a clone of `default` when nothing was sent.
///
/// For a service that has something to do at every wake, commanded or not: a reader woken by its
/// stream. The service must yield at some time, or its spawner never gets out of it. On a
/// restarting spawner a yield is restarted before the receiver is asked, so the default never gets
/// between the two halves of a command.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultRecvChannel<Ch, C> {
    channel: Ch,
    default: C,
}

impl<Ch, C> DefaultRecvChannel<Ch, C> {
    /// Over `channel`.
    pub const fn new(channel: Ch, default: C) -> Self {
        DefaultRecvChannel { channel, default }
    }
}

impl<C: Clone, Ch: SpawnChannel<C>> SpawnChannel<C> for DefaultRecvChannel<Ch, C> {
    type Send = Ch::Send;
    type Recv = DefaultRecv<Ch::Recv, C>;

    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)> {
        let (send, recv) = self.channel.new_channel()?;
        Ok((send, DefaultRecv::new(recv, self.default.clone())))
    }
}

/// The receiving end of a [`DefaultRecvChannel`]: what was sent, else the default, until the
/// channel is closed.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultRecv<R, C> {
    recv: R,
    default: C,
}

impl<R, C> DefaultRecv<R, C> {
    /// Over `recv`.
    pub const fn new(recv: R, default: C) -> Self {
        DefaultRecv { recv, default }
    }

    /// The receiver below.
    pub fn inner(&self) -> &R {
        &self.recv
    }

    /// The receiver below.
    pub fn into_inner(self) -> R {
        self.recv
    }
}

impl<C: Clone, R: SpawnRecv<C>> SpawnRecv<C> for DefaultRecv<R, C> {
    fn recv(&mut self) -> Result<Option<C>> {
        // An error goes up before the default, or a closed channel would never end the service.
        let command = self.recv.recv()?;
        Ok(Some(command.unwrap_or_else(|| self.default.clone())))
    }
}
