//! The loop of one thread: user sources that pay for no atomics.
//!
//! [`Poll`] here is a [`crate::Poll`] with a second set of sources, whose handles are neither
//! `Send` nor `Sync`: setting one ready and polling it costs a few nanoseconds. Sockets and sources
//! for other threads are registered on the [`shared`](Poll::shared) loop inside; one `poll` reports
//! both.
//!
//! ```
//! use mydht_evloop::{Events, PollOpt, Ready, Token, local};
//!
//! # fn main() -> std::io::Result<()> {
//! let poll = local::Poll::new()?;
//! let (registration, set_readiness) = local::Registration::new2();
//! poll.register(&registration, Token(3), Ready::readable(), PollOpt::edge())?;
//! set_readiness.set_readiness(Ready::readable())?;
//!
//! let mut events = Events::with_capacity(16);
//! assert_eq!(poll.poll(&mut events, None)?, 1);
//! # Ok(())
//! # }
//! ```

use crate::core::{Core, Interest, Key, Trigger};
use crate::event::Events;
use crate::poll::validate;
use crate::{Compat, PollOpt, Ready, Token};
use std::cell::{Cell, OnceCell, UnsafeCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// A loop of one thread.
///
/// When sources of both kinds are ready all the time, polls alternate between them, so that a
/// source waits for at most twice as many polls as among its own kind.
#[derive(Debug)]
pub struct Poll {
    inner: Rc<Inner>,
    shared: crate::Poll,
}

#[derive(Debug)]
struct Inner {
    /// Accessed by [`with`](Inner::with) only.
    core: UnsafeCell<Core>,
    /// The last poll found local events, so the shared loop has the first word in the next one.
    shared_first: Cell<bool>,
    /// The last poll said `WouldBlock`: the next source that becomes ready asks for a turn.
    idle: Cell<bool>,
    waker: std::sync::Weak<crate::shared::Shared>,
    compat: Cell<Compat>,
}

impl Poll {
    /// A loop that waits as [`crate::Poll::new`] does.
    ///
    /// # Errors
    /// As that.
    pub fn new() -> io::Result<Poll> {
        Ok(Poll::over(crate::Poll::new()?))
    }

    /// A loop that waits as `shared` does.
    pub fn over(shared: crate::Poll) -> Poll {
        let idle = !shared.shared().driver.may_block();
        Poll {
            inner: Rc::new(Inner {
                core: UnsafeCell::new(Core::new()),
                shared_first: Cell::new(false),
                idle: Cell::new(idle),
                waker: std::sync::Arc::downgrade(shared.shared()),
                compat: Cell::default(),
            }),
            shared,
        }
    }

    /// The loop inside, for sockets and for sources that other threads set.
    pub fn shared(&self) -> &crate::Poll {
        &self.shared
    }

    /// Which of mio's quirks the loop keeps. It counts for later registrations.
    pub fn set_compat(&self, compat: Compat) {
        self.inner.compat.set(compat);
        self.shared.set_compat(compat);
    }

    /// Starts watching `registration`, or replaces its token, interest and options.
    ///
    /// # Errors
    /// As [`crate::Poll::register`] for a [`crate::Registration`].
    pub fn register(
        &self,
        registration: &Registration,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        validate(token)?;
        let source = &registration.source;
        let home = self.bind(source)?;
        let interest = Interest {
            mask: interest.mask(),
            trigger: if opts.is_edge() {
                Trigger::Edge
            } else {
                Trigger::Level
            },
            oneshot: opts.is_oneshot()
                && (opts.is_edge() || self.inner.compat.get() == Compat::Fixed),
        };
        let ready = home.with(|core| {
            if core.modify(source.key.get(), token.0, interest).is_err() {
                // Stale: it is not registered, and its readiness was kept beside the core.
                let ready = source.ready.get();
                source.key.set(core.insert(token.0, interest, ready));
            }
            core.has_ready()
        });
        if ready { home.wake() } else { Ok(()) }
    }

    /// As [`register`](Poll::register).
    ///
    /// # Errors
    /// As [`register`](Poll::register).
    pub fn reregister(
        &self,
        registration: &Registration,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.register(registration, token, interest, opts)
    }

    /// Stops watching `registration`; what was pending is never reported.
    ///
    /// # Errors
    /// `Other` if it belongs to another loop.
    pub fn deregister(&self, registration: &Registration) -> io::Result<()> {
        let source = &registration.source;
        source.leave(self.bind(source)?);
        Ok(())
    }

    fn bind<'a>(&self, source: &'a Source) -> io::Result<&'a Rc<Inner>> {
        let home = source.home.get_or_init(|| self.inner.clone());
        if Rc::ptr_eq(home, &self.inner) {
            Ok(home)
        } else {
            Err(crate::user_source::other_poll())
        }
    }

    /// As [`crate::Poll::poll`], over both kinds of sources.
    ///
    /// # Errors
    /// As that.
    #[inline]
    pub fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        let inner = &*self.inner;
        if events.capacity() > 0 && !inner.shared_first.get() {
            events.clear();
            let found = self.harvest(events);
            if found > 0 {
                // Whoever was left out now has the first word next time.
                inner.shared_first.set(!self.shared.shared().is_empty());
                return Ok(found);
            }
        }
        self.poll_both(events, timeout)
    }

    #[inline]
    fn harvest(&self, events: &mut Events) -> usize {
        let before = events.len();
        let found = self.inner.with(|core| {
            core.harvest_of(
                events.capacity() - before,
                |_| u16::MAX,
                |index, fired| events.write(before + index, fired.ready, fired.token),
            )
        });
        events.set_len(before + found);
        found
    }

    /// The shared loop first, without waiting if something local is ready.
    #[inline(never)]
    fn poll_both(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        if events.capacity() == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.inner.shared_first.set(false);
        if !self.inner.with(Core::has_ready) {
            return self.wait(events, timeout);
        }
        // After an error the local events are still there for the next poll.
        self.shared.poll(events, Some(Duration::ZERO))?;
        if self.harvest(events) > 0 {
            self.inner.shared_first.set(true);
        }
        Ok(events.len())
    }

    /// Nothing local is ready, and on this thread nothing will be while it waits.
    fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        let result = self.shared.poll(events, timeout);
        let blocked = matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.inner.idle.set(blocked);
        result
    }

    /// Time since the loop's own epoch.
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// True if a poll would find something.
    pub fn is_ready(&self) -> bool {
        self.inner.with(Core::has_ready) || self.shared.handle().is_ready()
    }
}

