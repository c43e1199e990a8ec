//! What a place to keep bytes in has to do.

use std::collections::BTreeMap;
use std::io;

use super::{Listed, Stay, Wake};

/// A value and how long it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// How long it stays.
    pub stay: Stay,
}

impl Entry {
    /// How it is listed under `key`.
    pub fn listed(&self, key: &[u8]) -> Listed {
        Listed {
            key: key.to_vec(),
            len: self.value.len() as u64,
            stay: self.stay,
        }
    }
}

/// What is to be kept: `None` for what is to be removed.
pub type Changes = BTreeMap<Vec<u8>, Option<Entry>>;

/// A place to keep entries in. It knows neither the time nor any limit, and hears of changes when they are to be kept:
/// [`Kv`](super::Kv) does the rest for all of them.
pub trait Backend {
    /// The entry under `key`.
    ///
    /// # Errors
    /// When it cannot be read; `WouldBlock` to be asked again.
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>>;

    /// Up to `most` entries with keys after `after`, in their order; fewer only where they end.
    ///
    /// # Errors
    /// As `get`.
    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>>;

    /// Keeps all changes for good, or none of them.
    ///
    /// # Errors
    /// When they could not be kept; `WouldBlock` to be asked again, with the same changes.
    fn commit(&mut self, changes: &Changes) -> io::Result<()>;

    /// Bytes of a value at most that are kept as fast as may be: who has more keeps several values.
    fn longest(&self) -> usize {
        usize::MAX
    }

    /// Has `wake` called when what gave `WouldBlock` can go on.
    fn on_ready(&mut self, wake: Wake) {
        drop(wake);
    }
}

/// Bytes before a sealed value.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) const SEAL: usize = 9;

/// An entry as one byte string, for places that keep such: a version, how long it stays (8 bytes, little-endian), the
/// value.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn seal(value: &[u8], stay: Stay) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL + value.len());
    sealed.push(1);
    sealed.extend(stay.bits().to_le_bytes());
    sealed.extend(value);
    sealed
}

/// What was sealed: how long it stays, and the value.
///
/// # Errors
/// `InvalidData` if it is damaged or of a later version.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn unseal(sealed: &[u8]) -> io::Result<(Stay, &[u8])> {
    match sealed.split_first_chunk::<SEAL>() {
        Some(([1, stay @ ..], value)) => Ok((Stay::from_bits(u64::from_le_bytes(*stay)), value)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "an entry is damaged, or was written by a later mydht",
        )),
    }
}
