//! Turns of the main loop. A turn may end between any two steps, so that it lasts no longer than
//! its budget and one step.

use std::io;
use std::time::Duration;

use mydht_evloop::traits::{Poll, Ready};
use mydht_spawner::{Error, Result, SpawnRecv, SpawnerYield, YieldReturn};

use super::{MainLoop, QUEUE, TRANSPORT, Waiting};
use crate::conf::MyDHTConf;
use crate::service::{MainCommand, Who};

/// Commands done before the event loop is asked again: services on other threads may say more
/// without end.
const COMMANDS: usize = 4096;

impl<MC: MyDHTConf> MainLoop<MC> {
    /// Runs until the node is told to stop, or the event loop says that this thread may not wait.
    pub(super) fn run<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<()> {
        loop {
            self.drain_queue()?;
            self.fire_timers()?;
            self.say_signals()?;
            self.run_protocol()?;
            // Checked before waiting: nothing might wake the loop of a stopped node again.
            if self.is_stopped() {
                self.close_all();
                return Ok(());
            }
            let more = self.queue_left || !self.later.is_empty() || self.events_left;
            if more && self.common.poll.turn_is_over() {
                // No source tells of what is left.
                self.common.main.0.report()?;
                self.give_back(y)?;
            } else if !self.events_left {
                self.poll(more, y)?;
            }
            self.take_events()?;
        }
    }

    /// Takes events; waits for them if there is nothing more to be done.
    fn poll<Y: SpawnerYield>(&mut self, more: bool, y: &mut Y) -> Result<()> {
        let timeout = if more {
            Some(Duration::ZERO)
        } else {
            let now = self.now();
            self.next_deadline().map(|at| at.saturating_sub(now))
        };
        match self.common.poll.poll(&mut self.events, timeout) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match more {
                true => Ok(()),
                false => self.give_back(y),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the thread back to whoever gives this loop its turns.
    fn give_back<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<()> {
        self.common.metrics.yields(1);
        self.say(Waiting::ForTurns);
        match y.spawn_yield() {
            YieldReturn::Return => Err(Error::Yield),
            YieldReturn::Loop => Ok(()),
        }
    }

    /// Handles the events that were taken, until the turn's budget is exhausted.
    fn take_events(&mut self) -> Result<()> {
        self.events_left = true;
        while !self.common.poll.turn_is_over() {
            let Some(event) = self.events.next() else {
                self.events_left = false;
                return Ok(());
            };
            match event.token {
                // It is drained at every turn anyway.
                QUEUE => {}
                TRANSPORT => {
                    self.accept()?;
                    self.run_protocol()?;
                }
                conn => self.ready(conn, event.kind),
            }
        }
        Ok(())
    }

    fn say(&mut self, waiting: Waiting) {
        if let Some(send) = &self.waiting {
            // Whoever waited may have stopped.
            let _ = send.send(waiting);
        }
    }

    /// Handles what services have said, and what they say meanwhile, until the turn's budget is
    /// exhausted. Sources that could go on for ever come last: a peer that has more to say, and a
    /// user whose reply asks the next thing.
    pub(super) fn drain_queue(&mut self) -> Result<()> {
        self.queue_left = true;
        for _ in 0..COMMANDS {
            if self.common.poll.turn_is_over() {
                return Ok(());
            }
            let Some(command) = self.queue.recv()? else {
                self.queue_left = false;
                break;
            };
            match *command {
                MainCommand::Resume(_)
                | MainCommand::GoOn(_)
                | MainCommand::Request(..)
                | MainCommand::Stop => self.later.push_back(command),
                command => self.command(command)?,
            }
        }
        // Bounded by the present length: commands that these cause wait for the next round.
        for _ in 0..self.later.len() {
            if self.common.poll.turn_is_over() {
                return Ok(());
            }
            if let Some(command) = self.later.pop_front() {
                self.command(*command)?;
            }
        }
        Ok(())
    }

    /// Lets a service go on that did as much as it may at once.
    pub(super) fn go_on(&mut self, who: Who) {
        let (conn, which) = match who {
            Who::Read(conn) => (conn, Ready::Readable),
            Who::Write(conn) => (conn, Ready::Writable),
            Who::Store => return self.store.go_on(),
            // These do one command each time that they are told one.
            Who::Local(_) | Who::Global => return,
        };
        if let Some(found) = self.conns.get_mut(&conn) {
            found.go_on(&self.common.poll, which);
        }
    }
}
