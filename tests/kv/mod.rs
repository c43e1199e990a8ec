//! What every key-value store must do, natively and in a browser, whether it has to wait or not.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

use mydht::store::{Backend, KVStore, Kv, Millis, StoreLimits, Usage};

thread_local! {
    static NOW: Cell<Millis> = const { Cell::new(1000) };
}

fn clock() -> Millis {
    NOW.get()
}

/// That a store is ready again.
#[derive(Default)]
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
}

/// A store, and whoever waits for it.
pub struct Patient<S> {
    store: S,
    ready: Rc<Ready>,
}

impl<S: KVStore> Patient<S> {
    pub fn new(mut store: S) -> Self {
        let ready = Rc::<Ready>::default();
        let wake = ready.clone();
        store.on_ready(Rc::new(move || wake.set()));
        Patient { store, ready }
    }

    /// Asks until the store has not to wait.
    pub async fn ask<T>(&mut self, mut ask: impl FnMut(&mut S) -> io::Result<T>) -> io::Result<T> {
        loop {
            match ask(&mut self.store) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.wait().await,
                other => return other,
            }
        }
    }

    pub async fn put(&mut self, key: &str, value: &str) {
        self.ask(|store| store.put(key.as_bytes(), value.as_bytes(), None))
            .await
            .unwrap();
    }

    pub async fn remove(&mut self, key: &str) {
        self.ask(|store| store.remove(key.as_bytes()))
            .await
            .unwrap();
    }

    pub async fn get(&mut self, key: &str) -> Option<String> {
        let value = self.ask(|store| store.get(key.as_bytes())).await.unwrap()?;
        Some(String::from_utf8(value).unwrap())
    }

    pub async fn commit(&mut self) {
        self.ask(KVStore::commit).await.unwrap();
    }

    pub async fn usage(&mut self) -> Usage {
        self.ask(KVStore::usage).await.unwrap()
    }

    /// All keys, `most` at once.
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

/// `open` gives the same store again and again, as after a restart; `kept`: it lives so long.
pub async fn conforms<B: Backend>(open: impl Fn() -> Kv<B>, kept: bool) {
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

/// Keys and values of all bytes, and long ones.
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

/// What is the node's own stays so, also after a restart.
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
