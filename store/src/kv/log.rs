//! A store in one plain file that grows at its end.
//!
//! The file is a header, then one frame a commit (`frame.rs`).
//!
//! A frame counts when it is whole, so a commit is there or it is not. What follows the last whole
//! frame was being written when the process ended, and is cut off, unless whole frames come behind
//! it: those were committed, so the file is damaged, and it is left as it is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::super::disk::{lock, named, open_or_make, read_at, sync_dir};
use super::frame::{HEAD, Place, changes, frame, whole};
use super::{Backend, Changes, Entry, Kv, Listed};

const HEADER: &[u8; 8] = b"mydhtkv1";

/// Bytes of replaced and removed entries that the file holds before it is compacted. They must also
/// be more than half of it.
const WORTH_COMPACTING: u64 = 1 << 20;

/// Keeps everything in one plain file.
pub type FileKV = Kv<LogFile>;

/// A file of commits. Keys and where their values are stay in memory, values are read from the
/// file.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    end: u64,
    number: u64,
    places: BTreeMap<Vec<u8>, Place>,
    /// Bytes that the entries of `places` take.
    live: u64,
}

impl FileKV {
    /// Opens or makes the store in the file `path`.
    ///
    /// # Errors
    /// `AlreadyExists` if another process has it open; `InvalidData` if it is damaged, of a later
    /// version or something else: it is left as it is then.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        LogFile::open(path).map(Kv::new)
    }
}

/// Returns the error for a file that cannot be used as it is.
fn unusable(path: &Path, why: &str) -> io::Error {
    let why = format!(
        "the store {} {why}: restore it, or start with another",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl LogFile {
    /// Opens or makes the file `path`.
    ///
    /// # Errors
    /// As [`FileKV::open`].
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let file = open_or_make(&path)?;
        lock(&file, &path)?;
        let mut store = LogFile {
            path,
            file,
            end: 0,
            number: 0,
            places: BTreeMap::new(),
            live: 0,
        };
        store.load()?;
        Ok(store)
    }

    fn load(&mut self) -> io::Result<()> {
        let mut header = Vec::new();
        (&self.file).take(8).read_to_end(&mut header)?;
        if header != HEADER {
            if !HEADER.starts_with(&header) {
                let why = match header.starts_with(b"mydhtkv") {
                    true => "was made by a later mydht",
                    false => "is something else, or damaged",
                };
                return Err(unusable(&self.path, why));
            }
            // A truncated header is left by a crash at the first start: no commit can follow it.
            return self.begin();
        }
        self.end = HEADER.len() as u64;
        let len = self.file.metadata()?.len();
        let mut head = [0; HEAD];
        let mut bytes = Vec::new();
        while self.end + HEAD as u64 <= len {
            read_at(&self.file, self.end, &mut head)?;
            let body = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
            let frame = HEAD as u64 + u64::from(body);
            // A truncated commit or a damaged length: no memory is allocated for it.
            if self.end + frame > len {
                break;
            }
            bytes.resize(usize::try_from(frame).unwrap_or(usize::MAX), 0);
            read_at(&self.file, self.end, &mut bytes)?;
            match whole(&bytes) {
                Some((number, body)) if number == self.number => self.replay(body)?,
                _ => break,
            }
        }
        if self.end < len {
            self.cut_off(len)?;
        }
        Ok(())
    }

    /// Creates an empty store.
    fn begin(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(HEADER)?;
        self.file.sync_all()?;
        self.end = HEADER.len() as u64;
        sync_dir(self.path.parent())
    }

    /// Takes in the frame at the end.
    fn replay(&mut self, body: &[u8]) -> io::Result<()> {
        let Some(changes) = changes(body) else {
            return Err(unusable(&self.path, "has a commit that cannot be read"));
        };
        let start = self.end + HEAD as u64;
        for (key, place) in changes {
            let old = match place {
                Some(place) => {
                    self.live += cost(key, &place);
                    let offset = start + place.offset;
                    self.places.insert(key.to_vec(), Place { offset, ..place })
                }
                None => self.places.remove(key),
            };
            self.live -= old.map_or(0, |old| cost(key, &old));
        }
        self.end = start + body.len() as u64;
        self.number += 1;
        Ok(())
    }

    /// Cuts off the commit that was being written when the process ended.
    fn cut_off(&mut self, len: u64) -> io::Result<()> {
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(self.end))?;
        (&self.file).take(len - self.end).read_to_end(&mut tail)?;
        // Cheap although it checks every offset: only offsets that start with the frame's letters
        // are hashed.
        for at in 1..tail.len().saturating_sub(HEAD) {
            if let Some((number, _)) = whole(&tail[at..])
                && number > self.number
            {
                let why = format!("is damaged at byte {}", self.end);
                return Err(unusable(&self.path, &why));
            }
        }
        tracing::warn!(path = %self.path.display(), bytes = len - self.end, "cut off an unfinished commit");
        self.file.set_len(self.end)?;
        self.file.sync_all()
    }

    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(frame)?;
        self.file.sync_data()
    }

    /// Writes what is live into a new file, which takes the place of the old one.
    fn compact(&mut self) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let path = PathBuf::from(name);
        // What a crash left there was never the store.
        let _ = fs::remove_file(&path);
        let mut new = LogFile::open(&path)?;
        let keys: Vec<Vec<u8>> = self.places.keys().cloned().collect();
        for keys in keys.chunks(64) {
            let mut changes = Changes::new();
            for key in keys {
                changes.insert(key.clone(), self.get(key)?);
            }
            // Not synced one by one: nothing counts before the rename, and one sync comes before
            // it.
            new.write(&changes, false)?;
        }
        new.file.sync_all()?;
        fs::rename(&path, &self.path)?;
        sync_dir(self.path.parent())?;
        new.path = std::mem::take(&mut self.path);
        // The new file was locked when it was opened, so the store is never without a lock.
        *self = new;
        Ok(())
    }

    fn write(&mut self, changes: &Changes, durably: bool) -> io::Result<()> {
        let changes = changes.iter();
        let frame = frame(self.number, changes.map(|(key, c)| (&key[..], c.as_ref())))?;
        let written = match durably {
            true => self.append(&frame),
            false => (self.file.seek(SeekFrom::Start(self.end)))
                .and_then(|_| self.file.write_all(&frame)),
        };
        if let Err(error) = written {
            // What is half there is never taken for a commit; the next one overwrites it.
            let _ = self.file.set_len(self.end);
            return Err(named(&self.path, &error));
        }
        self.replay(&frame[HEAD..])
    }
}

