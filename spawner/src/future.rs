//! A service as a future, for programs that have an executor already.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use crate::channel::{SpawnRecv, SpawnSend};
use crate::error::{Error, Result};
use crate::service::{Service, ServiceRestartable, SpawnHandle, SpawnUnyield, Spawner};
use crate::task::{Counters, Meter, RestartYield, Stop, Task};
use crate::weak::{self, weak_handle};

/// Calls and restarts that a service makes in one poll, before the executor's other tasks get their
/// turn.
pub const POLL_BUDGET: u32 = 64;

/// Runs restartable services as futures on a single-threaded executor.
///
/// [`RestartOrError`](crate::RestartOrError) inside a future, by the same rules, but nothing runs
/// inside `spawn` and `unyield`: they wake the future, and the executor polls it. Every
/// [`POLL_BUDGET`] commands the executor gets its turn.
///
/// Dropping the handle drops the service; its future is then ready. Behind the feature `future`,
/// with an executor for tokio (natively) and for the browser (wasm32); any other is a
/// [`LocalExecutor`] of one line.
#[derive(Clone, Debug, Default)]
pub struct FutureSpawner<E> {
    executor: E,
}

impl<E: LocalExecutor> FutureSpawner<E> {
    /// On `executor`.
    pub const fn new(executor: E) -> Self {
        FutureSpawner { executor }
    }
}

/// The future of a service, as an executor takes it.
pub type BoxedService = Pin<Box<dyn Future<Output = ()>>>;

/// Takes futures that stay on their thread.
pub trait LocalExecutor {
    /// Takes `future` and polls it from now on.
    ///
    /// # Errors
    /// When it takes no more.
    fn execute(&self, future: BoxedService) -> Result<()>;
}

impl<F: Fn(BoxedService)> LocalExecutor for F {
    fn execute(&self, future: BoxedService) -> Result<()> {
        self(future);
        Ok(())
    }
}

