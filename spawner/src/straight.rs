//! A service that is run straight through: what the spawners share that wait inside `spawn_yield`.

use crate::channel::{SpawnRecv, SpawnSend};
use crate::contain::contain;
use crate::error::{Error, Result};
use crate::service::{Service, SpawnerYield, YieldReturn};

/// A service taken apart: itself, its out channel, its receiver, and how it ended.
pub(crate) type Parts<S, D, R> = (S, D, R, Result<()>);

/// Arguments of [`Spawner::spawn`](crate::Spawner::spawn).
pub(crate) struct Start<S: Service, D, R> {
    pub(crate) service: S,
    pub(crate) out: D,
    pub(crate) first: Option<S::CommandIn>,
    pub(crate) recv: R,
    pub(crate) nb_loop: usize,
}

impl<S, D, R> Start<S, D, R>
where
    S: Service,
    D: SpawnSend<S::CommandOut>,
    R: SpawnRecv<S::CommandIn>,
{
    /// Runs to the end of the service, waiting in `async_yield` where there is nothing to do.
    /// `cancelled` says that the owner is gone: then a yield is the end.
    pub(crate) fn run<Y: SpawnerYield>(
        mut self,
        async_yield: &mut Y,
        cancelled: impl Fn() -> bool,
    ) -> Parts<S, D, R> {
        let result = match contain(|| self.drive(async_yield, &cancelled)) {
            Err(Error::End) => Ok(()),
            result => result,
        };
        (self.service, self.out, self.recv, result)
    }

    fn drive<Y: SpawnerYield>(
        &mut self,
        async_yield: &mut Y,
        cancelled: &impl Fn() -> bool,
    ) -> Result<()> {
        let mut done = 0;
        while self.nb_loop == 0 || done < self.nb_loop {
            // A service that never yields has to hear of it too.
            if cancelled() {
                return Ok(());
            }
            let command = match self.first.take() {
                Some(command) => command,
                None => match self.recv.recv() {
                    Ok(Some(command)) => command,
                    Ok(None) | Err(Error::Yield) => match async_yield.spawn_yield() {
                        YieldReturn::Loop => continue,
                        // The owner is gone: the service ends without a failure.
                        YieldReturn::Return => return Ok(()),
                    },
                    Err(Error::Closed) => return Ok(()),
                    Err(error) => return Err(error),
                },
            };
            match self.service.call(command, async_yield) {
                Ok(result) => {
                    done += 1;
                    if D::CAN_SEND && !self.deliver(result, async_yield)? {
                        return Ok(());
                    }
                }
                // Also of a service that is being ended, but then nobody sees it.
                Err(Error::Yield) => return Err(Error::NotRestartable),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// False if there was no room and the wait for it was cancelled.
    fn deliver<Y: SpawnerYield>(
        &mut self,
        mut result: S::CommandOut,
        async_yield: &mut Y,
    ) -> Result<bool> {
        loop {
            let refused = match self.out.try_send(result) {
                Ok(()) => return Ok(true),
                Err(refused) => refused,
            };
            match (refused.error, refused.command) {
                (Error::Full | Error::Yield, Some(command)) => {
                    if async_yield.spawn_yield() == YieldReturn::Return {
                        return Ok(false);
                    }
                    result = command;
                }
                (error, _) => return Err(error),
            }
        }
    }
}
