//! A queue between threads.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError, TrySendError};

use super::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
use crate::error::{Error, Result};

/// Makes channels that cross threads, over the standard library's.
///
/// Both ends see the other one go, as with [`LocalRcChannel`](super::LocalRcChannel). Sending wakes
/// nobody: use a [`HandleSend`](super::HandleSend) or a [`MioChannel`](super::MioChannel) around it
/// for a receiver that is suspended.
#[derive(Clone, Copy, Debug, Default)]
pub struct MpscChannel {
    bound: Option<usize>,
}

impl MpscChannel {
    /// A queue that grows with what is sent.
    pub const fn unbounded() -> Self {
        MpscChannel { bound: None }
    }

    /// A queue that says `Error::Full` when it holds `bound` commands. At least 1: this channel
    /// never waits for a meeting of both ends.
    pub const fn bounded(bound: usize) -> Self {
        MpscChannel {
            bound: Some(if bound == 0 { 1 } else { bound }),
        }
    }
}

impl<C> SpawnChannel<C> for MpscChannel {
    type Send = MpscSend<C>;
    type Recv = MpscRecv<C>;

    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)> {
        let (send, recv) = match self.bound {
            None => {
                let (send, recv) = mpsc::channel();
                (Ends::Unbounded(send), recv)
            }
            Some(bound) => {
                let (send, recv) = mpsc::sync_channel(bound);
                (Ends::Bounded(send), recv)
            }
        };
        Ok((MpscSend { send }, MpscRecv { recv }))
    }
}

enum Ends<C> {
    Unbounded(Sender<C>),
    Bounded(SyncSender<C>),
}

/// The sending end of a [`MpscChannel`]. Clones send into the same queue.
pub struct MpscSend<C> {
    send: Ends<C>,
}

impl<C> Clone for MpscSend<C> {
    fn clone(&self) -> Self {
        MpscSend {
            send: match &self.send {
                Ends::Unbounded(send) => Ends::Unbounded(send.clone()),
                Ends::Bounded(send) => Ends::Bounded(send.clone()),
            },
        }
    }
}

impl<C> SpawnSend<C> for MpscSend<C> {
    const CAN_SEND: bool = true;

    fn send(&mut self, command: C) -> Result<()> {
        self.try_send(command).map_err(|refused| refused.error)
    }

    fn try_send(&mut self, command: C) -> std::result::Result<(), SendError<C>> {
        let (error, command) = match &self.send {
            Ends::Unbounded(send) => match send.send(command) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(command)) => (Error::Closed, command),
            },
            Ends::Bounded(send) => match send.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(command)) => (Error::Full, command),
                Err(TrySendError::Disconnected(command)) => (Error::Closed, command),
            },
        };
        Err(SendError {
            error,
            command: Some(command),
        })
    }
}

/// The receiving end of a [`MpscChannel`].
pub struct MpscRecv<C> {
    recv: Receiver<C>,
}

impl<C> SpawnRecv<C> for MpscRecv<C> {
    fn recv(&mut self) -> Result<Option<C>> {
        match self.recv.try_recv() {
            Ok(command) => Ok(Some(command)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::Closed),
        }
    }
}

crate::debug::opaque_debug!(MpscSend<C>, MpscRecv<C>);
