//! Transports whose calls wait: legacy's synchronous listener and connector.
//!
//! A [`Transport`] never waits. Where a peer is reached by calls that do (a resolver of names, a
//! library that blocks), they run as services: [`ListenService`] accepts, and a [`ConnectService`]
//! opens each connection, on spawners that may wait, threads for instance. [`Synchronous`] is the
//! transport over them, for a node under any configuration: in [`MyDHTConf`](crate::MyDHTConf) it
//! is chosen by `type Transport`.
//!
//! [`tcp`] is one: TCP whose addresses have names.

mod connect;
mod listen;
mod stream;
pub mod tcp;

use std::collections::VecDeque;
use std::fmt;
use std::io;

use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use mydht_spawner::channel::{
    DefaultRecv, MioChannel, MioRecv, MioSend, MpscChannel, MpscRecv, MpscSend, NoRecv,
};
use mydht_spawner::{Error, Result, SpawnChannel, SpawnRecv, SpawnUnyield, Spawner, contain};
use mydht_transports::{Stream, Transport};

pub use connect::{ConnectService, Opened, SyncConnector};
pub use listen::{ListenService, SyncListener};
pub use stream::{SyncHalf, SyncStream};

/// Runs a call of somebody else's code. Its panic is its error: the spawner would keep a panicked
/// service with its ends of the channels, and who waits for a result would wait on.
fn contained<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    contain(|| Ok(call()?)).map_err(io_error)
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// Connections that were accepted and not yet taken by the node, at most; past them the listener
/// waits.
pub const WAITING: usize = 64;

/// Connection that a listener accepted, or its error.
type Accepted<C> = io::Result<(<C as SyncConnector>::Stream, <C as SyncConnector>::Address)>;

/// Queue of a listener's connections, on the event loop `P`.
pub type AcceptedSend<C, P> = MioSend<MpscSend<Accepted<C>>, <P as UserSources>::Trigger>;

/// Signal that the listener is to go on: open until the transport is dropped.
pub type GoOn = DefaultRecv<MpscRecv<()>, ()>;

/// A listener that runs.
struct Listening<C: SyncConnector, P: UserSources, H> {
    address: Option<C::Address>,
    accepted: MioRecv<MpscRecv<Accepted<C>>, P::Registration>,
    /// Kept: dropped, it ends the service.
    _go_on: MpscSend<()>,
    _handle: H,
}

/// Function that makes a waiting listener return.
type Closer = Box<dyn FnOnce() + Send>;

/// A transport over a listener and a connector that wait, run by `LS` and by `CS`.
///
/// ```
/// use mydht::synchronous::{Synchronous, tcp::{NamedTcp, SyncTcp}};
/// use mydht_evloop::Poll;
/// use mydht_spawner::ThreadBlock;
/// use mydht_transports::Transport;
///
/// let threads = ThreadBlock::new();
/// let listener = NamedTcp::bind(&"tcp:localhost:0".parse()?)?;
/// let transport: SyncTcp<Poll> =
///     Synchronous::new(Some(listener), NamedTcp::connector(), threads.clone(), threads)?;
/// assert!(transport.local_address().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Synchronous<L, C, P, LS, CS>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream>,
    C: SyncConnector,
    P: UserSources,
    LS: Spawner<ListenService<L>, AcceptedSend<C, P>, GoOn>,
    CS: Spawner<ConnectService<C>, Opened<P, C::Stream>, NoRecv>,
{
    listening: Option<Listening<C, P, LS::Handle>>,
    closer: Option<Closer>,
    connector: C,
    spawner: CS,
    /// Connections that are being opened, or were.
    opening: VecDeque<CS::Handle>,
}

impl<L, C, P, LS, CS> Synchronous<L, C, P, LS, CS>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream>,
    C: SyncConnector,
    P: UserSources,
    LS: Spawner<ListenService<L>, AcceptedSend<C, P>, GoOn>,
    CS: Spawner<ConnectService<C>, Opened<P, C::Stream>, NoRecv>,
{
    /// Starts the listener, if there is one; connections are opened as they are asked for.
    ///
    /// The spawners must be such that may wait inside a service: on one that runs it on the node's
    /// own thread (`RestartOrError`) the node waits too.
    ///
    /// # Errors
    /// When the listener's service cannot be started.
    pub fn new(listener: Option<L>, connector: C, mut listen: LS, connect: CS) -> Result<Self> {
        let mut closer = None;
        let listening = match listener {
            None => None,
            Some(listener) => {
                let address = listener.local_address();
                closer = Some(listener.closer());
                let queue = MpscChannel::bounded(WAITING);
                let (send, accepted) = MioChannel::<_, P>::new(queue).new_channel()?;
                let (go_on, recv) = MpscChannel::unbounded().new_channel()?;
                let recv = DefaultRecv::new(recv, ());
                let handle = listen.spawn(ListenService(listener), send, None, recv, 0)?;
                Some(Listening {
                    address,
                    accepted,
                    _go_on: go_on,
                    _handle: handle,
                })
            }
        };
        Ok(Synchronous {
            listening,
            closer,
            connector,
            spawner: connect,
            opening: VecDeque::new(),
        })
    }
}

