//! A store that lives as long as its process.

use std::collections::BTreeMap;
use std::io;

use super::KVStore;

/// Keeps everything in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryKV(BTreeMap<Vec<u8>, Vec<u8>>);

impl KVStore for MemoryKV {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(key).cloned())
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.0.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> io::Result<()> {
        self.0.remove(key);
        Ok(())
    }

    fn keys(&mut self) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn commit(&mut self) -> io::Result<()> {
        Ok(())
    }
}
