//! Attachments in a folder.
//!
//! | file | what it is |
//! |---|---|
//! | `HASH` | a whole attachment |
//! | `HASH.tree` | its leaves, 32 bytes each; made again from `HASH` if it is lost |
//! | `HASH.link` | where it is, if it was taken in where it is and there is no `HASH` |
//! | `HASH-LEN.part` | the parts of one on its way, each at its place |
//! | `HASH-LEN.known` | which parts these are, and their proofs (`known.rs`) |
//!
//! `HASH` appears by a rename, after all of its bytes were synced.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::disk::{named, read_at, sync_dir, write_durably};
use super::AttachmentStore;
use super::arriving::Arriving;
use super::in_place;
use super::kept_tree::{kept_tree, leaves_of, tree_of};
use super::linked::Linked;
use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, PartHasher, Tree, part_offset};
use mydht_proto::id::Hash;
use mydht_proto::record::AttachmentId;

/// Whole attachments kept open.
const OPEN_FILES: usize = 64;

/// Keeps attachments in a folder.
#[derive(Debug)]
pub struct FileAttachments {
    dir: PathBuf,
    linked: Linked,
    arriving: HashMap<AttachmentId, Arriving>,
    whole: HashMap<AttachmentId, Whole>,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The hash of the attachment.
    pub hash: Hash,
    /// Whether all of the attachment has arrived.
    pub whole: bool,
    /// Length of the file in bytes; for a partial attachment, up to the last part that has arrived.
    pub bytes: u64,
}

#[derive(Debug)]
struct Whole {
    tree: Tree,
    data: File,
}

impl FileAttachments {
    /// Opens the store in the folder `dir`, which is created if missing.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|error| named(&dir, &error))?;
        Ok(FileAttachments {
            dir,
            linked: Linked::default(),
            arriving: HashMap::new(),
            whole: HashMap::new(),
        })
    }

    /// Returns the path of a whole attachment: in the folder, or in place if it is linked.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn path(&self, id: &AttachmentId) -> io::Result<PathBuf> {
        let own = self.own_path(id);
        match own.exists() {
            true => Ok(own),
            false => Ok(in_place::noted(&self.dir, &id.hash)?.unwrap_or(own)),
        }
    }

    fn own_path(&self, id: &AttachmentId) -> PathBuf {
        self.dir.join(id.hash.to_string())
    }

    /// Links the file `path`, whose whole tree is `tree`, without copying it. Its parts are served
    /// in place for as long as the file does not change.
    ///
    /// # Errors
    /// When the folder cannot be written; `InvalidInput` if the path is not UTF-8.
    pub fn take_in_place(&mut self, tree: &Tree, path: &Path) -> io::Result<()> {
        let id = tree.id();
        // Writes the tree before the link, because a link without a tree is never served.
        write_durably(&self.sibling(&id, ".tree"), &leaves_of(tree))?;
        in_place::note(&self.dir, &id.hash, path)
    }

    /// Returns whether parts of the attachment have arrived and others are missing.
    pub fn is_begun(&self, id: &AttachmentId) -> bool {
        self.part_path(id).exists()
    }

    /// Lists the attachments in the folder, in no order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<KeptFile>> {
        let mut found = Vec::new();
        let entries = fs::read_dir(&self.dir).map_err(|error| named(&self.dir, &error))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let begun = name
                .strip_suffix(".part")
                .and_then(|name| name.split_once('-'));
            let hash = begun.map_or(&*name, |(hash, _)| hash);
            if let Ok(hash) = hash.parse() {
                let bytes = entry.metadata()?.len();
                let whole = begun.is_none();
                found.push(KeptFile { hash, whole, bytes });
            }
        }
        Ok(found)
    }

    fn sibling(&self, id: &AttachmentId, ending: &str) -> PathBuf {
        self.dir.join(format!("{}{ending}", id.hash))
    }

    fn part_path(&self, id: &AttachmentId) -> PathBuf {
        self.sibling(id, &format!("-{}.part", id.len))
    }

    fn known_path(&self, id: &AttachmentId) -> PathBuf {
        self.sibling(id, &format!("-{}.known", id.len))
    }

    fn whole(&mut self, id: &AttachmentId) -> io::Result<Option<&Whole>> {
        if !self.whole.contains_key(id) {
            let path = self.path(id)?;
            let data = match File::open(&path) {
                Ok(data) => data,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(named(&path, &error)),
            };
            let leaves = self.sibling(id, ".tree");
            let tree = match kept_tree(id, &data, &leaves)? {
                // A file elsewhere is its user's: it is not hashed again whenever somebody asks.
                None if path == self.own_path(id) => {
                    Some(tree_of(id, &data, &leaves).map_err(|error| named(&path, &error))?)
                }
                kept => kept,
            };
            let Some(tree) = tree.filter(|tree| tree.id() == *id) else {
                // Of another length, or damaged: what was asked for is not here.
                tracing::warn!(path = %path.display(), "the file does not match the hash in its name: ignored");
                return Ok(None);
            };
            if self.whole.len() >= OPEN_FILES {
                self.whole.clear();
            }
            self.whole.insert(*id, Whole { tree, data });
        }
        Ok(self.whole.get(id))
    }

    /// Makes a complete partial attachment whole.
    fn finish(&mut self, id: &AttachmentId) -> io::Result<()> {
        let Some(arriving) = self.arriving.get_mut(id) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let path = self.dir.join(id.hash.to_string());
        // An error of that sync must surface here: both handles share one open file, for which the
        // system reports a write error only once.
        arriving.wait()?;
        arriving
            .data
            .sync_data()
            .map_err(|error| named(&path, &error))?;
        // Not synced: if it is lost, it is made again.
        let leaves = self.dir.join(format!("{}.tree", id.hash));
        fs::write(&leaves, leaves_of(&arriving.tree)).map_err(|error| named(&leaves, &error))?;
        fs::rename(arriving.path(), &path).map_err(|error| named(&path, &error))?;
        sync_dir(Some(&self.dir))?;
        if let Some(Arriving {
            tree, data, known, ..
        }) = self.arriving.remove(id)
        {
            // Removed last: until the rename is durable, an interrupted attachment resumes from
            // this journal.
            fs::remove_file(known.path()).map_err(|error| named(known.path(), &error))?;
            self.whole.insert(*id, Whole { tree, data });
        }
        Ok(())
    }
}

