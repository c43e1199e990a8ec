//! A TCP connection.

use super::address;
use super::registered::Registered;
use iovec::IoVec;
use smallvec::SmallVec;
use socket2::{Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::time::Duration;

/// A non-blocking TCP connection.
///
/// Closing it deregisters it. Register it edge-triggered and read or write until `WouldBlock`.
pub struct TcpStream {
    socket: Registered<net::TcpStream>,
}

super::evented_socket!(TcpStream, net::TcpStream);

impl TcpStream {
    /// Starts to connect to `address`. The stream becomes writable when that is done;
    /// [`take_error`](TcpStream::take_error) says whether it failed.
    ///
    /// # Errors
    /// When there is no socket to be had or the address is refused at once.
    pub fn connect(address: &SocketAddr) -> io::Result<TcpStream> {
        let socket = address::socket(address, Type::STREAM, Protocol::TCP)?;
        address::connect(&socket, address)?;
        Ok(TcpStream::of(socket.into()))
    }

    /// Starts to connect a socket of one's own, and makes it non-blocking.
    ///
    /// # Errors
    /// As [`connect`](TcpStream::connect).
    pub fn connect_stream(stream: net::TcpStream, address: &SocketAddr) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        let socket = Socket::from(stream);
        address::connect(&socket, address)?;
        Ok(TcpStream::of(socket.into()))
    }

    /// Takes over a connected stream and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_stream(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::of(stream))
    }

    pub(super) fn of(stream: net::TcpStream) -> TcpStream {
        TcpStream {
            socket: Registered::new(stream),
        }
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `NotConnected` while it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// A second handle to the same connection, which can only be registered on the same
    /// [`Poll`](crate::Poll).
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(TcpStream {
            socket: self.socket.duplicate(self.socket.try_clone()?),
        })
    }

    /// Closes one direction or both.
    ///
    /// # Errors
    /// `NotConnected` while it is not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Sends small segments at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the operating system says, as for all options below.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_nodelay(nodelay)
    }

    /// The value of `TCP_NODELAY`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.nodelay()
    }

    /// Sets `SO_RCVBUF`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        self.options().set_recv_buffer_size(size)
    }

    /// The value of `SO_RCVBUF`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.options().recv_buffer_size()
    }

    /// Sets `SO_SNDBUF`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        self.options().set_send_buffer_size(size)
    }

    /// The value of `SO_SNDBUF`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.options().send_buffer_size()
    }

    /// Sends probes on an idle connection after `keepalive`; `None`: never.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn set_keepalive(&self, keepalive: Option<Duration>) -> io::Result<()> {
        self.options().set_keepalive(keepalive.is_some())?;
        match keepalive {
            Some(time) => self
                .options()
                .set_tcp_keepalive(&TcpKeepalive::new().with_time(time)),
            None => Ok(()),
        }
    }

    /// After how long an idle connection is probed; `None`: never.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        if !self.options().keepalive()? {
            return Ok(None);
        }
        #[cfg(not(windows))]
        return self.options().tcp_keepalive_time().map(Some);
        // Windows does not say; two hours are its default.
        #[cfg(windows)]
        Ok(Some(Duration::from_secs(2 * 60 * 60)))
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
        self.options().set_only_v6(only_v6)
    }

    /// The value of `IPV6_V6ONLY`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn only_v6(&self) -> io::Result<bool> {
        self.options().only_v6()
    }

    /// Sets `SO_LINGER`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.options().set_linger(linger)
    }

    /// The value of `SO_LINGER`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.options().linger()
    }

    /// Takes the pending error of the socket (`SO_ERROR`): how a connection attempt ended.
    ///
    /// # Errors
    /// When the error could not be had.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Reads without taking the bytes out.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing to read.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.peek(buf)
    }

    /// Reads into several buffers, in order (`readv`).
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing to read.
    pub fn read_bufs(&self, bufs: &mut [&mut IoVec]) -> io::Result<usize> {
        let mut slices: SmallVec<[IoSliceMut<'_>; 8]> =
            bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
        (&*self.socket).read_vectored(&mut slices)
    }

    /// Writes several buffers, in order (`writev`).
    ///
    /// # Errors
    /// `WouldBlock` if there is no room.
    pub fn write_bufs(&self, bufs: &[&IoVec]) -> io::Result<usize> {
        let slices: SmallVec<[IoSlice<'_>; 8]> = bufs.iter().map(|buf| IoSlice::new(buf)).collect();
        (&*self.socket).write_vectored(&slices)
    }

    fn options(&self) -> SockRef<'_> {
        SockRef::from(&*self.socket)
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.socket).read(buf)
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.socket).read(buf)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.socket).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.socket).flush()
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.socket).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.socket).flush()
    }
}
