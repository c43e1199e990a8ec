//! A UDP socket that says `None` where the one of today says `WouldBlock`.

use crate::event::Evented;
use crate::net;
use crate::{Poll, PollOpt, Ready, Token};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Debug)]
pub struct UdpSocket {
    socket: net::UdpSocket,
}

fn unless_it_blocks<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Methods that are those of the socket of today.
macro_rules! as_it_is {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {$(
        pub fn $name(&self, $($arg: $type),*) -> io::Result<$out> {
            self.socket.$name($($arg),*)
        }
    )*};
}

impl UdpSocket {
    pub fn bind(addr: &SocketAddr) -> io::Result<UdpSocket> {
        let socket = net::UdpSocket::bind(addr)?;
        Ok(UdpSocket { socket })
    }

    pub fn from_socket(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        let socket = net::UdpSocket::from_socket(socket)?;
        Ok(UdpSocket { socket })
    }

    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        let socket = self.socket.try_clone()?;
        Ok(UdpSocket { socket })
    }

    pub fn send_to(&self, buf: &[u8], target: &SocketAddr) -> io::Result<Option<usize>> {
        unless_it_blocks(self.socket.send_to(buf, target))
    }

    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        unless_it_blocks(self.socket.recv_from(buf))
    }

    pub fn send(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        unless_it_blocks(self.socket.send(buf))
    }

    pub fn recv(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        unless_it_blocks(self.socket.recv(buf))
    }

    as_it_is! {
        fn local_addr() -> SocketAddr;
        fn connect(addr: SocketAddr) -> ();
        fn broadcast() -> bool;
        fn set_broadcast(on: bool) -> ();
        fn multicast_loop_v4() -> bool;
        fn set_multicast_loop_v4(on: bool) -> ();
        fn multicast_ttl_v4() -> u32;
        fn set_multicast_ttl_v4(ttl: u32) -> ();
        fn multicast_loop_v6() -> bool;
        fn set_multicast_loop_v6(on: bool) -> ();
        fn ttl() -> u32;
        fn set_ttl(ttl: u32) -> ();
        fn join_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
        fn join_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
        fn leave_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
        fn leave_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
        fn take_error() -> Option<io::Error>;
    }
}

impl Evented for UdpSocket {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.socket.register(poll, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.socket.reregister(poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.socket.deregister(poll)
    }
}

#[cfg(unix)]
mod fd {
    use super::{UdpSocket, net};
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

    impl AsRawFd for UdpSocket {
        fn as_raw_fd(&self) -> RawFd {
            self.socket.as_raw_fd()
        }
    }

    impl IntoRawFd for UdpSocket {
        fn into_raw_fd(self) -> RawFd {
            self.socket.into_raw_fd()
        }
    }

    impl FromRawFd for UdpSocket {
        unsafe fn from_raw_fd(fd: RawFd) -> UdpSocket {
            // SAFETY: the caller's promise is the same.
            let socket = unsafe { net::UdpSocket::from_raw_fd(fd) };
            UdpSocket { socket }
        }
    }
}
