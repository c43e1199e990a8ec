//! Attachments in a key-value store, as chunks that they share.
//!
//! | key | value |
//! |---|---|
//! | `c` and a BLAKE3 hash | a chunk: a part's bytes, kept once for all attachments |
//! | `c`, the hash and a byte n | the chunk's nth further piece, if the backend prefers short values |
//! | `a`, the attachment's hash and its length | 1 if it is whole, 0 if it is on its way |
//! | `p`, hash, length and a number n | a bit for each of the parts 64n … 64n+63 (8 bytes), chunks' hashes |
//! | `t`, hash, length, a level and n | as much of the hash tree's nodes |
//!
//! Lengths, levels and numbers are big-endian (8, 1, 8 bytes), bits little-endian. What is kept of
//! an attachment is committed together, so each commit is a partial attachment, or a whole one.

use std::collections::{BTreeSet, HashMap};
use std::io;

use bytes::Bytes;

use super::super::{Backend, Changes, Entry, Stay, Wake};
use super::AttachmentStore;
use super::linked::Linked;
use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, PART_LEN, PartHasher, Place, Tree};
use mydht_proto::id::Hash;
use mydht_proto::record::AttachmentId;

/// Parts kept between two commits, 1 MiB: what waits in memory, and what a crash may cost.
const PARTS_PER_COMMIT: usize = 16;

/// Attachments whose trees are in memory while nothing is written to them.
const OPEN: usize = 64;

const BLOCK: u64 = 64;

/// Bytes of a piece at least, so that a byte numbers them.
const SHORTEST: usize = PART_LEN / 256;

/// Keeps attachments in a [`Backend`]: in a browser in IndexedDB, on a computer in redb or a plain
/// file.
#[derive(Debug)]
pub struct Chunks<B> {
    backend: B,
    linked: Linked,
    open: HashMap<AttachmentId, Open>,
    loading: Option<(AttachmentId, Loading)>,
    changes: Changes,
    unsaved: usize,
    /// The changes are being committed: they must stay as they are.
    committing: bool,
    /// The part that was taken in, while the commit that it caused is waited for.
    taken: Option<(AttachmentId, u64)>,
    /// The chunk that is being read.
    reading: Option<Reading>,
}

/// A chunk as far as its pieces were read.
#[derive(Debug)]
struct Reading {
    chunk: Hash,
    bytes: Vec<u8>,
    next: u8,
}

/// An attachment as far as it is here.
#[derive(Debug)]
struct Open {
    whole: bool,
    tree: Tree,
    have: PartSet,
    chunks: HashMap<u64, Hash>,
    /// Blocks of nodes with something new.
    dirty: BTreeSet<(u8, u64)>,
}

/// An attachment that is being read: what comes next.
#[derive(Debug)]
struct Loading {
    open: Open,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Parts(u64),
    Nodes(u8, u64),
}

impl Open {
    fn new(id: AttachmentId, whole: bool) -> Self {
        Open {
            whole,
            tree: Tree::unknown(id),
            have: PartSet::default(),
            chunks: HashMap::new(),
            dirty: BTreeSet::new(),
        }
    }

    fn take_parts(&mut self, block: u64, value: &[u8]) {
        for (bit, hash) in bits(value) {
            let part = block * BLOCK + bit;
            // A damaged value must not add parts that the attachment does not have.
            if part < self.tree.id().parts() {
                self.have.insert(part);
                self.chunks.insert(part, Hash(*hash));
            }
        }
    }

    fn take_nodes(&mut self, level: u8, block: u64, value: &[u8]) {
        for (bit, node) in bits(value) {
            let index = block * BLOCK + bit;
            self.tree.restore(Place { level, index }, node);
        }
    }
}

/// Returns the bits that are set, with 32 bytes for each.
fn bits(value: &[u8]) -> impl Iterator<Item = (u64, &[u8; 32])> {
    let (map, hashes) = value.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let map = u64::from_le_bytes(*map);
    let set = (0..BLOCK).filter(move |bit| map >> bit & 1 == 1);
    set.zip(hashes.as_chunks().0)
}

fn block_of<'a>(mut found: impl FnMut(u64) -> Option<&'a [u8; 32]>) -> Vec<u8> {
    let mut map = 0u64;
    let mut value = vec![0; 8];
    for bit in 0..BLOCK {
        if let Some(hash) = found(bit) {
            map |= 1 << bit;
            value.extend(hash);
        }
    }
    value[..8].copy_from_slice(&map.to_le_bytes());
    value
}

fn key(kind: u8, id: &AttachmentId, rest: &[u8]) -> Vec<u8> {
    [&[kind], &id.hash.0[..], &id.len.to_be_bytes(), rest].concat()
}

