//! The file that is put: made, and hashed.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// Writes `bytes` bytes that look random and are the same for the same seed: the extended output of
/// BLAKE3 over the seed.
pub fn write_random(path: &Path, bytes: u64, seed: u64) -> Result<()> {
    let reader = blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof();
    let mut file = BufWriter::new(
        File::create(path).with_context(|| format!("cannot make {}", path.display()))?,
    );
    std::io::copy(&mut Read::take(reader, bytes), &mut file)?;
    file.flush()?;
    Ok(())
}

/// The size of the file and its BLAKE3.
pub fn hash(path: &Path) -> Result<(u64, blake3::Hash)> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((hasher.count(), hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let made = |name: &str, seed| {
            let path = dir.path().join(name);
            write_random(&path, 100_001, seed).unwrap();
            hash(&path).unwrap()
        };
        let first = made("a", 1);
        assert_eq!(first.0, 100_001);
        assert_eq!(first, made("b", 1));
        assert_ne!(first.1, made("c", 2).1);
    }

    #[test]
    fn one_changed_byte_changes_the_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, [0; 1_000]).unwrap();
        let before = hash(&path).unwrap();
        let mut bytes = vec![0; 1_000];
        bytes[999] = 1;
        std::fs::write(&path, bytes).unwrap();
        assert_ne!(before.1, hash(&path).unwrap().1);
    }
}
