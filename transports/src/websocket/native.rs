//! WebSockets over the operating system's TCP.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mydht_evloop::Poll;
use mydht_evloop::net::{TcpListener, TcpStream};
use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};

use super::pipe::WsPipe;
use super::{WsAddress, WsLimits};
use crate::Transport;
use crate::single::{Connection, Machine};
use crate::tcp::{block_until_open, connect_error, listen_error};

/// An endpoint: listens, or only connects.
///
/// ```
/// use mydht_transports::websocket::WebSocket;
/// use mydht_transports::{Stream, Transport};
///
/// let mut server = WebSocket::listen(&"ws://127.0.0.1:0/".parse()?)?;
/// let mut client = WebSocket::connect_only();
/// let address = Transport::local_address(&server).ok_or("it listens")?;
/// let connection = client.connect_with(&address)?;
/// # drop(connection);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebSocket {
    listener: Option<(TcpListener, Arc<str>)>,
    limits: WsLimits,
}

impl WebSocket {
    /// Listens on `address`; port 0 asks the system for a free one. Only requests for its path
    /// become connections.
    ///
    /// # Errors
    /// What the system says, with the address; also for `wss://` and for a host that is no IP
    /// address.
    pub fn listen(address: &WsAddress) -> io::Result<Self> {
        let at = reachable(address, "listen on")?;
        let listener = TcpListener::bind(&at).map_err(|error| listen_error(address, &error))?;
        Ok(WebSocket {
            listener: Some((listener, address.path().into())),
            limits: WsLimits::default(),
        })
    }

    /// An endpoint that accepts nothing.
    pub fn connect_only() -> Self {
        WebSocket {
            listener: None,
            limits: WsLimits::default(),
        }
    }

    /// Sets other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: WsLimits) -> Self {
        self.limits = limits;
        self
    }
}

fn reachable(address: &WsAddress, to: &str) -> io::Result<SocketAddr> {
    let why = if address.is_secure() {
        "TLS is a proxy's work: put one before the node, and write ws:// here"
    } else {
        match address.socket_address() {
            Some(at) => return Ok(at),
            None => "write the IP address of the host, as ws://127.0.0.1:4000/",
        }
    };
    let what = format!("cannot {to} {address}: {why}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// A TCP connection that may still be opening. Dropped, it is shut.
pub struct Socket(Arc<TcpStream>);

impl Socket {
    /// Takes a connection that may still be opening: until it is open, reading and writing return
    /// `WouldBlock`.
    pub fn of(stream: Arc<TcpStream>) -> Self {
        Socket(stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It fails only when the peer has closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        block_until_open((&*self.0).read(buf))
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        block_until_open((&*self.0).write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection over TCP.
pub type WsConnection = Connection<WsPipe<Socket>, Watched>;

/// Source that the loop watches for a connection.
pub struct Watched(Arc<TcpStream>);

impl Registerable<Poll> for Watched {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        Registerable::register(&*self.0, poll, token, interest)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        Registerable::reregister(&*self.0, poll, token, interest)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        Registerable::deregister(&*self.0, poll)
    }
}

fn connection(
    stream: TcpStream,
    machine: impl FnOnce(Socket) -> io::Result<Machine<WsPipe<Socket>>>,
) -> io::Result<WsConnection> {
    // Messages are small and answered: waiting for an acknowledgement to fill a segment only adds delay.
    stream.set_nodelay(true)?;
    let stream = Arc::new(stream);
    let machine = machine(Socket(stream.clone()))?;
    Ok(Connection::new(
        machine,
        Watched(stream),
        Poll::user_source(),
    ))
}

impl Registerable<Poll> for WebSocket {
    fn register(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        match &self.listener {
            Some((listener, _)) => Registerable::register(listener, poll, token, interest),
            None => Ok(false),
        }
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready) -> io::Result<bool> {
        match &self.listener {
            Some((listener, _)) => Registerable::reregister(listener, poll, token, interest),
            None => Ok(false),
        }
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        match &self.listener {
            Some((listener, _)) => Registerable::deregister(listener, poll),
            None => Ok(()),
        }
    }
}

impl Transport<Poll> for WebSocket {
    type Address = WsAddress;
    type Stream = WsConnection;

    fn host(address: &WsAddress) -> String {
        address.host().to_owned()
    }

    fn local_address(&self) -> Option<WsAddress> {
        let (listener, path) = self.listener.as_ref()?;
        let at = listener.local_addr().ok()?;
        Some(WsAddress::at(at, path))
    }

    /// Replaces an unspecified IP, claimed by a peer that listens on all its interfaces, by the
    /// observed one. The claimed port is kept.
    fn address_of(&self, claimed: WsAddress, observed: &WsAddress) -> WsAddress {
        match (claimed.socket_address(), observed.socket_address()) {
            // A `wss` address is that of a proxy, which is not where the peer was seen.
            (Some(at), Some(seen)) if at.ip().is_unspecified() && !claimed.is_secure() => {
                WsAddress::at(SocketAddr::new(seen.ip(), at.port()), claimed.path())
            }
            _ => claimed,
        }
    }

    fn accept(&mut self) -> io::Result<(WsConnection, WsAddress)> {
        let (listener, path) = self.listener.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        let (stream, from) = listener.accept()?;
        let connection = connection(stream, |socket| {
            Ok(Machine::server(WsPipe::server(socket, path), &self.limits))
        })?;
        Ok((connection, WsAddress::at(from, "/")))
    }

    fn connect_with(&mut self, address: &WsAddress) -> io::Result<WsConnection> {
        let at = reachable(address, "connect to")?;
        TcpStream::connect(&at)
            .and_then(|stream| {
                connection(stream, |socket| {
                    Machine::client(WsPipe::client(socket, address)?, &self.limits)
                })
            })
            .map_err(|error| connect_error(address, &error))
    }
}
