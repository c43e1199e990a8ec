//! The loop abstraction of MyDHT: what a service needs from an event loop, whichever loop it is.
//!
//! Legacy MyDHT called these `Poll`, `Events`, `Registerable` and `TriggerReady`; transports,
//! channels and the node's main loop are written against them only. They are implemented for this
//! crate's loop and, behind the feature `mio06`, for the registry's mio 0.6.
//!
//! Two things differ from the legacy traits. [`Ready`] has a third value, `Both`: a source can be
//! ready for both at once, and the legacy mapping dropped one of them. And a [`Poll`] tells the
//! time, so that a node runs unchanged on a virtual clock.

use std::io;
use std::time::Duration;

/// Identifies a source among those registered on one [`Poll`].
pub type Token = usize;

/// Readiness of a source, or interest in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ready {
    /// Bytes, a message or a connection can be taken.
    Readable,
    /// Bytes or a message can be given.
    Writable,
    /// Both of them.
    Both,
}

impl Ready {
    /// True for `Readable` and `Both`.
    pub const fn is_readable(self) -> bool {
        matches!(self, Ready::Readable | Ready::Both)
    }

    /// True for `Writable` and `Both`.
    pub const fn is_writable(self) -> bool {
        matches!(self, Ready::Writable | Ready::Both)
    }
}

/// One report of a poll. Errors and hang-ups are reported as the directions that will see them when
/// tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Readiness of the source.
    pub kind: Ready,
    /// The token that the source was registered with.
    pub token: Token,
}

/// The buffer that a poll fills; iterating it takes the events out.
pub trait Events: Iterator<Item = Event> {
    /// A buffer for at most `capacity` events a poll.
    fn with_capacity(capacity: usize) -> Self;
}

/// An event loop.
pub trait Poll: Sized {
    /// The buffer of events that this loop fills.
    type Events: Events;

    /// Waits until a source is ready or `timeout` has passed (`None`: for ever), and gives the
    /// number of events. What was left in `events` is dropped.
    ///
    /// # Errors
    /// `WouldBlock` where nothing may block (the browser's main thread, a loop driven by turns):
    /// nothing is ready yet, the loop has noted the deadline, and its driver will come back. Return
    /// to the driver and call again.
    fn poll(&self, events: &mut Self::Events, timeout: Option<Duration>) -> io::Result<usize>;

    /// Time since the loop's own epoch: never goes back, and jumps on a virtual clock.
    fn now(&self) -> Duration;

    /// Whether whoever gives this loop its turns wants the thread back: ask before each step, and
    /// return to the driver with what is left. It is false once in a turn, so that every turn does
    /// something, and always for a loop that waits.
    fn turn_is_over(&self) -> bool {
        false
    }
}

/// A source that can be registered on the loop `P`, edge-triggered.
///
/// Edge-triggered: after a report the source is reported again only once it was found to block (or,
/// for user sources, was set ready again), so use it until it says `WouldBlock`.
pub trait Registerable<P: Poll> {
    /// Starts reporting this source under `token`. False if this source never reports (a source
    /// that is always ready, a file): the caller may use it without waiting.
    ///
    /// # Errors
    /// `AlreadyExists` if it is registered on `poll`; whatever the loop says otherwise.
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool>;

    /// Replaces token and interest; a source that is ready is reported again.
    ///
    /// # Errors
    /// `NotFound` if it is not registered on `poll`.
    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool>;

    /// Stops reporting; events that were pending are dropped.
    ///
    /// # Errors
    /// `NotFound` if it is not registered on `poll`.
    fn deregister(&self, poll: &P) -> io::Result<()>;
}

/// The setting end of a user source.
pub trait TriggerReady: Clone {
    /// Marks the source ready, so that the loop it is registered on reports it. It never blocks and
    /// never calls back.
    ///
    /// # Errors
    /// Only what the operating system says when a sleeping loop cannot be woken.
    fn set_readiness(&self, ready: Ready) -> io::Result<()>;
}

/// A loop that makes user sources: what an evented channel is built on.
pub trait UserSources: Poll {
    /// The registered end.
    type Registration: Registerable<Self>;
    /// The setting end.
    type Trigger: TriggerReady;

    /// A new pair, not yet registered. The trigger of a same-thread loop need not be `Send`.
    fn user_source() -> (Self::Registration, Self::Trigger);
}
