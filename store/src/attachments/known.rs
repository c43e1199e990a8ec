//! Journal of a partial attachment: the file `HASH-LEN.known`.
//!
//! Entries of 42 bytes, only ever appended: a kind, a level, a number (8 bytes, little-endian) and
//! a node.
//!
//! | kind | what it says |
//! |---|---|
//! | 1 | this node of the tree is known |
//! | 2 | this part is written; the node is its leaf |
//! | 3 | the first so many entries, and the parts that they speak of, were synced |
//!
//! A process that is killed loses nothing of it. After a power cut, whatever follows what a 3
//! vouches for may be missing or wrong, so it is believed only where the part's bytes prove
//! themselves.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::disk::{named, read_at};
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, PART_LEN, PartHasher, Place, Tree, part_offset};
use mydht_proto::record::AttachmentId;

const ENTRY: usize = 42;

const NODE: u8 = 1;
const PART: u8 = 2;
const SYNCED: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    kind: u8,
    level: u8,
    number: u64,
    node: Node,
}

impl Entry {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.kind, self.level]);
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.node);
    }

    fn read(bytes: &[u8; ENTRY]) -> Self {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[2..10]);
        let mut node = [0; 32];
        node.copy_from_slice(&bytes[10..]);
        Entry {
            kind: bytes[0],
            level: bytes[1],
            number: u64::from_le_bytes(number),
            node,
        }
    }
}

/// The entries of an attachment's file, and those not written yet.
#[derive(Debug)]
pub(super) struct Known {
    path: PathBuf,
    file: File,
    entries: u64,
    pending: Vec<u8>,
}

/// Tree and parts restored from the journal.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) tree: Tree,
    pub(super) have: PartSet,
}

impl Known {
    /// Opens or makes the file `path` and takes in what can be believed of it; `data` has the
    /// parts.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn open(
        path: PathBuf,
        id: AttachmentId,
        data: &File,
    ) -> io::Result<(Self, Resumed)> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| named(&path, &error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| named(&path, &error))?;
        let entries: Vec<Entry> = bytes.as_chunks().0.iter().map(Entry::read).collect();
        let vouched = vouched(&entries);
        let (sure, unsure) = entries.split_at(vouched);
        let mut resumed = Resumed {
            tree: Tree::unknown(id),
            have: PartSet::default(),
        };
        for entry in sure {
            resumed.take(entry);
        }
        // Drops the entries that no sync vouches for; parts that prove themselves are journalled
        // again below.
        file.set_len((vouched * ENTRY) as u64)
            .map_err(|error| named(&path, &error))?;
        let mut known = Known {
            path,
            file,
            entries: vouched as u64,
            pending: Vec::new(),
        };
        if !unsure.is_empty() {
            known.prove(&mut resumed, unsure, data);
            known.write()?;
        }
        Ok((known, resumed))
    }

    /// Takes in the parts among `unsure` whose bytes match their hashes.
    fn prove(&mut self, resumed: &mut Resumed, unsure: &[Entry], data: &File) {
        let id = resumed.tree.id();
        // Uses a copy, because unvouched nodes may be wrong and must not enter the tree unverified.
        let mut said = resumed.tree.clone();
        for entry in unsure.iter().filter(|entry| entry.kind == NODE) {
            said.restore(entry.place(), &entry.node);
        }
        let mut bytes = vec![0; PART_LEN];
        for part in unsure.iter().filter(|entry| entry.kind == PART) {
            let part = part.number;
            let (Some(len), Some(proof)) = (id.part_len(part), said.proof(part)) else {
                continue;
            };
            // One that cannot be read is not there.
            if read_at(data, part_offset(part), &mut bytes[..len]).is_ok() {
                let leaf = PartHasher::node_of(part, id.parts() == 1, &bytes[..len]);
                if self.insert(&mut resumed.tree, part, &leaf, &proof) {
                    resumed.have.insert(part);
                }
            }
        }
    }

    /// Takes a part that was written into the tree, and notes what is new. False if it proves
    /// nothing.
    pub(super) fn insert(
        &mut self,
        tree: &mut Tree,
        part: u64,
        leaf: &Node,
        proof: &[Node],
    ) -> bool {
        let Known {
            pending, entries, ..
        } = self;
        let mut note = |kind, place: Place, node: &Node| {
            let entry = Entry {
                kind,
                level: place.level,
                number: place.index,
                node: *node,
            };
            entry.write(pending);
            *entries += 1;
        };
        let proved = tree.insert(part, leaf, proof, |place, node| note(NODE, place, node));
        if proved {
            let place = Place {
                level: 0,
                index: part,
            };
            note(PART, place, leaf);
        }
        proved
    }

    /// Writes the pending entries to the file.
    ///
    /// # Errors
    /// When it cannot be written: what it is about will have to be fetched again after a restart.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.pending);
        self.pending.clear();
        if written.is_err() {
            // Entries are found by their place: half of one must not stay.
            let whole = self.file.metadata()?.len() / ENTRY as u64;
            self.file.set_len(whole * ENTRY as u64)?;
            self.entries = whole;
        }
        written.map_err(|error| named(&self.path, &error))
    }

    /// Makes everything durable; the parts in `data` first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn sync(&mut self, data: &File) -> io::Result<()> {
        data.sync_data()
            .and_then(|()| self.file.sync_data())
            .map_err(|error| named(&self.path, &error))?;
        self.vouch(self.entries)
    }

    /// Notes that the first so many entries were synced, and the parts that they speak of.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn vouch(&mut self, entries: u64) -> io::Result<()> {
        let vouched = Entry {
            kind: SYNCED,
            level: 0,
            number: entries,
            node: [0; 32],
        };
        // If this one is lost, more has to prove itself.
        vouched.write(&mut self.pending);
        self.entries += 1;
        self.write()
    }

    /// Returns the number of entries.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns another handle on the file, for the thread that syncs it.
    ///
    /// # Errors
    /// When the system has no free handle.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Entry {
    fn place(&self) -> Place {
        Place {
            level: self.level,
            index: self.number,
        }
    }
}

/// Returns the number of entries covered by the last consistent entry of kind 3. That entry counts
/// itself if no other came between.
fn vouched(entries: &[Entry]) -> usize {
    let synced = entries.iter().enumerate().rev().find_map(|(at, entry)| {
        let count = usize::try_from(entry.number).ok()?;
        // Garbage left by a power cut may look like such an entry, but it cannot vouch for entries
        // behind itself.
        (entry.kind == SYNCED && count <= at && entry.node == [0; 32]).then_some((at, count))
    });
    match synced {
        Some((at, count)) if at == count => count + 1,
        Some((_, count)) => count,
        None => 0,
    }
}

impl Resumed {
    fn take(&mut self, entry: &Entry) {
        match entry.kind {
            NODE => drop(self.tree.restore(entry.place(), &entry.node)),
            PART if entry.number < self.tree.id().parts() => drop(self.have.insert(entry.number)),
            _ => {}
        }
    }
}
