//! Attachments in a folder.
//!
//! | file | what it is |
//! |---|---|
//! | `HASH` | a whole attachment |
//! | `HASH.tree` | its leaves, 32 bytes each: written before `HASH` appears |
//! | `HASH-LEN.part` | the parts of one on its way, each at its place |
//! | `HASH-LEN.index` | which parts these are: 33 bytes each, a 1 and the leaf |
//!
//! An index entry is written only after the bytes it speaks of were synced, and `HASH` appears by a rename: what
//! a crash leaves is never more than what is there.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::attachments::Linked;
use super::disk::{named, read_at, sync_dir, write_at};
use super::{AttachmentStore, Content};
use crate::attachment::ReceivedPart;
use crate::attachment::fetch::PartSet;
use crate::attachment::tree::{Node, PART_LEN, PartHasher, Tree};
use crate::record::AttachmentId;

/// Parts kept between two syncs: what a crash may cost, 4 MiB.
const PARTS_PER_SYNC: usize = 64;

/// Whole attachments kept open.
const OPEN_FILES: usize = 64;

const INDEX_ENTRY: usize = 33;

/// Keeps attachments in a folder.
#[derive(Debug)]
pub struct FileAttachments {
    dir: PathBuf,
    linked: Linked,
    arriving: HashMap<AttachmentId, Arriving>,
    whole: HashMap<AttachmentId, Whole>,
}

#[derive(Debug)]
struct Arriving {
    tree: Tree,
    have: PartSet,
    data: File,
    index: File,
    unsynced: Vec<u64>,
}

#[derive(Debug)]
struct Whole {
    tree: Tree,
    data: File,
}

fn open_rw(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| named(path, &error))
}

fn offset_of(part: u64) -> u64 {
    part.saturating_mul(PART_LEN as u64)
}

impl Arriving {
    fn sync(&mut self) -> io::Result<()> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        self.data.sync_data()?;
        for &part in &self.unsynced {
            if let Some(leaf) = self.tree.leaf(part) {
                let mut entry = [1; INDEX_ENTRY];
                entry[1..].copy_from_slice(leaf);
                write_at(&self.index, part * INDEX_ENTRY as u64, &entry)?;
            }
        }
        self.index.sync_data()?;
        self.unsynced.clear();
        Ok(())
    }
}

impl FileAttachments {
    /// A store in the folder `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
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

    /// Where a whole attachment is kept.
    pub fn path(&self, id: &AttachmentId) -> PathBuf {
        self.dir.join(id.hash.to_string())
    }

    fn sibling(&self, id: &AttachmentId, ending: &str) -> PathBuf {
        self.dir.join(format!("{}{ending}", id.hash))
    }

    fn part_path(&self, id: &AttachmentId) -> PathBuf {
        self.sibling(id, &format!("-{}.part", id.len))
    }

    fn index_path(&self, id: &AttachmentId) -> PathBuf {
        self.sibling(id, &format!("-{}.index", id.len))
    }

    fn whole(&mut self, id: &AttachmentId) -> io::Result<Option<&Whole>> {
        if !self.whole.contains_key(id) {
            let path = self.path(id);
            let data = match File::open(&path) {
                Ok(data) => data,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(named(&path, &error)),
            };
            let tree_path = self.sibling(id, ".tree");
            let leaves = fs::read(&tree_path).map_err(|error| named(&tree_path, &error))?;
            let leaves = leaves
                .chunks_exact(32)
                .filter_map(|leaf| leaf.try_into().ok());
            let tree = Tree::from_leaves(data.metadata()?.len(), leaves);
            if tree.id() != *id {
                // Of another length, or damaged: what was asked for is not here.
                tracing::warn!(path = %path.display(), "this file is not the attachment it is named after");
                return Ok(None);
            }
            if self.whole.len() >= OPEN_FILES {
                self.whole.clear();
            }
            self.whole.insert(*id, Whole { tree, data });
        }
        Ok(self.whole.get(id))
    }

    fn resume(&self, id: &AttachmentId) -> io::Result<Arriving> {
        let data = open_rw(&self.part_path(id))?;
        let mut index = open_rw(&self.index_path(id))?;
        let mut entries = Vec::new();
        index.read_to_end(&mut entries)?;
        let mut tree = Tree::unknown(*id);
        let mut have = PartSet::default();
        for (part, entry) in (0..id.parts()).zip(entries.chunks_exact(INDEX_ENTRY)) {
            if let (1, Ok(leaf)) = (entry[0], entry[1..].try_into()) {
                tree.restore(part, leaf);
                have.insert(part);
            }
        }
        Ok(Arriving {
            tree,
            have,
            data,
            index,
            unsynced: Vec::new(),
        })
    }

