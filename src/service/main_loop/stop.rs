//! End of a node: services are told in turn, peers are disconnected, and the store is flushed.

use mydht_spawner::Result;

use super::links::End;
use super::{MainLoop, Timer};
use crate::conf::MyDHTConf;
use crate::engine::{ConnId, Event, Failure, Input};
use crate::service::hosted::Way;
use crate::service::{GlobalIn, Routed, StoreIn};

/// Phase of the end. Each waits for the one before it, so that its last commands are still carried
/// out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// The global service has its last word.
    Global,
    /// The protocol does what it was told before, and waits for the store.
    Protocol,
    /// Peers are told, and the store makes everything durable.
    Store {
        /// The store has flushed.
        flushed: bool,
    },
}

impl<MC: MyDHTConf> MainLoop<MC> {
    pub(super) fn stop(&mut self) -> Result<()> {
        if self.stopping.is_some() {
            return Ok(());
        }
        self.stopping = Some(Stopping::Global);
        let timeout = self.common.limits.timeouts.stop_timeout;
        // Bounds the stop: a service that never answers must not keep the node running.
        self.timer(timeout, Timer::Stop);
        match &mut self.global {
            // The answer carries this mark, which continues the stop.
            Some(global) => global.tell(Routed::new(GlobalIn::Stop, Way::last())),
            None => self.global_stopped(),
        }
    }

    /// The global service has ended, or there is none.
    pub(super) fn global_stopped(&mut self) -> Result<()> {
        if self.stopping != Some(Stopping::Global) {
            return Ok(());
        }
        self.stopping = Some(Stopping::Protocol);
        self.protocol.tell(Input::Stop, Way::none());
        Ok(())
    }

    /// The protocol was told to stop. If it has asked the store, it is told once more when the
    /// store has answered.
    pub(super) fn protocol_stopped(&mut self) -> Result<()> {
        if self.stopping != Some(Stopping::Protocol) || self.at_store > 0 {
            return Ok(());
        }
        self.leave_and_flush()
    }

    /// The protocol was told an answer of the store.
    pub(super) fn store_answered(&mut self) {
        if self.stopping == Some(Stopping::Protocol) && self.at_store == 0 {
            self.protocol.tell(Input::Stop, Way::none());
        }
    }

    pub(super) fn leave_and_flush(&mut self) -> Result<()> {
        self.stopping = Some(Stopping::Store { flushed: false });
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            // The protocol has been stopped before, and so have the services.
            self.disconnect(conn, End::Unknown("this node stops"))?;
        }
        self.store.tell(StoreIn::Flush.into())
    }

    /// Everything is durable, as far as it can be.
    pub(super) fn flushed(&mut self) {
        if let Some(Stopping::Store { flushed }) = &mut self.stopping {
            *flushed = true;
        }
    }

    /// Ends without waiting for peers that read nothing and for services that do not answer. The
    /// store is still waited for.
    pub(super) fn stop_at_once(&mut self) -> Result<()> {
        if matches!(self.stopping, Some(Stopping::Global | Stopping::Protocol)) {
            tracing::warn!("a service did not stop in time (limit timeouts.stop_timeout)");
            self.leave_and_flush()?;
        }
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.closed(conn);
        }
        Ok(())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopping == Some(Stopping::Store { flushed: true }) && self.conns.is_empty()
    }

    /// Tells the users who still wait.
    pub(super) fn close_all(&mut self) {
        for (_, mut reply) in self.replies.drain() {
            reply(Event::Failed(Failure::Stopping));
        }
        self.answers.clear();
    }
}
