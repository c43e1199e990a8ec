//! The service model: what a service is, what runs it, and how it is suspended.

use crate::channel::{SpawnRecv, SpawnSend};
use crate::error::Result;

/// A state machine that turns commands into results, suspended when it would block.
///
/// `call` is ordinary synchronous code over `Read`, `Write` and channels. Where it would block it
/// asks `async_yield`: [`YieldReturn::Loop`] means "the spawner has waited for you, try again", and
/// [`YieldReturn::Return`] means "give `Error::Yield` back": the spawner keeps the service and
/// calls [`ServiceRestartable::restart`] when it is unyielded.
pub trait Service {
    /// Command that the service takes.
    type CommandIn;
    /// Result of a command.
    type CommandOut;

    /// Runs one command to its end, or to a yield.
    ///
    /// # Errors
    /// `Error::Yield` when it must be restarted, `Error::End` when the service is done and should
    /// be called no more, anything else when it failed.
    fn call<Y: SpawnerYield>(
        &mut self,
        command: Self::CommandIn,
        async_yield: &mut Y,
    ) -> Result<Self::CommandOut>;
}

/// A service that keeps enough of a command to go on after `Error::Yield`.
pub trait ServiceRestartable: Service {
    /// Goes on with the command that yielded. `Ok(None)`: there was nothing left to do, take the
    /// next command.
    ///
    /// # Errors
    /// As [`Service::call`].
    fn restart<Y: SpawnerYield>(&mut self, async_yield: &mut Y)
    -> Result<Option<Self::CommandOut>>;
}

/// Instruction to a service that asked to yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YieldReturn {
    /// Give `Error::Yield` (or `WouldBlock`) back to the caller.
    Return,
    /// The wait is over: try again.
    Loop,
}

/// The service's side of its spawner.
pub trait SpawnerYield {
    /// Suspends the service, in the way of its spawner.
    fn spawn_yield(&mut self) -> YieldReturn;

    /// A second yielder over the same suspension, where the spawner has one to give.
    fn opt_clone(&mut self) -> Option<Self>
    where
        Self: Sized;
}

/// Starts services.
pub trait Spawner<S: Service, D: SpawnSend<S::CommandOut>, R: SpawnRecv<S::CommandIn>> {
    /// Handle that owns the started service.
    type Handle: SpawnHandle<S, D, R>;
    /// Yielder that the service is called with.
    type Yield: SpawnerYield;

    /// Starts `service`: it runs `first` if there is one, then the commands of `recv`, sending
    /// every result into `out`, until `nb_loop` commands were run (0: for ever), `recv` is closed
    /// and empty, or an error.
    ///
    /// # Errors
    /// Only when the service could not be started; a service that fails later says so in its
    /// handle.
    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        nb_loop: usize,
    ) -> Result<Self::Handle>;
}

/// Wakes a suspended service.
pub trait SpawnUnyield {
    /// The service has ended (by its count, its channel, an error or a panic) and will not run
    /// again.
    fn is_finished(&mut self) -> bool;

    /// Lets the service go on; nothing happens if it is running or finished.
    ///
    /// # Errors
    /// The failure of the service, once, if it ran on this thread and failed.
    fn unyield(&mut self) -> Result<()>;

    /// True if the last run stopped because it had used up the budget of its spawner and not
    /// because the service waits: unyield it again, without waiting for anything to wake it. Always
    /// false for spawners without a budget.
    fn wants_unyield(&mut self) -> bool {
        false
    }
}

/// An unyielder that does not keep the service alive.
///
/// Its `unyield` never gives the failure of the service: that stays in the handle, for the owner.
pub trait SpawnWeakUnyield: SpawnUnyield + Clone {}

/// Owns a started service.
pub trait SpawnHandle<S, D, R>: SpawnUnyield {
    /// The weak form, where the spawner has one.
    type Weak: SpawnWeakUnyield;

    /// Takes the service apart: its state, its ends of the channels, and how it ended (`Ok` if it
    /// did not fail).
    ///
    /// # Errors
    /// When the state cannot be had: the service panicked on another thread, or is still running
    /// there.
    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)>;

    /// An unyielder for others, if the spawner has one.
    fn weak(&self) -> Option<Self::Weak>;
}
