//! Parts that a node in a page is made of.

use mydht::SingleThread;
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{AttachmentStore, KVStore};
use mydht_evloop::Poll;
use mydht_rendezvous::{NodeRendezvous, Relay};
use mydht_transports::either::EitherOf;
use mydht_transports::webrtc::WebRtc;
use mydht_transports::webrtc::browser::Browser;

/// Directly where that can be, and over the server where not.
pub(crate) type Paths = EitherOf<WebRtc<NodeRendezvous<Poll>, Browser>, Relay<Poll>>;

/// Stores in memory, or in IndexedDB.
pub(crate) type Stores = (Box<dyn KVStore>, Box<dyn AttachmentStore>);

/// Configuration of a node in a page.
pub(crate) type Conf =
    SingleThread<Poll, Paths, Bincode, Records, Box<dyn KVStore>, Box<dyn AttachmentStore>>;
