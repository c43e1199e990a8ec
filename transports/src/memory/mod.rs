//! Pipes inside one process, for tests, simulations and several nodes in one page.
//!
//! ```
//! use std::io::{Read, Write};
//! use mydht_transports::memory::Network;
//! use mydht_transports::{Stream, Transport};
//!
//! let network = Network::<mydht_evloop::Poll>::new();
//! let mut alice = network.endpoint();
//! let mut bob = network.endpoint();
//! let to_bob = alice.connect_with(&bob.address())?;
//! let (from_alice, _) = bob.accept()?;
//! to_bob.write_stream().write_all(b"hello")?;
//! let mut buf = [0; 5];
//! from_alice.read_stream().read_exact(&mut buf)?;
//! assert_eq!(&buf, b"hello");
//! # Ok::<(), std::io::Error>(())
//! ```

mod faults;
mod pipe;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

pub use faults::Faults;
pub use stream::{MemoryReader, MemoryStream, MemoryWriter};

use crate::Transport;

/// How many bytes a pipe holds before its writer blocks, unless [`Network::set_capacity`] says otherwise.
pub const DEFAULT_CAPACITY: usize = 64 * 1024;

/// Where an endpoint is found in its [`Network`]: written `mem:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryAddress(pub u64);

impl fmt::Display for MemoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mem:{}", self.0)
    }
}

impl std::str::FromStr for MemoryAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("mem:")
            .and_then(|number| number.parse().ok())
            .map(MemoryAddress)
            .ok_or_else(|| format!("«{text}» is no address in memory: write mem:N"))
    }
}

/// A lock that a panic elsewhere does not take away: every section leaves the state whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The endpoints that can reach each other. Clones are the same network.
pub struct Network<P: UserSources> {
    shared: Arc<Mutex<Shared<P>>>,
}

impl<P: UserSources> Clone for Network<P> {
    fn clone(&self) -> Self {
        Network {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<P: UserSources> {
    next_address: u64,
    capacity: usize,
    faults: Box<dyn FnMut() -> Faults + Send>,
    endpoints: HashMap<MemoryAddress, Backlog<P>>,
}

struct Backlog<P: UserSources> {
    waiting: VecDeque<(MemoryStream<P>, MemoryAddress)>,
    trigger: P::Trigger,
}

impl<P: UserSources> Default for Network<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: UserSources> Network<P> {
    /// A network without endpoints and without faults.
    pub fn new() -> Self {
        Network {
            shared: Arc::new(Mutex::new(Shared {
                next_address: 1,
                capacity: DEFAULT_CAPACITY,
                faults: Box::new(Faults::none),
                endpoints: HashMap::new(),
            })),
        }
    }

    /// The number of bytes that pipes opened from now on hold before their writer blocks (at least 1).
    pub fn set_capacity(&self, bytes: usize) {
        lock(&self.shared).capacity = bytes;
    }

    /// Asked for the faults of each direction of each connection opened from now on.
    pub fn set_faults(&self, faults: impl FnMut() -> Faults + Send + 'static) {
        lock(&self.shared).faults = Box::new(faults);
    }

    /// A new endpoint, at an address of its own.
    pub fn endpoint(&self) -> Memory<P> {
        let (registration, trigger) = P::user_source();
        let mut shared = lock(&self.shared);
        let address = MemoryAddress(shared.next_address);
        shared.next_address += 1;
        shared.endpoints.insert(
            address,
            Backlog {
                waiting: VecDeque::new(),
                trigger,
            },
        );
        Memory {
            network: self.clone(),
            address,
            registration,
        }
    }
}

/// An endpoint of a [`Network`].
pub struct Memory<P: UserSources> {
    network: Network<P>,
    address: MemoryAddress,
    registration: P::Registration,
}

impl<P: UserSources> Memory<P> {
    /// Where others find this endpoint.
    pub fn address(&self) -> MemoryAddress {
        self.address
    }
}

impl<P: UserSources> Drop for Memory<P> {
    fn drop(&mut self) {
        lock(&self.network.shared).endpoints.remove(&self.address);
    }
}

impl<P: UserSources> Registerable<P> for Memory<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        let shared = lock(&self.network.shared);
        if let Some(backlog) = shared.endpoints.get(&self.address)
            && !backlog.waiting.is_empty()
        {
            backlog.trigger.set_readiness(Ready::Readable)?;
        }
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        self.registration.reregister(poll, token, interest)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

impl<P: UserSources> Transport<P> for Memory<P> {
    type Address = MemoryAddress;
    type Stream = MemoryStream<P>;

    fn local_address(&self) -> Option<MemoryAddress> {
        Some(self.address)
    }

    fn accept(&mut self) -> io::Result<(MemoryStream<P>, MemoryAddress)> {
        lock(&self.network.shared)
            .endpoints
            .get_mut(&self.address)
            .and_then(|backlog| backlog.waiting.pop_front())
            .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn connect_with(&mut self, address: &MemoryAddress) -> io::Result<MemoryStream<P>> {
        let mut shared = lock(&self.network.shared);
        let capacity = shared.capacity;
        let faults = [(shared.faults)(), (shared.faults)()];
        let backlog = shared.endpoints.get_mut(address).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::ConnectionRefused,
                format!("cannot connect to {address}: nobody is there"),
            )
        })?;
        let (near, far) = MemoryStream::pair(capacity, faults);
        backlog.waiting.push_back((far, self.address));
        backlog.trigger.set_readiness(Ready::Readable)?;
        Ok(near)
    }
}
