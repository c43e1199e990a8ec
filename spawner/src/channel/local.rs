//! A queue between two services of one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
use crate::error::{Error, Result};

/// Makes channels within one thread: no locks, no atomics, and commands need not be `Send`.
///
/// Order is kept. Both ends see the other one go: the sender by `Error::Closed`, the receiver by
/// `Error::Closed` once the queue is empty. What is queued when the receiver goes is dropped with
/// it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalRcChannel {
    bound: Option<u32>,
}

impl LocalRcChannel {
    /// A queue that grows with what is sent.
    pub const fn unbounded() -> Self {
        LocalRcChannel { bound: None }
    }

    /// A queue that says `Error::Full` when it holds `bound` commands.
    pub const fn bounded(bound: u32) -> Self {
        LocalRcChannel { bound: Some(bound) }
    }
}

impl<C> SpawnChannel<C> for LocalRcChannel {
    type Send = LocalRcSend<C>;
    type Recv = LocalRcRecv<C>;

    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)> {
        let queue = Rc::new(Queue {
            commands: RefCell::new(VecDeque::new()),
            bound: self.bound.unwrap_or(u32::MAX),
            senders: Cell::new(1),
            receiver: Cell::new(true),
        });
        let send = LocalRcSend {
            queue: Rc::clone(&queue),
        };
        Ok((send, LocalRcRecv { queue }))
    }
}

struct Queue<C> {
    commands: RefCell<VecDeque<C>>,
    /// `u32::MAX`: none. Such a queue would not fit into memory.
    bound: u32,
    senders: Cell<u32>,
    receiver: Cell<bool>,
}

/// The sending end of a [`LocalRcChannel`]. Clones send into the same queue.
pub struct LocalRcSend<C> {
    queue: Rc<Queue<C>>,
}

impl<C> LocalRcSend<C> {
    /// True if the receiver is gone.
    pub fn is_closed(&self) -> bool {
        !self.queue.receiver.get()
    }

    /// Returns the number of commands that were sent and not yet received.
    pub fn len(&self) -> usize {
        self.queue.commands.borrow().len()
    }

    /// True if everything was received.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<C> Clone for LocalRcSend<C> {
    fn clone(&self) -> Self {
        self.queue.senders.set(self.queue.senders.get() + 1);
        LocalRcSend {
            queue: Rc::clone(&self.queue),
        }
    }
}

impl<C> Drop for LocalRcSend<C> {
    fn drop(&mut self) {
        self.queue.senders.set(self.queue.senders.get() - 1);
    }
}

impl<C> SpawnSend<C> for LocalRcSend<C> {
    const CAN_SEND: bool = true;

    fn send(&mut self, command: C) -> Result<()> {
        self.try_send(command).map_err(|refused| refused.error)
    }

    fn try_send(&mut self, command: C) -> std::result::Result<(), SendError<C>> {
        let refuse = |error, command| {
            Err(SendError {
                error,
                command: Some(command),
            })
        };
        if self.is_closed() {
            return refuse(Error::Closed, command);
        }
        let mut commands = self.queue.commands.borrow_mut();
        if commands.len() >= self.queue.bound as usize {
            return refuse(Error::Full, command);
        }
        if commands.capacity() == 0 {
            // Of most queues, one command at a time is all that they ever hold.
            commands.reserve_exact(1);
        }
        commands.push_back(command);
        Ok(())
    }
}

/// The receiving end of a [`LocalRcChannel`].
pub struct LocalRcRecv<C> {
    queue: Rc<Queue<C>>,
}

impl<C> LocalRcRecv<C> {
    /// True if every sender is gone. There may still be commands to receive.
    pub fn is_closed(&self) -> bool {
        self.queue.senders.get() == 0
    }

    /// Returns the number of commands that wait.
    pub fn len(&self) -> usize {
        self.queue.commands.borrow().len()
    }

    /// True if no command is waiting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<C> SpawnRecv<C> for LocalRcRecv<C> {
    fn recv(&mut self) -> Result<Option<C>> {
        match self.queue.commands.borrow_mut().pop_front() {
            Some(command) => Ok(Some(command)),
            // Only when the queue is empty: what was sent before the last sender went is received.
            None if self.is_closed() => Err(Error::Closed),
            None => Ok(None),
        }
    }
}

impl<C> Drop for LocalRcRecv<C> {
    fn drop(&mut self) {
        self.queue.receiver.set(false);
        // Taken out first: a command's own drop may look at the channel.
        let commands = self.queue.commands.take();
        drop(commands);
    }
}

crate::debug::opaque_debug!(LocalRcSend<C>, LocalRcRecv<C>);
