//! `Coroutine`: services on stacks of their own, switched on one thread.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use corosensei::stack::DefaultStack;
use corosensei::{CoroutineResult, Yielder};

use crate::blocker::EndedHandle;
use crate::channel::{SpawnRecv, SpawnSend};
use crate::error::{Error, Result};
use crate::service::{Service, SpawnHandle, SpawnUnyield, Spawner, SpawnerYield, YieldReturn};
use crate::straight::{Parts, Start};
use crate::weak::{self, weak_handle};

/// A stack for each service; a yield switches back to whoever unyielded it. Everything runs on the
/// caller's thread.
///
/// Services need not be restartable: a yield comes back as `Loop`, in the middle of a serialisation
/// if need be. The price is a stack for each suspended service, and stack switching, which wasm32
/// has not: there the type is absent, and [`RestartOrError`](crate::RestartOrError) is what to use.
/// Over the crate corosensei, behind the feature `coroutine`.
///
/// An unyield from inside the service's own call is remembered: it goes on at once when it yields
/// next. Dropping the handle unwinds the service's stack from where it is suspended, so its
/// destructors run; with `panic = "abort"`, drop only handles of finished services.
#[derive(Clone, Debug)]
pub struct Coroutine {
    stack_size: usize,
    spare: Rc<Spare>,
}

/// Stacks of ended services, for the next ones.
struct Spare {
    stacks: RefCell<Vec<DefaultStack>>,
    keep: usize,
}

impl fmt::Debug for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spare").field("keep", &self.keep).finish()
    }
}

impl Coroutine {
    /// Stacks of 64 KiB (only the pages that are touched take memory); 64 stacks of ended services
    /// are kept.
    pub fn new() -> Self {
        Self::with_stacks(64 * 1024, 64)
    }

    /// Stacks of `stack_size` bytes, rounded up to pages and to a minimum; at most `keep` of ended
    /// services are kept for the next ones. A service that needs more meets the guard page below
    /// its stack: the process ends.
    pub fn with_stacks(stack_size: usize, keep: usize) -> Self {
        Coroutine {
            // Far from the end of the address space, where rounding up would overflow.
            stack_size: stack_size.min(isize::MAX as usize / 2),
            spare: Rc::new(Spare {
                stacks: RefCell::new(Vec::new()),
                keep,
            }),
        }
    }

    fn stack(&self) -> Result<DefaultStack> {
        let spare = self.spare.stacks.borrow_mut().pop();
        match spare {
            Some(stack) => Ok(stack),
            None => DefaultStack::new(self.stack_size).map_err(Error::Io),
        }
    }
}

impl Default for Coroutine {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, D, R> Spawner<S, D, R> for Coroutine
where
    S: Service + 'static,
    D: SpawnSend<S::CommandOut> + 'static,
    R: SpawnRecv<S::CommandIn> + 'static,
{
    type Handle = CoroutineHandle<S, D, R>;
    type Yield = CoroutineYield<'static>;

    /// Runs the service until it yields.
    ///
    /// # Errors
    /// `Error::Io` when there is no memory for a stack.
    fn spawn(
        &mut self,
        service: S,
        out: D,
        first: Option<S::CommandIn>,
        recv: R,
        nb_loop: usize,
    ) -> Result<Self::Handle> {
        // On the heap: only little is carried from one stack to the other.
        let start = Box::new(Start {
            service,
            out,
            first,
            recv,
            nb_loop,
        });
        // Apart from `Shared`: the routine is in there, and would keep it alive.
        let cancelled = Rc::new(Cell::new(false));
        let inside = Rc::clone(&cancelled);
        let routine = Routine::with_stack(self.stack()?, move |yielder, ()| {
            Box::new(start.run(&mut CoroutineYield { yielder }, || inside.get()))
        });
        let shared = Rc::new(Shared {
            stage: RefCell::new(Stage::Suspended(routine)),
            again: Cell::new(false),
            cancelled,
            spare: Rc::downgrade(&self.spare),
        });
        shared.run();
        Ok(CoroutineHandle { shared })
    }
}

type Routine<S, D, R> = corosensei::Coroutine<(), (), Box<Parts<S, D, R>>>;

enum Stage<S, D, R> {
    Suspended(Routine<S, D, R>),
    Ended(EndedHandle<S, D, R>),
    /// Only between the end of the one and the making of the other.
    Ending,
}

struct Shared<S, D, R> {
    /// Borrowed while the service runs.
    stage: RefCell<Stage<S, D, R>>,
    /// True if the service was unyielded while it ran.
    again: Cell<bool>,
    /// The handle is gone, while it ran.
    cancelled: Rc<Cell<bool>>,
    spare: Weak<Spare>,
}

impl<S, D, R> Shared<S, D, R> {
    fn run(&self) {
        let Ok(mut stage) = self.stage.try_borrow_mut() else {
            // The service is running and has unyielded itself, perhaps through others. No stack can
            // be resumed from itself.
            self.again.set(true);
            return;
        };
        let Stage::Suspended(routine) = &mut *stage else {
            return;
        };
        let parts = loop {
            // Before the resume: an older unyield is answered by it, one from inside counts.
            self.again.set(false);
            match routine.resume(()) {
                CoroutineResult::Return(parts) => break parts,
                CoroutineResult::Yield(()) => {
                    // Without an owner it is not resumed any more, but unwound with its stack.
                    if !self.again.get() || self.cancelled.get() {
                        return;
                    }
                }
            }
        };
        if let Stage::Suspended(routine) = std::mem::replace(&mut *stage, Stage::Ending) {
            *stage = Stage::Ended(EndedHandle::new(*parts));
            self.keep(routine);
        }
    }

