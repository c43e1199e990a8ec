//! Channels: how commands reach a service and how its results leave it.

use crate::error::Result;

/// The sending end.
pub trait SpawnSend<C> {
    /// False for ends that drop what they are given: a service can skip making a result nobody reads.
    const CAN_SEND: bool;

    /// Hands `command` over. It never blocks.
    ///
    /// # Errors
    /// `Error::Closed` when the receiver is gone, `Error::Full` when a bounded channel has no room.
    fn send(&mut self, command: C) -> Result<()>;
}

/// The receiving end.
pub trait SpawnRecv<C> {
    /// The next command, or `None` if there is none now.
    ///
    /// # Errors
    /// `Error::Closed` when every sender is gone and nothing is left.
    fn recv(&mut self) -> Result<Option<C>>;
}

/// Makes the two ends of a channel.
pub trait SpawnChannel<C> {
    /// The sending end.
    type Send: SpawnSend<C>;
    /// The receiving end.
    type Recv: SpawnRecv<C>;

    /// A new channel.
    ///
    /// # Errors
    /// When what the channel is built on (a registration on a loop) cannot be had.
    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)>;
}
