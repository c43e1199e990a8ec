//! Accepting, as a service.

use std::io;
use std::time::Duration;

use super::contained;
use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

/// Pause of a listener after an error: a lack of descriptors, for instance, does not pass at once.
const REST: Duration = Duration::from_millis(50);

/// Waits for peers.
pub trait SyncListener {
    /// Address of a peer.
    type Address;
    /// A connection. It does not wait when it is read or written.
    type Stream;

    /// Returns the address at which others find this end, if they can.
    fn local_address(&self) -> Option<Self::Address>;

    /// Waits for the next connection.
    ///
    /// # Errors
    /// They concern one connection: the listener is asked again.
    fn accept(&mut self) -> io::Result<(Self::Stream, Self::Address)>;

    /// Returns a function that makes [`accept`](Self::accept) return, from another thread: with an
    /// error, or with a connection that nobody takes.
    fn closer(&self) -> Box<dyn FnOnce() + Send>;
}

/// Accepts one connection at each command, and waits for it.
#[derive(Debug)]
pub struct ListenService<L>(pub L);

impl<L: SyncListener> Service for ListenService<L> {
    type CommandIn = ();
    type CommandOut = io::Result<(L::Stream, L::Address)>;

    fn call<Y: SpawnerYield>(&mut self, (): (), _: &mut Y) -> Result<Self::CommandOut> {
        let accepted = contained(|| self.0.accept());
        if accepted.is_err() {
            std::thread::sleep(REST);
        }
        Ok(accepted)
    }
}

impl<L: SyncListener> ServiceRestartable for ListenService<L> {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<Self::CommandOut>> {
        Ok(None)
    }
}
