//! Addresses of users that are reached through the server's relay.

use std::fmt;
use std::str::FromStr;

use mydht_transports::InvalidAddress;

use crate::UserId;

/// A user of a rendezvous server, reached over the server: written `relay:ID`. (`rtc:ID` is the
/// same user, reached directly.)
///
/// ```
/// use mydht_rendezvous::{RelayAddress, UserId};
///
/// let address = RelayAddress::from(UserId([7; 32]));
/// assert_eq!(address.to_string().parse(), Ok(address));
/// assert!("7".repeat(64).parse::<RelayAddress>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayAddress(pub UserId);

impl From<UserId> for RelayAddress {
    fn from(user: UserId) -> Self {
        RelayAddress(user)
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relay:{}", self.0)
    }
}

impl FromStr for RelayAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let id = text.strip_prefix("relay:").and_then(|id| id.parse().ok());
        id.map(RelayAddress)
            .ok_or_else(|| InvalidAddress::new(text, "relay:ID, an id of 64 hex digits"))
    }
}