impl AttachmentStore for FileAttachments {
    fn linked(&mut self) -> &mut Linked {
        &mut self.linked
    }

    fn has_arrived(&mut self, id: &AttachmentId) -> io::Result<bool> {
        Ok(self.whole(id)?.is_some())
    }

    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet> {
        if !self.arriving.contains_key(id) {
            let arriving = Arriving::open(self.part_path(id), self.known_path(id), id)?;
            self.arriving.insert(*id, arriving);
        }
        let arriving = self.arriving.get(id).ok_or(io::ErrorKind::NotFound)?;
        let have = arriving.have.clone();
        // Stopped between the last part and the rename.
        if have.count() == id.parts() {
            self.finish(id)?;
        }
        Ok(have)
    }

    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool> {
        let arriving = self.arriving.get_mut(id).ok_or(io::ErrorKind::NotFound)?;
        arriving.write(part, received, proof)?;
        let whole = arriving.is_complete();
        if whole {
            self.finish(id)?;
        }
        Ok(whole)
    }

    fn read_arrived(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        let Some(len) = id.part_len(part) else {
            return Ok(None);
        };
        let (data, tree) = match self.arriving.get(id) {
            Some(arriving) if arriving.have.contains(part) => (&arriving.data, &arriving.tree),
            Some(_) => return Ok(None),
            None => match self.whole(id)? {
                Some(whole) => (&whole.data, &whole.tree),
                None => return Ok(None),
            },
        };
        let Some(proof) = tree.proof(part) else {
            return Ok(None);
        };
        let mut bytes = vec![0; len];
        let node = read_at(data, part_offset(part), &mut bytes)
            .map(|()| PartHasher::node_of(part, id.parts() == 1, &bytes));
        match node {
            Ok(node) if Some(&node) == tree.leaf(part) => Ok(Some((bytes.into(), proof))),
            // Not served: a peer that receives a part which fails its proof disconnects the sender as
            // misbehaving.
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} is damaged at part {part}: remove it and get it again",
                    self.path(id)?.display()
                ),
            )),
        }
    }

    fn close(&mut self, id: &AttachmentId) -> io::Result<()> {
        match self.arriving.remove(id) {
            Some(mut arriving) => arriving.sync(),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        for arriving in self.arriving.values_mut() {
            arriving.sync()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Content;
    use super::super::tests::{conforms, part_of, sample};
    use super::*;
    use mydht_proto::attachment::tree::PART_LEN;
    use std::sync::Arc;

    #[test]
    fn files_conform() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        for len in [0, 1, PART_LEN, PART_LEN + 1, 70 * PART_LEN + 7] {
            conforms(&mut store, len);
        }
        // And again from the disk.
        let mut store = FileAttachments::open(dir.path()).unwrap();
        let (content, tree) = sample(70 * PART_LEN + 7);
        assert!(store.is_whole(&tree.id()).unwrap());
        let (received, proof) = part_of(&content, &tree, 70);
        let found = store.read_part(&tree.id(), 70).unwrap();
        assert_eq!(found, Some((received.bytes, proof)));
        let names = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name());
        let left: Vec<_> = names
            .filter(|name| name.to_string_lossy().contains('-'))
            .collect();
        assert!(left.is_empty(), "left over: {left:?}");
    }

    /// The parts that a store has, each of which must prove itself.
    fn proved(store: &mut FileAttachments, id: &AttachmentId) -> PartSet {
        assert!(!store.is_whole(id).unwrap());
        let have = store.open(id).unwrap();
        for part in (0..id.parts()).filter(|part| have.contains(*part)) {
            let (bytes, proof) = store.read_part(id, part).unwrap().expect("a proof");
            let node = PartHasher::node_of(part, id.parts() == 1, &bytes);
            assert!(id.verify(part, &node, &proof), "part {part}");
        }
        have
    }

    fn write(store: &mut FileAttachments, content: &[u8], tree: &Tree, part: u64) -> bool {
        let (received, proof) = part_of(content, tree, part);
        store
            .write_part(&tree.id(), part, &received, &proof)
            .unwrap()
    }

    #[test]
    fn what_a_killed_process_wrote_is_resumed_given_out_and_never_seen_as_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(100 * PART_LEN);
        let id = tree.id();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        store.open(&id).unwrap();
        for part in (0..90).step_by(3) {
            assert!(!write(&mut store, &content, &tree, part));
        }
        store.flush().unwrap();
        for part in (1..50).step_by(3) {
            assert!(!write(&mut store, &content, &tree, part));
        }
        // The process is killed: nothing is flushed.
        std::mem::forget(store);
        for _ in 0..2 {
            let mut store = FileAttachments::open(dir.path()).unwrap();
            assert_eq!(proved(&mut store, &id).count(), 30 + 17);
        }
        let mut store = FileAttachments::open(dir.path()).unwrap();
        let have = store.open(&id).unwrap();
        for part in (0..id.parts()).filter(|part| !have.contains(*part)) {
            let whole = write(&mut store, &content, &tree, part);
            assert_eq!(whole, part == id.parts() - 1);
        }
        assert_eq!(fs::read(store.path(&id).unwrap()).unwrap(), content);
    }

    #[test]
    fn after_a_power_cut_what_was_not_synced_has_to_prove_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(20 * PART_LEN + 5);
        let id = tree.id();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        store.open(&id).unwrap();
        for part in 0..5 {
            write(&mut store, &content, &tree, part);
        }
        store.flush().unwrap();
        let synced = fs::metadata(store.known_path(&id)).unwrap().len() as usize;
        for part in 5..10 {
            write(&mut store, &content, &tree, part);
        }
        drop(store);
        let store = FileAttachments::open(dir.path()).unwrap();
        let known = fs::read(store.known_path(&id)).unwrap();
        let parts = fs::read(store.part_path(&id)).unwrap();
        // What was not synced is cut off, or something else, at any byte; so are the parts it speaks of.
        for at in (synced..known.len()).step_by(41) {
            for cut in [false, true] {
                let mut known = known.clone();
                if cut {
                    known.truncate(at);
                } else {
                    known[at] ^= 0x55;
                }
                let mut parts = parts.clone();
                parts[7 * PART_LEN + 3] ^= 1;
                fs::write(store.known_path(&id), known).unwrap();
                fs::write(store.part_path(&id), parts).unwrap();
                let mut store = FileAttachments::open(dir.path()).unwrap();
                let have = proved(&mut store, &id);
                assert!((0..5).all(|part| have.contains(part)) && !have.contains(7));
                // And the rest can be fetched.
                for part in (5..=20).filter(|part| !have.contains(*part)) {
                    write(&mut store, &content, &tree, part);
                }
                assert_eq!(
                    fs::read(store.path(&id).unwrap()).unwrap(),
                    content,
                    "byte {at}"
                );
                fs::remove_file(store.path(&id).unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn a_lost_or_damaged_tree_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(3 * PART_LEN);
        let id = tree.id();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        store.open(&id).unwrap();
        for part in 0..3 {
            write(&mut store, &content, &tree, part);
        }
        let leaves = store.sibling(&id, ".tree");
        let right = fs::read(&leaves).unwrap();
        for wrong in [&b""[..], &right[..40], &[7; 96]] {
            fs::write(&leaves, wrong).unwrap();
            let mut store = FileAttachments::open(dir.path()).unwrap();
            assert!(store.is_whole(&id).unwrap());
            assert_eq!(fs::read(&leaves).unwrap(), right);
        }
    }

    #[test]
    fn damaged_content_is_not_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(3 * PART_LEN);
        let id = tree.id();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        store.open(&id).unwrap();
        for part in 0..3 {
            write(&mut store, &content, &tree, part);
        }
        let mut damaged = content;
        damaged[PART_LEN + 9] ^= 1;
        fs::write(store.path(&id).unwrap(), damaged).unwrap();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        assert!(store.read_part(&id, 0).unwrap().is_some());
        let error = store.read_part(&id, 1).unwrap_err();
        assert!(error.to_string().contains("damaged at part 1"), "{error}");
    }

    #[test]
    fn a_linked_file_that_changed_is_not_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(2 * PART_LEN);
        let path = dir.path().join("original");
        fs::write(&path, &content).unwrap();
        let mut store = FileAttachments::open(dir.path().join("store")).unwrap();
        store.link(Arc::new(tree.clone()), Content::File(path.clone()));
        assert!(store.read_part(&tree.id(), 1).unwrap().is_some());
        let mut changed = content;
        changed[PART_LEN + 5] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(store.read_part(&tree.id(), 0).unwrap().is_some());
        let error = store.read_part(&tree.id(), 1).unwrap_err();
        assert!(error.to_string().contains("changed"), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(store.read_part(&tree.id(), 0).is_err());
    }
}
