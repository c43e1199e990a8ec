//! Channels: how commands reach a service and how its results leave it.
//!
//! | Channel | For |
//! |---|---|
//! | [`LocalRcChannel`] | two services of one thread |
//! | [`MpscChannel`] | services of several threads |
//! | [`MioChannel`] | a receiver that is woken by an event loop |
//! | [`RefChannel`] | values that cannot cross threads as they are (an `Rc`), over a channel that does |
//! | [`DefaultRecvChannel`] | a service that has something to do at every wake, commanded or not |
//! | [`HandleSend`] | a sender that resumes the receiving service at once |
//! | [`HandleRecv`] | a receiver that resumes a sending service which waits for room |
//! | [`NoChannel`] | no commands, or answers that nobody reads |

mod default;
mod evented;
mod handle_recv;
mod handle_send;
mod local;
mod mpsc;
mod none;
mod reference;

pub use default::{DefaultRecv, DefaultRecvChannel};
pub use evented::{MioChannel, MioRecv, MioSend};
pub use handle_recv::HandleRecv;
pub use handle_send::HandleSend;
pub use local::{LocalRcChannel, LocalRcRecv, LocalRcSend};
pub use mpsc::{MpscChannel, MpscRecv, MpscSend};
pub use none::{NoChannel, NoRecv, NoSend};
pub use reference::{RefChannel, RefRecv, RefSend, SRef, SToRef};

use crate::error::{Error, Result};

/// A command that could not be handed over.
#[derive(Debug)]
pub struct SendError<C> {
    /// Why: as of [`SpawnSend::send`].
    pub error: Error,
    /// The command, given back; `None` from a sender that cannot give it back.
    pub command: Option<C>,
}

/// The sending end.
pub trait SpawnSend<C> {
    /// False for ends that drop what they are given: a service can skip making a result nobody
    /// reads.
    const CAN_SEND: bool;

    /// Hands `command` over. It never blocks.
    ///
    /// # Errors
    /// `Error::Closed` when the receiver is gone, `Error::Full` when a bounded channel has no room.
    fn send(&mut self, command: C) -> Result<()>;

    /// As [`send`](Self::send), but the command comes back when it could not be handed over. A
    /// sender that can say `Error::Full` must implement it: a spawner keeps a result that did not
    /// fit and tries it again.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn try_send(&mut self, command: C) -> std::result::Result<(), SendError<C>> {
        self.send(command).map_err(|error| SendError {
            error,
            command: None,
        })
    }
}

/// The receiving end.
pub trait SpawnRecv<C> {
    /// The next command, or `None` if there is none now.
    ///
    /// # Errors
    /// `Error::Closed` when every sender is gone and nothing is left.
    fn recv(&mut self) -> Result<Option<C>>;
}

/// Makes the two ends of a channel.
pub trait SpawnChannel<C> {
    /// The sending end.
    type Send: SpawnSend<C>;
    /// The receiving end.
    type Recv: SpawnRecv<C>;

    /// A new channel.
    ///
    /// # Errors
    /// When what the channel is built on (a registration on a loop) cannot be had.
    fn new_channel(&mut self) -> Result<(Self::Send, Self::Recv)>;
}
