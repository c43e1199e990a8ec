//! Shell of a client: a socket, a clock and an event loop of its own.

use std::io;
use std::time::Duration;

use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use mydht_evloop::{Events, Poll, Registration, SetReadiness};
use web_time::{Instant, SystemTime};

use super::address::ServerAddress;
use super::client::{Action, Client, Event, State, Time};
use super::handle::Handle;
use super::user::{IdOf, Identity};

/// Frames taken from the socket before others have their turn.
const AT_ONCE: usize = 64;

/// Identity of a client, and its servers.
pub struct Config {
    /// Identity of the user.
    pub identity: Box<dyn Identity + Send>,
    /// Function that derives ids from keys.
    pub id_of: IdOf,
    /// The servers, each of which will do.
    pub servers: Vec<ServerAddress>,
    /// A random number, so that the clients of a server that died do not all come back at once.
    pub seed: u64,
}

/// A WebSocket, and what it can be made of.
pub(super) trait Socket {
    /// Opens one in the place of what there was. What comes of it, `next` says.
    fn open(&mut self, address: &ServerAddress, poll: &Poll, token: Token);

    /// Sends a text frame.
    fn text(&mut self, text: String);

    /// Sends a binary frame.
    fn binary(&mut self, bytes: Vec<u8>);

    /// Closes it, after what was sent. Nothing more is heard of it.
    fn close(&mut self);

    /// Returns the next event of the socket.
    fn next(&mut self) -> Option<Happened>;
}

/// Event of a socket.
pub(super) enum Happened {
    Opened,
    Text(String),
    Binary(Vec<u8>),
    Closed(String),
}

/// A client, its socket and its loop.
pub(super) struct Shell<S, P: UserSources> {
    handle: Handle<P>,
    socket: S,
    poll: Poll,
    events: Events,
    // Registered for as long as it is here.
    _wake: Registration,
    listener: Box<dyn Listener>,
}

/// Hears what the application should.
pub(super) trait Listener {
    fn hear(&mut self, event: Event);
}

impl<F: FnMut(Event)> Listener for F {
    fn hear(&mut self, event: Event) {
        self(event);
    }
}

const WAKE: Token = 0;
const SOCKET: Token = 1;

/// Returns the milliseconds since 1970 (UTC) by the system's clock; 0 before then.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// A handle whose shell sleeps on a loop of its own, and what wakes it.
pub(super) fn handle<P: UserSources>(config: Config) -> (Handle<P>, Registration, SetReadiness) {
    let (registration, wake) = Registration::new2();
    let client = Client::new(config.identity, config.id_of, config.servers, config.seed);
    let start = Instant::now();
    let clock = move || Time {
        now: start.elapsed(),
        unix_ms: unix_millis(),
    };
    (Handle::new(client, clock, wake.clone()), registration, wake)
}

impl<S: Socket, P: UserSources> Shell<S, P> {
    pub(super) fn new(
        handle: Handle<P>,
        wake: Registration,
        socket: S,
        listener: Box<dyn Listener>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        Registerable::register(&wake, &poll, WAKE, Ready::Readable)?;
        Ok(Shell {
            handle,
            socket,
            poll,
            events: Events::with_capacity(64),
            _wake: wake,
            listener,
        })
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) fn handle(&self) -> mydht_evloop::Handle {
        self.poll.handle()
    }

    /// Does what is to be done until the client has ended.
    ///
    /// # Errors
    /// `WouldBlock` where the loop may not wait: to be called again when it is woken.
    pub(super) fn run(&mut self) -> io::Result<()> {
        loop {
            let wait = self.step();
            if wait.is_none() {
                return Ok(());
            }
            // What woke it is looked at in any case.
            let waited = self.poll.poll(&mut self.events, wait);
            match waited {
                // A signal only makes the next step come earlier.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => drop(other?),
            }
        }
    }

    /// Does what can be done now, and says how long nothing else is to be done; `None` at the end.
    fn step(&mut self) -> Option<Duration> {
        let mut more = false;
        for _ in 0..AT_ONCE {
            let Some(happened) = self.socket.next() else {
                break;
            };
            more = true;
            let mut inner = self.handle.lock();
            let time = inner.time();
            let client = inner.client();
            match happened {
                Happened::Opened => client.opened(time),
                Happened::Text(text) => client.text(time, &text),
                Happened::Binary(bytes) => client.binary(time, &bytes),
                Happened::Closed(why) => client.closed(time, &why),
            }
        }
        let mut inner = self.handle.lock();
        inner.pump();
        let actions: Vec<_> = std::iter::from_fn(|| inner.action()).collect();
        let events: Vec<_> = std::iter::from_fn(|| inner.next_event()).collect();
        let ended = matches!(inner.client().state(), State::Ended(_));
        let now = inner.time().now;
        let deadline = inner.deadline().unwrap_or(Duration::MAX);
        // Opening may wait for a resolver, and a listener may call the handle: neither under the
        // lock.
        drop(inner);
        for action in actions {
            match action {
                Action::Open(address) => self.socket.open(&address, &self.poll, SOCKET),
                Action::Text(text) => self.socket.text(text),
                Action::Binary(bytes) => self.socket.binary(bytes),
                Action::Close => self.socket.close(),
            }
            // Opening may have failed at once.
            more = true;
        }
        for event in events {
            self.listener.hear(event);
        }
        if ended {
            return None;
        }
        Some(if more {
            Duration::ZERO
        } else {
            // A loop that sleeps for years wakes no later than tomorrow.
            deadline
                .saturating_sub(now)
                .min(Duration::from_secs(86_400))
        })
    }
}

/// A client that runs. It ends when this is dropped.
pub struct Running<P: UserSources>(Handle<P>);

impl<P: UserSources> Running<P> {
    pub(super) fn new(handle: Handle<P>) -> Self {
        Running(handle)
    }

    /// Returns the handle by which transports use the client.
    pub fn handle(&self) -> Handle<P> {
        self.0.clone()
    }
}

impl<P: UserSources> Drop for Running<P> {
    fn drop(&mut self) {
        self.0.end("the client was stopped");
    }
}
