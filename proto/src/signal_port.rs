//! Signal ports, between the transport that needs signals and the node whose peers carry them
//! on.

use crate::id::PeerId;

/// Says and hears, for a node's transport, what finds ways to peers: its neighbours carry it to
/// theirs (SIGNAL). The node looks inside none of it, so it must prove itself from whom it is.
pub trait SignalPort: Send {
    /// The next thing to be said: to whom, and what.
    fn outgoing(&mut self) -> Option<(PeerId, Vec<u8>)>;

    /// Somebody says this to the node; it may be anybody's, and anything.
    fn incoming(&mut self, sealed: &[u8]);
}
