//! Conformance suites for stores, for whoever writes one.
//!
//! Needs the feature `testing`. Each suite panics at the first promise that a store breaks, so call
//! it from a test. [`key_value_store`] checks a [`Backend`] through [`Kv`], which adds expiry and
//! limits; [`attachment_store`] and [`attachments_at_once`] check an
//! [`AttachmentStore`]. All are futures, because a store
//! may have to wait: a browser's test awaits them, and [`without_waiting`] runs them where nothing
//! waits.
//!
//! ```
//! use std::{collections::BTreeMap, io, ops::Bound};
//!
//! use mydht_store::testing::{key_value_store, without_waiting};
//! use mydht_store::{Backend, Changes, Entry, Kv, Listed};
//!
//! /// A store of one's own: here, a map that is lost when it is dropped.
//! #[derive(Default)]
//! struct Mine(BTreeMap<Vec<u8>, Entry>);
//!
//! impl Backend for Mine {
//!     fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
//!         Ok(self.0.get(key).cloned())
//!     }
//!
//!     fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
//!         let from = after.map_or(Bound::Unbounded, Bound::Excluded);
//!         let entries = self.0.range::<[u8], _>((from, Bound::Unbounded));
//!         Ok(entries.take(most).map(|(key, entry)| entry.listed(key)).collect())
//!     }
//!
//!     fn commit(&mut self, changes: &Changes) -> io::Result<()> {
//!         for (key, change) in changes {
//!             match change {
//!                 Some(entry) => self.0.insert(key.clone(), entry.clone()),
//!                 None => self.0.remove(key),
//!             };
//!         }
//!         Ok(())
//!     }
//! }
//!
//! // `false`: nothing is found again when the store is opened anew.
//! without_waiting(key_value_store(|| Kv::new(Mine::default()), false));
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a suite fails by panicking, as a test does"
)]

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use mydht_proto::attachment::ReceivedPart;
use mydht_proto::attachment::fetch::PartSet;
use mydht_proto::attachment::tree::{Node, PART_LEN, PartHasher, Tree};

use crate::{AttachmentStore, Backend, KVStore, Kv, Millis, StoreLimits, Usage};

thread_local! {
    static NOW: Cell<Millis> = const { Cell::new(1000) };
}

fn clock() -> Millis {
    NOW.get()
}

/// A flag that a store is ready again, and the task that waits for it.
#[derive(Debug, Default)]
struct Ready {
    is: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Ready {
    fn set(&self) {
        self.is.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            match self.is.replace(false) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// Repeats an operation until it returns something other than `WouldBlock`.
    async fn ask<S, T>(
        &self,
        store: &mut S,
        mut ask: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match ask(store) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait().await,
                other => return other,
            }
        }
    }
}

/// Runs a suite over a store that never returns `WouldBlock`.
///
/// # Panics
/// When the suite fails, or the store has to wait.
pub fn without_waiting<T>(suite: impl Future<Output = T>) -> T {
    match pin!(suite).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the store has to wait: await the suite instead"),
    }
}

/// A key-value store whose operations are awaited instead of repeated on `WouldBlock`.
///
/// The methods panic when the store returns any other error, as a test wants.
#[derive(Debug)]
pub struct Patient<S> {
    store: S,
    ready: Rc<Ready>,
}

impl<S: KVStore> Patient<S> {
    /// Takes over the wake of `store`.
    pub fn new(mut store: S) -> Self {
        let ready = Rc::<Ready>::default();
        let wake = ready.clone();
        store.on_ready(Rc::new(move || wake.set()));
        Patient { store, ready }
    }

    /// Repeats `ask` until the store need not wait.
    ///
    /// # Errors
    /// Whatever the store returns, except `WouldBlock`.
    pub async fn ask<T>(&mut self, ask: impl FnMut(&mut S) -> io::Result<T>) -> io::Result<T> {
        self.ready.ask(&mut self.store, ask).await
    }

