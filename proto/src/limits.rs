//! Bounds on everything that a node takes from outside: each has a name and a default.

use std::time::Duration;

/// Bounds of a node, in groups. An error that is caused by a bound names its group and field.
///
/// ```
/// use mydht_proto::{Limits, PeerLimits};
///
/// let limits = Limits {
///     peers: PeerLimits { connections: 100, ..PeerLimits::default() },
///     ..Limits::default()
/// };
/// assert_eq!(limits.sizes.value_bytes, 256 << 10);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bounds on the bytes of one message and of what it carries.
    pub sizes: SizeLimits,
    /// Bounds on connections, and on the dials that open them.
    pub peers: PeerLimits,
    /// Bounds on the messages that a connection may have under way, and on their rate.
    pub flow: FlowLimits,
    /// Bounds on the attachments that are fetched.
    pub transfers: TransferLimits,
    /// Bounds on searches, and on the copies of a record.
    pub routing: RoutingLimits,
    /// Bounds on the records of who provides an attachment.
    pub providers: ProviderLimits,
    /// Bounds on what a node stores for others.
    pub storage: StorageLimits,
    /// Times after which a node stops waiting.
    pub timeouts: Timeouts,
}

/// Bounds on the bytes of one message and of what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeLimits {
    /// Maximum bytes of one encoded message. Memory for it is claimed as it arrives.
    pub message_bytes: usize,
    /// Maximum bytes of a value inside a message.
    pub value_bytes: usize,
    /// Maximum bytes of an attachment.
    pub attachment_bytes: u64,
    /// Maximum bytes of an attachment's name.
    pub name_bytes: usize,
    /// Maximum bytes of one message between services of the user's.
    pub app_bytes: usize,
    /// Maximum bytes of a signal, by which two nodes find a path to each other, and which a third
    /// carries.
    pub signal_bytes: usize,
    /// Maximum bytes of a peer's address as text.
    pub address_bytes: usize,
}

impl Default for SizeLimits {
    fn default() -> Self {
        SizeLimits {
            message_bytes: 1 << 20,
            value_bytes: 256 << 10,
            attachment_bytes: 64 << 30,
            name_bytes: 255,
            app_bytes: 64 << 10,
            signal_bytes: 17 << 10,
            address_bytes: 256,
        }
    }
}

/// Bounds on connections, and on the dials that open them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Maximum connected peers, in both directions.
    pub connections: usize,
    /// Maximum simultaneous connections with one peer. Further ones are refused.
    pub connections_per_peer: usize,
    /// Maximum connections with one host. Further ones are refused.
    pub connections_per_host: usize,
    /// Maximum connections that are not authenticated yet, beside the connected peers. Further ones
    /// are refused.
    pub handshakes: usize,
    /// Maximum unauthenticated connections with one host. Further ones are refused.
    pub handshakes_per_host: usize,
    /// Maximum connections that are opened at once for searches.
    pub dials: usize,
    /// Unused connections to keep. Past it, those are closed that the routing can best do without.
    pub links: usize,
    /// Time without use after which a connection may be closed.
    pub link_idle: Duration,
}

impl Default for PeerLimits {
    fn default() -> Self {
        PeerLimits {
            connections: 1024,
            connections_per_peer: 4,
            connections_per_host: 256,
            handshakes: 128,
            handshakes_per_host: 32,
            dials: 64,
            links: 128,
            link_idle: Duration::from_secs(30),
        }
    }
}

/// Bounds on the messages that a connection may have under way, and on their rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowLimits {
    /// Maximum messages that wait to be written to one peer, and requests of one peer at the store.
    /// A peer past it reads too slowly, or asks too much, and is disconnected. From half of it on,
    /// no more is read from the peer.
    pub pending_messages: usize,
    /// Maximum bytes, about, of the messages that wait to be written to one peer. A peer past it is
    /// disconnected. From half of it on, no more is read from the peer.
    pub pending_bytes: usize,
    /// Maximum messages of one peer that are read and not yet handled. Past it, other peers have
    /// their turn first.
    pub messages_per_turn: u32,
    /// Maximum bytes of one peer's messages that are read and not yet handled.
    pub bytes_in_flight: usize,
    /// Messages that a connection's reader or writer handles at once, and requests that the store
    /// does, before others have their turn. For services that are restarted on a thread that others
    /// need too, as in a page. 0: no bound.
    pub messages_at_once: u32,
    /// Rate of one peer's messages, and their number at once after a quiet second. Past it, the
    /// peer is not read from for a while. 0: no bound.
    pub messages_per_second: u32,
    /// Rate of the signals that one peer may send or have carried. Further ones are dropped.
    pub signals_per_second: u32,
}

