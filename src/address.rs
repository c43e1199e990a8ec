//! Addresses between the wire and a transport, which has a type of its own for them.

use std::fmt::Display;

use mydht_transports::InvalidAddress;

use crate::Address;
use crate::conf::{self, MyDHTConf};

/// Returns the address as this node's transport has it.
///
/// The text form is all that a transport of the user's has to offer, and a dial costs much more
/// than reading it.
pub(crate) fn for_transport<MC: MyDHTConf>(
    address: &Address,
) -> Result<conf::Address<MC>, InvalidAddress> {
    address.to_string().parse()
}

/// Returns a transport's address as other nodes learn it. `None` if its text names no scheme.
pub(crate) fn on_the_wire(address: &impl Display) -> Option<Address> {
    let text = address.to_string();
    match Address::with_scheme(&text) {
        Ok(address) => Some(address),
        Err(error) => {
            tracing::warn!(%error, "the transport's address is not announced");
            None
        }
    }
}