    /// Puts a value that does not expire.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn put(&mut self, key: &str, value: &str) {
        self.ask(|store| store.put(key.as_bytes(), value.as_bytes(), None))
            .await
            .unwrap();
    }

    /// Removes the value under `key`.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn remove(&mut self, key: &str) {
        self.ask(|store| store.remove(key.as_bytes()))
            .await
            .unwrap();
    }

    /// Returns the value under `key`, as text.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn get(&mut self, key: &str) -> Option<String> {
        let value = self.ask(|store| store.get(key.as_bytes())).await.unwrap()?;
        Some(String::from_utf8(value).unwrap())
    }

    /// Commits what was put and removed.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn commit(&mut self) {
        self.ask(KVStore::commit).await.unwrap();
    }

    /// Returns what the store holds.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn usage(&mut self) -> Usage {
        self.ask(KVStore::usage).await.unwrap()
    }

    /// Returns all keys in order, asking for `most` of them at a time.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn keys(&mut self, most: usize) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = self.ask(|store| store.page(after.as_deref(), most));
            let page = page.await.unwrap();
            let ended = page.len() < most;
            after = page.last().map(|listed| listed.key.clone()).or(after);
            keys.extend(page.into_iter().map(|e| String::from_utf8(e.key).unwrap()));
            if ended {
                return keys;
            }
        }
    }
}

/// Checks all promises of [`KVStore`] on the stores that `open` returns.
///
/// `open` must open the same place each time, as after a restart, and the place must be empty at
/// first. `kept` says whether entries outlive the store: the suite then opens it again and checks
/// what it finds. The suite sets a clock of its own, and leaves entries behind.
///
/// # Panics
/// When the store breaks a promise.
pub async fn key_value_store<B: Backend>(open: impl Fn() -> Kv<B>, kept: bool) {
    let mut store = Patient::new(open().with_clock(clock));
    assert_eq!(store.get("a").await, None);
    store.remove("a").await;
    store.put("b", "2").await;
    store.put("a", "").await;
    assert_eq!(store.get("a").await.as_deref(), Some(""));
    store.commit().await;
    store.put("a", "1").await;
    assert_eq!(store.get("a").await.as_deref(), Some("1"));
    assert_eq!(store.keys(10).await, ["a", "b"]);
    store.commit().await;
    store.commit().await;
    store.remove("b").await;
    assert_eq!(store.get("b").await, None);
    let usage = Usage {
        entries: 1,
        bytes: 2,
    };
    assert_eq!(store.usage().await, usage);
    if kept {
        drop(store);
        store = Patient::new(open().with_clock(clock));
        assert_eq!(store.get("a").await.as_deref(), Some("1"));
        let kept = store.get("b").await;
        assert_eq!(kept.as_deref(), Some("2"), "its removal was not committed");
    } else {
        store.put("b", "2").await;
        store.commit().await;
    }
    any_bytes(&mut store).await;
    iterates(&mut store).await;
    expires(&mut store).await;
    evicts(store).await;
    keeps_its_own(open, kept).await;
}

/// Checks keys and values of all bytes, and long ones.
async fn any_bytes<S: KVStore>(store: &mut Patient<S>) {
    let bytes: Vec<u8> = (0..=255).collect();
    let long: Vec<u8> = (0..100_000u32).map(|i| (i / 3) as u8).collect();
    let entries = [
        (&bytes[..], &long[..]),
        (&[0xff], &bytes),
        (&[0xff, 0], b""),
    ];
    for (key, value) in entries {
        let put = store.ask(|store| store.put(key, value, None)).await;
        put.unwrap();
    }
    for committed in [false, true] {
        for (key, value) in entries {
            let found = store.ask(|store| store.get(key)).await.unwrap();
            assert!(found.as_deref() == Some(value), "committed: {committed}");
        }
        store.commit().await;
    }
    for (key, _) in entries {
        store.ask(|store| store.remove(key)).await.unwrap();
    }
    store.commit().await;
}

