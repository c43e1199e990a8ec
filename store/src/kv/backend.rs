//! Interface of a place to keep bytes in.

use std::collections::BTreeMap;
use std::io;

use super::{Listed, Stay, Wake};

/// A value and how long it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Expiry, and whether the entry is the node's own.
    pub stay: Stay,
}

impl Entry {
    /// Returns the listing of this entry under `key`.
    pub fn listed(&self, key: &[u8]) -> Listed {
        Listed {
            key: key.to_vec(),
            len: self.value.len() as u64,
            stay: self.stay,
        }
    }
}

/// Changes to commit, by key: an entry to keep, or `None` for one to remove.
pub type Changes = BTreeMap<Vec<u8>, Option<Entry>>;

/// A place to keep entries in, without expiry, limits or uncommitted changes: [`Kv`](super::Kv)
/// adds these for all backends. Implement this to write a store, and test it with the suite in the
/// module `testing`.
pub trait Backend {
    /// Returns the entry under `key`.
    ///
    /// # Errors
    /// When it cannot be read; `WouldBlock` to be asked again.
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>>;

    /// Returns up to `most` entries with keys after `after`, in the order of keys as bytes. Returns
    /// fewer only at the end.
    ///
    /// # Errors
    /// As `get`.
    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>>;

    /// Keeps all changes for good, or none of them.
    ///
    /// # Errors
    /// When they could not be kept; `WouldBlock` to be asked again, with the same changes.
    fn commit(&mut self, changes: &Changes) -> io::Result<()>;

    /// Returns the length in bytes up to which values are kept fastest. A caller with longer
    /// content splits it into several values.
    fn longest(&self) -> usize {
        usize::MAX
    }

    /// Sets the callback for when an operation that returned `WouldBlock` can go on.
    fn on_ready(&mut self, wake: Wake) {
        drop(wake);
    }
}

/// Bytes before a sealed value.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) const SEAL: usize = 9;

/// An entry as one byte string, for places that keep such: a version, how long it stays (8 bytes,
/// little-endian), the value.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn seal(value: &[u8], stay: Stay) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL + value.len());
    sealed.push(1);
    sealed.extend(stay.bits().to_le_bytes());
    sealed.extend(value);
    sealed
}

/// Opens a sealed entry: returns its expiry and the value.
///
/// # Errors
/// `InvalidData` if the entry is damaged or of a later version.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn unseal(sealed: &[u8]) -> io::Result<(Stay, &[u8])> {
    match sealed.split_first_chunk::<SEAL>() {
        Some(([1, stay @ ..], value)) => Ok((Stay::from_bits(u64::from_le_bytes(*stay)), value)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "damaged entry, or written by a later mydht: remove it, or use that version",
        )),
    }
}