impl Inner {
    /// Calls `change` with the core.
    ///
    /// Not a `RefCell`: its flag is two stores and two loads in a row for each set and each poll, a
    /// fifth of their time.
    #[inline(always)]
    fn with<R>(&self, change: impl FnOnce(&mut Core) -> R) -> R {
        // SAFETY: `Inner` is not `Sync`, so there is one thread. On it, no second reference is made while this one lives:
        // the callers are all in this file, what they pass calls nothing but the core and an event buffer, and neither of
        // them calls back.
        change(unsafe { &mut *self.core.get() })
    }

    /// Asks for a turn if the loop waits for one.
    #[inline]
    fn wake(&self) -> io::Result<()> {
        if self.idle.replace(false)
            && let Some(shared) = self.waker.upgrade()
        {
            shared.wake()?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Source {
    home: OnceCell<Rc<Inner>>,
    key: Cell<Key>,
    /// While it is not registered; the loop's core has it otherwise.
    ready: Cell<u16>,
    /// The registration is gone: nothing is set any more.
    dead: Cell<bool>,
}

impl Source {
    /// Deregisters it. If it is not registered, that is fine (statement 41).
    fn leave(&self, home: &Inner) {
        let key = self.key.replace(Key::NONE);
        home.with(|core| {
            if let Some(ready) = core.ready(key) {
                self.ready.set(ready);
                let _ = core.remove(key);
            }
        });
    }
}

/// The registered end of a same-thread source. Dropping it deregisters it.
#[derive(Debug)]
pub struct Registration {
    source: Rc<Source>,
}

/// The setting end of a same-thread source.
///
/// ```compile_fail
/// fn is_send<T: Send>(_: T) {}
/// is_send(mydht_evloop::local::Registration::new2().1);
/// ```
#[derive(Clone, Debug)]
pub struct SetReadiness {
    source: Rc<Source>,
    /// Loop that the source was registered on when this handle last looked, so that setting it
    /// touches nothing but its slot. Its key says when that is out of date.
    home: OnceCell<Rc<Inner>>,
    key: Cell<Key>,
}

impl Registration {
    /// A new pair of ends, not registered and with no readiness.
    pub fn new2() -> (Registration, SetReadiness) {
        let source = Rc::new(Source {
            home: OnceCell::new(),
            key: Cell::new(Key::NONE),
            ready: Cell::new(0),
            dead: Cell::new(false),
        });
        (
            Registration {
                source: source.clone(),
            },
            SetReadiness {
                source,
                home: OnceCell::new(),
                key: Cell::new(Key::NONE),
            },
        )
    }

    pub(crate) fn is_registered_on(&self, poll: &Poll) -> bool {
        self.source.home.get().is_some_and(|home| {
            Rc::ptr_eq(home, &poll.inner) && home.with(|core| core.contains(self.source.key.get()))
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.source.dead.set(true);
        if let Some(home) = self.source.home.get() {
            self.source.leave(home);
        }
    }
}

impl SetReadiness {
    /// Returns the readiness that was last set while the [`Registration`] existed.
    pub fn readiness(&self) -> Ready {
        let source = &*self.source;
        let registered = source
            .home
            .get()
            .and_then(|home| home.with(|core| core.ready(source.key.get())));
        Ready::from_bits(registered.unwrap_or_else(|| source.ready.get()))
    }

    /// As [`crate::SetReadiness::set_readiness`].
    ///
    /// # Errors
    /// As that.
    #[inline]
    pub fn set_readiness(&self, ready: Ready) -> io::Result<()> {
        let bits = ready.mask();
        self.tell(ready, |core, key| core.update(key, bits, bits).is_ok())
    }

    /// As [`crate::SetReadiness::trigger`].
    ///
    /// # Errors
    /// As that.
    #[inline]
    pub fn trigger(&self, ready: Ready) -> io::Result<()> {
        let bits = ready.mask();
        self.tell(ready, |core, key| core.trigger(key, bits).is_ok())
    }

    /// `change` says whether the key was good.
    #[inline]
    fn tell(&self, ready: Ready, change: impl Fn(&mut Core, Key) -> bool) -> io::Result<()> {
        loop {
            if let Some(home) = self.home.get()
                && home.with(|core| change(core, self.key.get()))
            {
                if home.idle.get() && !ready.is_empty() {
                    return home.wake();
                }
                return Ok(());
            }
            // When it finds the source, the second round succeeds: on one thread the key stays
            // valid.
            if !self.look() {
                if !self.source.dead.get() {
                    self.source.ready.set(ready.mask());
                }
                return Ok(());
            }
        }
    }

    /// Looks up where the source is registered; false if it is not.
    #[cold]
    fn look(&self) -> bool {
        let Some(home) = self.source.home.get() else {
            return false;
        };
        self.home.get_or_init(|| home.clone());
        let key = self.source.key.get();
        self.key.set(key);
        home.with(|core| core.contains(key))
    }
}
