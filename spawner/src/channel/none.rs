//! Ends that lead nowhere.

use super::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
use crate::error::{Error, Result};

/// Makes a [`NoSend`] and a [`NoRecv`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoChannel;

impl<C> SpawnChannel<C> for NoChannel {
    type Send = NoSend;
    type Recv = NoRecv;

    fn new_channel(&mut self) -> Result<(NoSend, NoRecv)> {
        Ok((NoSend, NoRecv))
    }
}

/// Drops what it is given: for a service whose results nobody reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSend;

impl<C> SpawnSend<C> for NoSend {
    const CAN_SEND: bool = false;

    fn send(&mut self, _: C) -> Result<()> {
        Ok(())
    }

    fn try_send(&mut self, _: C) -> std::result::Result<(), SendError<C>> {
        Ok(())
    }
}

/// Has no commands and never will (`Error::Closed`): a service that is spawned with it runs its
/// first command and ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecv;

impl<C> SpawnRecv<C> for NoRecv {
    fn recv(&mut self) -> Result<Option<C>> {
        Err(Error::Closed)
    }
}
