//! `Pool`: many restartable services on few threads.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LockResult, Mutex, MutexGuard, PoisonError, Weak};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::channel::{SpawnRecv, SpawnSend};
use crate::contain::contain;
use crate::error::{Error, Result};
use crate::run_state::RunState;
use crate::service::{Service, ServiceRestartable, SpawnHandle, SpawnUnyield, Spawner};
use crate::task::{Budget, Counters, Meter, RestartYield, Stop, Task};
use crate::weak::{self, weak_handle};

/// Calls and restarts that a service makes before the pool's other services get their turn.
pub const POOL_BUDGET: u32 = 64;

/// Runs restartable services on the threads of a pool.
///
/// [`RestartOrError`](crate::RestartOrError) over several threads: a suspended service holds no
/// thread; `unyield` queues it, and whichever thread is free runs it until it waits, by the same
/// rules. A service runs on one thread at a time. One that has much to do gives others their turn
/// every [`POOL_BUDGET`] commands.
///
/// Dropping the handle drops the service, between two commands if it is running. Over the crate
/// rayon, behind the feature `pool`; absent on wasm32, where
/// [`RestartOrError`](crate::RestartOrError) is what to use.
#[derive(Clone, Debug)]
pub struct Pool {
    pool: Arc<ThreadPool>,
}

impl Pool {
    /// A pool of `threads` threads (0: one for each core).
    ///
    /// # Errors
    /// `Error::Service` when the operating system gives no threads.
    pub fn new(threads: usize) -> Result<Self> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("mydht-pool-{i}"))
            .build()
            .map_err(Error::service)?;
        Ok(Self::over(Arc::new(pool)))
    }

    /// Over a pool that is used for other work as well.
    pub const fn over(pool: Arc<ThreadPool>) -> Self {
        Pool { pool }
    }
}

impl<S, D, R> Spawner<S, D, R> for Pool
where
    S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    type Handle = PoolHandle<S, D, R>;
    type Yield = RestartYield;

    /// Queues the service.
    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        nb_loop: usize,
    ) -> Result<Self::Handle> {
        let shared = Arc::new(Shared {
            pool: Arc::clone(&self.pool),
            state: RunState::queued(),
            cancelled: AtomicBool::new(false),
            task: Mutex::new(Some(Metered {
                task: Task::new(service, out, recv, nb_loop, POOL_BUDGET),
                meter: Meter::default(),
            })),
            ended: Condvar::new(),
        });
        Shared::queue(&shared, first);
        Ok(PoolHandle { shared })
    }
}

struct Shared<S: Service, D, R> {
    pool: Arc<ThreadPool>,
    state: RunState,
    cancelled: AtomicBool,
    /// Taken out while it runs.
    task: Mutex<Option<Metered<S, D, R>>>,
    ended: Condvar,
}

struct Metered<S: Service, D, R> {
    task: Task<S, D, R>,
    meter: Meter,
}

/// A share of the pool's time, which ends early when the handle is dropped.
struct Share<'a> {
    left: Cell<u32>,
    cancelled: &'a AtomicBool,
}

impl Budget for Share<'_> {
    fn is_left(&self) -> bool {
        self.left.is_left() && !self.cancelled.load(Ordering::Acquire)
    }

    fn spend(&self) {
        self.left.spend();
    }
}

impl<S: Service, D, R> Shared<S, D, R> {
    fn lock(&self) -> MutexGuard<'_, Option<Metered<S, D, R>>> {
        guard(self.task.lock())
    }
}

/// Returns the guard, also of a poisoned lock: no code of a service runs under it, so no change was
/// left halfway.
fn guard<G>(result: LockResult<G>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}

