//! Two nodes in one page: values and files move between them, and the page stays alive.
#![cfg(target_arch = "wasm32")]

mod page;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mydht::attachment::tree::Tree;
use mydht::engine::{Command, Event};
use mydht::memory::Network;
use mydht::service::Request;
use mydht::store::Content;
use mydht::{AttachmentId, Hash, Key, Metrics, Record, Value};
use mydht_transports::memory::MemoryAddress;
use page::PageNode;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

const MIB: usize = 1 << 20;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setInterval)]
    fn set_interval(callback: &JsValue, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearInterval)]
    fn clear_interval(timer: &JsValue);
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// The turns of all nodes of a page.
#[derive(Default)]
struct Turns {
    count: Cell<usize>,
    /// Milliseconds.
    longest: Cell<f64>,
    /// Since the page's own timer fired.
    in_a_row: Cell<usize>,
    most_in_a_row: Cell<usize>,
}

impl Turns {
    fn run(&self, turn: &mut dyn FnMut()) {
        let begin = now();
        turn();
        self.longest.set(self.longest.get().max(now() - begin));
        self.count.set(self.count.get() + 1);
        self.in_a_row.set(self.in_a_row.get() + 1);
        let most = self.most_in_a_row.get().max(self.in_a_row.get());
        self.most_in_a_row.set(most);
    }

    fn reset(&self) {
        self.count.set(0);
        self.longest.set(0.0);
        self.in_a_row.set(0);
        self.most_in_a_row.set(0);
    }
}

/// A timer of the page, which has nothing to do with the nodes. When it fires it notes how many
/// parts a node has.
struct Ticker {
    timer: JsValue,
    ticks: Rc<RefCell<Vec<u64>>>,
    // Called until `timer` is cleared.
    _callback: Closure<dyn FnMut()>,
}

impl Ticker {
    /// Fires as often as the host will have it: every millisecond, or four in a browser.
    fn start(turns: Rc<Turns>, receiver: Metrics) -> Self {
        let ticks = Rc::<RefCell<Vec<u64>>>::default();
        let noted = ticks.clone();
        let callback = Closure::new(move || {
            noted.borrow_mut().push(receiver.snapshot().parts_in);
            turns.in_a_row.set(0);
        });
        Ticker {
            timer: set_interval(callback.as_ref(), 1.0),
            ticks,
            _callback: callback,
        }
    }

    /// Returns how often it fired while some, but not all, of the parts were there.
    fn within(&self, parts: u64) -> usize {
        let ticks = self.ticks.borrow();
        ticks
            .iter()
            .filter(|here| (1..parts).contains(*here))
            .count()
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        clear_interval(&self.timer);
    }
}

fn node(network: &Network, bootstrap: &[MemoryAddress], turns: &Rc<Turns>) -> PageNode {
    let turns = turns.clone();
    PageNode::start(network, bootstrap, move |turn| turns.run(turn))
}

/// Two nodes that know each other.
async fn pair(turns: &Rc<Turns>) -> [PageNode; 2] {
    let network = Network::new();
    let a = node(&network, &[], turns);
    let b = node(&network, &[a.address], turns);
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
    let lone = node(&network, &[], &Rc::default());
    let record = Record::by_content(Value::Bytes(b"hello".to_vec()));
    let key = record.key;
    let put = Command::Put {
        record: record.clone(),
        tree: None,
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

/// Moves a file from one node to the other and says how often a timer, set before, fired meanwhile.
async fn moves(len: usize) -> usize {
    let turns = Rc::<Turns>::default();
    let [a, b] = pair(&turns).await;
    let content = content(len);
    let (record, id, tree) = file(&content);
    let put = Request::put(record.clone(), Some((tree, Content::Bytes(content.into()))));
    turns.reset();
    let begin = now();
    let ticker = Ticker::start(turns.clone(), b.metrics.clone());
    // The other keeps a record only once its content is there.
    assert_eq!(a.ask(put).await, Event::Stored { copies: 1 });
    let (took, ticks) = (now() - begin, ticker.within(id.parts()));
    drop(ticker);
    console_log!(
        "{} MiB: {took:.1} ms, {} turns, the longest {:.2} ms; {ticks} ticks within, at most {} turns between two",
        len / MIB,
        turns.count.get(),
        turns.longest.get(),
        turns.most_in_a_row.get()
    );
    // A part is more than what a pipe holds: none moves in a turn of one node alone.
    assert!(turns.count.get() as u64 > id.parts());
    assert!(turns.most_in_a_row.get() < turns.count.get());
    let key = record.key;
    assert_eq!(b.ask(Command::Get { key }).await, Event::Found(record));
    a.stop().await;
    assert_eq!(b.metrics.snapshot().parts_in, id.parts());
    let here = read(&b, id).await;
    assert_eq!((here.len() as u64, Hash::of(&here)), (id.len, id.hash));
    b.stop().await;
    ticks
}

#[wasm_bindgen_test]
async fn a_file_moves_while_the_timers_of_the_page_fire() {
    assert!(moves(MIB).await > 0);
}

#[wasm_bindgen_test]
async fn a_file_of_many_budgets_leaves_the_page_its_time() {
    // At 4 ms a turn, this many bytes take more than a few.
    assert!(moves(8 * MIB).await > 2);
}