async fn iterates<S: KVStore>(store: &mut Patient<S>) {
    for i in 0..20 {
        store.put(&format!("k{i:02}"), "x").await;
    }
    store.commit().await;
    // Partly kept, partly not.
    for i in (0..20).step_by(2) {
        store.remove(&format!("k{i:02}")).await;
        store.put(&format!("k{i:02}+"), "y").await;
    }
    let mut expected = vec!["a".to_owned(), "b".to_owned()];
    expected.extend((0..20).map(|i| format!("k{i:02}{}", ["+", ""][i % 2])));
    for most in [1, 2, 3, 7, 100] {
        assert_eq!(store.keys(most).await, expected, "{most} at once");
    }
    for key in &expected[2..] {
        store.remove(key).await;
    }
    store.commit().await;
    assert_eq!(store.keys(3).await, ["a", "b"]);
    assert_eq!(store.ask(|store| store.page(None, 0)).await.unwrap(), []);
}

async fn expires<S: KVStore>(store: &mut Patient<S>) {
    let now = clock();
    let put = store.ask(|store| store.put(b"c", b"3", Some(now + 10)));
    put.await.unwrap();
    assert_eq!(store.get("c").await.as_deref(), Some("3"));
    store.commit().await;
    let listed = store.ask(|store| store.page(Some(b"b"), 1)).await.unwrap();
    assert_eq!(
        (listed[0].len, listed[0].stay.expires()),
        (1, Some(now + 10))
    );
    NOW.set(now + 10);
    assert_eq!(store.get("c").await, None);
    assert_eq!(store.keys(1).await, ["a", "b"]);
    assert_eq!(store.usage().await.entries, 3);
    // What expired goes with the next commit.
    store.commit().await;
    assert_eq!(store.usage().await.entries, 2);
}

async fn evicts<B: Backend>(store: Patient<Kv<B>>) {
    let mut store = Patient::new(store.store.with_limits(StoreLimits {
        entries: 3,
        bytes: 20,
    }));
    store.put("c", "3").await;
    assert!(store.get("a").await.is_some());
    store.put("d", "4").await;
    store.commit().await;
    assert_eq!(store.keys(10).await, ["a", "c", "d"]);
    let refused = store.ask(|store| store.put(b"e", &[0; 20], None)).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(store.keys(10).await, ["a", "c", "d"]);
    let put = store.ask(|store| store.put(b"e", &[0; 19], None)).await;
    put.unwrap();
    store.commit().await;
    assert_eq!(store.keys(10).await, ["e"]);
}

/// Checks that the node's own entries stay its own, also after a restart.
async fn keeps_its_own<B: Backend>(open: impl Fn() -> Kv<B>, kept: bool) {
    let limits = StoreLimits {
        entries: 2,
        bytes: 100,
    };
    let mut store = Patient::new(open().with_clock(clock).with_limits(limits));
    store.remove("e").await;
    let put = store.ask(|store| store.put_own(b"own", b"1", None)).await;
    put.unwrap();
    store.put("b", "2").await;
    store.put("c", "3").await;
    store.commit().await;
    assert_eq!(store.keys(10).await, ["c", "own"]);
    if kept {
        drop(store);
        store = Patient::new(open().with_clock(clock).with_limits(limits));
    }
    let listed = store.ask(|store| store.page(Some(b"c"), 1)).await.unwrap();
    assert!(listed[0].stay.is_own());
    // A peer's value under the same key is no way to make it go.
    store.put("own", "4").await;
    store.put("d", "5").await;
    store.commit().await;
    assert_eq!(store.keys(10).await, ["d", "own"]);
    let put = store.ask(|store| store.put_own(b"d", b"6", None)).await;
    put.unwrap();
    let refused = store.ask(|store| store.put(b"f", b"7", None)).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
    store.commit().await;
}

/// Returns `len` bytes of content and its tree, for tests of attachments.
///
/// # Panics
/// Never: memory can be read.
pub fn sample(len: usize) -> (Vec<u8>, Tree) {
    let content: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    (content, tree)
}

/// Returns a part of `content` as it is received, verified, with its proof.
///
/// # Panics
/// When `tree` is not the whole tree of `content`, or has no such part.
pub fn part_of(content: &[u8], tree: &Tree, part: u64) -> (ReceivedPart, Vec<Node>) {
    let start = part as usize * PART_LEN;
    let len = tree.id().part_len(part).unwrap();
    let bytes = content[start..start + len].to_vec();
    let node = PartHasher::node_of(part, tree.id().parts() == 1, &bytes);
    let bytes = bytes.into();
    (ReceivedPart { bytes, node }, tree.proof(part).unwrap())
}