fn parts_key(id: &AttachmentId, block: u64) -> Vec<u8> {
    key(b'p', id, &block.to_be_bytes())
}

fn nodes_key(id: &AttachmentId, level: u8, block: u64) -> Vec<u8> {
    key(b't', id, &[&[level], &block.to_be_bytes()[..]].concat())
}

fn chunk_key(hash: &Hash, piece: u8) -> Vec<u8> {
    let mut key = [b"c", &hash.0[..]].concat();
    // What was kept before there were pieces is one.
    key.extend((piece > 0).then_some(piece));
    key
}

impl<B: Backend> Chunks<B> {
    /// Creates a store in `backend`, which must hold nothing else.
    pub fn new(backend: B) -> Self {
        Chunks {
            backend,
            linked: Linked::default(),
            open: HashMap::new(),
            loading: None,
            changes: Changes::new(),
            unsaved: 0,
            committing: false,
            taken: None,
            reading: None,
        }
    }

    /// Returns the backend that holds the chunks.
    pub fn backend(&mut self) -> &mut B {
        &mut self.backend
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        let stay = Stay::default();
        self.changes.insert(key, Some(Entry { value, stay }));
    }

    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let found = match self.changes.get(key) {
            Some(change) => change.clone(),
            None => self.backend.get(key)?,
        };
        Ok(found.map(|entry| entry.value))
    }

    /// Reads what is known of an attachment, if anything is. It goes on where it blocked.
    fn load(&mut self, id: &AttachmentId) -> io::Result<bool> {
        if self.open.contains_key(id) {
            return Ok(true);
        }
        // Only one attachment is loaded at a time: a request for another one starts over.
        let begun = self.loading.take().filter(|(loading, _)| loading == id);
        let mut loading = match begun {
            Some((_, loading)) => loading,
            None => match self.get(&key(b'a', id, &[]))? {
                None => return Ok(false),
                Some(whole) => Loading {
                    open: Open::new(*id, whole == [1]),
                    next: Next::Parts(0),
                },
            },
        };
        let levels = loading.open.tree.depth();
        loop {
            let key = match loading.next {
                Next::Parts(block) => parts_key(id, block),
                Next::Nodes(level, block) => nodes_key(id, level, block),
            };
            let value = match self.get(&key) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.loading = Some((*id, loading));
                    return Err(error);
                }
                value => value?.unwrap_or_default(),
            };
            let last = |level: u8, block: u64| {
                (block + 1).saturating_mul(BLOCK) >= id.parts().div_ceil(1 << level)
            };
            loading.next = match loading.next {
                Next::Parts(block) => {
                    loading.open.take_parts(block, &value);
                    match last(0, block) {
                        true => Next::Nodes(0, 0),
                        false => Next::Parts(block + 1),
                    }
                }
                Next::Nodes(level, block) => {
                    loading.open.take_nodes(level, block, &value);
                    match last(level, block) {
                        true if level + 1 >= levels => break,
                        true => Next::Nodes(level + 1, 0),
                        false => Next::Nodes(level, block + 1),
                    }
                }
            };
        }
        if self.open.len() >= OPEN {
            // Keeps trees with uncommitted nodes, which are stored nowhere else.
            self.open.retain(|_, open| !open.dirty.is_empty());
        }
        self.open.insert(*id, loading.open);
        Ok(true)
    }

    /// The bytes of a chunk that has `len`, as far as they are here. It goes on where it blocked.
    fn chunk(&mut self, chunk: Hash, len: usize) -> io::Result<Vec<u8>> {
        let begun = self.reading.take().filter(|begun| begun.chunk == chunk);
        let mut reading = begun.unwrap_or(Reading {
            chunk,
            bytes: Vec::new(),
            next: 0,
        });
        while reading.bytes.len() < len {
            let piece = match self.get(&chunk_key(&chunk, reading.next)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.reading = Some(reading);
                    return Err(error);
                }
                piece => piece?.unwrap_or_default(),
            };
            if piece.is_empty() {
                break;
            }
            reading.bytes.extend(piece);
            // Wraps around only for damaged pieces, which the hash of the bytes then detects.
            reading.next = reading.next.wrapping_add(1);
        }
        Ok(reading.bytes)
    }

    /// Makes the parts taken in so far durable.
    fn commit(&mut self) -> io::Result<()> {
        if !self.committing {
            for (id, open) in &mut self.open {
                for (level, block) in std::mem::take(&mut open.dirty) {
                    let tree = &open.tree;
                    let value = block_of(|bit| {
                        let index = block * BLOCK + bit;
                        tree.node(Place { level, index })
                    });
                    let entry = Entry {
                        value,
                        stay: Stay::default(),
                    };
                    self.changes
                        .insert(nodes_key(id, level, block), Some(entry));
                }
            }
            if self.changes.is_empty() {
                return Ok(());
            }
            self.committing = true;
        }
        match self.backend.commit(&self.changes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            result => {
                self.committing = false;
                self.unsaved = 0;
                self.changes.clear();
                if result.is_err() {
                    // What is here is what was committed before: it is read again.
                    self.open.clear();
                    self.taken = None;
                }
                result
            }
        }
    }

    /// Takes a part in, to be committed.
    fn take(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<()> {
        let open = self.open.get_mut(id).ok_or(io::ErrorKind::NotFound)?;
        let Open { tree, dirty, .. } = open;
        let proved = tree.insert(part, &received.node, proof, |place, _| {
            dirty.insert((place.level, place.index / BLOCK));
        });
        if !proved {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("part {part} of {} belongs to another attachment", id.hash),
            ));
        }
        // Not the leaf, which depends on the position of the part: equal parts elsewhere share this
        // chunk.
        let chunk = Hash::of(&received.bytes);
        open.have.insert(part);
        open.chunks.insert(part, chunk);
        open.whole = open.have.count() == id.parts();
        let (whole, block) = (open.whole, part / BLOCK);
        let parts = block_of(|bit| open.chunks.get(&(block * BLOCK + bit)).map(|hash| &hash.0));
        // An empty part is a chunk too.
        let longest = self.backend.longest().max(SHORTEST);
        let first = received.bytes.get(..longest).unwrap_or(&received.bytes);
        self.put(chunk_key(&chunk, 0), first.to_vec());
        let rest = received.bytes.get(longest..).unwrap_or_default();
        for (piece, bytes) in (1..).zip(rest.chunks(longest)) {
            self.put(chunk_key(&chunk, piece), bytes.to_vec());
        }
        self.put(parts_key(id, block), parts);
        // Part of the same commit, so that the mark of a whole attachment is never stored without
        // its last part.
        self.put(key(b'a', id, &[]), vec![u8::from(whole)]);
        self.unsaved += 1;
        Ok(())
    }
}

