//! `RestartOrError`: services on the caller's thread, with no stack of their own.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::channel::{SpawnRecv, SpawnSend};
use crate::error::{Error, Result};
use crate::service::{Service, ServiceRestartable, SpawnHandle, SpawnUnyield, Spawner};
use crate::task::{Counters, Meter, RestartYield, Stop, Task};
use crate::weak::{self, weak_handle};

/// Runs restartable services on the caller's thread, inside `spawn` and `unyield`.
///
/// A yield gives the service's state back to the handle; `unyield` starts it again. It needs
/// neither threads nor stack switching, so it is the spawner for the browser, and the cheapest one
/// everywhere else.
///
/// Each `unyield` does this, in this order:
/// 1. a result that the out channel had no room for is sent;
/// 2. a command that yielded is restarted;
/// 3. commands are taken from the receiver until there is none (wait), it is closed (end), or
///    `nb_loop` were completed (end). `first` counts as a command, and so does one whose `restart`
///    gave `None`.
///
/// `Error::End` ends the service, any other error or a panic fails it. `unyield` of the handle
/// gives the failure once; `unwrap_state` gives it as well (its message, if `unyield` had the
/// original), with the service and both channel ends: nothing is lost. An out channel that is
/// closed is a failure, `Error::Closed`.
///
/// An unyield that comes from inside the service's own call (through a weak unyielder) is
/// remembered: the service runs again at once when it comes back. A chain of services that unyield
/// each other therefore nests no deeper than there are services. A service is dropped with its
/// handle; if its own call drops the handle, it is dropped as soon as it comes back.
///
/// # Budget
/// Without a budget, `unyield` runs until the service waits: two services that answer each other
/// for ever through [`HandleSend`](crate::channel::HandleSend) never come back.
/// [`with_budget`](Self::with_budget) bounds one run; whoever sets it must look at
/// [`SpawnUnyield::wants_unyield`] after each unyield, because what is left in the channel will not
/// wake the service again.
///
/// # Example
/// ```
/// use mydht_spawner::channel::{LocalRcChannel, SpawnChannel, SpawnRecv, SpawnSend};
/// use mydht_spawner::{
///     Error, RestartOrError, Result, Service, ServiceRestartable, SpawnUnyield, Spawner, SpawnerYield,
/// };
///
/// /// Adds up pairs: the first of a pair is kept while it waits for the second.
/// struct Half(Option<u32>);
///
/// impl Service for Half {
///     type CommandIn = u32;
///     type CommandOut = u32;
///     fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<u32> {
///         self.0 = Some(n);
///         Err(Error::Yield)
///     }
/// }
///
/// impl ServiceRestartable for Half {
///     fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
///         Ok(self.0.take().map(|n| n / 2))
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let (mut commands, recv) = LocalRcChannel::unbounded().new_channel()?;
/// let (out, mut results) = LocalRcChannel::unbounded().new_channel()?;
/// let mut handle = RestartOrError::new().spawn(Half(None), out, Some(42), recv, 0)?;
/// assert_eq!(results.recv()?, None);
/// handle.unyield()?;
/// assert_eq!(results.recv()?, Some(21));
/// drop(commands);
/// handle.unyield()?;
/// assert!(handle.is_finished());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RestartOrError {
    budget: u32,
}

impl RestartOrError {
    /// Without a budget: a run ends when the service waits.
    pub const fn new() -> Self {
        RestartOrError { budget: u32::MAX }
    }

    /// At most `budget` calls and restarts in one run (0: no bound). After each unyield, ask
    /// [`wants_unyield`](SpawnUnyield::wants_unyield).
    pub const fn with_budget(budget: u32) -> Self {
        RestartOrError {
            budget: if budget == 0 { u32::MAX } else { budget },
        }
    }
}

impl Default for RestartOrError {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, D, R> Spawner<S, D, R> for RestartOrError
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    type Handle = RestartHandle<S, D, R>;
    type Yield = RestartYield;

    /// Runs the service until it waits. It never fails: a service that fails at once gives a
    /// finished handle, and its failure at the next `unyield`.
    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        nb_loop: usize,
    ) -> Result<Self::Handle> {
        let mut task = Task::new(service, out, recv, nb_loop, self.budget);
        let meter = Meter::default();
        task.run(first, &Cell::new(self.budget), &meter);
        Ok(RestartHandle {
            place: Cell::new(Place::Own(task, meter)),
        })
    }
}

/// Place of the service, which moves to the heap when the first weak unyielder is made, and never
/// if none is.
enum Place<S: Service, D, R> {
    Own(Task<S, D, R>, Meter),
    Shared(Rc<Shared<S, D, R>>),
    /// Only between taking it out of the cell and putting it back.
    Moving,
}

struct Shared<S: Service, D, R> {
    task: RefCell<Task<S, D, R>>,
    /// Remaining budget of the run in progress. Dropping the handle sets it to zero.
    left: Cell<u32>,
    /// True if the service was unyielded while it ran.
    again: Cell<bool>,
    meter: Meter,
}

