//! The store of a native node: a folder with its records and its attachments.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::kept::{decode, encode, expiry, key_bytes};
use super::{AttachmentStore, FileAttachments, KVStore, RedbKV, Stay};
use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::tree::{PartHasher, Tree, part_offset};
use mydht_proto::id::Key;
use mydht_proto::record::{AttachmentId, Record, Value};

/// Entries read from the records at a time.
const PAGE: usize = 256;

/// The store of a native node: passed to the node, or inspected while no node has it open.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use mydht_store::Folder;
/// use mydht_proto::{Record, Value};
///
/// let mut store = Folder::open(dir.path())?;
/// let record = Record::by_content(Value::Bytes(b"hello".to_vec()));
/// store.put(&record)?;
/// assert_eq!(store.get(&record.key)?, Some(record));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Folder {
    /// The records.
    pub records: RedbKV,
    /// The attachments.
    pub attachments: FileAttachments,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRecord {
    /// The record.
    pub record: Record,
    /// Expiry of the record, and whether it is the node's own.
    pub stay: Stay,
}

/// Error of reading one record of a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableRecord {
    /// Bytes that are not a record of this version.
    #[error("{}: {error}", hex::encode(.key))]
    Damaged {
        /// Key in the store.
        key: Vec<u8>,
        /// Error of decoding it.
        error: io::Error,
    },
}

fn records_path(dir: &Path) -> PathBuf {
    dir.join("records.redb")
}

