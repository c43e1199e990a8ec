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

mod between;
mod faults;
mod pipe;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use between::{Arrived, Between, Path, Route, Sent};
pub use between::{Delivery, Parcel, Partition};
pub use faults::Faults;
use stream::Cargo;
pub use stream::{MemoryReader, MemoryStream, MemoryWriter};

use crate::lock::lock;
use crate::{InvalidAddress, Transport};

/// Bytes that a pipe holds before its writer blocks, unless [`Network::set_capacity`] says
/// otherwise.
pub const DEFAULT_CAPACITY: usize = 64 * 1024;

/// Address of an endpoint in its [`Network`], written `mem:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryAddress(pub u64);

impl fmt::Display for MemoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mem:{}", self.0)
    }
}

impl std::str::FromStr for MemoryAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        text.strip_prefix("mem:")
            .and_then(|number| number.parse().ok())
            .map(MemoryAddress)
            .ok_or_else(|| InvalidAddress::new(text, "mem:NUMBER"))
    }
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
    /// `None`: what one end does the other sees at once.
    between: Option<Arc<Mutex<Between<Cargo<P>>>>>,
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
                between: None,
            })),
        }
    }

    /// The number of bytes that pipes opened from now on hold before their writer blocks (at least
    /// 1).
    pub fn set_capacity(&self, bytes: usize) {
        lock(&self.shared).capacity = bytes;
    }

    /// Asked for the faults of each direction of each connection opened from now on.
    pub fn set_faults(&self, faults: impl FnMut() -> Faults + Send + 'static) {
        lock(&self.shared).faults = Box::new(faults);
    }

    fn between(&self) -> Arc<Mutex<Between<Cargo<P>>>> {
        let mut shared = lock(&self.shared);
        Arc::clone(shared.between.get_or_insert_with(Between::new))
    }

    /// From now on what is sent takes its time, and arrives when [`advance`](Network::advance) is
    /// called with a time that is late enough; connections that are open already stay as they are.
    /// `latency` is asked for each piece that is sent from one address to another; nothing
    /// overtakes what was sent before on the same connection. A piece that is lost on its way and
    /// sent again is one that takes longer.
    ///
    /// Opening a connection takes a round trip, and so does hearing that nobody is there. A writer
    /// hears at once that there is room again, which in truth takes its time too.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::time::Duration;
    /// use mydht_transports::memory::Network;
    /// use mydht_transports::{Stream, Transport};
    ///
    /// const MS: Duration = Duration::from_millis(1);
    /// let network = Network::<mydht_evloop::Poll>::new();
    /// network.set_latency(|_, _| 20 * MS);
    /// let mut alice = network.endpoint();
    /// let mut bob = network.endpoint();
    /// let to_bob = alice.connect_with(&bob.address())?;
    /// assert_eq!(network.next_delivery(), Some(20 * MS));
    /// network.advance(20 * MS);
    /// let (from_alice, _) = bob.accept()?;
    /// network.advance(40 * MS);
    /// to_bob.write_stream().write_all(b"hello")?;
    /// let mut buf = [0; 5];
    /// assert!(from_alice.read_stream().read(&mut buf).is_err());
    /// network.advance(60 * MS);
    /// from_alice.read_stream().read_exact(&mut buf)?;
    /// assert_eq!(&buf, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_latency(
        &self,
        latency: impl FnMut(MemoryAddress, MemoryAddress) -> Duration + Send + 'static,
    ) {
        lock(&self.between()).set_latency(latency);
    }

    /// `watch` sees everything that arrives, in its order.
    pub fn set_watch(&self, watch: impl FnMut(Delivery) + Send + 'static) {
        lock(&self.between()).set_watch(watch);
    }

    /// When what is on its way arrives next.
    pub fn next_delivery(&self) -> Option<Duration> {
        let between = lock(&self.shared).between.clone();
        between.and_then(|between| lock(&between).next_delivery())
    }

    /// Delivers what has arrived by `now`, and gives how many pieces that were. Time never goes
    /// back.
    pub fn advance(&self, now: Duration) -> usize {
        // Taken out of the lock, which a delivery takes again.
        let Some(between) = lock(&self.shared).between.clone() else {
            return 0;
        };
        let mut count = 0;
        loop {
            // The lock is released before anything is delivered or dropped.
            let next = between::next_arrival(&mut lock(&between), now);
            match next {
                None => return count,
                Some(Arrived::Deliver(path, sent)) => {
                    count += 1;
                    self.deliver(path, sent);
                }
                Some(Arrived::Reset(sent)) => {
                    count += 1;
                    lock(&sent.cargo.link).arrived(sent.end, Parcel::Reset);
                }
                Some(Arrived::Lost(_)) => {}
            }
        }
    }

    fn deliver(&self, [from, to]: Path, sent: Sent<Cargo<P>>) {
        let Some(far) = sent.cargo.knock else {
            return lock(&sent.cargo.link).arrived(sent.end, sent.parcel);
        };
        let mut shared = lock(&self.shared);
        if let Some(backlog) = shared.endpoints.get_mut(&to) {
            far.answer(Parcel::Opened);
            backlog.waiting.push_back((far, from));
            // As for streams: there is nobody here to tell.
            let _ = backlog.trigger.set_readiness(Ready::Readable);
        } else {
            // First: `far` is dropped here, and a stream's drop takes locks of its own.
            drop(shared);
            far.answer(Parcel::Refused);
        }
    }

    /// Divides the network: endpoints for which `side` gives different numbers do not reach each
    /// other until it is [healed](Network::heal). It concerns connections that were opened after a
    /// call of this or of [`set_latency`](Network::set_latency).
    pub fn partition(&self, how: Partition, side: impl Fn(MemoryAddress) -> u32 + Send + 'static) {
        lock(&self.between()).partition(how, side);
    }

    /// Ends a partition. What was stalled is sent again.
    pub fn heal(&self) {
        let stalled = lock(&self.between()).heal();
        stream::resend(stalled);
    }

    /// Nothing reaches this endpoint any more, and nothing that it sends arrives: what others see
    /// of a computer whose power fails. It concerns the connections that a
    /// [`partition`](Network::partition) concerns.
    pub fn unplug(&self, address: MemoryAddress) {
        lock(&self.between()).unplug(address);
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
    /// Returns the address of this endpoint.
    pub fn address(&self) -> MemoryAddress {
        self.address
    }
}

impl<P: UserSources> Drop for Memory<P> {
    fn drop(&mut self) {
        // The lock is released before the streams that wait are dropped.
        let backlog = lock(&self.network.shared).endpoints.remove(&self.address);
        drop(backlog);
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
        if let Some(between) = &shared.between {
            let route = Route {
                between: Arc::downgrade(between),
                ends: [self.address, *address],
                last: [Duration::ZERO; 2],
            };
            // First: a knock takes the lock of the link and then that of the medium.
            drop(shared);
            let (near, far) = MemoryStream::pair(capacity, faults, Some(route));
            MemoryStream::knock(far);
            return Ok(near);
        }
        let backlog = shared.endpoints.get_mut(address).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::ConnectionRefused,
                format!("cannot connect to {address}: no endpoint has this address"),
            )
        })?;
        let (near, far) = MemoryStream::pair(capacity, faults, None);
        backlog.waiting.push_back((far, self.address));
        backlog.trigger.set_readiness(Ready::Readable)?;
        Ok(near)
    }
}
