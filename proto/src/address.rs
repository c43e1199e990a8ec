//! Addresses of nodes.

mod list;

pub use list::{Addresses, MAX_ADDRESSES};

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::PeerId;
use mydht_small::{InvalidAddress, WsAddress, is_host_name, split_port};

/// Place at which a node can be connected with.
///
/// | text | variant |
/// |---|---|
/// | `tcp:192.0.2.1:4000`, `tcp:[2001:db8::1]:4000` | [`Tcp`](Address::Tcp) |
/// | `tcp:dht.example:4000` | [`TcpName`](Address::TcpName) |
/// | `ws://192.0.2.1:4000/path`, `wss://dht.example/path` | [`WebSocket`](Address::WebSocket) |
/// | `rtc:ID` | [`WebRtc`](Address::WebRtc) |
/// | `relay:ID` | [`Relay`](Address::Relay) |
/// | `mem:NUMBER` | [`Memory`](Address::Memory) |
/// | `scheme:rest` of another transport | [`Other`](Address::Other) |
///
/// The text form is one for each address, and the same on the wire. [`FromStr`] also reads
/// `HOST:PORT` without a scheme, as people write TCP addresses.
///
/// ```
/// use mydht_proto::Address;
///
/// let address: Address = "[2001:DB8::1]:4000".parse()?;
/// assert_eq!(address.to_string(), "tcp:[2001:db8::1]:4000");
/// let error = "localhost".parse::<Address>().unwrap_err();
/// assert_eq!(error.to_string(), "invalid address `localhost`: add a port, as localhost:4000");
/// # Ok::<(), mydht_small::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Address {
    /// TCP at an IP address.
    Tcp(SocketAddr),
    /// TCP at a host whose name a resolver knows.
    TcpName(HostPort),
    /// WebSocket.
    WebSocket(WsAddress),
    /// WebRTC with a node, whose signals a rendezvous server or a common neighbour carries.
    WebRtc(PeerId),
    /// Connection with a node through the relay of its rendezvous server.
    Relay(PeerId),
    /// Pipe inside one process, by the number of its endpoint.
    Memory(u64),
    /// Address of a transport that this crate does not know.
    Other(OtherAddress),
}

/// Name of a host, in lower case, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: Arc<str>,
    port: u16,
}

impl HostPort {
    /// Returns the host's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Address of a transport that this crate does not know: `scheme:rest`.
///
/// The scheme is that of a URI (RFC 3986, section 3.1) in lower case. The rest is at least one
/// graphic character of ASCII, and not digits alone, which `HOST:PORT` would be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherAddress(Arc<str>);

impl OtherAddress {
    /// Returns the whole address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Schemes of the transports that this crate knows.
const SCHEMES: [&str; 6] = ["tcp", "ws", "wss", "rtc", "relay", "mem"];

/// Forms of an address, for errors.
const FORMS: &str = "tcp:HOST:PORT, ws://HOST:PORT/PATH, wss://HOST:PORT/PATH, rtc:ID or relay:ID";

impl Address {
    /// Reads an address that names its scheme, as on the wire.
    ///
    /// # Errors
    /// The text has no scheme, or is not an address of the scheme that it names.
    pub fn with_scheme(text: &str) -> Result<Self, InvalidAddress> {
        let wrong = |expected| move || InvalidAddress::new(text, expected);
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong(FORMS))?;
        let id = || rest.parse().ok();
        match scheme {
            "tcp" => Self::tcp(rest).ok_or_else(|| no_tcp(text, rest)),
            "ws" | "wss" => text.parse().map(Address::WebSocket),
            "rtc" => id()
                .map(Address::WebRtc)
                .ok_or_else(wrong("rtc:ID, an id of 64 hex digits")),
            "relay" => id()
                .map(Address::Relay)
                .ok_or_else(wrong("relay:ID, an id of 64 hex digits")),
            "mem" => canonical_number(rest)
                .map(Address::Memory)
                .ok_or_else(wrong("mem:NUMBER")),
            _ if is_scheme(scheme) && is_rest(rest) => {
                Ok(Address::Other(OtherAddress(text.into())))
            }
            _ => Err(wrong(FORMS)()),
        }
    }

    /// Reads `HOST:PORT`.
    fn tcp(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Address::Tcp(address));
        }
        let (host, port) = split_port(text)?;
        // A name whose last label is a number is a malformed IPv4 address (WHATWG URL, 3.5).
        let last = host.trim_end_matches('.').rsplit('.').next()?;
        let is_name = is_host_name(host) && !last.bytes().all(|byte| byte.is_ascii_digit());
        let port = is_name.then(|| port.parse().ok())??;
        // Names are compared without case (RFC 4343), and an address has one text only.
        let host = host.to_ascii_lowercase().into();
        Some(Address::TcpName(HostPort { host, port }))
    }

    /// Returns the IP address and the port of a host that needs no resolver.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::WebSocket(address) => address.socket_address(),
            _ => None,
        }
    }

    /// Returns true if the text form has more than `most` bytes.
    pub fn is_longer_than(&self, most: usize) -> bool {
        // Most addresses are judged without writing them: each that a peer names is checked.
        let bound = match self {
            // The longest IPv6 text has 45 bytes, and a scope id after it 11 at most.
            Address::Tcp(_) => "tcp:[]:65535".len() + 60,
            Address::TcpName(name) => "tcp::65535".len() + name.host.len(),
            Address::WebSocket(ws) => "wss://:65535".len() + ws.host().len() + ws.path().len(),
            Address::WebRtc(_) | Address::Relay(_) => "relay:".len() + 64,
            Address::Memory(_) => "mem:".len() + 20,
            Address::Other(other) => other.0.len(),
        };
        bound > most && self.text_len() > most
    }

    fn text_len(&self) -> usize {
        /// Counts what is written to it.
        struct Count(usize);
        impl fmt::Write for Count {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0 += text.len();
                Ok(())
            }
        }
        let mut count = Count(0);
        // Counting never fails.
        let _ = fmt::Write::write_fmt(&mut count, format_args!("{self}"));
        count.0
    }
}