impl<S, D, R> Shared<S, D, R>
where
    S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    fn wake(shared: &Arc<Self>) {
        if shared.state.wake() {
            Self::queue(shared, None);
        }
    }

    fn queue(shared: &Arc<Self>, first: Option<S::CommandIn>) {
        let job = Arc::clone(shared);
        shared.pool.spawn_fifo(move || {
            // A run is contained already; this is for the drop of a task whose owner is gone. rayon would abort.
            let _ = contain(|| {
                Self::turn(&job, first);
                drop(job);
                Ok(())
            });
        });
    }

    fn turn(shared: &Arc<Self>, first: Option<S::CommandIn>) {
        let Some(mut metered) = shared.lock().take() else {
            // The owner took it after the job was queued.
            return;
        };
        if shared.cancelled.load(Ordering::Acquire) {
            // The owner is gone: the task and the command go with it.
            return;
        }
        let share = Share {
            left: Cell::new(metered.task.budget),
            cancelled: &shared.cancelled,
        };
        let stop = metered.task.run(first, &share, &metered.meter);
        // The owner's drop found nothing to take, so the task is dropped here.
        if shared.cancelled.load(Ordering::Acquire) {
            return;
        }
        // Before the state says so: a job that is queued from then on must find the task.
        *shared.lock() = Some(metered);
        match stop {
            Stop::Done => {
                // Under the lock, so that who waits cannot miss it between its look and its sleep.
                let _task = shared.lock();
                shared.state.finish();
                shared.ended.notify_all();
            }
            // The state stays "queued".
            Stop::Budget => Self::queue(shared, None),
            Stop::Wait => {
                if shared.state.rest() {
                    Self::queue(shared, None);
                }
            }
        }
    }
}

/// Owns a service of [`Pool`].
pub struct PoolHandle<S: Service, D, R> {
    shared: Arc<Shared<S, D, R>>,
}

impl<S: Service, D, R> Drop for PoolHandle<S, D, R> {
    fn drop(&mut self) {
        // First: a run that ends meanwhile then drops the task by itself.
        self.shared.cancelled.store(true, Ordering::Release);
        // Taken out first: its own drop may unyield others.
        let task = self.shared.lock().take();
        drop(task);
    }
}

impl<S, D, R> PoolHandle<S, D, R>
where
    S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    /// Returns the counters so far; `None` while the service runs.
    pub fn counters(&self) -> Option<Counters> {
        self.shared
            .lock()
            .as_ref()
            .map(|metered| metered.meter.read())
    }

    /// Waits until the service has ended, then takes it apart as
    /// [`unwrap_state`](SpawnHandle::unwrap_state) does. Not for the pool's own threads.
    ///
    /// # Errors
    /// As `unwrap_state`.
    pub fn join(self) -> Result<(S, D, R, Result<()>)> {
        let mut task = self.shared.lock();
        // In a loop: a condition variable may wake without a reason.
        while !self.shared.state.is_finished() {
            task = guard(self.shared.ended.wait(task));
        }
        drop(task);
        self.unwrap_state()
    }
}

impl<S, D, R> SpawnUnyield for PoolHandle<S, D, R>
where
    S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    fn is_finished(&mut self) -> bool {
        self.shared.state.is_finished()
    }

    /// # Errors
    /// Never: what the service failed with is in [`unwrap_state`](SpawnHandle::unwrap_state).
    fn unyield(&mut self) -> Result<()> {
        Shared::wake(&self.shared);
        Ok(())
    }
}

impl<S, D, R> SpawnHandle<S, D, R> for PoolHandle<S, D, R>
where
    S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    type Weak = PoolWeak<S, D, R>;

    /// Gives a suspended service as well as an ended one.
    ///
    /// # Errors
    /// `Error::Running` if it is queued or running: it is dropped then.
    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)> {
        // The order matters: a service that is at rest may be woken before it is taken, and then the job finds nothing.
        if !self.shared.state.is_at_rest() {
            return Err(Error::Running);
        }
        let metered = self.shared.lock().take();
        metered
            .map(|metered| metered.task.into_parts())
            .ok_or(Error::Running)
    }

    fn weak(&self) -> Option<PoolWeak<S, D, R>> {
        Some(PoolWeak {
            shared: Arc::downgrade(&self.shared),
        })
    }
}

impl<S, D, R> weak::Strong for Arc<Shared<S, D, R>>
where
    S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    fn is_finished(&self) -> bool {
        self.state.is_finished()
    }

    fn unyield(&self) {
        Shared::wake(self);
    }
}

weak_handle! {
    /// Unyields a service of [`Pool`], from any thread.
    pub struct PoolWeak<S: Service, D, R>(Weak<Shared<S, D, R>>)
    where
        S: ServiceRestartable<CommandIn: Send, CommandOut: Send> + Send + 'static,
        D: SpawnSend<S::CommandOut> + Send + 'static,
        R: SpawnRecv<S::CommandIn> + Send + 'static,
}

crate::debug::opaque_debug!(PoolHandle<S: Service, D, R>);
