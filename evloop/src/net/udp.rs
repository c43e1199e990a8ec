//! A UDP socket.

use super::registered::Registered;
use socket2::SockRef;
use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A non-blocking UDP socket.
///
/// Closing it deregisters it. Register it edge-triggered and receive until `WouldBlock`.
pub struct UdpSocket {
    socket: Registered<net::UdpSocket>,
}

super::evented_socket!(UdpSocket, net::UdpSocket);

/// Methods that pass their arguments on to the socket.
macro_rules! options {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = |$socket:ident| $call:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// What the operating system says.
        pub fn $name(&self, $($arg: $type),*) -> io::Result<$out> {
            let $socket = &*self.socket;
            $call
        }
    )*};
}

impl UdpSocket {
    /// A socket bound to `address`.
    ///
    /// # Errors
    /// `AddrInUse`, whatever else the operating system says.
    pub fn bind(address: &SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::from_socket(net::UdpSocket::bind(address)?)
    }

    /// Takes over a socket and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_socket(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(UdpSocket {
            socket: Registered::new(socket),
        })
    }

    /// A second handle to the same socket, which can only be registered on the same
    /// [`Poll`](crate::Poll).
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(UdpSocket {
            socket: self.socket.duplicate(self.socket.try_clone()?),
        })
    }

    options! {
        /// The address of this end.
        fn local_addr() -> SocketAddr = |socket| socket.local_addr();
        /// Sends a datagram to `target`; `WouldBlock` if there is no room.
        fn send_to(buf: &[u8], target: &SocketAddr) -> usize = |socket| socket.send_to(buf, target);
        /// Receives a datagram and says from where; what does not fit is lost. `WouldBlock` if
        /// there is none.
        fn recv_from(buf: &mut [u8]) -> (usize, SocketAddr) = |socket| socket.recv_from(buf);
        /// Sends a datagram to the connected address; `WouldBlock` if there is no room.
        fn send(buf: &[u8]) -> usize = |socket| socket.send(buf);
        /// Receives a datagram of the connected address; `WouldBlock` if there is none.
        fn recv(buf: &mut [u8]) -> usize = |socket| socket.recv(buf);
        /// Sends to and receives from `address` only.
        fn connect(address: SocketAddr) -> () = |socket| socket.connect(address);
        /// Allows broadcasts.
        fn set_broadcast(on: bool) -> () = |socket| socket.set_broadcast(on);
        /// True if broadcasts are allowed.
        fn broadcast() -> bool = |socket| socket.broadcast();
        /// Makes its multicasts come back to it.
        fn set_multicast_loop_v4(on: bool) -> () = |socket| socket.set_multicast_loop_v4(on);
        /// True if its multicasts come back to it.
        fn multicast_loop_v4() -> bool = |socket| socket.multicast_loop_v4();
        /// Sets the time to live of multicasts: how far they go.
        fn set_multicast_ttl_v4(ttl: u32) -> () = |socket| socket.set_multicast_ttl_v4(ttl);
        /// Returns the time to live of multicasts.
        fn multicast_ttl_v4() -> u32 = |socket| socket.multicast_ttl_v4();
        /// Makes its IPv6 multicasts come back to it.
        fn set_multicast_loop_v6(on: bool) -> () = |socket| socket.set_multicast_loop_v6(on);
        /// True if its IPv6 multicasts come back to it.
        fn multicast_loop_v6() -> bool = |socket| socket.multicast_loop_v6();
        /// Sets the time to live of the packets.
        fn set_ttl(ttl: u32) -> () = |socket| socket.set_ttl(ttl);
        /// The time to live of the packets.
        fn ttl() -> u32 = |socket| socket.ttl();
        /// Joins a group on the interface with this address.
        fn join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> () =
            |socket| socket.join_multicast_v4(group, interface);
        /// Joins a group on the interface with this index.
        fn join_multicast_v6(group: &Ipv6Addr, interface: u32) -> () =
            |socket| socket.join_multicast_v6(group, interface);
        /// Leaves a group.
        fn leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> () =
            |socket| socket.leave_multicast_v4(group, interface);
        /// Leaves a group.
        fn leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> () =
            |socket| socket.leave_multicast_v6(group, interface);
        /// Sets `IPV6_V6ONLY`.
        fn set_only_v6(only_v6: bool) -> () = |socket| SockRef::from(socket).set_only_v6(only_v6);
        /// The value of `IPV6_V6ONLY`.
        fn only_v6() -> bool = |socket| SockRef::from(socket).only_v6();
        /// Takes the pending error of the socket (`SO_ERROR`).
        fn take_error() -> Option<io::Error> = |socket| socket.take_error();
    }

    /// Receives a datagram into several buffers, in order (`readv`).
    ///
    /// # Errors
    /// `WouldBlock` if there is none.
    #[cfg(unix)]
    pub fn recv_bufs(&self, bufs: &mut [&mut iovec::IoVec]) -> io::Result<usize> {
        use std::io::Read;
        let mut slices: smallvec::SmallVec<[io::IoSliceMut<'_>; 8]> = bufs
            .iter_mut()
            .map(|buf| io::IoSliceMut::new(buf))
            .collect();
        (&*SockRef::from(&*self.socket)).read_vectored(&mut slices)
    }

    /// Sends several buffers as one datagram (`writev`).
    ///
    /// # Errors
    /// `WouldBlock` if there is no room.
    #[cfg(unix)]
    pub fn send_bufs(&self, bufs: &[&iovec::IoVec]) -> io::Result<usize> {
        let slices: smallvec::SmallVec<[io::IoSlice<'_>; 8]> =
            bufs.iter().map(|buf| io::IoSlice::new(buf)).collect();
        SockRef::from(&*self.socket).send_vectored(&slices)
    }
}
