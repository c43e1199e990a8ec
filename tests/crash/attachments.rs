//! Attachments in a folder.

use std::path::Path;

use mydht::attachment::ReceivedPart;
use mydht::attachment::tree::{Node, PART_LEN, PartHasher, Tree};
use mydht::store::{AttachmentStore, FileAttachments};
use mydht::{AttachmentId, Hash};

use crate::child::say;
use crate::{Random, kill, kills, start};

/// Parts between two syncs of the child: fewer than the store's own.
const STEP: u64 = 3;

/// The attachment of round `n`.
fn sample(n: u64) -> (Vec<u8>, Tree) {
    let len = (n * 77_777) % (20 * PART_LEN as u64) + 1;
    let content: Vec<u8> = (0..len).map(|i| (i / 7 + n) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    (content, tree)
}

fn part_of(content: &[u8], tree: &Tree, part: u64) -> (ReceivedPart, Vec<Node>) {
    let start = part as usize * PART_LEN;
    let len = tree.id().part_len(part).unwrap();
    let bytes = content[start..start + len].to_vec();
    let mut hasher = PartHasher::new(part, tree.id().parts() == 1);
    hasher.update(&bytes);
    let node = hasher.finish();
    let bytes = bytes.into();
    (ReceivedPart { bytes, node }, tree.proof(part).unwrap())
}

/// The round: the first attachment that is not whole.
fn round(store: &mut FileAttachments, from: u64) -> u64 {
    (from..)
        .find(|n| !store.is_whole(&sample(*n).1.id()).unwrap())
        .unwrap()
}

/// Fetches one attachment after the other, from round `from` on, until it is killed; says, after
/// each sync, the round and the parts kept.
pub fn write(path: &Path, from: u64) {
    let mut store = FileAttachments::open(path).unwrap();
    for n in round(&mut store, from).. {
        let (content, tree) = sample(n);
        let id = tree.id();
        let have = store.open(&id).unwrap();
        let missing: Vec<u64> = (0..id.parts())
            .filter(|part| !have.contains(*part))
            .collect();
        let mut count = have.count();
        for parts in missing.chunks(STEP as usize) {
            for part in parts {
                let (received, proof) = part_of(&content, &tree, *part);
                store.write_part(&id, *part, &received, &proof).unwrap();
                count += 1;
            }
            store.flush().unwrap();
            say(n * 1000 + count);
        }
    }
}

/// Checks that what is here of an attachment is right, and that a partial one is not whole. Returns
/// how many parts are here.
fn check(store: &mut FileAttachments, id: &AttachmentId, content: &[u8]) -> u64 {
    let whole = store.is_whole(id).unwrap();
    let path = store.path(id).unwrap();
    assert_eq!(whole, path.exists());
    if whole {
        assert_eq!(std::fs::read(path).unwrap(), content);
        return id.parts();
    }
    let have = store.open(id).unwrap();
    for part in (0..id.parts()).filter(|part| have.contains(*part)) {
        let (bytes, proof) = store
            .read_part(id, part)
            .unwrap()
            .expect("it proves itself");
        let mut hasher = PartHasher::new(part, id.parts() == 1);
        hasher.update(&bytes);
        assert!(id.verify(part, &hasher.finish(), &proof), "part {part}");
    }
    have.count()
}

#[test]
fn attachments_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(11);
    let mut first = 0;
    for _ in 0..kills() {
        let said = kill(&format!("attachment {first}"), dir.path(), &mut random).max(first * 1000);
        let mut store = FileAttachments::open(dir.path()).unwrap();
        let (n, parts) = (said / 1000, said % 1000);
        for n in first..n {
            assert!(store.is_whole(&sample(n).1.id()).unwrap(), "{n} was whole");
        }
        let (content, tree) = sample(n);
        let there = check(&mut store, &tree.id(), &content);
        assert!(there >= parts, "{parts} parts were said, {there} are there");
        first = n;
        let now = round(&mut store, first);
        let (content, tree) = sample(now);
        check(&mut store, &tree.id(), &content);
    }
    assert!(first > 0, "none was ever whole");
}

/// Fetches until there is no more room.
pub fn fill(path: &Path) {
    let mut store = FileAttachments::open(path).unwrap();
    let (content, tree) = big();
    let id = tree.id();
    store.open(&id).unwrap();
    let mut kept = 0;
    let error = loop {
        let (received, proof) = part_of(&content, &tree, kept);
        if let Err(error) = store
            .write_part(&id, kept, &received, &proof)
            .and_then(|_| store.flush())
        {
            break error;
        }
        kept += 1;
    };
    assert!(error.to_string().contains(".part"), "{error}");
    assert!(kept > 0);
    // What came before can be served still.
    assert!(store.read_part(&id, 0).unwrap().is_some());
    assert_eq!(store.open(&id).unwrap().count(), kept);
    say(kept);
}

fn big() -> (Vec<u8>, Tree) {
    let content: Vec<u8> = (0..40 * PART_LEN).map(|i| (i / 11) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    assert_eq!(tree.id().hash, Hash::of(&content));
    (content, tree)
}

#[test]
fn an_attachment_without_room_says_so_and_goes_on_when_there_is_some() {
    let dir = tempfile::tempdir().unwrap();
    let child = start(
        "full-attachment",
        dir.path(),
        "trap '' XFSZ; ulimit -f 2048;",
    );
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    let mut store = FileAttachments::open(dir.path()).unwrap();
    let (content, tree) = big();
    let id = tree.id();
    let kept = check(&mut store, &id, &content);
    assert!(kept > 0 && kept < id.parts());
    for part in kept..id.parts() {
        let (received, proof) = part_of(&content, &tree, part);
        store.write_part(&id, part, &received, &proof).unwrap();
    }
    assert!(store.is_whole(&id).unwrap());
}
