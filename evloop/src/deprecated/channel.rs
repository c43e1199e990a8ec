//! A channel whose receiver is a source: readable while something is in it, or when the last sender
//! is gone.

use crate::event::Evented;
use crate::{Poll, PollOpt, Ready, Registration, SetReadiness, Token};
use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{error, fmt, io};

struct Shared {
    /// Messages that were sent and not yet received, by the count of both ends; the last sender's
    /// end counts as one. A receiver may be ahead of the count of who sent: it wraps around, and
    /// back.
    pending: AtomicUsize,
    senders: AtomicUsize,
    readiness: SetReadiness,
}

pub struct SenderCtl {
    shared: Arc<Shared>,
}

pub struct ReceiverCtl {
    registration: Registration,
    /// Set once the receiver was registered: it is not registered anew.
    registered: Cell<bool>,
    shared: Arc<Shared>,
}

pub struct Sender<T> {
    sender: mpsc::Sender<T>,
    ctl: SenderCtl,
}

pub struct SyncSender<T> {
    sender: mpsc::SyncSender<T>,
    ctl: SenderCtl,
}

pub struct Receiver<T> {
    receiver: mpsc::Receiver<T>,
    ctl: ReceiverCtl,
}

pub enum SendError<T> {
    Io(io::Error),
    Disconnected(T),
}

pub enum TrySendError<T> {
    Io(io::Error),
    Full(T),
    Disconnected(T),
}

/// A channel without a bound.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    let (tx, rx) = ctl_pair();
    (Sender { sender, ctl: tx }, Receiver { receiver, ctl: rx })
}

/// A channel that has room for `bound`.
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::sync_channel(bound);
    let (tx, rx) = ctl_pair();
    (
        SyncSender { sender, ctl: tx },
        Receiver { receiver, ctl: rx },
    )
}

/// The counts alone, for a channel of somebody else's.
pub fn ctl_pair() -> (SenderCtl, ReceiverCtl) {
    let (registration, readiness) = Registration::new2();
    let shared = Arc::new(Shared {
        pending: AtomicUsize::new(0),
        senders: AtomicUsize::new(1),
        readiness,
    });
    let receiver = ReceiverCtl {
        registration,
        registered: Cell::new(false),
        shared: shared.clone(),
    };
    (SenderCtl { shared }, receiver)
}

impl<T> Sender<T> {
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        // Sent before it is counted: a receiver that the count wakes must find the message.
        self.sender.send(t)?;
        Ok(self.ctl.inc()?)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender {
            sender: self.sender.clone(),
            ctl: self.ctl.clone(),
        }
    }
}

impl<T> SyncSender<T> {
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.sender.send(t)?;
        Ok(self.ctl.inc()?)
    }

    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(t)?;
        Ok(self.ctl.inc()?)
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        SyncSender {
            sender: self.sender.clone(),
            ctl: self.ctl.clone(),
        }
    }
}

impl<T> Receiver<T> {
    pub fn try_recv(&self) -> Result<T, mpsc::TryRecvError> {
        let received = self.receiver.try_recv()?;
        // What was received is received, whether a sleeping loop could be woken or not.
        let _ = self.ctl.dec();
        Ok(received)
    }
}

impl SenderCtl {
    /// Something was sent.
    pub fn inc(&self) -> io::Result<()> {
        // Only the first message makes it readable: while there are more, `dec` keeps it so.
        if self.shared.pending.fetch_add(1, Ordering::AcqRel) == 0 {
            self.shared.readiness.set_readiness(Ready::readable())?;
        }
        Ok(())
    }
}

impl Clone for SenderCtl {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        SenderCtl {
            shared: self.shared.clone(),
        }
    }
}

impl Drop for SenderCtl {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::Release) == 1 {
            // The receiver shall hear that nothing more comes.
            let _ = self.inc();
        }
    }
}

impl ReceiverCtl {
    /// Something was received.
    pub fn dec(&self) -> io::Result<()> {
        let Shared {
            pending, readiness, ..
        } = &*self.shared;
        // Cleared before it is counted: who sends in between sees a count that is not zero and sets nothing, so it is set
        // again here.
        let last = pending.load(Ordering::Acquire) == 1;
        if last {
            readiness.set_readiness(Ready::empty())?;
        }
        if pending.fetch_sub(1, Ordering::AcqRel) > 1 && last {
            readiness.set_readiness(Ready::readable())?;
        }
        Ok(())
    }

    fn registered(&self) -> io::Result<&Registration> {
        match self.registered.get() {
            true => Ok(&self.registration),
            false => Err(io::Error::other("receiver not registered")),
        }
    }
}

impl Evented for ReceiverCtl {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        if self.registered.get() {
            return Err(io::Error::other("receiver already registered"));
        }
        Evented::register(&self.registration, poll, token, interest, opts)?;
        self.registered.set(true);
        Ok(())
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        Evented::reregister(self.registered()?, poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        Evented::deregister(self.registered()?, poll)
    }
}

impl<T> Evented for Receiver<T> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.ctl.register(poll, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.ctl.reregister(poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.ctl.deregister(poll)
    }
}

impl<T> From<mpsc::SendError<T>> for SendError<T> {
    fn from(error: mpsc::SendError<T>) -> Self {
        SendError::Disconnected(error.0)
    }
}

impl<T> From<io::Error> for SendError<T> {
    fn from(error: io::Error) -> Self {
        SendError::Io(error)
    }
}

impl<T> From<mpsc::TrySendError<T>> for TrySendError<T> {
    fn from(error: mpsc::TrySendError<T>) -> Self {
        match error {
            mpsc::TrySendError::Full(t) => TrySendError::Full(t),
            mpsc::TrySendError::Disconnected(t) => TrySendError::Disconnected(t),
        }
    }
}

impl<T> From<mpsc::SendError<T>> for TrySendError<T> {
    fn from(error: mpsc::SendError<T>) -> Self {
        TrySendError::Disconnected(error.0)
    }
}

impl<T> From<io::Error> for TrySendError<T> {
    fn from(error: io::Error) -> Self {
        TrySendError::Io(error)
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Io(error) => error.fmt(f),
            SendError::Disconnected(_) => f.write_str("Disconnected"),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Io(error) => error.fmt(f),
            TrySendError::Full(_) => f.write_str("Full"),
            TrySendError::Disconnected(_) => f.write_str("Disconnected"),
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: Any> error::Error for SendError<T> {}

impl<T: Any> error::Error for TrySendError<T> {}
