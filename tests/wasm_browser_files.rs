//! Files of a page: served where they are, kept in the browser by their names, and attachments that
//! arrive in IndexedDB.
#![cfg(target_arch = "wasm32")]

#[allow(dead_code, reason = "a part of what the other suites use")]
mod page;
mod storage;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use mydht::attachment::tree::{PART_LEN, PartHasher, Tree};
use mydht::attachment::{Name, ReceivedPart};
use mydht::engine::{Command, Event};
use mydht::memory::{self, Conf, Network};
use mydht::msg::Bincode;
use mydht::service::Request;
use mydht::shadow::Records;
use mydht::store::{
    AttachmentStore, Chunks, Content, IndexedDb, MemoryAttachments, MemoryKV, WebFile, WebFiles,
};
use mydht::{AttachmentId, Record, Value};
use mydht_evloop::Poll;
use mydht_transports::memory::MemoryAddress;
use page::{Once, PageNode};
use storage::{fresh, hide, refuse_puts, undo};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A node that keeps attachments in IndexedDB.
type Kept = Conf<Bincode, Records, MemoryKV, Chunks<IndexedDb>>;

fn keeping(network: &Network, known: MemoryAddress, database: &str) -> PageNode<Kept> {
    let poll = Poll::new().unwrap();
    let events = poll.handle();
    let stores = (MemoryKV::default(), Chunks::new(IndexedDb::new(database)));
    let mut parts = memory::components::<Kept>(network, poll, Bincode, Records, stores).unwrap();
    parts.bootstrap = vec![known];
    PageNode::of(memory::node_of(parts).unwrap(), &events, |turn| turn())
}

/// Bytes that are others in each part.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 5 + i / PART_LEN) as u8).collect()
}

/// A file as a page is given one.
fn file(bytes: &[u8]) -> WebFile {
    let parts = Array::of1(&Uint8Array::from(bytes));
    let file = web_sys::File::new_with_u8_array_sequence(&parts, "a file").unwrap();
    WebFile::from(file)
}

fn put(tree: Tree, file: &WebFile) -> (Record, Request) {
    let value = Value::Attachment {
        id: tree.id(),
        name: "a file".into(),
    };
    let record = Record::by_content(value);
    let content = Some((tree, Content::Web(file.clone())));
    (record.clone(), Request::put(record, content))
}

async fn connected(node: &PageNode<Kept>) {
    let status = node.ask(Command::AwaitPeer(Duration::from_secs(10))).await;
    assert!(matches!(status, Event::Status { peers, .. } if peers.len() == 1));
}

