//! `Blocker`: a service run to its end before `spawn` comes back.

use crate::channel::{SpawnRecv, SpawnSend};
use crate::error::{Error, Result};
use crate::service::{
    Service, SpawnHandle, SpawnUnyield, SpawnWeakUnyield, Spawner, SpawnerYield, YieldReturn,
};
use crate::straight::{Parts, Start};

/// Runs a service to its end on the caller's thread, inside `spawn`.
///
/// A yield waits (as [`with_wait`](Self::with_wait) says; [`new`](Self::new) gives up the time
/// slice) and tries again, so something else must make the service go on: another thread, or the
/// wait itself, which may turn an event loop. In a browser nothing else runs meanwhile: use it
/// there for services that never wait, and [`RestartOrError`](crate::RestartOrError) for the
/// others.
///
/// ```
/// use mydht_spawner::channel::{NoRecv, NoSend};
/// # use mydht_spawner::{Blocker, Result, Service, Spawner, SpawnHandle, SpawnerYield};
/// # struct Count(u32);
/// # impl Service for Count {
/// #     type CommandIn = u32;
/// #     type CommandOut = ();
/// #     fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<()> { self.0 += n; Ok(()) }
/// # }
/// # fn main() -> Result<()> {
/// let handle = Blocker::new().spawn(Count(0), NoSend, Some(7), NoRecv, 0)?;
/// let (service, _, _, ended) = handle.unwrap_state()?;
/// ended?;
/// assert_eq!(service.0, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Blocker<W = fn()> {
    wait: W,
}

impl Blocker {
    /// Waits by giving up the thread's time slice.
    pub const fn new() -> Self {
        Blocker {
            wait: std::thread::yield_now,
        }
    }
}

impl Default for Blocker {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: FnMut() + Clone> Blocker<W> {
    /// Waits by calling `wait`.
    pub const fn with_wait(wait: W) -> Self {
        Blocker { wait }
    }
}

impl<S, D, R, W> Spawner<S, D, R> for Blocker<W>
where
    S: Service,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
    W: FnMut() + Clone,
{
    type Handle = EndedHandle<S, D, R>;
    type Yield = BlockerYield<W>;

    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        nb_loop: usize,
    ) -> Result<Self::Handle> {
        let start = Start {
            service,
            out,
            first,
            recv,
            nb_loop,
        };
        let mut async_yield = BlockerYield {
            wait: self.wait.clone(),
        };
        // Nobody can cancel it: the handle does not exist before the service has ended.
        Ok(EndedHandle::new(start.run(&mut async_yield, || false)))
    }
}

/// Yielder of a service under [`Blocker`]: waits, then returns `Loop`.
#[derive(Clone, Copy, Debug)]
pub struct BlockerYield<W = fn()> {
    wait: W,
}

impl<W: FnMut() + Clone> SpawnerYield for BlockerYield<W> {
    fn spawn_yield(&mut self) -> YieldReturn {
        (self.wait)();
        YieldReturn::Loop
    }

    fn opt_clone(&mut self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Owns a service that has ended.
#[derive(Debug)]
pub struct EndedHandle<S, D, R> {
    parts: Parts<S, D, R>,
    reported: bool,
}

impl<S, D, R> EndedHandle<S, D, R> {
    pub(crate) fn new(parts: Parts<S, D, R>) -> Self {
        EndedHandle {
            parts,
            reported: false,
        }
    }
}

impl<S, D, R> SpawnUnyield for EndedHandle<S, D, R> {
    fn is_finished(&mut self) -> bool {
        true
    }

    fn unyield(&mut self) -> Result<()> {
        match &mut self.parts.3 {
            Err(error) if !self.reported => {
                self.reported = true;
                // The caller gets the original; the copy is for `unwrap_state`.
                let copy = error.copy();
                Err(std::mem::replace(error, copy))
            }
            _ => Ok(()),
        }
    }
}

impl<S, D, R> SpawnHandle<S, D, R> for EndedHandle<S, D, R> {
    type Weak = EndedWeak;

    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)> {
        Ok(self.parts)
    }

    fn weak(&self) -> Option<EndedWeak> {
        Some(EndedWeak)
    }
}

/// Unyields a service that has ended: it does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndedWeak;

impl SpawnUnyield for EndedWeak {
    fn is_finished(&mut self) -> bool {
        true
    }

    fn unyield(&mut self) -> Result<()> {
        Ok(())
    }
}

impl SpawnWeakUnyield for EndedWeak {}

/// Starts nothing: the service ends where it stands, with no command run. For a part of a
/// configuration that is not used.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSpawn;

impl<S, D, R> Spawner<S, D, R> for NoSpawn
where
    S: Service,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    type Handle = EndedHandle<S, D, R>;
    type Yield = crate::RestartYield;

    /// # Errors
    /// Never. A `first` command cannot be run: it is dropped, and the handle's failure says so.
    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        _: usize,
    ) -> Result<Self::Handle> {
        let result = match first {
            None => Ok(()),
            Some(_) => Err(Error::service("no spawner was chosen for this service")),
        };
        Ok(EndedHandle::new((service, out, recv, result)))
    }
}