impl<S, D, R> Shared<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    fn run(&self) {
        let Ok(mut task) = self.task.try_borrow_mut() else {
            // It runs further up on this stack: the call there goes on with it.
            self.again.set(true);
            return;
        };
        self.left.set(task.budget);
        loop {
            // Before the run: an unyield during it must bring another one.
            self.again.set(false);
            let stop = task.run(None, &self.left, &self.meter);
            // The budget is not filled again, so it bounds the repeats as well.
            if stop != Stop::Wait || !self.again.get() {
                break;
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.task.try_borrow().is_ok_and(|task| task.is_finished())
    }

    fn wants(&self) -> bool {
        match self.task.try_borrow() {
            Ok(task) => task.wants(),
            Err(_) => false,
        }
    }
}

/// Owns a service of [`RestartOrError`].
pub struct RestartHandle<S: Service, D, R> {
    place: Cell<Place<S, D, R>>,
}

impl<S: Service, D, R> Drop for RestartHandle<S, D, R> {
    /// If this happens inside the service's own call, nothing more is taken from the channel.
    fn drop(&mut self) {
        if let Place::Shared(shared) = self.place.get_mut() {
            shared.left.set(0);
        }
    }
}

impl<S, D, R> RestartHandle<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    /// Returns the counters so far, also while the service runs.
    pub fn counters(&mut self) -> Counters {
        match self.place.get_mut() {
            Place::Own(_, meter) => meter.read(),
            Place::Shared(shared) => shared.meter.read(),
            Place::Moving => Counters::default(),
        }
    }

    /// Gives the suspended (or finished) service to `f`; `None` while it runs.
    pub fn with_service<T>(&mut self, f: impl FnOnce(&mut S) -> T) -> Option<T> {
        match self.place.get_mut() {
            Place::Own(task, _) => Some(f(&mut task.service)),
            Place::Shared(shared) => match shared.task.try_borrow_mut() {
                Ok(mut task) => Some(f(&mut task.service)),
                Err(_) => None,
            },
            Place::Moving => None,
        }
    }
}

impl<S, D, R> SpawnUnyield for RestartHandle<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    fn is_finished(&mut self) -> bool {
        match self.place.get_mut() {
            Place::Own(task, _) => task.is_finished(),
            Place::Shared(shared) => shared.is_finished(),
            Place::Moving => true,
        }
    }

    fn unyield(&mut self) -> Result<()> {
        match self.place.get_mut() {
            Place::Own(task, meter) => {
                task.run(None, &Cell::new(task.budget), meter);
                task.report()
            }
            Place::Shared(shared) => {
                shared.run();
                match shared.task.try_borrow_mut() {
                    Ok(mut task) => task.report(),
                    Err(_) => Ok(()),
                }
            }
            Place::Moving => Ok(()),
        }
    }

    fn wants_unyield(&mut self) -> bool {
        match self.place.get_mut() {
            Place::Own(task, _) => task.wants(),
            Place::Shared(shared) => shared.wants(),
            Place::Moving => false,
        }
    }
}

impl<S, D, R> SpawnHandle<S, D, R> for RestartHandle<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    type Weak = RestartWeak<S, D, R>;

    /// # Errors
    /// `Error::Running` when it is called from inside the service's own call: the service is
    /// dropped when it comes back.
    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)> {
        match self.place.replace(Place::Moving) {
            Place::Own(task, _) => Ok(task.into_parts()),
            Place::Shared(shared) => match Rc::try_unwrap(shared) {
                Ok(shared) => Ok(shared.task.into_inner().into_parts()),
                Err(shared) => {
                    shared.left.set(0);
                    Err(Error::Running)
                }
            },
            Place::Moving => Err(Error::Running),
        }
    }

    /// Always there. The first one moves the service to the heap.
    fn weak(&self) -> Option<Self::Weak> {
        // Here is only a `&self`, so the place leaves its cell and is put back below.
        let shared = match self.place.replace(Place::Moving) {
            Place::Own(task, meter) => Rc::new(Shared {
                meter,
                task: RefCell::new(task),
                left: Cell::new(0),
                again: Cell::new(false),
            }),
            Place::Shared(shared) => shared,
            Place::Moving => return None,
        };
        let weak = Rc::downgrade(&shared);
        self.place.set(Place::Shared(shared));
        Some(RestartWeak { shared: weak })
    }
}

impl<S, D, R> weak::Strong for Rc<Shared<S, D, R>>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    fn is_finished(&self) -> bool {
        Shared::is_finished(self)
    }

    fn unyield(&self) {
        self.run();
    }

    fn wants_unyield(&self) -> bool {
        self.wants()
    }
}

weak_handle! {
    /// Unyields a service of [`RestartOrError`] from elsewhere on the same thread.
    ///
    /// Once the handle is gone it is finished, and unyielding does nothing.
    pub struct RestartWeak<S: Service, D, R>(Weak<Shared<S, D, R>>)
    where
        S: ServiceRestartable,
        D: SpawnSend<S::CommandOut>,
        R: SpawnRecv<S::CommandIn>,
}

crate::debug::opaque_debug!(RestartHandle<S: Service, D, R>);
