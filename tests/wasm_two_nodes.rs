//! Two nodes in one page: values and files move between them, and the page stays alive.
#![cfg(target_arch = "wasm32")]

mod page;

use std::rc::Rc;
use std::time::Duration;

use mydht::attachment::tree::Tree;
use mydht::memory::Network;
use mydht::store::Content;
use mydht::{AttachmentId, Command, Event, Hash, Key, Record, Value};
use page::{PageNode, Ticker, Timer, Turns, now};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

const MIB: usize = 1 << 20;

/// Two nodes that know each other.
async fn pair(turns: &Rc<Turns>) -> [PageNode; 2] {
    let network = Network::new();
    let a = PageNode::start(&network, &[], turns);
    let b = PageNode::start(&network, &[a.address], turns);
    for node in [&a, &b] {
        let status = node.ask(Command::AwaitPeer(Duration::from_secs(10))).await;
        assert!(matches!(status, Event::Status { peers, .. } if peers.len() == 1));
    }
    [a, b]
}

/// Bytes that do not repeat in parts.
fn content(len: usize) -> Vec<u8> {
    let word = |i: u32| (i ^ 0x5eed).wrapping_mul(0x9e37_79b1).to_le_bytes();
    let words = u32::try_from(len / 4).unwrap();
    (0..words).flat_map(word).collect()
}

fn file(content: &[u8]) -> (Record, AttachmentId, Tree) {
    let tree = Tree::of_reader(content, |_| ()).unwrap();
    let id = tree.id();
    let name = "file".into();
    let record = Record::by_content(Value::Attachment { id, name });
    (record, id, tree)
}

/// The whole of an attachment that is at this node.
async fn read(node: &PageNode, id: AttachmentId) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in 0..id.parts() {
        let Event::Part(Some(part)) = node.ask(Command::Read { id, part }).await else {
            panic!("part {part} of {} is not here", id.parts());
        };
        bytes.extend(part);
    }
    bytes
}

#[wasm_bindgen_test]
async fn a_value_put_on_one_is_got_on_the_other() {
    let [a, b] = pair(&Rc::default()).await;
    let network = Network::new();
    let lone = PageNode::start(&network, &[], &Rc::default());
    let record = Record::by_content(Value::Bytes(b"hello".to_vec()));
    let key = record.key;
    let put = Command::Put {
        record: record.clone(),
        content: None,
    };
    assert_eq!(a.ask(put).await, Event::Stored { copies: 1 });
    assert_eq!(b.ask(Command::Get { key }).await, Event::Found(record));
    // It did not come by other ways.
    assert_eq!(lone.ask(Command::Get { key }).await, Event::NotFound);
    for node in [a, b, lone] {
        node.stop().await;
    }
}

#[wasm_bindgen_test]
async fn a_key_that_nobody_knows_is_not_found() {
    let [a, b] = pair(&Rc::default()).await;
    let key = Key::named("nothing");
    assert_eq!(a.ask(Command::Get { key }).await, Event::NotFound);
    assert_eq!(b.ask(Command::Get { key }).await, Event::NotFound);
    a.stop().await;
    b.stop().await;
}

#[wasm_bindgen_test]
async fn a_file_moves_while_a_timer_set_before_fires() {
    let turns = Rc::<Turns>::default();
    let [a, b] = pair(&turns).await;
    let content = content(MIB);
    let (record, id, tree) = file(&content);
    let bytes = Content::Bytes(content.into());
    turns.reset();
    let (begin, before) = (now(), turns.clone());
    let timer = Timer::start(0.0, move || (before.count(), now() - begin));
    let put = Command::Put {
        record: record.clone(),
        content: Some((tree, bytes)),
    };
    // It is stored at the other only once its content is there.
    assert_eq!(a.ask(put).await, Event::Stored { copies: 1 });
    let took = now() - begin;
    let all = turns.count();
    let (fired_after, late) = timer.fired().expect("it fires before the transfer is done");
    console_log!(
        "1 MiB: {took:.1} ms, {all} turns, the longest {:.2} ms; the timer fired after turn {fired_after}, at {late:.2} ms",
        turns.longest()
    );
    assert!(
        fired_after < all,
        "after turn {fired_after} of {all}: not while it ran"
    );
    let key = record.key;
    assert_eq!(b.ask(Command::Get { key }).await, Event::Found(record));
    a.stop().await;
    // Only what is here is read.
    assert_eq!(b.metrics.snapshot().parts_in, id.parts());
    assert_eq!(Hash::of(&read(&b, id).await), id.hash);
    b.stop().await;
}

#[wasm_bindgen_test]
async fn a_long_transfer_leaves_the_page_its_time() {
    let turns = Rc::<Turns>::default();
    let [a, b] = pair(&turns).await;
    let content = content(8 * MIB);
    let (record, id, tree) = file(&content);
    let bytes = Content::Bytes(content.into());
    let put = Command::Put {
        record,
        content: Some((tree, bytes)),
    };
    turns.reset();
    let begin = now();
    let ticker = Ticker::start(&turns);
    assert_eq!(a.ask(put).await, Event::Stored { copies: 1 });
    let ticks = ticker.ticks();
    drop(ticker);
    console_log!(
        "8 MiB: {:.1} ms, {} turns, the longest {:.2} ms; {ticks} ticks, at most {} turns between two",
        now() - begin,
        turns.count(),
        turns.longest(),
        turns.most_in_a_row()
    );
    assert!(ticks > 2, "{ticks} ticks");
    // Each part is a turn of the sender and one of the receiver at least: no turn did it all.
    assert!(turns.most_in_a_row() < turns.count() / 2);
    a.stop().await;
    assert_eq!(b.metrics.snapshot().parts_in, id.parts());
    assert_eq!(Hash::of(&read(&b, id).await), id.hash);
    b.stop().await;
}