/// Checks all promises of [`AttachmentStore`] with one attachment of `len` bytes.
///
/// The store must not have an attachment of this suite with the same length yet; it has it
/// afterwards. Worth trying: 0, 1, a part's length, one more, and several parts.
///
/// # Panics
/// When the store breaks a promise.
pub async fn attachment_store(store: &mut impl AttachmentStore, len: usize) {
    let ready = Rc::<Ready>::default();
    let wake = ready.clone();
    store.on_ready(Rc::new(move || wake.set()));
    let (content, tree) = sample(len);
    let id = tree.id();
    assert!(!ready.ask(store, |s| s.is_whole(&id)).await.unwrap());
    let none = ready.ask(store, |s| s.read_part(&id, 0)).await;
    assert_eq!(none.unwrap(), None);
    let here = ready.ask(store, |s| s.open(&id)).await;
    assert_eq!(here.unwrap(), PartSet::default());
    // Backwards, so that order does not matter.
    for part in (0..id.parts()).rev() {
        let whole = ready.ask(store, |s| s.is_whole(&id)).await;
        assert!(!whole.unwrap(), "a partial one is not whole");
        let (received, proof) = part_of(&content, &tree, part);
        let whole = ready.ask(store, |s| s.write_part(&id, part, &received, &proof));
        assert_eq!(whole.await.unwrap(), part == 0);
        let found = ready.ask(store, |s| s.read_part(&id, part)).await;
        assert_eq!(found.unwrap(), Some((received.bytes, proof)));
    }
    assert!(ready.ask(store, |s| s.is_whole(&id)).await.unwrap());
    ready.ask(store, AttachmentStore::flush).await.unwrap();
    for part in 0..id.parts() {
        let (received, proof) = part_of(&content, &tree, part);
        let found = ready.ask(store, |s| s.read_part(&id, part)).await;
        assert_eq!(found.unwrap(), Some((received.bytes, proof)), "{part}");
    }
    let beyond = ready.ask(store, |s| s.read_part(&id, id.parts())).await;
    assert_eq!(beyond.unwrap(), None);
}

/// Checks that `count` attachments can arrive at once, each part after a part of all others.
///
/// The store must not have an attachment of this suite yet. Worth trying: more than the store has
/// files, trees or pages open at a time.
///
/// # Panics
/// When a part is refused, or an attachment is not whole at the end.
pub async fn attachments_at_once(store: &mut impl AttachmentStore, count: usize) {
    let ready = Rc::<Ready>::default();
    let wake = ready.clone();
    store.on_ready(Rc::new(move || wake.set()));
    // Served meanwhile: reading it must not cost the others their place.
    let (served, served_tree) = sample(PART_LEN);
    let (first, proof) = part_of(&served, &served_tree, 0);
    let id = served_tree.id();
    ready.ask(store, |s| s.open(&id)).await.unwrap();
    let whole = ready.ask(store, |s| s.write_part(&id, 0, &first, &proof));
    assert!(whole.await.unwrap());
    ready.ask(store, |s| s.close(&id)).await.unwrap();
    let samples: Vec<_> = (1..=count).map(|extra| sample(PART_LEN + extra)).collect();
    for (_, tree) in &samples {
        let here = ready.ask(store, |s| s.open(&tree.id())).await;
        assert_eq!(here.unwrap(), PartSet::default());
    }
    for part in 0..2 {
        for (content, tree) in &samples {
            let (received, proof) = part_of(content, tree, part);
            let whole = ready.ask(store, |s| s.write_part(&tree.id(), part, &received, &proof));
            assert_eq!(whole.await.unwrap(), part == 1);
        }
        ready.ask(store, AttachmentStore::flush).await.unwrap();
        let found = ready.ask(store, |s| s.read_part(&id, 0)).await.unwrap();
        assert_eq!(found.map(|(bytes, _)| bytes), Some(first.bytes.clone()));
    }
    for (content, tree) in &samples {
        let (received, proof) = part_of(content, tree, 1);
        let found = ready.ask(store, |s| s.read_part(&tree.id(), 1)).await;
        assert_eq!(found.unwrap(), Some((received.bytes, proof)));
    }
}
