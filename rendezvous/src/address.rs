//! Addresses of rendezvous servers.

use std::fmt;
use std::str::FromStr;

use super::message::PATH;
use mydht_transports::InvalidAddress;
use mydht_transports::websocket::WsAddress;

/// A rendezvous server's address: `ws://HOST[:PORT][/PATH]`, or `wss:`; `http:` and `https:` mean
/// the same.
///
/// ```
/// use mydht_rendezvous::ServerAddress;
///
/// let address: ServerAddress = "http://127.0.0.1:8080".parse()?;
/// assert_eq!(address.to_string(), "ws://127.0.0.1:8080/signal");
/// assert_eq!("wss://signal.example".parse::<ServerAddress>()?.name(), "signal.example:443");
/// # Ok::<(), mydht_transports::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress(WsAddress);

impl ServerAddress {
    /// Host and port: what a client signs, so that its login is for this server only.
    pub fn name(&self) -> String {
        format!("{}:{}", self.0.host(), self.0.port())
    }

    /// The host, without a port; that of an IPv6 address without its brackets.
    #[cfg(all(feature = "tls", not(target_arch = "wasm32")))]
    pub(super) fn host(&self) -> &str {
        self.0.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether the connection is encrypted by TLS.
    pub fn is_tls(&self) -> bool {
        self.0.is_secure()
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ServerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let read = || {
            let (scheme, rest) = text.split_once("://")?;
            let scheme = match scheme {
                "ws" | "http" => "ws",
                "wss" | "https" => "wss",
                _ => return None,
            };
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let path = if path.len() > 1 { path } else { PATH };
            // Names of hosts are the same in any case, and what is signed is compared byte for byte.
            let host = host.to_ascii_lowercase();
            format!("{scheme}://{host}{path}").parse().ok()
        };
        read()
            .map(ServerAddress)
            .ok_or_else(|| InvalidAddress::new(text, "ws://HOST:PORT of a rendezvous server"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let table = [
            ("ws://a", "ws://a:80/signal", "a:80"),
            ("http://a:80/", "ws://a:80/signal", "a:80"),
            (
                "https://A.Example",
                "wss://a.example:443/signal",
                "a.example:443",
            ),
            ("wss://a:8443/X/y", "wss://a:8443/X/y", "a:8443"),
            ("ws://[::1]:9", "ws://[::1]:9/signal", "[::1]:9"),
            (
                "ws://127.0.0.1:4000",
                "ws://127.0.0.1:4000/signal",
                "127.0.0.1:4000",
            ),
        ];
        for (text, url, name) in table {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!(
                (address.to_string().as_str(), address.name().as_str()),
                (url, name)
            );
            assert_eq!(url.parse(), Ok(address), "{url}");
        }
        for wrong in [
            "",
            "a:80",
            "ws://",
            "tcp://a",
            "ws://a:",
            "ws://a b",
            "ws://user@a",
            "ws://é",
        ] {
            let error = wrong.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains("ws://HOST:PORT"), "{wrong}: {error}");
        }
    }
}