impl<B: Backend> AttachmentStore for Chunks<B> {
    fn linked(&mut self) -> &mut Linked {
        &mut self.linked
    }

    fn has_arrived(&mut self, id: &AttachmentId) -> io::Result<bool> {
        match self.open.get(id) {
            Some(open) => Ok(open.whole),
            None => Ok(self.get(&key(b'a', id, &[]))?.as_deref() == Some(&[1])),
        }
    }

    fn open(&mut self, id: &AttachmentId) -> io::Result<PartSet> {
        if !self.load(id)? {
            self.open.insert(*id, Open::new(*id, false));
        }
        let open = self.open.get(id).ok_or(io::ErrorKind::NotFound)?;
        Ok(open.have.clone())
    }

    fn write_part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        received: &ReceivedPart,
        proof: &[Node],
    ) -> io::Result<bool> {
        if self.taken != Some((*id, part)) {
            if self.committing {
                // The requester that began this commit gave up waiting. It must end before another begins, because
                // the backend was shown these changes.
                self.commit()?;
            }
            // Another attachment may have taken its place among the open ones since its last part.
            self.load(id)?;
            self.take(id, part, received, proof)?;
            self.taken = Some((*id, part));
        }
        let whole = self.open.get(id).is_some_and(|open| open.whole);
        if whole || self.unsaved >= PARTS_PER_COMMIT {
            self.commit()?;
        }
        self.taken = None;
        Ok(whole)
    }

    fn read_arrived(
        &mut self,
        id: &AttachmentId,
        part: u64,
    ) -> io::Result<Option<(Bytes, Vec<Node>)>> {
        if !self.load(id)? {
            return Ok(None);
        }
        let open = self.open.get(id).ok_or(io::ErrorKind::NotFound)?;
        let (Some(chunk), Some(proof)) = (open.chunks.get(&part).copied(), open.tree.proof(part))
        else {
            return Ok(None);
        };
        let leaf = open.tree.leaf(part).copied();
        let bytes = self.chunk(chunk, id.part_len(part).unwrap_or_default())?;
        // Not served: a peer that receives a part which fails its proof disconnects the sender as
        // misbehaving.
        let right = bytes.len() <= PART_LEN
            && Some(PartHasher::node_of(part, id.parts() == 1, &bytes)) == leaf;
        if !right {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "part {part} of {} is damaged: remove it and get it again",
                    id.hash
                ),
            ));
        }
        Ok(Some((bytes.into(), proof)))
    }

    fn close(&mut self, id: &AttachmentId) -> io::Result<()> {
        self.commit()?;
        self.open.remove(id);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.commit()
    }

    fn on_ready(&mut self, wake: Wake) {
        #[cfg(target_arch = "wasm32")]
        self.linked.on_ready(wake.clone());
        self.backend.on_ready(wake);
    }
}
