//! Addresses of WebSockets.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use super::{is_host_name, split_port};
use crate::InvalidAddress;

/// Address of a WebSocket, written `ws://HOST:PORT/PATH`, or `wss://…` where a proxy ends TLS.
///
/// ```
/// use mydht_small::WsAddress;
///
/// let address: WsAddress = "ws://127.0.0.1:4000".parse()?;
/// assert_eq!(address.to_string(), "ws://127.0.0.1:4000/");
/// assert_eq!("wss://dht.example/node".parse::<WsAddress>()?.port(), 443);
/// # Ok::<(), mydht_small::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WsAddress {
    secure: bool,
    /// Host as in a URL: an IPv6 address is in brackets.
    host: Arc<str>,
    port: u16,
    /// Path and query, from the first `/` on.
    path: Arc<str>,
}

impl WsAddress {
    /// Returns the address `ws://IP:PORT/PATH`.
    pub fn at(address: SocketAddr, path: &str) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        WsAddress {
            secure: false,
            host: host.into(),
            port: address.port(),
            path: if path.starts_with('/') {
                path.into()
            } else {
                format!("/{path}").into()
            },
        }
    }

    /// Returns true for `wss://`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host. An IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path and the query, which begin with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the socket address of a host that needs no resolver: an IP address, or `localhost`.
    /// Returns `None` for other names.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        // RFC 6761, section 6.3: this name is the loopback's, so no resolver need be asked.
        let host = if &*self.host == "localhost" {
            "127.0.0.1"
        } else {
            &self.host
        };
        format!("{host}:{}", self.port).parse().ok()
    }
}

impl fmt::Display for WsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

impl FromStr for WsAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let wrong = || InvalidAddress::new(text, "ws://HOST:PORT/PATH, as ws://127.0.0.1:4000/");
        let (secure, rest) = if let Some(rest) = text.strip_prefix("ws://") {
            (false, rest)
        } else {
            (true, text.strip_prefix("wss://").ok_or_else(wrong)?)
        };
        // A path may contain colons, so the port is looked for before it.
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match split_port(authority) {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            // RFC 6455, section 3, has these defaults.
            None => (authority, if secure { 443 } else { 80 }),
        };
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        // One text for one host: names in lower case, IPv6 as RFC 5952 writes it.
        let host = match bracketed {
            Some(v6) => v6.parse().ok().map(|v6: Ipv6Addr| format!("[{v6}]")),
            None => is_host_name(host).then(|| host.to_ascii_lowercase()),
        };
        let host = host.ok_or_else(wrong)?;
        // No fragment (RFC 6455, section 3), and nothing that could end the line of the request.
        let path_is_one = path.len() <= 1024
            && path
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&b));
        if !path_is_one {
            return Err(wrong());
        }
        Ok(WsAddress {
            secure,
            host: host.into(),
            port,
            // RFC 6455, section 3: an empty path is `/`.
            path: if path.is_empty() { "/" } else { path }.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("ws://127.0.0.1:4000", "ws://127.0.0.1:4000/"),
            ("ws://localhost:4000/a/b?c=d", "ws://localhost:4000/a/b?c=d"),
            ("ws://[::1]:4000/", "ws://[::1]:4000/"),
            ("ws://[::1]", "ws://[::1]:80/"),
            ("ws://[0:0::01]:1/X", "ws://[::1]:1/X"),
            ("ws://DHT.Example/X", "ws://dht.example:80/X"),
            ("wss://dht.example/x", "wss://dht.example:443/x"),
        ] {
            let address: WsAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "127.0.0.1:4000",
            "http://a/",
            "ws://",
            "ws:///x",
            "ws://:80/",
            "ws://a:99999/",
            "ws://a:/",
            "ws://[::1/",
            "ws://[x]/",
            "ws://a b/",
            "ws://a/b c",
            "ws://user@a/",
            "ws://a/#b",
        ] {
            assert!(text.parse::<WsAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_hosts_that_need_no_look_up_have_a_socket_address() {
        let socket = |text: &str| text.parse::<WsAddress>().unwrap().socket_address();
        assert_eq!(socket("ws://[::1]:5/"), Some("[::1]:5".parse().unwrap()));
        assert_eq!(
            socket("ws://localhost:5/"),
            Some("127.0.0.1:5".parse().unwrap())
        );
        assert_eq!(socket("ws://dht.example:5/"), None);
        let v6 = "[::1]:5".parse().unwrap();
        assert_eq!(WsAddress::at(v6, "x").to_string(), "ws://[::1]:5/x");
    }
}