impl Default for FlowLimits {
    fn default() -> Self {
        FlowLimits {
            pending_messages: 1024,
            pending_bytes: 32 << 20,
            messages_per_turn: 64,
            bytes_in_flight: 8 << 20,
            messages_at_once: 0,
            messages_per_second: 50_000,
            signals_per_second: 64,
        }
    }
}

/// Bounds on the attachments that are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferLimits {
    /// Maximum attachments that are fetched at once.
    pub downloads: usize,
    /// Maximum requests of peers that wait for parts of one attachment while it is fetched.
    pub waiting_requests: usize,
    /// Maximum parts that are requested from one peer and not yet received.
    pub parts_in_flight: usize,
}

impl Default for TransferLimits {
    fn default() -> Self {
        TransferLimits {
            downloads: 64,
            waiting_requests: 4096,
            parts_in_flight: 16,
        }
    }
}

/// Bounds on searches, and on the copies of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingLimits {
    /// Maximum further peers that a question may pass, each of which asks others in its own name.
    pub hops: u8,
    /// Peers that a search asks at once when its paths have ended: Kademlia's α.
    pub parallel: usize,
    /// Disjoint paths on which a search begins, with one question at a time on each.
    pub paths: usize,
    /// Nearest peers that a search looks for, and that an answer names: Kademlia's k.
    pub closest: usize,
    /// Nearest peers that are asked to keep a record.
    pub copies: usize,
    /// Maximum questions of peers that are being answered at once.
    pub lookups: usize,
    /// Interval after which kept records are republished at the peers that are nearest by then.
    /// Zero: never.
    pub republish: Duration,
}

impl Default for RoutingLimits {
    fn default() -> Self {
        RoutingLimits {
            hops: 1,
            parallel: 3,
            paths: 8,
            closest: 20,
            copies: 8,
            lookups: 4096,
            republish: Duration::from_secs(3600),
        }
    }
}

/// Bounds on the records of who provides an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderLimits {
    /// Attachments of which the node remembers the providers.
    pub known_providers: usize,
    /// Providers of one attachment that a node keeps and names, and that it connects with when it
    /// fetches the attachment.
    pub providers_per_attachment: usize,
    /// Maximum provider records that are kept for requesters.
    pub provider_records: usize,
    /// Maximum provider records of one peer.
    pub provider_records_per_peer: usize,
    /// Time after which a provider record expires, unless the provider announces it again.
    pub provider_expiry: Duration,
}

impl Default for ProviderLimits {
    fn default() -> Self {
        ProviderLimits {
            known_providers: 1024,
            providers_per_attachment: 16,
            provider_records: 4096,
            provider_records_per_peer: 512,
            provider_expiry: Duration::from_secs(2 * 3600),
        }
    }
}

/// Bounds on what a node stores for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageLimits {
    /// Bytes of values that are cached because others looked for them here. 0: none are cached, and
    /// no peer is asked to.
    pub cache_bytes: usize,
    /// Records that one peer may store here in a day.
    pub records_per_peer: usize,
    /// Bytes of the records, with their attachments, that one peer may store here in a day.
    pub bytes_per_peer: u64,
    /// Records of one signer that peers may store here.
    pub records_per_signer: usize,
    /// Bytes of one signer's records, with their attachments, that peers may store here.
    pub bytes_per_signer: u64,
}

impl Default for StorageLimits {
    fn default() -> Self {
        StorageLimits {
            cache_bytes: 4 << 20,
            records_per_peer: 1 << 16,
            bytes_per_peer: 64 << 30,
            records_per_signer: 1 << 14,
            bytes_per_signer: 64 << 30,
        }
    }
}

/// Times after which a node stops waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Time from a connection's opening to the end of its authentication.
    pub handshake_timeout: Duration,
    /// Time from a request to its answer.
    pub request_timeout: Duration,
    /// Time from a search's question to its answer, for each peer that it may pass.
    pub find_timeout: Duration,
    /// Time within which a peer must accept a queued message. Past it, the peer is disconnected.
    pub stall_timeout: Duration,
    /// Longest wait before a failed service of the node is started again. The wait doubles from a
    /// tenth of a second.
    pub service_timeout: Duration,
    /// Longest wait before a lost bootstrap peer is dialled again. The wait doubles from a quarter
    /// of a second.
    pub reconnect_timeout: Duration,
    /// Time for answers that are still being written when the node is told to stop.
    pub stop_timeout: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            find_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(20),
            service_timeout: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(2),
        }
    }
}