/// The error of a text that is no `HOST:PORT`.
fn no_tcp(text: &str, host: &str) -> InvalidAddress {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    if is_host_name(host) || bracketed.is_some_and(is_v6) {
        return InvalidAddress::NoPort { text: text.into() };
    }
    InvalidAddress::new(
        text,
        "tcp:HOST:PORT, as tcp:127.0.0.1:4000 or tcp:[::1]:4000",
    )
}

/// Reads a number that is written without a sign and without zeros before it: one text for one
/// number.
fn canonical_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn is_scheme(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_allowed)
}

fn is_rest(text: &str) -> bool {
    let is_port = text.bytes().all(|byte| byte.is_ascii_digit());
    !is_port && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        // `HOST:PORT` comes before unknown schemes, which look like a host. A host that is named as a known scheme is
        // written with one: `tcp:mem:7`.
        let is_known = |scheme: &str| SCHEMES.contains(&scheme);
        let names_scheme = text
            .split_once(':')
            .is_some_and(|(scheme, _)| is_known(scheme));
        if !names_scheme && let Some(address) = Self::tcp(text) {
            return Ok(address);
        }
        match text.contains(':') && !text.starts_with('[') {
            true => Self::with_scheme(text),
            false => Err(no_tcp(text, text)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "tcp:{address}"),
            Address::TcpName(HostPort { host, port }) => write!(f, "tcp:{host}:{port}"),
            Address::WebSocket(address) => address.fmt(f),
            Address::WebRtc(id) => write!(f, "rtc:{id}"),
            Address::Relay(id) => write!(f, "relay:{id}"),
            Address::Memory(number) => write!(f, "mem:{number}"),
            Address::Other(OtherAddress(text)) => f.write_str(text),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Not `FromStr`: it also reads `HOST:PORT`, which would be a second text for the same
        // address.
        Address::with_scheme(&text)
            .map_err(|_| D::Error::invalid_value(Unexpected::Other("text"), &"an address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0101010101010101010101010101010101010101010101010101010101010101";

    #[test]
    fn each_address_has_one_text() {
        let table = [
            ("192.0.2.1:4000", "tcp:192.0.2.1:4000"),
            ("tcp:192.0.2.1:4000", "tcp:192.0.2.1:4000"),
            ("[2001:0db8:0::1]:4000", "tcp:[2001:db8::1]:4000"),
            ("localhost:4000", "tcp:localhost:4000"),
            ("tcp:DHT.Example:1", "tcp:dht.example:1"),
            ("ws://dht.example", "ws://dht.example:80/"),
            ("wss://[::1]/x?y", "wss://[::1]:443/x?y"),
            ("mem:7", "mem:7"),
            ("quic://192.0.2.1:1", "quic://192.0.2.1:1"),
            ("lora+x:a/1", "lora+x:a/1"),
        ];
        for (text, written) in table {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert!(!address.is_longer_than(written.len()), "{written}");
            assert!(address.is_longer_than(written.len() - 1), "{written}");
            assert_eq!(written.parse(), Ok(address.clone()));
            assert_eq!(Address::with_scheme(written), Ok(address));
        }
        for scheme in ["rtc", "relay"] {
            let text = format!("{scheme}:{ID}");
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_invalid_address_is_refused_with_the_form_to_write() {
        let table = [
            ("", "tcp:HOST:PORT"),
            ("localhost", "add a port, as localhost:4000"),
            ("[::1]", "add a port, as [::1]:4000"),
            ("tcp:dht.example", "add a port, as tcp:dht.example:4000"),
            ("tcp:192.0.2.256:1", "tcp:HOST:PORT"),
            ("1.2.3:4", "tcp:HOST:PORT"),
            ("tcp:a b:1", "tcp:HOST:PORT"),
            ("tcp:a:70000", "tcp:HOST:PORT"),
            ("ws:", "ws://HOST:PORT/PATH"),
            ("rtc:1", "64 hex digits"),
            ("relay:", "64 hex digits"),
            ("mem:007", "mem:NUMBER"),
            ("Quic:x", "tcp:HOST:PORT"),
            ("quic:x y", "tcp:HOST:PORT"),
        ];
        for (text, what) in table {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
        assert!(Address::with_scheme("127.0.0.1:4000").is_err());
        assert!(Address::with_scheme("localhost:4000").is_err());
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn whatever_is_read_is_written_so_that_it_is_read_again(text in "[a-z0-9:./\\[\\]-]{0,24}") {
            if let Ok(address) = text.parse::<Address>() {
                let written = address.to_string();
                proptest::prop_assert_eq!(Address::with_scheme(&written), Ok(address));
            }
        }
    }
}
