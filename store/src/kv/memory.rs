//! A store that lives as long as its process.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;

use super::{Backend, Changes, Entry, Kv, Listed};

/// Keeps everything in memory.
pub type MemoryKV = Kv<Memory>;

/// A map in memory. Its commits keep nothing beyond the process.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<Vec<u8>, Entry>);

impl Backend for Memory {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.0.range::<[u8], _>((from, Bound::Unbounded));
        Ok(entries.take(most).map(|(key, e)| e.listed(key)).collect())
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        for (key, change) in changes {
            match change {
                Some(entry) => drop(self.0.insert(key.clone(), entry.clone())),
                None => drop(self.0.remove(key)),
            }
        }
        Ok(())
    }
}