    /// Makes a complete partial attachment whole. False if it turns out to be damaged: then it begins anew.
    fn finish(&mut self, id: &AttachmentId) -> io::Result<bool> {
        let Some(mut arriving) = self.arriving.remove(id) else {
            return Ok(false);
        };
        arriving.sync()?;
        if arriving.tree.fill() != Some(id.hash.0) {
            fs::remove_file(self.index_path(id))?;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the parts kept of {} do not belong together: fetch it again",
                    id.hash
                ),
            ));
        }
        let mut leaves = Vec::new();
        for part in 0..id.parts() {
            leaves.extend(arriving.tree.leaf(part).into_iter().flatten());
        }
        let tree_path = self.sibling(id, ".tree");
        let new_path = self.sibling(id, ".tree.new");
        let mut file = File::create(&new_path).map_err(|error| named(&new_path, &error))?;
        file.write_all(&leaves)?;
        file.sync_all()?;
        fs::rename(&new_path, &tree_path)?;
        fs::rename(self.part_path(id), self.path(id))?;
        fs::remove_file(self.index_path(id))?;
        sync_dir(Some(&self.dir))?;
        let Arriving { tree, data, .. } = arriving;
        self.whole.insert(*id, Whole { tree, data });
        Ok(true)
    }
}

/// A part of a linked file, if the file is still what it was.
pub(super) fn read_linked(path: &Path, tree: &Tree, part: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let file = File::open(path).map_err(|error| named(path, &error))?;
    read_at(&file, offset_of(part), &mut bytes).map_err(|error| named(path, &error))?;
    let mut hasher = PartHasher::new(part, tree.id().parts() == 1);
    hasher.update(&bytes);
    if Some(&hasher.finish()) != tree.leaf(part) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} changed since it was put: put it again", path.display()),
        ));
    }
    Ok(bytes)
}

impl AttachmentStore for FileAttachments {
    fn is_whole(&mut self, id: &AttachmentId) -> io::Result<bool> {
        Ok(self.linked.contains(id) || self.whole(id)?.is_some())
    }

    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet> {
        if !self.arriving.contains_key(id) {
            let arriving = self.resume(id)?;
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
        write_at(&arriving.data, offset_of(part), &received.bytes)?;
        arriving.tree.insert(part, &received.node, proof);
        if arriving.have.insert(part) {
            arriving.unsynced.push(part);
        }
        if arriving.have.count() == id.parts() {
            return self.finish(id);
        }
        if arriving.unsynced.len() >= PARTS_PER_SYNC {
            arriving.sync()?;
        }
        Ok(false)
    }

    fn read_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Vec<u8>, Vec<Node>)>> {
        if self.linked.contains(id) {
            return self.linked.read_part(id, part);
        }
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
        read_at(data, offset_of(part), &mut bytes)?;
        Ok(Some((bytes, proof)))
    }

    fn link(&mut self, tree: Tree, content: Content) {
        self.linked.insert(tree, content);
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
    use super::super::attachments::tests::{conforms, part_of, sample};
    use super::*;

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

    #[test]
    fn what_was_synced_is_resumed_and_never_seen_as_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(100 * PART_LEN);
        let id = tree.id();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        store.open(&id).unwrap();
        for part in 0..80 {
            let (received, proof) = part_of(&content, &tree, part);
            assert!(!store.write_part(&id, part, &received, &proof).unwrap());
        }
        // The process is killed: nothing is flushed.
        std::mem::forget(store);
        let mut store = FileAttachments::open(dir.path()).unwrap();
        assert!(!store.is_whole(&id).unwrap());
        let have = store.open(&id).unwrap();
        assert_eq!(have.count(), PARTS_PER_SYNC as u64);
        for part in (0..id.parts()).filter(|part| !have.contains(*part)) {
            let (received, proof) = part_of(&content, &tree, part);
            let whole = store.write_part(&id, part, &received, &proof).unwrap();
            assert_eq!(whole, part == id.parts() - 1);
        }
        assert_eq!(fs::read(store.path(&id)).unwrap(), content);
    }

    #[test]
    fn a_damaged_index_is_an_error_and_the_next_fetch_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(3 * PART_LEN);
        let id = tree.id();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        store.open(&id).unwrap();
        let (received, proof) = part_of(&content, &tree, 0);
        store.write_part(&id, 0, &received, &proof).unwrap();
        store.flush().unwrap();
        let mut index = fs::read(store.index_path(&id)).unwrap();
        index[5] ^= 1;
        fs::write(store.index_path(&id), index).unwrap();
        let mut store = FileAttachments::open(dir.path()).unwrap();
        assert_eq!(store.open(&id).unwrap().count(), 1);
        let mut last = Ok(false);
        for part in 1..3 {
            // A last part alone proves nothing about the first.
            let (received, _) = part_of(&content, &tree, part);
            last = store.write_part(&id, part, &received, &[]);
        }
        assert_eq!(last.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(!store.is_whole(&id).unwrap());
        assert_eq!(store.open(&id).unwrap().count(), 0);
    }

    #[test]
    fn a_linked_file_that_changed_is_not_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let (content, tree) = sample(2 * PART_LEN);
        let path = dir.path().join("original");
        fs::write(&path, &content).unwrap();
        let mut store = FileAttachments::open(dir.path().join("store")).unwrap();
        store.link(tree.clone(), Content::File(path.clone()));
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
