//! Addresses in text, shared by the wire, which names peers, and the transports, which reach them.

mod invalid;
mod websocket;

pub use invalid::InvalidAddress;
pub use websocket::WsAddress;

/// Splits `HOST:PORT` at its last colon. The host of an IPv6 address is in brackets.
///
/// Returns `None` where no colon follows the host.
///
/// ```
/// use mydht_small::split_port;
///
/// assert_eq!(split_port("[::1]:80"), Some(("[::1]", "80")));
/// assert_eq!(split_port("[::1]"), None);
/// ```
pub fn split_port(authority: &str) -> Option<(&str, &str)> {
    let (host, port) = authority.rsplit_once(':')?;
    // The last colon of `[::1]` belongs to the address.
    (!port.contains(']')).then_some((host, port))
}

/// Returns true if `name` can be the name of a host: 1 to 253 letters, digits, `-`, `.` and `_` of
/// ASCII.
///
/// An underscore is no part of a host name (RFC 952), but resolvers of private networks know such
/// names.
pub fn is_host_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    // 255 bytes on the wire (RFC 1035, section 2.3.4) are 253 characters.
    (1..=253).contains(&name.len()) && name.bytes().all(is_allowed)
}
