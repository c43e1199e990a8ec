//! The event loop of mio 0.5: a loop that owns its thread's time and calls a handler.

use super::channel::{self, SyncSender, TrySendError};
use super::timer::{self, Timeout, Timer};
use crate::event::{Evented, Events};
use crate::{Poll, PollOpt, Ready, Token};
use std::time::Duration;
use std::{error, fmt, io};

/// The callbacks of an [`EventLoop`]. Each does nothing by default.
#[allow(unused_variables)]
pub trait Handler: Sized {
    /// The value that a timeout gives back.
    type Timeout;
    /// The message type of [`EventLoop::channel`].
    type Message;

    /// Called when the source of `token` is ready for `events`.
    fn ready(&mut self, event_loop: &mut EventLoop<Self>, token: Token, events: Ready) {}

    /// Called for each message sent through [`EventLoop::channel`].
    fn notify(&mut self, event_loop: &mut EventLoop<Self>, msg: Self::Message) {}

    /// Called when a timeout has passed.
    fn timeout(&mut self, event_loop: &mut EventLoop<Self>, timeout: Self::Timeout) {}

    /// Called when a signal ends the wait. Polls go on after a signal, here and in mio 0.6, so that
    /// does not happen.
    fn interrupted(&mut self, event_loop: &mut EventLoop<Self>) {}

    /// Called at the end of a tick, when all that was ready has been handled.
    fn tick(&mut self, event_loop: &mut EventLoop<Self>) {}
}

/// The limits of an [`EventLoop`].
#[derive(Clone, Debug, Default)]
pub struct EventLoopBuilder {
    config: Config,
}

#[derive(Clone, Debug)]
struct Config {
    notify_capacity: usize,
    messages_per_tick: usize,
    timer_tick: Duration,
    timer_wheel_size: usize,
    timer_capacity: usize,
}

impl Default for Config {
    /// mio's.
    fn default() -> Config {
        Config {
            notify_capacity: 4096,
            messages_per_tick: 256,
            timer_tick: Duration::from_millis(100),
            timer_wheel_size: 1024,
            timer_capacity: 65_536,
        }
    }
}

impl EventLoopBuilder {
    /// The limits that mio has.
    pub fn new() -> EventLoopBuilder {
        EventLoopBuilder::default()
    }

    /// Sets the number of messages that may wait before sending one is an error (default: 4,096).
    pub fn notify_capacity(&mut self, capacity: usize) -> &mut Self {
        self.config.notify_capacity = capacity;
        self
    }

    /// Sets the number of messages that are handled in a tick (default: 256).
    pub fn messages_per_tick(&mut self, messages: usize) -> &mut Self {
        self.config.messages_per_tick = messages;
        self
    }

    /// Sets the duration that timeouts are rounded to (default: 100 ms).
    pub fn timer_tick(&mut self, val: Duration) -> &mut Self {
        self.config.timer_tick = val;
        self
    }

    /// Does nothing: timeouts are in no wheel.
    pub fn timer_wheel_size(&mut self, size: usize) -> &mut Self {
        self.config.timer_wheel_size = size;
        self
    }

    /// Does nothing: timeouts have no bound.
    pub fn timer_capacity(&mut self, cap: usize) -> &mut Self {
        self.config.timer_capacity = cap;
        self
    }

    /// Makes the loop, without running it.
    ///
    /// # Errors
    /// As [`Poll::new`].
    pub fn build<H: Handler>(self) -> io::Result<EventLoop<H>> {
        EventLoop::configured(self.config)
    }
}

// `usize::MAX` itself is refused by `Poll::register`.
const NOTIFY: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// Armed again after each tick's share of messages, so that those that are left are reported again.
fn notify_options() -> PollOpt {
    PollOpt::edge() | PollOpt::oneshot()
}

/// A loop that calls a [`Handler`].
pub struct EventLoop<H: Handler> {
    run: bool,
    poll: Poll,
    events: Events,
    timer: Timer<H::Timeout>,
    notify_tx: SyncSender<H::Message>,
    notify_rx: channel::Receiver<H::Message>,
    config: Config,
}

impl<H: Handler> EventLoop<H> {
    /// A loop with mio's limits.
    ///
    /// # Errors
    /// As [`Poll::new`].
    pub fn new() -> io::Result<EventLoop<H>> {
        EventLoop::configured(Config::default())
    }

    fn configured(config: Config) -> io::Result<EventLoop<H>> {
        let poll = Poll::new()?;
        let timer = timer::Builder::default()
            .tick_duration(config.timer_tick)
            .num_slots(config.timer_wheel_size)
            .capacity(config.timer_capacity)
            .build();
        let (notify_tx, notify_rx) = channel::sync_channel(config.notify_capacity);
        poll.register(&notify_rx, NOTIFY, Ready::readable(), notify_options())?;
        poll.register(&timer, TIMER, Ready::readable(), PollOpt::edge())?;
        Ok(EventLoop {
            run: true,
            poll,
            events: Events::with_capacity(1024),
            timer,
            notify_tx,
            notify_rx,
            config,
        })
    }

    /// Returns a handle that sends messages from other threads.
    pub fn channel(&self) -> Sender<H::Message> {
        Sender {
            tx: self.notify_tx.clone(),
        }
    }

