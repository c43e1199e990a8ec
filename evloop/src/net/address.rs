//! Making sockets that do not block from the first moment.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// A non-blocking socket of the family of `address`.
pub(super) fn socket(address: &SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(*address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Starts to connect; the socket becomes writable when it is done, and `take_error` says how it
/// went.
pub(super) fn connect(socket: &Socket, address: &SocketAddr) -> io::Result<()> {
    match socket.connect(&SockAddr::from(*address)) {
        Err(error) if in_progress(&error) => Ok(()),
        result => result,
    }
}

#[cfg(unix)]
fn in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(EINPROGRESS) || error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const EINPROGRESS: i32 = 115;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const EINPROGRESS: i32 = 36;

#[cfg(windows)]
fn in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