impl<L, C, P, LS, CS> Drop for Synchronous<L, C, P, LS, CS>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream>,
    C: SyncConnector,
    P: UserSources,
    LS: Spawner<ListenService<L>, AcceptedSend<C, P>, GoOn>,
    CS: Spawner<ConnectService<C>, Opened<P, C::Stream>, NoRecv>,
{
    fn drop(&mut self) {
        // First what tells the listener to end, then what has it look.
        self.listening = None;
        if let Some(close) = self.closer.take() {
            close();
        }
    }
}

impl<L, C, P, LS, CS> fmt::Debug for Synchronous<L, C, P, LS, CS>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream>,
    C: SyncConnector,
    P: UserSources,
    LS: Spawner<ListenService<L>, AcceptedSend<C, P>, GoOn>,
    CS: Spawner<ConnectService<C>, Opened<P, C::Stream>, NoRecv>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synchronous")
            .field("listens", &self.listening.is_some())
            .field("opening", &self.opening.len())
            .finish_non_exhaustive()
    }
}

impl<L, C, P, LS, CS> Registerable<P> for Synchronous<L, C, P, LS, CS>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream>,
    C: SyncConnector,
    P: UserSources,
    LS: Spawner<ListenService<L>, AcceptedSend<C, P>, GoOn>,
    CS: Spawner<ConnectService<C>, Opened<P, C::Stream>, NoRecv>,
{
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        match &self.listening {
            Some(listening) => listening.accepted.register(poll, token, interest),
            None => Ok(false),
        }
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        match &self.listening {
            Some(listening) => listening.accepted.reregister(poll, token, interest),
            None => Ok(false),
        }
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        match &self.listening {
            Some(listening) => listening.accepted.deregister(poll),
            None => Ok(()),
        }
    }
}

impl<L, C, P, LS, CS> Transport<P> for Synchronous<L, C, P, LS, CS>
where
    L: SyncListener<Address = C::Address, Stream = C::Stream>,
    C: SyncConnector<Stream: Stream<P>>,
    P: UserSources,
    LS: Spawner<ListenService<L>, AcceptedSend<C, P>, GoOn>,
    CS: Spawner<ConnectService<C>, Opened<P, C::Stream>, NoRecv>,
{
    type Address = C::Address;
    type Stream = SyncStream<P, C::Stream>;

    fn host(address: &C::Address) -> String {
        C::host(address)
    }

    fn local_address(&self) -> Option<C::Address> {
        self.listening.as_ref()?.address.clone()
    }

    fn address_of(&self, claimed: C::Address, observed: &C::Address) -> C::Address {
        self.connector.address_of(claimed, observed)
    }

    fn accept(&mut self) -> io::Result<(SyncStream<P, C::Stream>, C::Address)> {
        let listening = self.listening.as_mut().ok_or(io::ErrorKind::WouldBlock)?;
        match listening.accepted.recv() {
            Ok(Some(accepted)) => {
                accepted.map(|(stream, address)| (SyncStream::open(stream), address))
            }
            Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
            Err(_) => {
                self.listening = None;
                // Reported once: later calls find no listener and return `WouldBlock`.
                Err(io::Error::other(
                    "the listener has ended: nobody can connect to this node any more",
                ))
            }
        }
    }

    /// # Errors
    /// When no service can be started for it: no thread is left, for instance.
    fn connect_with(&mut self, address: &C::Address) -> io::Result<SyncStream<P, C::Stream>> {
        // Drops the handles of finished services, which nobody else looks at.
        self.opening.retain_mut(|handle| !handle.is_finished());
        let (stream, opened) = SyncStream::opening();
        let service = ConnectService(self.connector.clone());
        let address = Some(address.clone());
        let handle = self
            .spawner
            .spawn(service, opened, address, NoRecv, 1)
            .map_err(io_error)?;
        self.opening.push_back(handle);
        Ok(stream)
    }
}
