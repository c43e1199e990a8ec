//! Readiness events, the buffer that takes them, and what can be registered.
//!
//! This file and `poll.rs` import each other, because mio's API does: [`Poll::register`] takes an [`Evented`], whose methods
//! take a [`Poll`].

use crate::{Poll, PollOpt, Ready, Token};
use std::{fmt, io, slice, vec};

/// A source that can be registered with a [`Poll`].
///
/// Users call [`Poll::register`] and its siblings; these methods are for those who write sources, mostly by
/// passing the call on to a socket or a [`Registration`](crate::Registration) inside.
pub trait Evented {
    /// Starts watching the source.
    ///
    /// # Errors
    /// What the loop or the operating system says: already registered, not possible for this kind of source.
    fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt)
    -> io::Result<()>;

    /// Replaces token, interest and options.
    ///
    /// # Errors
    /// What the loop or the operating system says: not registered.
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>;

    /// Stops watching the source.
    ///
    /// # Errors
    /// What the loop or the operating system says: not registered.
    fn deregister(&self, poll: &Poll) -> io::Result<()>;
}

macro_rules! delegate {
    ($([$($generic:tt)*] $type:ty),*) => {$(
        impl $($generic)* Evented for $type {
            fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt) -> io::Result<()> {
                self.as_ref().register(poll, token, interest, opts)
            }

            fn reregister(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt) -> io::Result<()> {
                self.as_ref().reregister(poll, token, interest, opts)
            }

            fn deregister(&self, poll: &Poll) -> io::Result<()> {
                self.as_ref().deregister(poll)
            }
        }
    )*};
}

delegate!([] Box<dyn Evented>, [<T: Evented>] Box<T>, [<T: Evented>] std::sync::Arc<T>);

/// A source is ready.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Event {
    kind: Ready,
    token: Token,
}

impl Event {
    /// An event of one's own making.
    #[inline]
    pub fn new(readiness: Ready, token: Token) -> Event {
        Event {
            kind: readiness,
            token,
        }
    }

    /// What the source is ready for. A hint: the operation may still block.
    #[inline]
    pub fn readiness(&self) -> Ready {
        self.kind
    }

    /// The token of its registration.
    #[inline]
    pub fn token(&self) -> Token {
        self.token
    }
}

/// The buffer that [`Poll::poll`] fills.
pub struct Events {
    pub(crate) list: Vec<Event>,
    capacity: usize,
}

impl Events {
    /// A buffer for at most `capacity` events per poll. Polling with a capacity of 0 is an error.
    ///
    /// Its memory is taken when events come: a loop that is idle most of the time needs room for a few.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            list: Vec::new(),
            capacity,
        }
    }

    /// The event at `index`.
    #[doc(hidden)]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.list.get(index).copied()
    }

    /// How many events the last poll brought.
    #[doc(hidden)]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many events a poll may bring.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// True if the last poll brought nothing.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The events of the last poll.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            inner: self.list.iter(),
        }
    }

    /// Drops the events of the last poll. A poll does it too.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// Borrowing iterator over [`Events`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    inner: slice::Iter<'a, Event>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.inner.next().copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

/// Owning iterator over [`Events`].
#[derive(Debug)]
pub struct IntoIter {
    inner: vec::IntoIter<Event>,
}

impl Iterator for IntoIter {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.inner.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Events {
    type Item = Event;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter {
            inner: self.list.into_iter(),
        }
    }
}