/// Bytes that an entry takes in its frame.
fn cost(key: &[u8], place: &Place) -> u64 {
    // 17 = kind (1), key length (4), expiry (8) and value length (4): see `frame`.
    17 + key.len() as u64 + u64::from(place.len)
}

impl Backend for LogFile {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        let Some(place) = self.places.get(key) else {
            return Ok(None);
        };
        let mut value = vec![0; usize::try_from(place.len).unwrap_or(usize::MAX)];
        read_at(&self.file, place.offset, &mut value).map_err(|error| named(&self.path, &error))?;
        let stay = place.stay;
        Ok(Some(Entry { value, stay }))
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.places.range::<[u8], _>((from, Bound::Unbounded));
        Ok(entries
            .take(most)
            .map(|(key, place)| Listed {
                key: key.clone(),
                len: u64::from(place.len),
                stay: place.stay,
            })
            .collect())
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        self.write(changes, true)?;
        let dead = self.end.saturating_sub(self.live);
        if dead > WORTH_COMPACTING
            && dead > self.live
            && let Err(error) = self.compact()
        {
            // The commit is kept; the file is longer than it has to be.
            tracing::warn!(%error, "cannot compact the store");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::KVStore;
    use super::*;

    /// Three commits, and how long the file was after each.
    fn sample(path: &Path) -> Vec<u64> {
        let mut store = FileKV::open(path).unwrap();
        let mut ends = vec![8];
        for i in 0..3u8 {
            store.put(b"same", &[i; 5], None).unwrap();
            store.put(&[i], b"x", Some(u64::MAX)).unwrap();
            store.commit().unwrap();
            ends.push(fs::metadata(path).unwrap().len());
        }
        ends
    }

    fn entries(store: &mut FileKV) -> Vec<(Vec<u8>, Vec<u8>)> {
        let keys = store.page(None, 1000).unwrap();
        let mut value = |key: Vec<u8>| (key.clone(), store.get(&key).unwrap().unwrap());
        keys.into_iter().map(|listed| value(listed.key)).collect()
    }

    #[test]
    fn cut_off_at_any_byte_the_commits_before_are_there_and_the_store_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.kv");
        let ends = sample(&path);
        let whole = fs::read(&path).unwrap();
        for len in 0..=whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            let commits = ends.iter().filter(|end| **end <= len as u64).count();
            let commits = commits.saturating_sub(1) as u8;
            let mut store = FileKV::open(&path).unwrap();
            let found = entries(&mut store);
            let mut expected: Vec<_> = (0..commits).map(|i| (vec![i], b"x".to_vec())).collect();
            if let Some(last) = commits.checked_sub(1) {
                expected.push((b"same".to_vec(), vec![last; 5]));
            }
            assert_eq!(found, expected, "{len} bytes");
            store.put(b"more", b"", None).unwrap();
            store.commit().unwrap();
            drop(store);
            let mut store = FileKV::open(&path).unwrap();
            assert_eq!(entries(&mut store).len(), expected.len() + 1);
        }
    }

    #[test]
    fn damage_before_the_last_commit_is_an_error_and_nothing_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.kv");
        let ends = sample(&path);
        let whole = fs::read(&path).unwrap();
        for at in 0..ends[2] as usize {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, &damaged).unwrap();
            let error = FileKV::open(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {at}");
            assert!(error.to_string().contains("a.kv"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn other_files_and_later_versions_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.kv");
        for (bytes, why) in [
            (&b"this is no store"[..], "something else"),
            (b"mydhtkv2 and more", "later mydht"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = FileKV::open(&path).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn what_was_replaced_does_not_fill_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.kv");
        let mut store = FileKV::open(&path).unwrap();
        for i in 0..200u8 {
            store.put(b"same", &vec![i; 64 << 10], None).unwrap();
            store.put(&[i], &[i], None).unwrap();
            store.commit().unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() < 3 << 20);
        // The file that took its place is locked as the first was.
        assert!(FileKV::open(&path).is_err());
        drop(store);
        let mut store = FileKV::open(&path).unwrap();
        let found = entries(&mut store);
        assert_eq!(found.len(), 201);
        assert!(found.contains(&(b"same".to_vec(), vec![199; 64 << 10])));
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.kv");
        let _open = FileKV::open(&path).unwrap();
        let error = FileKV::open(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("another node"), "{error}");
    }
}
