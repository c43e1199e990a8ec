//! Send, then wake the receiving service.

use super::{SendError, SpawnSend};
use crate::error::{Error, Result};
use crate::service::SpawnWeakUnyield;

/// Sends, then unyields the service that receives.
///
/// Under a same-thread spawner the receiving service runs inside `send`, before it comes back. When the channel is
/// full, the service is unyielded to make room, and the command is tried once more. A failure of the service is not
/// the sender's: it stays in the service's handle. If the service has ended, sending says so once its receiver is
/// gone.
#[derive(Clone, Debug)]
pub struct HandleSend<D, U> {
    send: D,
    handle: U,
}

impl<D, U> HandleSend<D, U> {
    /// Over `send`, whose receiver belongs to the service that `handle` unyields.
    pub const fn new(send: D, handle: U) -> Self {
        HandleSend { send, handle }
    }
}

impl<C, D: SpawnSend<C>, U: SpawnWeakUnyield> SpawnSend<C> for HandleSend<D, U> {
    const CAN_SEND: bool = D::CAN_SEND;

    /// # Errors
    /// As the sender below; and what an unyielder says that could not wake its thread. The command was sent then.
    fn send(&mut self, command: C) -> Result<()> {
        self.try_send(command).map_err(|refused| refused.error)
    }

    fn try_send(&mut self, command: C) -> std::result::Result<(), SendError<C>> {
        let lost = |error| SendError {
            error,
            command: None,
        };
        match self.send.try_send(command) {
            Ok(()) => {}
            Err(SendError {
                error: Error::Full,
                command: Some(command),
            }) => {
                if let Err(error) = self.handle.unyield() {
                    return Err(SendError {
                        error,
                        command: Some(command),
                    });
                }
                self.send.try_send(command)?;
            }
            Err(refused) => return Err(refused),
        }
        self.handle.unyield().map_err(lost)
    }
}
