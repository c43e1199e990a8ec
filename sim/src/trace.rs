//! Trace of a run: everything that happened, in one hash.

use std::time::Duration;

use mydht_transports::memory::{Delivery, Parcel};

use mydht_proto::engine::Event;
use mydht_proto::id::Hash;

/// Everything that arrived and every answer that a user heard, each with its time: two runs with
/// the same hash went the same way.
///
/// Of what arrives its length counts and not its bytes, because a handshake has random ones.
#[derive(Default)]
pub(super) struct Trace {
    hasher: blake3::Hasher,
    pub(super) deliveries: u64,
    pub(super) bytes: u64,
}

impl Trace {
    pub(super) fn delivered(&mut self, delivery: Delivery) {
        self.deliveries += 1;
        let (kind, len) = match delivery.parcel {
            Parcel::Bytes(count) => (0, count as u64),
            Parcel::Knock => (1, 0),
            Parcel::Opened => (2, 0),
            Parcel::Refused => (3, 0),
            Parcel::Closed => (4, 0),
            Parcel::Reset => (5, 0),
        };
        self.bytes += len;
        self.note(delivery.at, &[delivery.from.0, delivery.to.0, kind, len]);
    }

    /// Adds the outcome of a user's request.
    pub(super) fn heard(&mut self, at: Duration, request: u64, event: &Event) {
        self.note(at, &[u64::MAX, request]);
        self.hasher.update(format!("{event:?}").as_bytes());
    }

    fn note(&mut self, at: Duration, numbers: &[u64]) {
        // The nanoseconds of some hundred years.
        let at = at.as_nanos() as u64;
        // Room for the time and up to four numbers; missing ones are zero.
        let mut bytes = [0; 40];
        let all = std::iter::once(&at).chain(numbers);
        for (to, number) in bytes.chunks_exact_mut(8).zip(all) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        self.hasher.update(&bytes);
    }

    pub(super) fn hash(&self) -> Hash {
        Hash(*self.hasher.finalize().as_bytes())
    }
}
