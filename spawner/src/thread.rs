//! A thread for each service.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::channel::{SpawnRecv, SpawnSend};
use crate::error::{Error, Result};
use crate::service::{
    Service, SpawnHandle, SpawnUnyield, SpawnWeakUnyield, Spawner, SpawnerYield, YieldReturn,
};
use crate::signal::{Signal, Wake};
use crate::straight::{Parts, Start};

/// A thread for each service, which sleeps at a yield until it is unyielded.
///
/// Nothing but `unyield` (and dropping the handle) wakes it, so every channel and every stream of
/// the service must unyield it: a [`HandleSend`](crate::channel::HandleSend), or a loop that
/// unyields at readiness. An unyield that comes while the service runs is remembered, one of them.
///
/// Dropping the handle ends the service at its next yield or between two commands; nobody waits for
/// that. Services need not be restartable: a yield comes back as `Loop`. Only while the service is
/// being ended does it come back as `Return`: hand `Error::Yield` on then.
///
/// Absent on wasm32, which has no threads: use [`RestartOrError`](crate::RestartOrError) there.
#[derive(Clone, Debug, Default)]
pub struct ThreadPark {
    threads: Threads,
}

impl ThreadPark {
    /// Threads with the standard library's stack size and no name.
    pub const fn new() -> Self {
        ThreadPark {
            threads: Threads::new(),
        }
    }

    /// Threads with a name (`name` must have no NUL) and stacks of `stack_size` bytes (`None`: the
    /// standard library's).
    pub fn with_threads(name: &str, stack_size: Option<usize>) -> Self {
        ThreadPark {
            threads: Threads::named(name, stack_size),
        }
    }
}

impl<S, D, R> Spawner<S, D, R> for ThreadPark
where
    S: Service<CommandIn: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    type Handle = ThreadHandle<S, D, R>;
    type Yield = ThreadYield<Park>;

    /// # Errors
    /// `Error::Io` when the operating system gives no thread.
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
        self.threads.start(start, Park)
    }
}

/// A thread for each service, which looks again after a pause at each yield.
///
/// A service needs nobody to unyield it: the pause ends by itself, and earlier when it is
/// unyielded. So it works with any channel and any non-blocking stream, for the price of the
/// pauses' latency and of waking for nothing. A service whose streams and channels truly block
/// never yields, and then its thread is an ordinary blocking one.
///
/// Otherwise as [`ThreadPark`]: dropping the handle ends the service, and it is absent on wasm32.
#[derive(Clone, Debug)]
pub struct ThreadBlock {
    threads: Threads,
    pause: Duration,
}

impl ThreadBlock {
    /// Pauses of 100 µs.
    pub const fn new() -> Self {
        Self::with_pause(Duration::from_micros(100))
    }

    /// Pauses of `pause`.
    pub const fn with_pause(pause: Duration) -> Self {
        ThreadBlock {
            threads: Threads::new(),
            pause,
        }
    }

    /// Threads with a name (`name` must have no NUL) and stacks of `stack_size` bytes (`None`: the
    /// standard library's).
    pub fn with_threads(mut self, name: &str, stack_size: Option<usize>) -> Self {
        self.threads = Threads::named(name, stack_size);
        self
    }
}

impl Default for ThreadBlock {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, D, R> Spawner<S, D, R> for ThreadBlock
where
    S: Service<CommandIn: Send> + Send + 'static,
    D: SpawnSend<S::CommandOut> + Send + 'static,
    R: SpawnRecv<S::CommandIn> + Send + 'static,
{
    type Handle = ThreadHandle<S, D, R>;
    type Yield = ThreadYield<Pause>;

    /// # Errors
    /// `Error::Io` when the operating system gives no thread.
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
        self.threads.start(start, Pause(self.pause))
    }
}

#[derive(Clone, Debug, Default)]
struct Threads {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Threads {
    const fn new() -> Self {
        Threads {
            name: None,
            stack_size: None,
        }
    }

    fn named(name: &str, stack_size: Option<usize>) -> Self {
        Threads {
            // `Builder` panics at a NUL.
            name: Some(name.replace('\0', "")),
            stack_size,
        }
    }

