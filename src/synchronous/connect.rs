//! Opening connections, as services.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use mydht_evloop::traits::{Ready, TriggerReady, UserSources};
use mydht_spawner::channel::{SendError, SpawnSend};
use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};
use mydht_transports::InvalidAddress;

use super::contained;
use super::stream::Slot;

/// Opens connections, and waits until they are open.
pub trait SyncConnector: Clone {
    /// Address of a peer, as [`Transport::Address`](mydht_transports::Transport::Address).
    type Address: Clone + Debug + Display + Eq + Hash + FromStr<Err = InvalidAddress>;
    /// A connection. It does not wait when it is read or written.
    type Stream;

    /// Returns what the addresses of one host have in common, as
    /// [`Transport::host`](mydht_transports::Transport::host).
    fn host(address: &Self::Address) -> String {
        address.to_string()
    }

    /// Returns the address of a peer, as
    /// [`Transport::address_of`](mydht_transports::Transport::address_of).
    fn address_of(&self, claimed: Self::Address, observed: &Self::Address) -> Self::Address {
        let _ = observed;
        claimed
    }

    /// Opens a connection, and waits until it is open. It should not wait for ever: nobody ends it.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn connect(&mut self, address: &Self::Address) -> io::Result<Self::Stream>;
}

/// Opens the connection that it is told to.
#[derive(Debug)]
pub struct ConnectService<C>(pub C);

impl<C: SyncConnector> Service for ConnectService<C> {
    type CommandIn = C::Address;
    type CommandOut = io::Result<C::Stream>;

    fn call<Y: SpawnerYield>(
        &mut self,
        address: C::Address,
        _: &mut Y,
    ) -> Result<Self::CommandOut> {
        Ok(contained(|| self.0.connect(&address)))
    }
}

impl<C: SyncConnector> ServiceRestartable for ConnectService<C> {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<Self::CommandOut>> {
        Ok(None)
    }
}

/// Receiver of an opened connection, or of the error: the stream that waits for it. Dropped before,
/// that stream gives an error.
pub struct Opened<P: UserSources, S> {
    pub(super) slot: Arc<Slot<S>>,
    pub(super) trigger: P::Trigger,
}

impl<P: UserSources, S> Opened<P, S> {
    fn fill(&self, result: io::Result<S>) -> io::Result<()> {
        // Filled before the trigger is set: the woken stream looks at the slot at once.
        self.slot.fill(result);
        self.trigger.set_readiness(Ready::Both)
    }
}

impl<P: UserSources, S> SpawnSend<io::Result<S>> for Opened<P, S> {
    const CAN_SEND: bool = true;

    fn send(&mut self, result: io::Result<S>) -> Result<()> {
        Ok(self.fill(result)?)
    }

    fn try_send(
        &mut self,
        result: io::Result<S>,
    ) -> std::result::Result<(), SendError<io::Result<S>>> {
        self.send(result).map_err(|error| SendError {
            error,
            command: None,
        })
    }
}

impl<P: UserSources, S> Drop for Opened<P, S> {
    fn drop(&mut self) {
        let ended = io::Error::other("what opened the connection has ended before it was open");
        // Nobody is left to tell if a loop cannot be woken.
        let _ = self.fill(Err(ended));
    }
}
