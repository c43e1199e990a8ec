//! What a node takes from outside: every bound has a name here, and a default.

use std::time::Duration;

/// The bounds of a node. An error that a bound caused names its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, encoded. Its memory is never claimed before it arrived.
    pub message_bytes: usize,
    /// Bytes of a value inside a message.
    pub value_bytes: usize,
    /// Bytes of an attachment.
    pub attachment_bytes: u64,
    /// Bytes of an attachment's name.
    pub name_bytes: usize,
    /// Peers connected at once, both ways.
    pub connections: usize,
    /// Beside these, connections that are not authenticated yet: a newer one is refused.
    pub handshakes: usize,
    /// Of these, with one host: a newer one is refused.
    pub handshakes_per_host: usize,
    /// Of these, connections with one peer: a newer one is refused.
    pub connections_per_peer: usize,
    /// Of these, connections with one host: a newer one is refused.
    pub connections_per_host: usize,
    /// Messages waiting to be written to one peer, and requests of one peer at the store; past it
    /// the peer reads too slowly, or asks too much, and is let go. When half of it waits, no more
    /// is read from the peer.
    pub pending_messages: usize,
    /// Bytes of these, about; past it the peer is let go. When half of it waits, no more is read
    /// from the peer.
    pub pending_bytes: usize,
    /// Messages of one peer read and not yet handled; past it no more is read from it, and the
    /// others have their turn.
    pub messages_per_turn: u32,
    /// Bytes of these; past it no more is read from the peer.
    pub bytes_in_flight: usize,
    /// Messages that a connection's reader or writer handles at once, and requests that the store
    /// does, before others have their turn. For services that are restarted, on a thread that
    /// others need too: a page. 0: no bound.
    pub messages_at_once: u32,
    /// Messages of one peer in a second, and at once after a quiet second; past it no more is read
    /// from it for a while. 0: no bound.
    pub messages_per_second: u32,
    /// Bytes of one message between services of the user's.
    pub app_bytes: usize,
    /// Bytes of what a node has another node carry to a third, so that they find a way to each
    /// other.
    pub signal_bytes: usize,
    /// How many of these one peer may have carried, or say itself, in a second; past it they are
    /// dropped.
    pub signals_per_second: u32,
    /// Attachments being fetched at once.
    pub downloads: usize,
    /// Peers' requests waiting for parts of one attachment that is being fetched.
    pub waiting_requests: usize,
    /// Parts asked of one peer and not yet received.
    pub parts_in_flight: usize,
    /// How many peers a question may pass on its way, each of which asks others in its own name.
    pub hops: u8,
    /// How many peers are asked at once while something is searched, when its paths have come to
    /// their ends: Kademlia's α.
    pub parallel: usize,
    /// How many paths a search goes first, one question at a time each, that have no peer in
    /// common.
    pub paths: usize,
    /// How many of the nearest peers are looked for, and told in an answer: Kademlia's k.
    pub closest: usize,
    /// How many of the nearest peers are asked to keep a record.
    pub copies: usize,
    /// How often what is kept is put again with the nodes that are nearest to it by then. Zero:
    /// never.
    pub republish: Duration,
    /// Bytes of a peer's address.
    pub address_bytes: usize,
    /// Connections being opened at once for searches.
    pub dials: usize,
    /// Connections held while they are not used; past it those are given up that the routing can
    /// best do without.
    pub links: usize,
    /// A connection that was not used for so long may be given up.
    pub link_idle: Duration,
    /// From a search's question to its answer, for each peer that it may pass.
    pub find_timeout: Duration,
    /// Questions of peers being answered at once.
    pub lookups: usize,
    /// Attachments of which the node remembers who has them.
    pub known_providers: usize,
    /// Providers of one attachment that a node tells of, and that it connects with for one that it
    /// fetches.
    pub providers: usize,
    /// What peers say of who has which attachment, kept for those who ask.
    pub provider_records: usize,
    /// Of these, what one peer says.
    pub provider_records_per_peer: usize,
    /// What a peer says of what it has is void after so long, unless it says so again.
    pub provider_expiry: Duration,
    /// Bytes of values that are kept for a while because others looked for them here. 0: none are,
    /// nor are others asked to.
    pub cache_bytes: usize,
    /// Records that one peer may put here in a day.
    pub records_per_peer: usize,
    /// Bytes of these, with their attachments.
    pub bytes_per_peer: u64,
    /// Records of one signer that peers may put here.
    pub records_per_signer: usize,
    /// Bytes of these, with their attachments.
    pub bytes_per_signer: u64,
    /// From a connection's opening to the end of its authentication.
    pub handshake_timeout: Duration,
    /// From a request to its answer.
    pub request_timeout: Duration,
    /// Without progress while messages wait to be written; past it the peer is let go.
    pub stall_timeout: Duration,
    /// Longest wait before a service of the node that failed is started again (it doubles from a
    /// tenth of a second).
    pub service_timeout: Duration,
    /// Longest wait before a lost bootstrap peer is tried again (it doubles from a quarter of a
    /// second).
    pub reconnect_timeout: Duration,
    /// From being told to stop to stopping, while answers are still being written.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes: 1 << 20,
            value_bytes: 256 << 10,
            attachment_bytes: 64 << 30,
            name_bytes: 255,
            connections: 1024,
            handshakes: 128,
            handshakes_per_host: 32,
            connections_per_peer: 4,
            connections_per_host: 256,
            pending_messages: 1024,
            pending_bytes: 32 << 20,
            messages_per_turn: 64,
            bytes_in_flight: 8 << 20,
            messages_at_once: 0,
            messages_per_second: 50_000,
            app_bytes: 64 << 10,
            signal_bytes: 17 << 10,
            signals_per_second: 64,
            downloads: 64,
            waiting_requests: 4096,
            parts_in_flight: 16,
            hops: 1,
            parallel: 3,
            paths: 8,
            closest: 20,
            copies: 8,
            republish: Duration::from_secs(3600),
            address_bytes: 256,
            dials: 64,
            links: 128,
            link_idle: Duration::from_secs(30),
            find_timeout: Duration::from_secs(5),
            lookups: 4096,
            known_providers: 1024,
            providers: 16,
            provider_records: 4096,
            provider_records_per_peer: 512,
            provider_expiry: Duration::from_secs(2 * 3600),
            cache_bytes: 4 << 20,
            records_per_peer: 1 << 16,
            bytes_per_peer: 64 << 30,
            records_per_signer: 1 << 14,
            bytes_per_signer: 64 << 30,
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(20),
            service_timeout: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(2),
        }
    }
}
