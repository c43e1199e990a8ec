//! Tests of the stores of attachments; the suite for all of them is in `testing`.

use super::super::{Backend, Changes, Entry, Listed, LogFile, Memory, Stay};
use super::*;
use mydht_proto::attachment::tree::PART_LEN;
use mydht_proto::id::Hash;

pub(crate) use crate::testing::{part_of, sample};

pub(crate) fn conforms(store: &mut impl AttachmentStore, len: usize) {
    crate::testing::without_waiting(crate::testing::attachment_store(store, len));
}

#[test]
fn memory_conforms() {
    let mut store = MemoryAttachments::default();
    for len in [0, 1, PART_LEN, PART_LEN + 1, 5 * PART_LEN + 7] {
        conforms(&mut store, len);
    }
}

#[test]
fn more_attachments_arrive_at_once_than_are_kept_open() {
    use crate::testing::{attachments_at_once, without_waiting};

    without_waiting(attachments_at_once(&mut MemoryAttachments::default(), 70));
    without_waiting(attachments_at_once(&mut Chunks::new(Memory::default()), 70));
    let dir = tempfile::tempdir().unwrap();
    let mut files = FileAttachments::open(dir.path().join("files")).unwrap();
    without_waiting(attachments_at_once(&mut files, 70));
}

#[test]
fn linked_content_is_given_out() {
    let (content, tree) = sample(3 * PART_LEN + 1);
    let id = tree.id();
    let mut store = MemoryAttachments::default();
    store.link(
        Arc::new(tree.clone()),
        Content::Bytes(content.clone().into()),
    );
    assert!(store.is_whole(&id).unwrap());
    for part in 0..id.parts() {
        let (received, proof) = part_of(&content, &tree, part);
        let expected = Some((received.bytes, proof));
        assert_eq!(store.read_part(&id, part).unwrap(), expected);
    }
    assert_eq!(store.read_part(&id, u64::MAX).unwrap(), None);
}

#[test]
fn chunks_conform_in_memory_and_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.kv");
    let lens = [0, 1, PART_LEN, PART_LEN + 1, 70 * PART_LEN + 7];
    let mut memory = Chunks::new(Memory::default());
    let mut file = Chunks::new(LogFile::open(&path).unwrap());
    for len in lens {
        conforms(&mut memory, len);
        conforms(&mut file, len);
    }
    drop(file);
    let mut file = Chunks::new(LogFile::open(&path).unwrap());
    for len in lens {
        let (content, tree) = sample(len);
        assert!(file.is_whole(&tree.id()).unwrap());
        for part in 0..tree.id().parts() {
            let (received, proof) = part_of(&content, &tree, part);
            let found = file.read_part(&tree.id(), part).unwrap();
            assert_eq!(found, Some((received.bytes, proof)));
        }
    }
}

#[test]
fn chunks_are_kept_once_for_all_that_have_them() {
    let mut store = Chunks::new(Memory::default());
    let shared: Vec<u8> = (0..3 * PART_LEN).map(|i| (i / 5) as u8).collect();
    for beginning in [&[1; PART_LEN][..], &[2; 2 * PART_LEN]] {
        let content = [beginning, &shared].concat();
        let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
        store.open(&tree.id()).unwrap();
        for part in 0..tree.id().parts() {
            let (received, proof) = part_of(&content, &tree, part);
            store
                .write_part(&tree.id(), part, &received, &proof)
                .unwrap();
        }
        assert!(store.is_whole(&tree.id()).unwrap());
    }
    // Three that they share, and one that each has alone, the second twice.
    let chunks = store.backend().page(Some(b"c"), 100).unwrap();
    let chunks = chunks.iter().filter(|listed| listed.key[0] == b'c');
    assert_eq!(chunks.count(), 5);
}

/// A backend that answers a question when it is asked a second time in a row, takes no long values,
/// and may fail to commit.
struct Slow(Memory, Option<String>, bool);

