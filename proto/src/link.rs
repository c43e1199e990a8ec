//! A connection of a node, as the node's user sees it.

use crate::address::Address;
use crate::id::PeerId;

/// A connection of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The address that it goes to, or came from.
    pub address: Address,
    /// The peer at its other end; `None` until its id is proved.
    pub peer: Option<PeerId>,
}
