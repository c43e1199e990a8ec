//! Send, then wake the receiving service.

use super::{SendError, SpawnSend};
use crate::error::{Error, Result};
use crate::service::SpawnWeakUnyield;

/// Sends, then unyields the service that receives.
///
/// Under a same-thread spawner the receiving service runs inside `send`, before it comes back. When
/// the channel is full, the service is unyielded to free a place, and the command is tried once
/// more. A failure of the service is not the sender's: it stays in the service's handle. If the
/// service has ended, sending says so once its receiver is gone.
///
/// Dropping it unyields the service as well, so that the service sees a channel that was closed by
/// that. It then runs inside the drop, if it is one of this thread.
#[derive(Clone, Debug)]
pub struct HandleSend<D, U: SpawnWeakUnyield> {
    // Dropped before the service is woken: it must find the channel closed when it looks.
    send: D,
    handle: OnDrop<U>,
}

#[derive(Clone, Debug)]
struct OnDrop<U: SpawnWeakUnyield>(U);

impl<U: SpawnWeakUnyield> Drop for OnDrop<U> {
    fn drop(&mut self) {
        // Nobody is left to tell if a thread cannot be woken.
        let _ = self.0.unyield();
    }
}

impl<D, U: SpawnWeakUnyield> HandleSend<D, U> {
    /// Over `send`, whose receiver belongs to the service that `handle` unyields.
    pub const fn new(send: D, handle: U) -> Self {
        HandleSend {
            send,
            handle: OnDrop(handle),
        }
    }
}

impl<C, D: SpawnSend<C>, U: SpawnWeakUnyield> SpawnSend<C> for HandleSend<D, U> {
    const CAN_SEND: bool = D::CAN_SEND;

    /// # Errors
    /// As the sender below; and what an unyielder says that could not wake its thread. The command
    /// was sent then.
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
                if let Err(error) = self.handle.0.unyield() {
                    return Err(SendError {
                        error,
                        command: Some(command),
                    });
                }
                // Once: a service of this thread has run by now, and another thread cannot be
                // waited for.
                self.send.try_send(command)?;
            }
            Err(refused) => return Err(refused),
        }
        self.handle.0.unyield().map_err(lost)
    }
}
