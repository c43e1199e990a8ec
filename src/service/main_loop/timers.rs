//! Deadlines of the main loop.

use std::time::Duration;

use mydht_spawner::Result;

use super::links::End;
use super::{MainLoop, State};
use crate::conf::MyDHTConf;
use crate::engine::{ConnId, Input};
use crate::service::Who;
use crate::service::hosted::Way;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Handshake(ConnId),
    /// Something waits to be written: look whether it is taken.
    Stall(ConnId),
    /// A peer was held back for its rate.
    Rate(ConnId),
    /// A peer that takes nothing more had time enough to say the rest.
    Deaf(ConnId),
    /// A peer that is being left had time enough to take what waits.
    Leave(ConnId),
    Reconnect(usize),
    /// A service that failed is started again.
    Restart(Who),
    /// Connections may wait that could not be accepted.
    Accept,
    Stop,
}

impl<MC: MyDHTConf> MainLoop<MC> {
    pub(super) fn timer(&mut self, after: Duration, timer: Timer) {
        let at = self.now().saturating_add(after);
        self.timers.insert((at, timer));
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let timer = self.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.protocol.deadline()).min()
    }

    pub(super) fn fire_timers(&mut self) -> Result<()> {
        // Read once, so that a timer set again for this moment waits for the next round and the
        // loop ends.
        let now = self.now();
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::Handshake(conn) => {
                    let found = self.conns.get(&conn);
                    if found.is_some_and(|conn| conn.state == State::Authenticating) {
                        self.common.metrics.peers_refused(1);
                        self.disconnect(conn, End::Lost("it was not authenticated in time"))?;
                    }
                }
                Timer::Stall(conn) => self.look_for_stall(conn)?,
                Timer::Rate(conn) => {
                    if let Some(found) = self.conns.get_mut(&conn) {
                        found.let_go_on(&self.common.poll, now);
                    }
                }
                Timer::Deaf(conn) => self.disconnect(conn, End::Lost("it takes no more"))?,
                Timer::Leave(conn) => self.closed(conn),
                Timer::Reconnect(index) => self.connect(index)?,
                Timer::Restart(who) => self.restart(who)?,
                Timer::Accept => self.accept()?,
                Timer::Stop => self.stop_at_once()?,
            }
            self.run_protocol()?;
        }
        if self.protocol.deadline().is_some_and(|at| at <= now) {
            self.protocol.tell(Input::Tick, Way::none());
            self.run_protocol()?;
        }
        Ok(())
    }
}
