//! Readiness events, the buffer that takes them, and what can be registered.
//!
//! `poll.rs` and this file import each other, because mio's API does: [`Poll::register`] takes an
//! [`Evented`], whose methods take a [`Poll`].

use crate::{Poll, PollOpt, Ready, Token};
use std::{fmt, io, slice, vec};

/// A source that can be registered with a [`Poll`].
///
/// Users call [`Poll::register`] and its siblings; these methods are for those who write sources,
/// mostly by passing the call on to a socket or a [`Registration`](crate::Registration) inside.
pub trait Evented {
    /// Starts watching the source.
    ///
    /// # Errors
    /// What the loop or the operating system says: already registered, not possible for this kind
    /// of source.
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

    /// Returns the readiness of the source. A hint: the operation may still block.
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

/// An event as the buffer holds it.
///
/// Not an [`Event`], which is two words of one width: those would be written one by one and read
/// back both at once, and a load that two younger stores have to be merged for waits until they are
/// done.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Raw {
    token: usize,
    ready: u16,
}

impl Raw {
    #[inline]
    fn event(&self) -> Event {
        Event::new(Ready::from_bits(self.ready), Token(self.token))
    }
}

/// The buffer that [`Poll::poll`] fills.
pub struct Events {
    /// The first `len` are events, and the others what earlier polls left.
    list: Vec<Raw>,
    len: usize,
    capacity: usize,
}

impl Events {
    /// A buffer for at most `capacity` events per poll. Polling with a capacity of 0 is an error.
    ///
    /// Its memory is taken when events come: a loop that is idle most of the time needs room for a
    /// few.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            list: Vec::new(),
            len: 0,
            capacity,
        }
    }

    /// The event at `index`.
    #[doc(hidden)]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.events().get(index).map(Raw::event)
    }

    /// Returns the number of events that the last poll brought.
    #[doc(hidden)]
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of events that a poll may bring.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// True if the last poll brought nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The events of the last poll.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            inner: self.events().iter(),
        }
    }

    /// Drops the events of the last poll. A poll does it too.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Writes the event at `index`: the next one, or one that is written already. It counts once
    /// [`set_len`](Events::set_len) was called.
    #[inline]
    pub(crate) fn write(&mut self, index: usize, ready: u16, token: usize) {
        let raw = Raw { token, ready };
        match self.list.get_mut(index) {
            Some(place) => *place = raw,
            None => self.list.push(raw),
        }
    }

    /// Says how many events were written.
    #[inline]
    pub(crate) fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.list.len());
        self.len = len;
    }

    /// Exchanges two events.
    pub(crate) fn swap(&mut self, one: usize, other: usize) {
        self.list.swap(one, other);
    }

    #[inline]
    fn events(&self) -> &[Raw] {
        // Always within the list; without a panic in it, iterating is inlined.
        self.list.get(..self.len).unwrap_or_default()
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
    inner: slice::Iter<'a, Raw>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.inner.next().map(Raw::event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

/// Owning iterator over [`Events`].
#[derive(Debug)]
pub struct IntoIter {
    inner: vec::IntoIter<Raw>,
}

impl Iterator for IntoIter {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.inner.next().map(|raw| raw.event())
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

    fn into_iter(mut self) -> IntoIter {
        self.list.truncate(self.len);
        IntoIter {
            inner: self.list.into_iter(),
        }
    }
}
