//! Two transports as one: a node that is reached by TCP, and by WebSocket for those that have no
//! TCP.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use mydht_evloop::traits::{Poll, Ready, Registerable, Token};

use crate::{InvalidAddress, Stream, Transport};

/// One of two: the streams, halves and addresses of [`EitherOf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Either<A, B> {
    /// Value of the first transport.
    First(A),
    /// Value of the second transport.
    Second(B),
}

/// Both of two transports, under one token. Which one an address belongs to, it says itself: the
/// two kinds must not be written alike.
///
/// ```
/// use mydht_evloop::Poll;
/// use mydht_transports::Transport;
/// use mydht_transports::either::EitherOf;
/// # #[cfg(not(target_arch = "wasm32"))] {
/// use mydht_transports::tcp::Tcp;
/// use mydht_transports::websocket::WebSocket;
///
/// type Both = EitherOf<Tcp, WebSocket>;
/// type Address = <Both as Transport<Poll>>::Address;
///
/// let both: Both = EitherOf(
///     Tcp::listen("tcp:127.0.0.1:0".parse()?)?,
///     WebSocket::listen(&"ws://127.0.0.1:0/".parse()?)?,
/// );
/// let peer: Address = "ws://127.0.0.1:4000/".parse()?;
/// assert_eq!(peer.to_string(), "ws://127.0.0.1:4000/");
/// # drop(both);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EitherOf<A, B>(pub A, pub B);

/// Evaluates the same expression for either value.
macro_rules! either {
    ($value:expr, $inner:ident => $call:expr) => {
        match $value {
            Either::First($inner) => $call,
            Either::Second($inner) => $call,
        }
    };
}

impl<A: fmt::Display, B: fmt::Display> fmt::Display for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        either!(self, inner => inner.fmt(f))
    }
}

impl<A, B> From<A> for Either<A, B> {
    fn from(first: A) -> Self {
        Either::First(first)
    }
}

impl<A, B> FromStr for Either<A, B>
where
    A: FromStr<Err = InvalidAddress>,
    B: FromStr<Err = InvalidAddress>,
{
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        // The kinds are not written alike, so at most one of them takes the text.
        let first = match text.parse() {
            Ok(first) => return Ok(Either::First(first)),
            Err(error) => error,
        };
        text.parse()
            .map(Either::Second)
            .map_err(|second| InvalidAddress::Neither(Box::new(first), Box::new(second)))
    }
}

impl<A: Read, B: Read> Read for Either<A, B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, inner => inner.read(buf))
    }
}

impl<A: Write, B: Write> Write for Either<A, B> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, inner => inner.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, inner => inner.flush())
    }
}

impl<P: Poll, A: Registerable<P>, B: Registerable<P>> Registerable<P> for Either<A, B> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        either!(self, inner => inner.register(poll, token, interest))
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        either!(self, inner => inner.reregister(poll, token, interest))
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        either!(self, inner => inner.deregister(poll))
    }
}

impl<P: Poll, A: Stream<P>, B: Stream<P>> Stream<P> for Either<A, B> {
    type ReadStream = Either<A::ReadStream, B::ReadStream>;
    type WriteStream = Either<A::WriteStream, B::WriteStream>;

    fn turn(&self, poll: &P, reported: Ready) -> Option<Ready> {
        either!(self, inner => inner.turn(poll, reported))
    }

    fn channel_binding(&self) -> Vec<u8> {
        either!(self, inner => inner.channel_binding())
    }

    fn read_stream(&self) -> Self::ReadStream {
        match self {
            Either::First(inner) => Either::First(inner.read_stream()),
            Either::Second(inner) => Either::Second(inner.read_stream()),
        }
    }

    fn write_stream(&self) -> Self::WriteStream {
        match self {
            Either::First(inner) => Either::First(inner.write_stream()),
            Either::Second(inner) => Either::Second(inner.write_stream()),
        }
    }

    fn disconnect(&self) {
        either!(self, inner => inner.disconnect());
    }
}

impl<P: Poll, A: Registerable<P>, B: Registerable<P>> Registerable<P> for EitherOf<A, B> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let first = self.0.register(poll, token, interest)?;
        // Not `||`, which could leave the second one unregistered.
        Ok(self.1.register(poll, token, interest)? | first)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let first = self.0.reregister(poll, token, interest)?;
        Ok(self.1.reregister(poll, token, interest)? | first)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.0.deregister(poll)?;
        self.1.deregister(poll)
    }
}

impl<P: Poll, A: Transport<P>, B: Transport<P>> Transport<P> for EitherOf<A, B> {
    type Address = Either<A::Address, B::Address>;
    type Stream = Either<A::Stream, B::Stream>;

    fn host(address: &Self::Address) -> String {
        match address {
            Either::First(address) => A::host(address),
            Either::Second(address) => B::host(address),
        }
    }

    fn rank(address: &Self::Address) -> u8 {
        match address {
            Either::First(address) => A::rank(address),
            Either::Second(address) => B::rank(address),
        }
    }

    /// The first transport's, where it has one.
    fn local_address(&self) -> Option<Self::Address> {
        let second = || self.1.local_address().map(Either::Second);
        self.0.local_address().map(Either::First).or_else(second)
    }

    fn local_addresses(&self) -> Vec<Self::Address> {
        let first = self.0.local_addresses().into_iter().map(Either::First);
        let second = self.1.local_addresses().into_iter().map(Either::Second);
        first.chain(second).collect()
    }

    fn address_of(&self, claimed: Self::Address, observed: &Self::Address) -> Self::Address {
        match (claimed, observed) {
            (Either::First(claimed), Either::First(observed)) => {
                Either::First(self.0.address_of(claimed, observed))
            }
            (Either::Second(claimed), Either::Second(observed)) => {
                Either::Second(self.1.address_of(claimed, observed))
            }
            // Seen by the one, found by the other.
            (claimed, _) => claimed,
        }
    }

    fn accept(&mut self) -> io::Result<(Self::Stream, Self::Address)> {
        let first = match self.0.accept() {
            Ok((stream, address)) => return Ok((Either::First(stream), Either::First(address))),
            Err(error) => error,
        };
        match self.1.accept() {
            Ok((stream, address)) => Ok((Either::Second(stream), Either::Second(address))),
            // A failure of the one holds the other back no more than that it has nothing.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(first),
            Err(error) => Err(error),
        }
    }

    fn connect_with(&mut self, address: &Self::Address) -> io::Result<Self::Stream> {
        match address {
            Either::First(address) => self.0.connect_with(address).map(Either::First),
            Either::Second(address) => self.1.connect_with(address).map(Either::Second),
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::tcp::TcpAddress;
    use crate::websocket::WsAddress;

    #[test]
    fn an_address_says_whose_it_is() {
        type Address = Either<TcpAddress, WsAddress>;
        for text in ["tcp:127.0.0.1:4000", "ws://127.0.0.1:4000/x"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let error = "neither".parse::<Address>().unwrap_err();
        assert!(matches!(error, InvalidAddress::Neither(..)));
        let error = error.to_string();
        assert!(error.contains("tcp:") && error.contains("ws://"), "{error}");
    }
}
