//! TCP whose addresses have names: they are resolved, and connected with, by calls that wait.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use mydht_spawner::ThreadBlock;
use mydht_transports::InvalidAddress;
use mydht_transports::tcp::{TcpConnection, listen_error};

use super::{SyncConnector, SyncListener, Synchronous};

/// Time for one address of a name, and for a closed listener.
const PATIENCE: Duration = Duration::from_secs(10);

/// TCP with names, on threads.
pub type SyncTcp<P> = Synchronous<NamedTcpListener, NamedTcp, P, ThreadBlock, ThreadBlock>;

/// Address to listen on: written `tcp:HOST:PORT`, read with or without the `tcp:`. The host is a
/// name or an address; one of IPv6 is in brackets.
///
/// ```
/// use mydht::synchronous::tcp::HostAddress;
///
/// let address: HostAddress = "node.example.org:4000".parse()?;
/// assert_eq!(address.to_string(), "tcp:node.example.org:4000");
/// assert!("node.example.org".parse::<HostAddress>().is_err());
/// # Ok::<(), mydht_transports::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostAddress {
    host: String,
    port: u16,
}

/// Characters of a name, at most (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 255;

impl FromStr for HostAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let wrong = || InvalidAddress::new(text, "tcp:HOST:PORT, as tcp:node.example.org:4000");
        let rest = text.strip_prefix("tcp:").unwrap_or(text);
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let is_name = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_v6 = || {
            let inner = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
        };
        if host.is_empty() || host.len() > LONGEST_NAME || !(is_name || is_v6()) {
            return Err(wrong());
        }
        Ok(HostAddress {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp:{}:{}", self.host, self.port)
    }
}

impl From<SocketAddr> for HostAddress {
    fn from(address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        HostAddress {
            host,
            port: address.port(),
        }
    }
}

impl HostAddress {
    /// Looks up the addresses that the name stands for now.
    fn resolve(&self) -> io::Result<impl Iterator<Item = SocketAddr> + use<>> {
        format!("{}:{}", self.host, self.port)
            .to_socket_addrs()
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot look up host `{}`: {error}", self.host),
                )
            })
    }

    /// True for an address that stands for all of a host's, as 0.0.0.0.
    fn is_unspecified(&self) -> bool {
        let ip = self.host.trim_start_matches('[').trim_end_matches(']');
        ip.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified())
    }
}

/// Resolves names and connects, or listens.
#[derive(Clone, Copy, Debug)]
pub struct NamedTcp(());

impl NamedTcp {
    /// Creates a connector.
    pub const fn connector() -> Self {
        NamedTcp(())
    }

    /// Listens at the first address that the name of `address` stands for; port 0 asks the system
    /// for a free one.
    ///
    /// # Errors
    /// When the name stands for nothing, or nobody may listen there.
    pub fn bind(address: &HostAddress) -> io::Result<NamedTcpListener> {
        let at: Vec<SocketAddr> = address.resolve()?.collect();
        let listener =
            TcpListener::bind(at.as_slice()).map_err(|error| listen_error(address, &error))?;
        Ok(NamedTcpListener(listener))
    }
}

impl SyncConnector for NamedTcp {
    type Address = HostAddress;
    type Stream = TcpConnection;

    fn host(address: &HostAddress) -> String {
        address.host.clone()
    }

    /// Returns the address at which a peer was seen, with the port that it listens on, for a peer
    /// that listens on all its interfaces.
    fn address_of(&self, claimed: HostAddress, observed: &HostAddress) -> HostAddress {
        match claimed.is_unspecified() {
            true => HostAddress {
                host: observed.host.clone(),
                port: claimed.port,
            },
            false => claimed,
        }
    }

    fn connect(&mut self, address: &HostAddress) -> io::Result<TcpConnection> {
        let mut last = None;
        for at in address.resolve()? {
            match TcpStream::connect_timeout(&at, PATIENCE) {
                Ok(stream) => return TcpConnection::from_std(stream),
                // A name may have addresses that are unreachable from here, for instance of IPv6.
                Err(error) => last = Some(error),
            }
        }
        let last = last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
        let text = format!("cannot connect to {address}: {last}");
        Err(io::Error::new(last.kind(), text))
    }
}

/// Accepts connections, and waits for them.
#[derive(Debug)]
pub struct NamedTcpListener(TcpListener);

impl SyncListener for NamedTcpListener {
    type Address = HostAddress;
    type Stream = TcpConnection;

    fn local_address(&self) -> Option<HostAddress> {
        self.0.local_addr().ok().map(HostAddress::from)
    }

    fn accept(&mut self) -> io::Result<(TcpConnection, HostAddress)> {
        let (stream, address) = self.0.accept()?;
        Ok((TcpConnection::from_std(stream)?, address.into()))
    }

    /// Connects with itself: that is what ends the waiting on every system.
    fn closer(&self) -> Box<dyn FnOnce() + Send> {
        let address = self.0.local_addr();
        Box::new(move || {
            let Ok(mut address) = address else {
                return;
            };
            // The unspecified address is for listening; not every system can connect to it.
            if address.ip().is_unspecified() {
                address.set_ip(match address.ip() {
                    IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                });
            }
            // Where it cannot be reached, the next peer that connects ends it.
            drop(TcpStream::connect_timeout(&address, PATIENCE));
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for text in [
            "tcp:localhost:1",
            "tcp:192.0.2.1:4000",
            "tcp:[::1]:65535",
            "tcp:a-b.c_d:0",
        ] {
            let address: HostAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(text[4..].parse(), Ok(address));
        }
        assert_eq!("tcp:HOST:1".parse(), "host:1".parse::<HostAddress>());
        let socket: SocketAddr = "[::1]:7".parse().unwrap();
        assert_eq!(HostAddress::from(socket).to_string(), "tcp:[::1]:7");
    }

    #[test]
    fn what_is_no_address_says_how_to_write_one() {
        let long = format!("{}:1", "a".repeat(256));
        for text in [
            "",
            "tcp:",
            "host",
            ":1",
            "host:65536",
            "host:x",
            "a b:1",
            "::1:1",
            "[host]:1",
            &long,
        ] {
            let error = text.parse::<HostAddress>().unwrap_err().to_string();
            assert!(error.contains("write tcp:HOST:PORT"), "{text}: {error}");
        }
    }

    #[test]
    fn who_listens_on_all_interfaces_is_found_where_it_was_seen() {
        let tcp = NamedTcp::connector();
        let address = |text: &str| text.parse::<HostAddress>().unwrap();
        let observed = address("192.0.2.7:50000");
        let of = |claimed| tcp.address_of(address(claimed), &observed).to_string();
        assert_eq!(of("0.0.0.0:4000"), "tcp:192.0.2.7:4000");
        assert_eq!(of("[::]:4000"), "tcp:192.0.2.7:4000");
        assert_eq!(of("node.example.org:4000"), "tcp:node.example.org:4000");
    }
}
