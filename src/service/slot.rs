//! A service of which the node has one, and which is started again when it fails.

use std::time::Duration;

use mydht_proto::Backoff;
use mydht_spawner::{Result, SpawnChannel, SpawnHandle, SpawnSend, SpawnUnyield, Spawner};

use super::hosted::{Hosted, Recover};
use super::rest::Rest;
use super::route::QUEUE;
use super::{MainCommand, MainSend, Routed, Who};
use crate::conf::{MyDHTConf, Recv, Send, new_channel};

/// First wait before a service is started again.
const FIRST_RESTART: Duration = Duration::from_millis(100);

/// The service `S` of a node, run by `P`. What it is told while it is down waits until it is up
/// again.
pub(super) struct Slot<MC, S, P>
where
    MC: MyDHTConf<Channel: SpawnChannel<Routed<S::CommandIn>>>,
    S: Recover,
    P: Spawner<Hosted<MC, S>, MainSend<MC>, Recv<MC, Routed<S::CommandIn>>>,
    Routed<S::CommandOut>: Into<MainCommand>,
{
    spawner: P,
    /// `None` while it is being started again, and if that cannot be done.
    handle: Option<P::Handle>,
    send: Send<MC, Routed<S::CommandIn>>,
    backoff: Backoff,
    rest: Rest<MC>,
}

impl<MC, S, P> Slot<MC, S, P>
where
    MC: MyDHTConf<Channel: SpawnChannel<Routed<S::CommandIn>>>,
    S: Recover,
    P: Spawner<Hosted<MC, S>, MainSend<MC>, Recv<MC, Routed<S::CommandIn>>>,
    Routed<S::CommandOut>: Into<MainCommand>,
{
    /// Starts it. It waits at most `longest` before it is started again.
    pub(super) fn start(
        mut spawner: P,
        who: Who,
        service: S,
        main: &MainSend<MC>,
        longest: Duration,
    ) -> Result<Self> {
        let (send, recv) = new_channel::<MC, Routed<S::CommandIn>>()?;
        let hosted = Hosted::new(who, service, main.clone());
        let handle = spawner.spawn(hosted, main.clone(), None, recv, 0)?;
        Ok(Slot {
            spawner,
            handle: Some(handle),
            send,
            backoff: Backoff::new(FIRST_RESTART, longest),
            rest: Rest::new(who, main),
        })
    }

    /// Tells it something.
    pub(super) fn tell(&mut self, command: Routed<S::CommandIn>) -> Result<()> {
        tracing::trace!(target: QUEUE, "to a service of the node");
        self.send.send(command)?;
        self.unyield();
        Ok(())
    }

    /// Lets it go on. That it failed is told by [`MainCommand::Ended`], under every spawner.
    pub(super) fn unyield(&mut self) {
        if let Some(handle) = &mut self.handle {
            self.rest.unyield(handle);
        }
    }

    /// Lets it go on with the rest of what it has to do.
    pub(super) fn go_on(&mut self) {
        self.rest.comes();
        self.unyield();
    }

    /// Notes a failure. Returns the time at which to start the service again.
    pub(super) fn failed(&mut self, now: Duration) -> Duration {
        self.backoff.failed(now)
    }

    /// Starts it again, with the state that it had, and tells the main loop what its last command
    /// came to. False if it has not quite ended on its own thread yet.
    ///
    /// # Errors
    /// When it cannot be started: it is gone then.
    pub(super) fn restart(&mut self, main: &mut MainSend<MC>) -> Result<bool> {
        let Some(mut ended) = self.handle.take() else {
            // Restarted already, or gone for good.
            return Ok(true);
        };
        if !ended.is_finished() {
            self.handle = Some(ended);
            return Ok(false);
        }
        let (mut hosted, out, recv, _) = ended.unwrap_state()?;
        // Sent before the service runs again: the store's answers must keep the order of the
        // requests.
        if let Some(answer) = hosted.recover() {
            main.send(answer)?;
        }
        self.handle = Some(self.spawner.spawn(hosted, out, None, recv, 0)?);
        // It may have done as much as it may at once already.
        self.go_on();
        Ok(true)
    }
}