    /// Gives `token` back to the handler when `delay` has passed.
    ///
    /// # Errors
    /// None here.
    pub fn timeout(&mut self, token: H::Timeout, delay: Duration) -> timer::Result<Timeout> {
        self.timer.set_timeout(delay, token)
    }

    /// Cancels a timeout; false if it has passed.
    pub fn clear_timeout(&mut self, timeout: &Timeout) -> bool {
        self.timer.cancel_timeout(timeout).is_some()
    }

    /// Ends [`run`](EventLoop::run) after this tick.
    pub fn shutdown(&mut self) {
        self.run = false;
    }

    /// False once [`shutdown`](EventLoop::shutdown) was called.
    pub fn is_running(&self) -> bool {
        self.run
    }

    /// As [`Poll::register`].
    ///
    /// # Errors
    /// As that.
    pub fn register<E>(
        &mut self,
        io: &E,
        token: Token,
        interest: Ready,
        opt: PollOpt,
    ) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        self.poll.register(io, token, interest, opt)
    }

    /// As [`Poll::reregister`].
    ///
    /// # Errors
    /// As that.
    pub fn reregister<E>(
        &mut self,
        io: &E,
        token: Token,
        interest: Ready,
        opt: PollOpt,
    ) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        self.poll.reregister(io, token, interest, opt)
    }

    /// As [`Poll::deregister`].
    ///
    /// # Errors
    /// As that.
    pub fn deregister<E>(&mut self, io: &E) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        self.poll.deregister(io)
    }

    /// Runs ticks until [`shutdown`](EventLoop::shutdown) is called.
    ///
    /// # Errors
    /// As [`Poll::poll`].
    pub fn run(&mut self, handler: &mut H) -> io::Result<()> {
        self.run = true;
        while self.run {
            self.run_once(handler, None)?;
        }
        Ok(())
    }

    /// Runs one tick, which waits for at most `timeout` (`None`: for ever).
    ///
    /// # Errors
    /// As [`Poll::poll`].
    pub fn run_once(&mut self, handler: &mut H, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(_) => self.handle(handler),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => handler.interrupted(self),
            Err(error) => return Err(error),
        }
        handler.tick(self);
        Ok(())
    }

    fn handle(&mut self, handler: &mut H) {
        let mut index = 0;
        // By index: the handler has the loop, and with it the buffer, until it returns.
        while let Some(event) = self.events.get(index) {
            match event.token() {
                NOTIFY => self.take_messages(handler),
                TIMER => self.take_timeouts(handler),
                token => handler.ready(self, token, event.readiness()),
            }
            index += 1;
        }
    }

    fn take_messages(&mut self, handler: &mut H) {
        for _ in 0..self.config.messages_per_tick {
            let Ok(message) = self.notify_rx.try_recv() else {
                break;
            };
            handler.notify(self, message);
        }
        let (readable, opts) = (Ready::readable(), notify_options());
        // It is registered, and has been on this loop only.
        let _ = self
            .poll
            .reregister(&self.notify_rx, NOTIFY, readable, opts);
    }

    fn take_timeouts(&mut self, handler: &mut H) {
        while let Some(timeout) = self.timer.poll() {
            handler.timeout(self, timeout);
        }
    }
}

impl<H: Handler> fmt::Debug for EventLoop<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("run", &self.run)
            .field("poll", &self.poll)
            .field("config", &self.config)
            .finish()
    }
}

/// Sends messages to an [`EventLoop`].
pub struct Sender<M> {
    tx: SyncSender<M>,
}

impl<M> Sender<M> {
    /// Sends a message without waiting.
    ///
    /// # Errors
    /// The message, if too many wait or the loop is gone.
    pub fn send(&self, msg: M) -> Result<(), NotifyError<M>> {
        Ok(self.tx.try_send(msg)?)
    }
}

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Sender<M> {
        Sender {
            tx: self.tx.clone(),
        }
    }
}

impl<M> fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// Why a message was not sent.
pub enum NotifyError<T> {
    Io(io::Error),
    Full(T),
    Closed(Option<T>),
}

impl<M> fmt::Debug for NotifyError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotifyError::Io(error) => write!(f, "NotifyError::Io({error:?})"),
            NotifyError::Full(_) => f.write_str("NotifyError::Full(..)"),
            NotifyError::Closed(_) => f.write_str("NotifyError::Closed(..)"),
        }
    }
}

impl<M> fmt::Display for NotifyError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotifyError::Io(error) => write!(f, "IO error: {error}"),
            NotifyError::Full(_) => f.write_str("Full"),
            NotifyError::Closed(_) => f.write_str("Closed"),
        }
    }
}

impl<M: std::any::Any> error::Error for NotifyError<M> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            NotifyError::Io(error) => Some(error),
            NotifyError::Full(_) | NotifyError::Closed(_) => None,
        }
    }
}

impl<M> From<TrySendError<M>> for NotifyError<M> {
    fn from(error: TrySendError<M>) -> NotifyError<M> {
        match error {
            TrySendError::Io(error) => NotifyError::Io(error),
            TrySendError::Full(message) => NotifyError::Full(message),
            TrySendError::Disconnected(message) => NotifyError::Closed(Some(message)),
        }
    }
}
