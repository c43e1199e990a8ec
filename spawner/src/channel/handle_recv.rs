//! Receive, then wake the sending service.

use super::SpawnRecv;
use crate::error::Result;
use crate::service::SpawnWeakUnyield;

/// Receives, then unyields the service that sends: the way back of a bounded channel.
///
/// A service whose result did not fit keeps it and waits; somebody must unyield it when there is
/// room again. Under a same-thread spawner the sending service runs inside `recv`, before it comes
/// back.
#[derive(Clone, Debug)]
pub struct HandleRecv<R, U> {
    recv: R,
    handle: U,
}

impl<R, U> HandleRecv<R, U> {
    /// Over `recv`, whose sender belongs to the service that `handle` unyields.
    pub const fn new(recv: R, handle: U) -> Self {
        HandleRecv { recv, handle }
    }

    /// The receiver below.
    pub fn into_inner(self) -> R {
        self.recv
    }
}

impl<C, R: SpawnRecv<C>, U: SpawnWeakUnyield> SpawnRecv<C> for HandleRecv<R, U> {
    fn recv(&mut self) -> Result<Option<C>> {
        let command = self.recv.recv()?;
        if command.is_some() {
            // A sender that cannot be woken is no reason to lose the command.
            let _ = self.handle.unyield();
        }
        Ok(command)
    }
}