/// The whole of an attachment, from a store that may have to wait.
async fn read(store: &mut impl AttachmentStore, id: &AttachmentId) -> io::Result<Vec<u8>> {
    let ready = Once::new();
    let wake = ready.clone();
    store.on_ready(Rc::new(move || wake.set(())));
    let mut bytes = Vec::new();
    for part in 0..id.parts() {
        loop {
            match store.read_part(id, part) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.wait().await,
                Ok(Some((part, _))) => break bytes.extend(part),
                Ok(None) => return Err(io::ErrorKind::NotFound.into()),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

#[wasm_bindgen_test]
async fn a_file_is_hashed_slice_by_slice() {
    for len in [0, 1, PART_LEN, PART_LEN + 1, 33 * PART_LEN + 7] {
        let bytes = content(len);
        let heard = Cell::new(0);
        let file = file(&bytes);
        let tree = file.tree(|done| heard.set(done)).await.unwrap();
        assert_eq!(tree.id(), Tree::of_reader(&bytes[..], |_| ()).unwrap().id());
        assert_eq!((heard.get(), file.len()), (len as u64, len as u64));
    }
}

#[wasm_bindgen_test]
async fn a_file_is_served_where_it_is_and_arrives_in_indexed_db() {
    fresh("arrives").await;
    let bytes = content(70 * PART_LEN + 9);
    let file = file(&bytes);
    let (record, put) = put(file.tree(|_| ()).await.unwrap(), &file);
    let id = record.value.attachment().unwrap();
    let network = Network::new();
    let a = PageNode::start(&network, &[], |turn| turn());
    let b = keeping(&network, a.address, "arrives");
    connected(&b).await;
    // The other keeps a record only once its content is there.
    assert_eq!(a.ask(put).await, Event::Stored { copies: 1 });
    let key = record.key;
    assert_eq!(b.ask(Command::Get { key }).await, Event::Found(record));
    a.stop().await;
    b.stop().await;
    // As after the page is loaded again.
    let mut kept = Chunks::new(IndexedDb::new("arrives"));
    assert!(read(&mut kept, &id).await.unwrap() == bytes);
}

#[wasm_bindgen_test]
async fn a_file_that_is_not_what_was_put_is_not_given_out() {
    let bytes = content(3 * PART_LEN);
    let mut other = bytes.clone();
    other[2 * PART_LEN] ^= 1;
    let tree = Tree::of_reader(&bytes[..], |_| ()).unwrap();
    let id = tree.id();
    let mut store = MemoryAttachments::default();
    store.link(tree.clone().into(), Content::Web(file(&other)));
    let error = read(&mut store, &id).await.unwrap_err();
    assert!(error.to_string().contains("publish it again"), "{error}");
    store.link(tree.into(), Content::Web(file(&bytes)));
    assert!(read(&mut store, &id).await.unwrap() == bytes);
}

#[wasm_bindgen_test]
async fn whoever_asks_for_another_part_gets_that_one() {
    let bytes = content(3 * PART_LEN);
    let tree = Tree::of_reader(&bytes[..], |_| ()).unwrap();
    let id = tree.id();
    let mut store = MemoryAttachments::default();
    store.link(tree.into(), Content::Web(file(&bytes)));
    for part in [0, 2, 1] {
        let asked = store.read_part(&id, part).unwrap_err();
        assert_eq!(asked.kind(), io::ErrorKind::WouldBlock);
    }
    assert!(read(&mut store, &id).await.unwrap() == bytes);
}

#[wasm_bindgen_test]
async fn what_a_page_keeps_is_served_again_when_it_is_loaded_again() {
    fresh("kept").await;
    let bytes = content(5 * PART_LEN + 1);
    let name: Name = "web:holiday: a.jpg".parse().unwrap();
    let Name::Web(name) = name else {
        panic!("it names a file of a page");
    };
    let files = WebFiles::open("kept").await.unwrap();
    assert!(files.names().await.unwrap().is_empty());
    assert!(files.get(&name).await.unwrap().is_none());
    let given = file(&bytes);
    let tree = given.tree(|_| ()).await.unwrap();
    files.keep(&name, &given, &tree).await.unwrap();
    files.keep("b", &file(b"b"), &tree).await.unwrap();
    drop((files, given));

    let files = WebFiles::open("kept").await.unwrap();
    assert_eq!(files.names().await.unwrap(), ["b", name.as_str()]);
    let damaged = files.get("b").await.unwrap_err();
    assert_eq!(damaged.kind(), io::ErrorKind::InvalidData);
    let kept = files.get(&name).await.unwrap().unwrap();
    assert_eq!(kept.tree.id(), tree.id());
    let network = Network::new();
    let a = PageNode::start(&network, &[], |turn| turn());
    fresh("gets").await;
    let b = keeping(&network, a.address, "gets");
    connected(&b).await;
    let (_, put) = put(kept.tree, &kept.file);
    assert_eq!(a.ask(put).await, Event::Stored { copies: 1 });
    a.stop().await;
    b.stop().await;
    let mut got = Chunks::new(IndexedDb::new("gets"));
    assert!(read(&mut got, &tree.id()).await.unwrap() == bytes);

    files.remove(&name).await.unwrap();
    files.remove(&name).await.unwrap();
    assert_eq!(files.names().await.unwrap(), ["b"]);
}

#[wasm_bindgen_test]
async fn without_room_or_indexed_db_no_file_is_kept_and_the_page_hears_why() {
    fresh("full").await;
    let files = WebFiles::open("full").await.unwrap();
    let given = file(b"x");
    let tree = given.tree(|_| ()).await.unwrap();
    let refusal = refuse_puts();
    let failed = files.keep("x", &given, &tree).await;
    undo(&refusal);
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(files.names().await.unwrap().is_empty());
    files.keep("x", &given, &tree).await.unwrap();
    let hidden = hide("indexedDB");
    let failed = WebFiles::open("full").await;
    undo(&hidden);
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::Unsupported);
}

#[wasm_bindgen_test]
async fn a_page_that_is_left_in_the_middle_goes_on_where_it_was() {
    fresh("begun").await;
    let bytes = content(40 * PART_LEN);
    let tree = Tree::of_reader(&bytes[..], |_| ()).unwrap();
    let id = tree.id();
    let mut written = 0;
    for stop_at in [24, 40] {
        let mut store = Chunks::new(IndexedDb::new("begun"));
        let ready = Once::new();
        let wake = ready.clone();
        store.on_ready(Rc::new(move || wake.set(())));
        let patiently = async |ask: &mut dyn FnMut(&mut Chunks<IndexedDb>) -> io::Result<bool>,
                               store: &mut Chunks<IndexedDb>| {
            loop {
                match ask(store) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.wait().await,
                    other => return other.unwrap(),
                }
            }
        };
        let whole = patiently(&mut |store| store.is_whole(&id), &mut store).await;
        assert!(!whole);
        let mut have = Default::default();
        patiently(
            &mut |store| {
                have = store.open(&id)?;
                Ok(true)
            },
            &mut store,
        )
        .await;
        // Whole commits of 16 parts: the rest was told to nobody as kept.
        assert_eq!(have.count(), written / 16 * 16);
        for part in have.count()..stop_at {
            let start = part as usize * PART_LEN;
            let bytes = bytes[start..start + PART_LEN].to_vec();
            let node = PartHasher::node_of(part, false, &bytes);
            let bytes = bytes.into();
            let (received, proof) = (ReceivedPart { bytes, node }, tree.proof(part).unwrap());
            let whole = patiently(
                &mut |store| store.write_part(&id, part, &received, &proof),
                &mut store,
            )
            .await;
            assert_eq!(whole, part == 39);
        }
        written = stop_at;
    }
    let mut store = Chunks::new(IndexedDb::new("begun"));
    assert!(read(&mut store, &id).await.unwrap() == bytes);
}