/// A `LocalSet` of tokio: services run while somebody runs or awaits it.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Debug, Default)]
pub struct Tokio {
    set: Rc<tokio::task::LocalSet>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Tokio {
    /// On `set`.
    pub const fn new(set: Rc<tokio::task::LocalSet>) -> Self {
        Tokio { set }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl LocalExecutor for Tokio {
    fn execute(&self, future: BoxedService) -> Result<()> {
        self.set.spawn_local(future);
        Ok(())
    }
}

/// The browser's microtasks.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Browser;

#[cfg(target_arch = "wasm32")]
impl LocalExecutor for Browser {
    fn execute(&self, future: BoxedService) -> Result<()> {
        wasm_bindgen_futures::spawn_local(future);
        Ok(())
    }
}

impl<S, D, R, E> Spawner<S, D, R> for FutureSpawner<E>
where
    S: ServiceRestartable + 'static,
    D: SpawnSend<S::CommandOut> + 'static,
    R: SpawnRecv<S::CommandIn> + 'static,
    E: LocalExecutor,
{
    type Handle = FutureHandle<S, D, R>;
    type Yield = RestartYield;

    /// Gives the service to the executor.
    ///
    /// # Errors
    /// The error of the executor.
    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        nb_loop: usize,
    ) -> Result<Self::Handle> {
        let (handle, future) = service_future(service, out, first, recv, nb_loop);
        self.executor.execute(Box::pin(future))?;
        Ok(handle)
    }
}

/// A service as a future, with the handle that wakes it; for executors that want to see the
/// future's type.
///
/// The future is ready when the service has ended or the handle is gone.
pub fn service_future<S, D, R>(
    service: S,
    out: D,
    first: Option<S::CommandIn>,
    recv: R,
    nb_loop: usize,
) -> (FutureHandle<S, D, R>, ServiceFuture<S, D, R>)
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    let shared = Rc::new(Shared {
        task: RefCell::new(Task::new(service, out, recv, nb_loop, POLL_BUDGET)),
        first: Cell::new(first),
        waker: Cell::new(None),
        left: Cell::new(0),
        meter: Meter::default(),
    });
    let future = ServiceFuture {
        shared: Rc::downgrade(&shared),
    };
    (FutureHandle { shared }, future)
}

struct Shared<S: Service, D, R> {
    task: RefCell<Task<S, D, R>>,
    /// Until the first poll.
    first: Cell<Option<S::CommandIn>>,
    /// Waker of the last poll. Before the first one none is needed.
    waker: Cell<Option<Waker>>,
    /// Remaining budget of the poll in progress. Dropping the handle sets it to zero.
    left: Cell<u32>,
    meter: Meter,
}

impl<S, D, R> Shared<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    fn wake(&self) {
        // It is taken out, because a `Cell` lends nothing. A wake from inside of this one finds
        // none, and need not: the wake is under way.
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    fn is_finished(&self) -> bool {
        self.task.try_borrow().is_ok_and(|task| task.is_finished())
    }
}

/// A service of [`service_future`].
pub struct ServiceFuture<S: Service, D, R> {
    shared: Weak<Shared<S, D, R>>,
}

impl<S, D, R> Future for ServiceFuture<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = self.shared.upgrade() else {
            return Poll::Ready(());
        };
        // Before the run: an unyield from inside the service's own call must find it.
        match shared.waker.take() {
            Some(waker) if waker.will_wake(context.waker()) => shared.waker.set(Some(waker)),
            _ => shared.waker.set(Some(context.waker().clone())),
        }
        let Ok(mut task) = shared.task.try_borrow_mut() else {
            // Polled from inside its own poll.
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        // Filled anew in each poll. The handle's drop empties it from inside of the run.
        shared.left.set(task.budget);
        let stop = task.run(shared.first.take(), &shared.left, &shared.meter);
        match stop {
            Stop::Done => Poll::Ready(()),
            Stop::Wait => Poll::Pending,
            Stop::Budget => {
                // What is left in the channel wakes nobody.
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Owns a service of [`FutureSpawner`].
pub struct FutureHandle<S: Service, D, R> {
    shared: Rc<Shared<S, D, R>>,
}

impl<S: Service, D, R> Drop for FutureHandle<S, D, R> {
    fn drop(&mut self) {
        self.shared.left.set(0);
        // The future finds the service gone, and ends.
        if let Some(waker) = self.shared.waker.take() {
            waker.wake();
        }
    }
}

impl<S, D, R> FutureHandle<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    /// Returns the counters so far, also while the service runs.
    pub fn counters(&self) -> Counters {
        self.shared.meter.read()
    }
}

impl<S, D, R> SpawnUnyield for FutureHandle<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    fn is_finished(&mut self) -> bool {
        self.shared.is_finished()
    }

    /// Wakes the future; or gives the failure of a service that has failed, once.
    fn unyield(&mut self) -> Result<()> {
        if let Ok(mut task) = self.shared.task.try_borrow_mut() {
            task.report()?;
        }
        self.shared.wake();
        Ok(())
    }
}

impl<S, D, R> SpawnHandle<S, D, R> for FutureHandle<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    type Weak = FutureWeak<S, D, R>;

    /// Gives a suspended service as well as an ended one.
    ///
    /// # Errors
    /// `Error::Running` when it is called from inside the service's own call.
    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)> {
        let shared = Rc::clone(&self.shared);
        // First, because its reference would make `try_unwrap` fail.
        drop(self);
        match Rc::try_unwrap(shared) {
            Ok(shared) => Ok(shared.task.into_inner().into_parts()),
            Err(_) => Err(Error::Running),
        }
    }

    fn weak(&self) -> Option<FutureWeak<S, D, R>> {
        Some(FutureWeak {
            shared: Rc::downgrade(&self.shared),
        })
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
        self.wake();
    }
}

weak_handle! {
    /// Unyields a service of [`FutureSpawner`] from elsewhere on the same thread.
    pub struct FutureWeak<S: Service, D, R>(Weak<Shared<S, D, R>>)
    where
        S: ServiceRestartable,
        D: SpawnSend<S::CommandOut>,
        R: SpawnRecv<S::CommandIn>,
}

crate::debug::opaque_debug!(FutureHandle<S: Service, D, R>, ServiceFuture<S: Service, D, R>);
