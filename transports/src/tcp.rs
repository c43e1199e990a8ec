//! TCP over the operating system.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mydht_evloop::net;
use mydht_evloop::traits::{Poll, Ready, Registerable, Token};

use crate::{InvalidAddress, Stream, Transport};

/// TCP address, written `tcp:IP:PORT`, read with or without the `tcp:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpAddress(pub SocketAddr);

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp:{}", self.0)
    }
}

impl std::str::FromStr for TcpAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        text.strip_prefix("tcp:")
            .unwrap_or(text)
            .parse()
            .map(TcpAddress)
            .map_err(|_| InvalidAddress::new(text, "tcp:IP:PORT, as tcp:127.0.0.1:4000"))
    }
}

/// Adds to the error of a bind the address that was asked for, and what to do about it.
pub fn listen_error(address: &impl fmt::Display, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (another program listens there: choose another port, or 0 for a free one)"
        }
        io::ErrorKind::PermissionDenied => " (ports below 1024 need privileges)",
        _ => "",
    };
    let what = format!("cannot listen on {address}: {error}{hint}");
    io::Error::new(error.kind(), what)
}

/// Adds to the error of a connect the address that was asked for.
pub fn connect_error(address: &impl fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot connect to {address}: {error}"),
    )
}

/// Turns the error of a stream that is still being opened into `WouldBlock`.
pub(crate) fn block_until_open(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        other => other,
    }
}

/// A TCP endpoint: listens, or only connects.
#[derive(Debug)]
pub struct Tcp {
    listener: Option<net::TcpListener>,
}

impl Tcp {
    /// Listens on `address`; port 0 asks the system for a free one.
    ///
    /// # Errors
    /// What the system says, with the address: `AddrInUse` for a port in use.
    pub fn listen(address: TcpAddress) -> io::Result<Self> {
        let listener =
            net::TcpListener::bind(&address.0).map_err(|error| listen_error(&address, &error))?;
        Ok(Tcp {
            listener: Some(listener),
        })
    }

    /// An endpoint that accepts nothing.
    pub fn connect_only() -> Self {
        Tcp { listener: None }
    }
}

/// A TCP connection.
#[derive(Clone, Debug)]
pub struct TcpConnection(Arc<net::TcpStream>);

impl TcpConnection {
    /// A connection that was opened, or accepted, by calls that wait. From now on it does not.
    ///
    /// # Errors
    /// What the system says.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::new(net::TcpStream::from_stream(stream)?)
    }

    fn new(stream: net::TcpStream) -> io::Result<Self> {
        // Messages are small and answered: waiting for an acknowledgement to fill a segment only adds delay.
        stream.set_nodelay(true)?;
        Ok(TcpConnection(Arc::new(stream)))
    }
}

impl Read for TcpConnection {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buf)
    }
}

impl Write for TcpConnection {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        block_until_open((&*self.0).write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! delegate_registration {
    ($type:ty, |$this:ident| $inner:expr) => {
        impl<P: Poll> Registerable<P> for $type
        where
            net::TcpStream: Registerable<P>,
            net::TcpListener: Registerable<P>,
        {
            fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
                let $this = self;
                match $inner {
                    Some(inner) => inner.register(poll, token, interest),
                    None => Ok(false),
                }
            }

            fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
                let $this = self;
                match $inner {
                    Some(inner) => inner.reregister(poll, token, interest),
                    None => Ok(false),
                }
            }

            fn deregister(&self, poll: &P) -> io::Result<()> {
                let $this = self;
                match $inner {
                    Some(inner) => inner.deregister(poll),
                    None => Ok(()),
                }
            }
        }
    };
}

delegate_registration!(TcpConnection, |this| Some(&*this.0));
delegate_registration!(Tcp, |this| this.listener.as_ref());

impl<P: Poll> Stream<P> for TcpConnection
where
    net::TcpStream: Registerable<P>,
    net::TcpListener: Registerable<P>,
{
    type ReadStream = TcpConnection;
    type WriteStream = TcpConnection;

    fn read_stream(&self) -> TcpConnection {
        self.clone()
    }

    fn write_stream(&self) -> TcpConnection {
        self.clone()
    }

    fn disconnect(&self) {
        // It fails only when the peer has closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl<P: Poll> Transport<P> for Tcp
where
    net::TcpStream: Registerable<P>,
    net::TcpListener: Registerable<P>,
{
    type Address = TcpAddress;
    type Stream = TcpConnection;

    fn host(address: &TcpAddress) -> String {
        address.0.ip().to_string()
    }

    fn local_address(&self) -> Option<TcpAddress> {
        let listener = self.listener.as_ref()?;
        listener.local_addr().ok().map(TcpAddress)
    }

    /// Returns the address at which a peer was seen, with the port that it listens on, for a peer
    /// that listens on all its interfaces.
    fn address_of(&self, claimed: TcpAddress, observed: &TcpAddress) -> TcpAddress {
        match claimed.0.ip().is_unspecified() {
            true => TcpAddress(SocketAddr::new(observed.0.ip(), claimed.0.port())),
            false => claimed,
        }
    }

    fn accept(&mut self) -> io::Result<(TcpConnection, TcpAddress)> {
        // One that only connects has nothing to accept, which is no failure.
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        let (stream, address) = listener.accept()?;
        Ok((TcpConnection::new(stream)?, TcpAddress(address)))
    }

    fn connect_with(&mut self, address: &TcpAddress) -> io::Result<TcpConnection> {
        net::TcpStream::connect(&address.0)
            .and_then(TcpConnection::new)
            .map_err(|error| connect_error(address, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_on_all_interfaces_is_found_where_it_was_seen() {
        let tcp = Tcp::connect_only();
        let address = |text: &str| text.parse::<TcpAddress>().unwrap();
        let observed = address("192.0.2.7:50000");
        let of = |claimed| {
            Transport::<mydht_evloop::Poll>::address_of(&tcp, address(claimed), &observed)
        };
        assert_eq!(of("0.0.0.0:4000"), address("192.0.2.7:4000"));
        assert_eq!(of("[::]:4000"), address("192.0.2.7:4000"));
        assert_eq!(of("198.51.100.1:4000"), address("198.51.100.1:4000"));
    }
}
