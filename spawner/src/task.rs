//! A restartable service with its two channel ends: the state machine that every restarting spawner
//! drives.

use std::cell::Cell;

use crate::channel::{SpawnRecv, SpawnSend};
use crate::contain::contain;
use crate::error::{Error, Result};
use crate::service::{Service, ServiceRestartable, SpawnerYield, YieldReturn};

/// Yielder of a service under a restarting spawner: always returns [`YieldReturn::Return`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartYield;

impl SpawnerYield for RestartYield {
    fn spawn_yield(&mut self) -> YieldReturn {
        YieldReturn::Return
    }

    fn opt_clone(&mut self) -> Option<Self> {
        Some(*self)
    }
}

/// Counters of one service under a restarting spawner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that `call` or `restart` gave `Error::Yield`.
    pub yields: u64,
    /// Times that `restart` was called.
    pub restarts: u64,
    /// Commands that were completed.
    pub commands: u64,
}

/// The counters of a service, which can be read while it runs.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    yields: Cell<u64>,
    restarts: Cell<u64>,
    commands: Cell<u64>,
}

impl Meter {
    pub(crate) fn read(&self) -> Counters {
        Counters {
            yields: self.yields.get(),
            restarts: self.restarts.get(),
            commands: self.commands.get(),
        }
    }
}

fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

/// Number of calls and restarts that a run may make. Shared, so that it can be set to zero while
/// the service runs.
pub(crate) trait Budget {
    /// False when the run must stop here.
    fn is_left(&self) -> bool;
    /// One call or restart is made.
    fn spend(&self);
}

impl Budget for Cell<u32> {
    fn is_left(&self) -> bool {
        self.get() != 0
    }

    fn spend(&self) {
        // `u32::MAX` is no bound: a run that stopped after so many commands would have nobody to go on with it.
        let left = self.get();
        if left != u32::MAX {
            self.set(left.saturating_sub(1));
        }
    }
}

/// Why a run came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The service waits for the next unyield.
    Wait,
    /// The budget is used up; there may be more to do.
    Budget,
    /// The service has ended.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between two commands.
    Idle,
    /// A command yielded: `restart` comes before the next command.
    Yielded,
    /// Ended, without a failure that is still to be reported.
    Done,
    /// Ended with a failure that nobody has seen.
    Failed,
}

/// A service and all that is needed to go on with it. Whatever happens inside a run, it stays
/// whole.
pub(crate) struct Task<S: Service, D, R> {
    pub(crate) service: S,
    out: D,
    recv: R,
    /// A result that `out` had no room for.
    held: Option<S::CommandOut>,
    /// Boxed: most services never fail, and a million of them may be suspended.
    failure: Option<Box<Error>>,
    nb_loop: u64,
    /// Budget of each run. Stored here, where it fits beside the flags.
    pub(crate) budget: u32,
    phase: Phase,
    wants: bool,
}

impl<S, D, R> Task<S, D, R>
where
    S: ServiceRestartable,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    pub(crate) fn new(service: S, out: D, recv: R, nb_loop: usize, budget: u32) -> Self {
        Task {
            service,
            out,
            recv,
            held: None,
            failure: None,
            nb_loop: nb_loop as u64,
            budget,
            phase: Phase::Idle,
            wants: false,
        }
    }

    /// Runs until the service waits or has ended, or `budget` calls and restarts were made. A panic
    /// ends it.
    pub(crate) fn run(
        &mut self,
        first: Option<S::CommandIn>,
        budget: &impl Budget,
        meter: &Meter,
    ) -> Stop {
        self.wants = false;
        // An unyield may come after the end.
        if self.is_finished() {
            return Stop::Done;
        }
        // The panic of one service must not unwind through the others of this thread.
        let stop = contain(|| self.drive(first, budget, meter));
        match stop {
            Ok(Stop::Done) | Err(Error::End) => {
                self.phase = Phase::Done;
                Stop::Done
            }
            Ok(stop) => {
                self.wants = stop == Stop::Budget;
                stop
            }
            Err(error) => {
                self.phase = Phase::Failed;
                self.failure = Some(Box::new(error));
                Stop::Done
            }
        }
    }

    fn drive(
        &mut self,
        mut first: Option<S::CommandIn>,
        budget: &impl Budget,
        meter: &Meter,
    ) -> Result<Stop> {
        // First: results keep their order, and no command is run whose result has no place.
        if let Some(result) = self.held.take()
            && !self.deliver(result)?
        {
            return Ok(Stop::Wait);
        }
        loop {
            if self.phase != Phase::Yielded
                && self.nb_loop != 0
                && meter.commands.get() >= self.nb_loop
            {
                return Ok(Stop::Done);
            }
            // Before a command is taken: outside of its channel it could not wait for the next run.
            if !budget.is_left() {
                return Ok(Stop::Budget);
            }
            let result = if self.phase == Phase::Yielded {
                budget.spend();
                count(&meter.restarts);
                self.service.restart(&mut RestartYield)
            } else {
                let command = match first.take() {
                    Some(command) => command,
                    None => match self.recv.recv() {
                        Ok(Some(command)) => command,
                        Ok(None) | Err(Error::Yield) => return Ok(Stop::Wait),
                        Err(Error::Closed) => return Ok(Stop::Done),
                        Err(error) => return Err(error),
                    },
                };
                budget.spend();
                self.service.call(command, &mut RestartYield).map(Some)
            };
            match result {
                Ok(result) => {
                    // Before the delivery, which may fail or have to wait: the command itself is
                    // done.
                    self.phase = Phase::Idle;
                    count(&meter.commands);
                    if let Some(result) = result
                        && !self.deliver(result)?
                    {
                        return Ok(Stop::Wait);
                    }
                }
                Err(Error::Yield) => {
                    self.phase = Phase::Yielded;
                    count(&meter.yields);
                    return Ok(Stop::Wait);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// False if there was no room: the result is held.
    fn deliver(&mut self, result: S::CommandOut) -> Result<bool> {
        if !D::CAN_SEND {
            return Ok(true);
        }
        match self.out.try_send(result) {
            Ok(()) => Ok(true),
            Err(refused) => match (refused.error, refused.command) {
                (Error::Full | Error::Yield, Some(result)) => {
                    self.held = Some(result);
                    Ok(false)
                }
                (error, _) => Err(error),
            },
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Failed)
    }

    pub(crate) fn wants(&self) -> bool {
        self.wants
    }

    /// The failure, the first time that it is asked for. A copy stays for
    /// [`into_parts`](Self::into_parts).
    pub(crate) fn report(&mut self) -> Result<()> {
        if self.phase != Phase::Failed {
            return Ok(());
        }
        self.phase = Phase::Done;
        match &mut self.failure {
            Some(error) => {
                let copy = error.copy();
                Err(std::mem::replace(&mut **error, copy))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn into_parts(self) -> (S, D, R, Result<()>) {
        let result = self.failure.map_or(Ok(()), |error| Err(*error));
        (self.service, self.out, self.recv, result)
    }
}