impl Folder {
    /// Opens or makes the store in the folder `dir`.
    ///
    /// # Errors
    /// When it cannot be opened or made, or another process has it open: the error says what to do.
    pub fn open(dir: impl AsRef<Path>) -> io::Result<Self> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot make the store {}: {error}", dir.display()),
            )
        })?;
        Ok(Folder {
            // Opened first: the lock of the records also protects the attachments, which have none.
            records: RedbKV::open(records_path(dir))?,
            attachments: FileAttachments::open(dir.join("attachments"))?,
        })
    }

    /// Opens the store in the folder `dir` if there is one.
    ///
    /// # Errors
    /// `NotFound` if there is none; otherwise as [`open`](Folder::open).
    pub fn existing(dir: impl AsRef<Path>) -> io::Result<Self> {
        let dir = dir.as_ref();
        if !records_path(dir).exists() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "there is no store in {}: name the folder that a node was given with --store",
                    dir.display()
                ),
            ));
        }
        Folder::open(dir)
    }

    /// Keeps a record of this node's own, durably.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn put(&mut self, record: &Record) -> io::Result<()> {
        let bytes = encode(record)?;
        self.records
            .put_own(&key_bytes(&record.key), &bytes, expiry(record))?;
        self.records.commit()
    }

    /// Returns the record under `key`, whether or not its attachment is whole.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn get(&mut self, key: &Key) -> io::Result<Option<Record>> {
        let bytes = self.records.get(&key_bytes(key))?;
        bytes.map(|bytes| decode(&bytes)).transpose()
    }

    /// Calls `show` with each record as it is kept, or with the reason why it cannot be read.
    ///
    /// # Errors
    /// When the store cannot be read, and any error that `show` returns.
    pub fn each(
        &mut self,
        mut show: impl FnMut(&mut Self, Result<KeptRecord, UnreadableRecord>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.records.page(after.as_deref(), PAGE)?;
            let ended = page.len() < PAGE;
            after = page.last().map(|listed| listed.key.clone());
            for listed in page {
                let bytes = self.records.get(&listed.key)?.unwrap_or_default();
                let stay = listed.stay;
                let kept = decode(&bytes)
                    .map(|record| KeptRecord { record, stay })
                    .map_err(|error| UnreadableRecord::Damaged {
                        key: listed.key,
                        error,
                    });
                show(self, kept)?;
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Returns the number of bytes of an attachment that have arrived.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn bytes_here(&mut self, id: &AttachmentId) -> io::Result<u64> {
        if self.attachments.is_whole(id)? {
            return Ok(id.len);
        }
        match self.attachments.is_begun(id) {
            true => Ok(self.attachments.open(id)?.bytes(id)),
            false => Ok(0),
        }
    }

    /// Checks a record and all parts of its attachment that have arrived, byte by byte. Returns the
    /// first fault, or `None`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify(&mut self, record: &Record) -> io::Result<Option<String>> {
        if record.is_forged() {
            return Ok(Some("the content does not belong to the key".into()));
        }
        let Value::Attachment { id, .. } = &record.value else {
            return Ok(None);
        };
        if !self.attachments.is_whole(id)? && !self.attachments.is_begun(id) {
            return Ok(Some(format!("its attachment {} is not here", id.hash)));
        }
        let whole = self.attachments.is_whole(id)?;
        let have = match whole {
            true => None,
            false => Some(self.attachments.open(id)?),
        };
        for part in 0..id.parts() {
            if have.as_ref().is_some_and(|have| !have.contains(part)) {
                continue;
            }
            // A part that is read is checked.
            if let Err(error) = self.attachments.read_part(id, part) {
                return Ok(Some(error.to_string()));
            }
        }
        Ok(None)
    }

    /// Imports a copy of the file `path`, under `key` or under the hash of its content, and returns
    /// the record.
    ///
    /// # Errors
    /// When the file cannot be read or copied. The parts copied so far stay, for the next attempt.
    pub fn import(
        &mut self,
        key: Option<Key>,
        path: &Path,
        mut progress: impl FnMut(u64),
    ) -> io::Result<Record> {
        let named = |error| super::disk::named(path, &error);
        let tree = Tree::of_reader(File::open(path).map_err(named)?, |_| ()).map_err(named)?;
        let id = tree.id();
        if !self.attachments.is_whole(&id)? {
            let have = self.attachments.open(&id)?;
            let file = File::open(path).map_err(named)?;
            for part in (0..id.parts()).filter(|part| !have.contains(*part)) {
                let mut bytes = vec![0; id.part_len(part).unwrap_or(0)];
                super::disk::read_at(&file, part_offset(part), &mut bytes).map_err(named)?;
                let node = PartHasher::node_of(part, id.parts() == 1, &bytes);
                let proof = tree.proof(part).unwrap_or_default();
                let bytes = bytes.into();
                let received = ReceivedPart { bytes, node };
                // A file that changes meanwhile proves nothing.
                self.attachments.write_part(&id, part, &received, &proof)?;
                progress(part_offset(part));
            }
            self.attachments.flush()?;
        }
        self.imported(key, path, id)
    }

    /// Stores the record of the file `path` without copying the file, which is served in place for
    /// as long as it does not change.
    ///
    /// # Errors
    /// When the file cannot be read, or the link to it cannot be written.
    pub fn import_in_place(
        &mut self,
        key: Option<Key>,
        path: &Path,
        progress: impl FnMut(u64),
    ) -> io::Result<Record> {
        let named = |error| super::disk::named(path, &error);
        let tree = Tree::of_reader(File::open(path).map_err(named)?, progress).map_err(named)?;
        if !self.attachments.is_whole(&tree.id())? {
            self.attachments.take_in_place(&tree, path)?;
        }
        self.imported(key, path, tree.id())
    }

    /// Returns the record of an imported file.
    fn imported(&mut self, key: Option<Key>, path: &Path, id: AttachmentId) -> io::Result<Record> {
        let name = path.file_name().unwrap_or_default();
        let value = Value::Attachment {
            id,
            name: name.to_string_lossy().into_owned(),
        };
        let key = key.unwrap_or(Key::Content(id.hash));
        let record = Record::new(key, value);
        self.put(&record)?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mydht_proto::attachment::tree::PART_LEN;

    #[test]
    fn a_file_is_taken_in_found_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a file");
        let content: Vec<u8> = (0..3 * PART_LEN + 5).map(|i| (i / 3) as u8).collect();
        fs::write(&path, &content).unwrap();
        let at = dir.path().join("store");
        assert_eq!(
            Folder::existing(&at).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        let mut store = Folder::open(&at).unwrap();
        let record = store.import(None, &path, |_| ()).unwrap();
        let again = store.import(Some(Key::named("n")), &path, |_| ()).unwrap();
        assert_eq!(again.value, record.value);
        drop(store);
        let mut store = Folder::existing(&at).unwrap();
        let mut seen = Vec::new();
        store
            .each(|_, kept| {
                seen.push(kept.unwrap().record);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [record.clone(), again]);
        let id = record.value.attachment().unwrap();
        assert_eq!(store.bytes_here(&id).unwrap(), id.len);
        assert_eq!(store.verify(&record).unwrap(), None);
        let mut damaged = content;
        damaged[PART_LEN] ^= 1;
        fs::write(store.attachments.path(&id).unwrap(), damaged).unwrap();
        let mut store = {
            drop(store);
            Folder::existing(&at).unwrap()
        };
        let wrong = store.verify(&record).unwrap().unwrap();
        assert!(wrong.contains("part 1"), "{wrong}");
        let gone = Record::by_content(Value::Attachment {
            id: AttachmentId {
                hash: mydht_proto::id::Hash([7; 32]),
                len: 9,
            },
            name: String::new(),
        });
        assert!(store.verify(&gone).unwrap().unwrap().contains("not here"));
        assert_eq!(
            store.bytes_here(&gone.value.attachment().unwrap()).unwrap(),
            0
        );
    }

    #[test]
    fn a_record_that_cannot_be_read_is_shown_and_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Folder::open(dir.path()).unwrap();
        store.records.put(b"c-damaged", &[9; 20], None).unwrap();
        let record = Record::by_content(Value::Bytes(b"good".to_vec()));
        store.put(&record).unwrap();
        let (mut good, mut bad) = (0, 0);
        store
            .each(|_, kept| {
                match kept {
                    Ok(kept) => good += u32::from(kept.record == record),
                    Err(UnreadableRecord::Damaged { key, error }) => {
                        assert_eq!(key, b"c-damaged");
                        bad += u32::from(error.to_string().contains("damaged"));
                    }
                }
                Ok(())
            })
            .unwrap();
        assert_eq!((good, bad), (1, 1));
    }

    #[test]
    fn a_file_is_taken_in_where_it_is_and_given_out_while_it_stays_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a file");
        let content: Vec<u8> = (0..2 * PART_LEN + 5).map(|i| (i / 3) as u8).collect();
        fs::write(&path, &content).unwrap();
        let at = dir.path().join("store");
        let mut store = Folder::open(&at).unwrap();
        let record = store.import_in_place(None, &path, |_| ()).unwrap();
        let id = record.value.attachment().unwrap();
        drop(store);
        let mut store = Folder::existing(&at).unwrap();
        assert_eq!(store.verify(&record).unwrap(), None);
        assert_eq!(store.bytes_here(&id).unwrap(), id.len);
        let real = path.canonicalize().unwrap();
        assert_eq!(store.attachments.path(&id).unwrap(), real);
        let part = store.attachments.read_part(&id, 2).unwrap().unwrap();
        assert_eq!(part.0, content[2 * PART_LEN..]);
        // Nothing of it was copied.
        assert!(store.attachments.list().unwrap().is_empty());
        let mut changed = content.clone();
        changed[PART_LEN] ^= 1;
        fs::write(&path, changed).unwrap();
        drop(store);
        let mut store = Folder::existing(&at).unwrap();
        assert!(store.attachments.read_part(&id, 0).unwrap().is_some());
        assert!(store.attachments.read_part(&id, 1).is_err());
        for gone in [true, false] {
            match gone {
                true => fs::remove_file(&path).unwrap(),
                false => fs::write(&path, &content[1..]).unwrap(),
            }
            drop(store);
            store = Folder::existing(&at).unwrap();
            assert!(!store.attachments.is_whole(&id).unwrap());
            assert!(store.verify(&record).unwrap().is_some());
        }
    }
}