    fn start<S, D, R, W>(&self, start: Start<S, D, R>, wait: W) -> Result<ThreadHandle<S, D, R>>
    where
        S: Service<CommandIn: Send> + Send + 'static,
        D: SpawnSend<S::CommandOut> + Send + 'static,
        R: SpawnRecv<S::CommandIn> + Send + 'static,
        W: Wait + Send + 'static,
    {
        let mut builder = Builder::new();
        if let Some(name) = &self.name {
            builder = builder.name(name.clone());
        }
        if let Some(stack_size) = self.stack_size {
            builder = builder.stack_size(stack_size);
        }
        let signal = Arc::new(Signal::new());
        let inside = Arc::clone(&signal);
        let body = move || {
            let mut async_yield = ThreadYield {
                signal: Arc::clone(&inside),
                wait,
            };
            let parts = start.run(&mut async_yield, || inside.is_cancelled());
            // Before the thread ends: from then on `unwrap_state` joins it without waiting for
            // long.
            inside.finish();
            parts
        };
        // Not `?`: an exhausted system says `WouldBlock`, and that is no yield here.
        let join = builder.spawn(body).map_err(Error::Io)?;
        let waker = ThreadWeak {
            signal,
            thread: join.thread().clone(),
        };
        Ok(ThreadHandle {
            join: Some(join),
            waker,
        })
    }
}

/// Strategy of a thread that waits at a yield: [`Park`] or [`Pause`].
pub trait Wait: Clone + sealed::Sealed {
    /// Waits on the current thread, for the `nth` time (from 0) at this yield. False: it has waited
    /// enough.
    #[doc(hidden)]
    fn wait(&self, nth: usize) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Park {}
    impl Sealed for super::Pause {}
}

/// Until it is unyielded.
#[derive(Clone, Copy, Debug)]
pub struct Park;

impl Wait for Park {
    fn wait(&self, _: usize) -> bool {
        // It may return without a reason; `Signal::wait` looks again.
        std::thread::park();
        true
    }
}

/// Until it is unyielded, or for this long.
#[derive(Clone, Copy, Debug)]
pub struct Pause(Duration);

impl Wait for Pause {
    fn wait(&self, nth: usize) -> bool {
        // One pause for each yield: the second time it gives up.
        if nth == 0 {
            std::thread::park_timeout(self.0);
        }
        nth == 0
    }
}

/// Yielder of a service on a thread of its own.
#[derive(Clone, Debug)]
pub struct ThreadYield<W> {
    signal: Arc<Signal>,
    wait: W,
}

impl<W: Wait> SpawnerYield for ThreadYield<W> {
    fn spawn_yield(&mut self) -> YieldReturn {
        match self.signal.wait(|nth| self.wait.wait(nth)) {
            Wake::Cancelled => YieldReturn::Return,
            Wake::Notified | Wake::Nothing => YieldReturn::Loop,
        }
    }

    fn opt_clone(&mut self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Owns a service on a thread of its own. Dropping it ends the service at its next yield.
#[derive(Debug)]
pub struct ThreadHandle<S, D, R> {
    /// `None` only once it was joined.
    join: Option<JoinHandle<Parts<S, D, R>>>,
    waker: ThreadWeak,
}

impl<S, D, R> ThreadHandle<S, D, R> {
    /// Waits until the service has ended, then takes it apart as
    /// [`unwrap_state`](SpawnHandle::unwrap_state) does.
    ///
    /// # Errors
    /// `Error::Panicked` if even the thread's own closing failed (a service that panics gives its
    /// state back).
    pub fn join(mut self) -> Result<(S, D, R, Result<()>)> {
        match self.join.take().map(JoinHandle::join) {
            Some(Ok(parts)) => Ok(parts),
            Some(Err(_)) | None => Err(Error::Panicked("the thread is gone".to_owned())),
        }
    }

    /// Lets the service run on without an owner: it ends by itself, or with the process.
    pub fn detach(mut self) {
        self.join = None;
    }
}

impl<S, D, R> Drop for ThreadHandle<S, D, R> {
    fn drop(&mut self) {
        if self.join.is_some() {
            // The flag first: the thread looks at it when it wakes.
            self.waker.signal.cancel();
            self.waker.thread.unpark();
        }
    }
}

impl<S, D, R> SpawnUnyield for ThreadHandle<S, D, R> {
    fn is_finished(&mut self) -> bool {
        self.waker.is_finished()
    }

    /// # Errors
    /// Never: what the service failed with is in [`unwrap_state`](SpawnHandle::unwrap_state).
    fn unyield(&mut self) -> Result<()> {
        self.waker.unyield()
    }
}

impl<S, D, R> SpawnHandle<S, D, R> for ThreadHandle<S, D, R> {
    type Weak = ThreadWeak;

    /// A service that panicked is given back as well.
    ///
    /// # Errors
    /// `Error::Running` if the service has not ended: it is ended then, and its state is dropped.
    /// To wait for it, use [`join`](Self::join).
    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)> {
        if self.waker.signal.is_finished() {
            self.join()
        } else {
            // Joining would wait for a service that may never end.
            Err(Error::Running)
        }
    }

    fn weak(&self) -> Option<ThreadWeak> {
        Some(self.waker.clone())
    }
}

/// Unyields a service on a thread of its own, from any thread.
#[derive(Clone, Debug)]
pub struct ThreadWeak {
    signal: Arc<Signal>,
    thread: std::thread::Thread,
}

impl SpawnUnyield for ThreadWeak {
    fn is_finished(&mut self) -> bool {
        self.signal.is_finished()
    }

    fn unyield(&mut self) -> Result<()> {
        if self.signal.notify() {
            // After the flag, which the thread looks at when it wakes.
            self.thread.unpark();
        }
        Ok(())
    }
}

impl SpawnWeakUnyield for ThreadWeak {}