impl Slow {
    fn gate(&mut self, question: String) -> io::Result<()> {
        if self.1.take().as_ref() == Some(&question) {
            return Ok(());
        }
        self.1 = Some(question);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Backend for Slow {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        self.gate(format!("get {key:?}"))?;
        self.0.get(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        self.gate(format!("page {after:?} {most}"))?;
        self.0.page(after, most)
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        let keys: Vec<_> = changes.keys().collect();
        self.gate(format!("commit {keys:?}"))?;
        if self.2 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let entries = changes.values().flatten();
        assert!(
            entries
                .clone()
                .all(|entry| entry.value.len() <= self.longest())
        );
        self.0.commit(changes)
    }

    fn longest(&self) -> usize {
        PART_LEN / 3
    }
}

fn patiently<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..1000 {
        match ask() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
    panic!("it never comes to an end");
}

#[test]
fn chunks_wait_for_a_slow_store_resume_and_say_when_it_is_full() {
    let (content, tree) = sample(150 * PART_LEN + 1);
    let id = tree.id();
    let mut store = Chunks::new(Slow(Memory::default(), None, false));
    let write = |store: &mut Chunks<Slow>, part| {
        let (received, proof) = part_of(&content, &tree, part);
        patiently(|| store.write_part(&id, part, &received, &proof))
    };
    patiently(|| store.open(&id)).unwrap();
    for part in 0..100 {
        assert!(!write(&mut store, part).unwrap());
    }
    // A crash: what was not committed is lost.
    let inner = std::mem::take(&mut store.backend().0);
    let mut store = Chunks::new(Slow(inner, None, false));
    let have = patiently(|| store.open(&id)).unwrap();
    assert_eq!(have.count(), 96);
    assert!(!patiently(|| store.is_whole(&id)).unwrap());
    for part in (0..96).rev() {
        let (received, proof) = part_of(&content, &tree, part);
        let found = patiently(|| store.read_part(&id, part)).unwrap();
        assert!(found == Some((received.bytes, proof)), "part {part}");
    }
    store.backend().2 = true;
    let failed = (96..120)
        .map(|part| write(&mut store, part))
        .find(Result::is_err);
    assert_eq!(
        failed.unwrap().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    store.backend().2 = false;
    let have = patiently(|| store.open(&id)).unwrap();
    assert_eq!(have.count(), 96, "what could not be kept is not here");
    for part in 96..=150 {
        assert_eq!(write(&mut store, part).unwrap(), part == 150);
    }
    assert!(patiently(|| store.is_whole(&id)).unwrap());
}

/// A store that was filled when each chunk was one value is read by one that keeps them in pieces.
#[test]
fn chunks_of_one_piece_are_read_where_there_are_several() {
    let (content, tree) = sample(3 * PART_LEN + 1);
    let id = tree.id();
    let mut before = Chunks::new(Memory::default());
    before.open(&id).unwrap();
    for part in 0..id.parts() {
        let (received, proof) = part_of(&content, &tree, part);
        before.write_part(&id, part, &received, &proof).unwrap();
    }
    let mut store = Chunks::new(Slow(before.backend().clone(), None, false));
    for part in 0..id.parts() {
        let (received, proof) = part_of(&content, &tree, part);
        let found = patiently(|| store.read_part(&id, part)).unwrap();
        assert_eq!(found, Some((received.bytes, proof)));
    }
}

#[test]
fn a_chunk_without_one_of_its_pieces_is_not_given_out() {
    let (content, tree) = sample(PART_LEN);
    let id = tree.id();
    let mut store = Chunks::new(Slow(Memory::default(), None, false));
    patiently(|| store.open(&id)).unwrap();
    let (received, proof) = part_of(&content, &tree, 0);
    assert!(patiently(|| store.write_part(&id, 0, &received, &proof)).unwrap());
    assert!(patiently(|| store.read_part(&id, 0)).unwrap().is_some());
    let hash = Hash::of(&content).0;
    for piece in [&[][..], &[1], &[2], &[3]] {
        let key = [b"c", &hash[..], piece].concat();
        let inner = &mut store.backend().0;
        let entry = inner.get(&key).unwrap().expect("a piece is missing");
        inner.commit(&Changes::from([(key.clone(), None)])).unwrap();
        let error = patiently(|| store.read_part(&id, 0)).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
        let inner = &mut store.backend().0;
        inner.commit(&Changes::from([(key, Some(entry))])).unwrap();
    }
    assert!(patiently(|| store.read_part(&id, 0)).unwrap().is_some());
}

#[test]
fn a_damaged_chunk_is_not_given_out() {
    let (content, tree) = sample(2 * PART_LEN);
    let id = tree.id();
    let mut store = Chunks::new(Memory::default());
    store.open(&id).unwrap();
    for part in 0..2 {
        let (received, proof) = part_of(&content, &tree, part);
        store.write_part(&id, part, &received, &proof).unwrap();
    }
    let key = [b"c", &Hash::of(&content[..PART_LEN]).0[..]].concat();
    let entry = Entry {
        value: vec![0; PART_LEN],
        stay: Stay::default(),
    };
    let damage = Changes::from([(key, Some(entry))]);
    store.backend().commit(&damage).unwrap();
    let error = store.read_part(&id, 0).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(store.read_part(&id, 1).unwrap().is_some());
}
