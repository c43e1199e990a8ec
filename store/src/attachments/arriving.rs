//! An attachment on its way into a folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::super::disk::{named, open_or_make, write_at};
use super::known::{Known, Resumed};
use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, Tree, part_offset};
use mydht_proto::record::AttachmentId;

/// Parts kept between two syncs, 8 MiB: after a power cut they have to prove themselves again.
const PARTS_PER_SYNC: usize = 128;

/// The parts that are here, and what is known of the others.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) tree: Tree,
    pub(super) have: PartSet,
    pub(super) data: File,
    pub(super) known: Known,
    path: PathBuf,
    unsynced: usize,
    syncing: Option<Syncing>,
}

/// A sync under way, on a thread of its own: the disk writes while more arrives.
#[derive(Debug)]
struct Syncing {
    thread: JoinHandle<io::Result<()>>,
    /// Number of entries of [`Known`] that the sync makes durable.
    entries: u64,
}

impl Arriving {
    /// Begins, or goes on with, an attachment whose parts are in the file `path`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn open(path: PathBuf, known: PathBuf, id: &AttachmentId) -> io::Result<Self> {
        let data = open_or_make(&path)?;
        let (known, Resumed { tree, have }) = Known::open(known, *id, &data)?;
        Ok(Arriving {
            tree,
            have,
            data,
            known,
            path,
            unsynced: 0,
            syncing: None,
        })
    }

    /// Returns the path of the file with the parts.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether no part is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.have.count() == self.tree.id().parts()
    }

    /// Keeps a part.
    ///
    /// # Errors
    /// When the part cannot be written; `InvalidData` if it belongs to another attachment.
    pub(super) fn write(
        &mut self,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<()> {
        // Writes the bytes before their journal entry: if the process is killed in between, the
        // part is fetched again, and no entry describes missing bytes.
        write_at(&self.data, part_offset(part), &received.bytes)
            .map_err(|error| named(&self.path, &error))?;
        if !self
            .known
            .insert(&mut self.tree, part, &received.node, proof)
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "part {part} of {} belongs to another attachment",
                    self.tree.id().hash
                ),
            ));
        }
        self.have.insert(part);
        self.unsynced += 1;
        // The caller now finishes the attachment, which syncs everything and removes the journal.
        if self.is_complete() {
            return Ok(());
        }
        self.known.write()?;
        if self.unsynced >= PARTS_PER_SYNC {
            self.sync_meanwhile()?;
        }
        Ok(())
    }

    /// Starts to sync the written parts, unless the sync before is still under way.
    fn sync_meanwhile(&mut self) -> io::Result<()> {
        let is_at_it = |syncing: &Syncing| !syncing.thread.is_finished();
        // `unsynced` stays above its bound, so the next part tries again.
        if self.syncing.as_ref().is_some_and(is_at_it) {
            return Ok(());
        }
        self.wait()?;
        let (data, known) = (self.data.try_clone()?, self.known.file()?);
        let thread = std::thread::Builder::new()
            .name("mydht sync".into())
            // Syncs the parts before the entries that describe them.
            .spawn(move || data.sync_data().and_then(|()| known.sync_data()))?;
        // The sync covers exactly these entries: later ones are written after it has begun.
        let entries = self.known.entries();
        self.syncing = Some(Syncing { thread, entries });
        self.unsynced = 0;
        Ok(())
    }

    /// Waits for the sync that is under way, if one is.
    ///
    /// # Errors
    /// The disk's error: the parts of that sync may be missing after a power cut.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        let Some(Syncing { thread, entries }) = self.syncing.take() else {
            return Ok(());
        };
        let done = thread.join();
        done.unwrap_or_else(|_| Err(io::Error::other("the sync of an attachment panicked")))
            .map_err(|error| named(&self.path, &error))?;
        self.known.vouch(entries)
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.wait()?;
        if self.unsynced > 0 {
            self.known.sync(&self.data)?;
            self.unsynced = 0;
        }
        Ok(())
    }
}
