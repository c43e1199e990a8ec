//! A TCP listener.

use super::address;
use super::registered::Registered;
use crate::net::TcpStream;
use socket2::{Protocol, SockAddr, SockRef, Type};
use std::io;
use std::net::{self, SocketAddr};

/// A non-blocking TCP listener.
///
/// Readable when a connection can be accepted. Register it edge-triggered and accept until
/// `WouldBlock`.
pub struct TcpListener {
    socket: Registered<net::TcpListener>,
}

super::evented_socket!(TcpListener, net::TcpListener);

impl TcpListener {
    /// Listens on `address`, with `SO_REUSEADDR` except on Windows.
    ///
    /// # Errors
    /// `AddrInUse`, `PermissionDenied`, whatever else the operating system says.
    pub fn bind(address: &SocketAddr) -> io::Result<TcpListener> {
        let socket = address::socket(address, Type::STREAM, Protocol::TCP)?;
        if cfg!(not(windows)) {
            // A restarted server gets its port back while old connections linger in TIME_WAIT.
            socket.set_reuse_address(true)?;
        }
        socket.bind(&SockAddr::from(*address))?;
        // listen(2): Linux cuts this down to `net.core.somaxconn`.
        socket.listen(1024)?;
        Ok(TcpListener {
            socket: Registered::new(socket.into()),
        })
    }

    /// Takes over a listener and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener {
            socket: Registered::new(listener),
        })
    }

    /// Takes a connection; it does not block either.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; others (a connection that was reset, no more descriptors) do
    /// not harm the listener.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = self.accept_std()?;
        Ok((TcpStream::from_stream(stream)?, address))
    }

    /// Takes a connection as a stream of the standard library; whether it blocks depends on the
    /// platform.
    ///
    /// # Errors
    /// As [`accept`](TcpListener::accept).
    pub fn accept_std(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        self.socket.accept()
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// A second handle to the same listener, which can only be registered on the same
    /// [`Poll`](crate::Poll).
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(TcpListener {
            socket: self.socket.duplicate(self.socket.try_clone()?),
        })
    }

    /// Sets the time to live of the packets.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.set_ttl(ttl)
    }

    /// The time to live of the packets.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.ttl()
    }

    /// Sets `IPV6_V6ONLY`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        SockRef::from(&*self.socket).set_only_v6(only_v6)
    }

    /// The value of `IPV6_V6ONLY`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn only_v6(&self) -> io::Result<bool> {
        SockRef::from(&*self.socket).only_v6()
    }

    /// Takes the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When the error could not be had.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }
}