    fn keep(&self, routine: Routine<S, D, R>) {
        if let Some(spare) = self.spare.upgrade() {
            let mut stacks = spare.stacks.borrow_mut();
            // Only the stack of a coroutine that is done can be taken out.
            if routine.done() && stacks.len() < spare.keep {
                stacks.push(routine.into_stack());
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.stage
            .try_borrow()
            .is_ok_and(|stage| !matches!(*stage, Stage::Suspended(_)))
    }
}

/// Owns a service of [`Coroutine`]. Dropping it drops the service and what is on its stack.
pub struct CoroutineHandle<S, D, R> {
    shared: Rc<Shared<S, D, R>>,
}

impl<S, D, R> Drop for CoroutineHandle<S, D, R> {
    fn drop(&mut self) {
        // A service that runs finds out at its next yield; a suspended one is dropped with
        // `shared`.
        self.shared.cancelled.set(true);
    }
}

impl<S, D, R> SpawnUnyield for CoroutineHandle<S, D, R> {
    fn is_finished(&mut self) -> bool {
        self.shared.is_finished()
    }

    fn unyield(&mut self) -> Result<()> {
        self.shared.run();
        match self.shared.stage.try_borrow_mut() {
            Ok(mut stage) => match &mut *stage {
                Stage::Ended(ended) => ended.unyield(),
                Stage::Suspended(_) | Stage::Ending => Ok(()),
            },
            Err(_) => Ok(()),
        }
    }
}

impl<S, D, R> SpawnHandle<S, D, R> for CoroutineHandle<S, D, R> {
    type Weak = CoroutineWeak<S, D, R>;

    /// # Errors
    /// `Error::Running` if the service has not ended: its state is on its stack, and is dropped
    /// with it.
    fn unwrap_state(self) -> Result<(S, D, R, Result<()>)> {
        let Ok(mut stage) = self.shared.stage.try_borrow_mut() else {
            return Err(Error::Running);
        };
        match std::mem::replace(&mut *stage, Stage::Ending) {
            Stage::Ended(ended) => ended.unwrap_state(),
            suspended => {
                // Given back to the cell, so that it is unwound with the handle and not under this borrow.
                *stage = suspended;
                Err(Error::Running)
            }
        }
    }

    fn weak(&self) -> Option<CoroutineWeak<S, D, R>> {
        Some(CoroutineWeak {
            shared: Rc::downgrade(&self.shared),
        })
    }
}

impl<S, D, R> weak::Strong for Rc<Shared<S, D, R>> {
    fn is_finished(&self) -> bool {
        Shared::is_finished(self)
    }

    fn unyield(&self) {
        self.run();
    }
}

weak_handle! {
    /// Unyields a service of [`Coroutine`] from elsewhere on the same thread.
    pub struct CoroutineWeak<S, D, R>(Weak<Shared<S, D, R>>)
}

/// Yielder of a service under [`Coroutine`]: switches back to the unyielder, and returns `Loop`.
#[derive(Clone, Copy)]
pub struct CoroutineYield<'a> {
    yielder: &'a Yielder<(), ()>,
}

impl fmt::Debug for CoroutineYield<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoroutineYield")
    }
}

impl SpawnerYield for CoroutineYield<'_> {
    fn spawn_yield(&mut self) -> YieldReturn {
        self.yielder.suspend(());
        YieldReturn::Loop
    }

    fn opt_clone(&mut self) -> Option<Self> {
        Some(*self)
    }
}

crate::debug::opaque_debug!(CoroutineHandle<S, D, R>);
