//! What every store must do, whatever keeps its bytes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;

use proptest::prelude::*;

use super::super::disk::named;
use super::*;

thread_local! {
    static NOW: Cell<Millis> = const { Cell::new(1000) };
}

fn clock() -> Millis {
    NOW.get()
}

fn put(store: &mut impl KVStore, key: &str, value: &str) {
    store.put(key.as_bytes(), value.as_bytes(), None).unwrap();
}

fn get(store: &mut impl KVStore, key: &str) -> Option<String> {
    let value = store.get(key.as_bytes()).unwrap()?;
    Some(String::from_utf8(value).unwrap())
}

fn keys(store: &mut impl KVStore, most: usize) -> Vec<String> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = store.page(after.as_deref(), most).unwrap();
        let ended = page.len() < most;
        after = page.last().map(|listed| listed.key.clone()).or(after);
        keys.extend(page.into_iter().map(|e| String::from_utf8(e.key).unwrap()));
        if ended {
            return keys;
        }
    }
}

/// `open` gives the same store again and again, as after a restart; `kept`: it lives so long.
fn conforms<B: Backend>(open: impl Fn() -> Kv<B>, kept: bool) {
    let mut store = open().with_clock(clock);
    assert_eq!(get(&mut store, "a"), None);
    store.remove(b"a").unwrap();
    put(&mut store, "b", "2");
    put(&mut store, "a", "");
    assert_eq!(get(&mut store, "a").as_deref(), Some(""));
    store.commit().unwrap();
    put(&mut store, "a", "1");
    assert_eq!(get(&mut store, "a").as_deref(), Some("1"));
    assert_eq!(keys(&mut store, 10), ["a", "b"]);
    store.commit().unwrap();
    store.commit().unwrap();
    store.remove(b"b").unwrap();
    assert_eq!(get(&mut store, "b"), None);
    let usage = Usage {
        entries: 1,
        bytes: 2,
    };
    assert_eq!(store.usage().unwrap(), usage);
    if kept {
        drop(store);
        store = open().with_clock(clock);
        assert_eq!(get(&mut store, "a").as_deref(), Some("1"));
        let kept = get(&mut store, "b");
        assert_eq!(kept.as_deref(), Some("2"), "its removal was not committed");
    } else {
        put(&mut store, "b", "2");
        store.commit().unwrap();
    }
    iterates(&mut store);
    expires(&mut store);
    evicts(store);
}

fn iterates(store: &mut impl KVStore) {
    for i in 0..20 {
        put(store, &format!("k{i:02}"), "x");
    }
    store.commit().unwrap();
    // Partly kept, partly not.
    for i in (0..20).step_by(2) {
        store.remove(format!("k{i:02}").as_bytes()).unwrap();
        put(store, &format!("k{i:02}+"), "y");
    }
    let mut expected = vec!["a".to_owned(), "b".to_owned()];
    expected.extend((0..20).map(|i| format!("k{i:02}{}", ["+", ""][i % 2])));
    for most in [1, 2, 3, 7, 100] {
        assert_eq!(keys(store, most), expected, "{most} at once");
    }
    for key in &expected[2..] {
        store.remove(key.as_bytes()).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(keys(store, 3), ["a", "b"]);
}

fn expires(store: &mut impl KVStore) {
    let now = clock();
    store.put(b"c", b"3", Some(now + 10)).unwrap();
    assert_eq!(get(store, "c").as_deref(), Some("3"));
    store.commit().unwrap();
    let listed = store.page(Some(b"b"), 1).unwrap();
    assert_eq!((listed[0].len, listed[0].expires), (1, Some(now + 10)));
    NOW.set(now + 10);
    assert_eq!(get(store, "c"), None);
    assert_eq!(keys(store, 1), ["a", "b"]);
    assert_eq!(store.usage().unwrap().entries, 3);
    // What expired goes with the next commit.
    store.commit().unwrap();
    assert_eq!(store.usage().unwrap().entries, 2);
}

fn evicts<B: Backend>(store: Kv<B>) {
    let mut store = store.with_limits(StoreLimits {
        entries: 3,
        bytes: 20,
    });
    put(&mut store, "c", "3");
    assert!(get(&mut store, "a").is_some());
    put(&mut store, "d", "4");
    store.commit().unwrap();
    assert_eq!(keys(&mut store, 10), ["a", "c", "d"]);
    let error = store.put(b"e", &[0; 20], None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(keys(&mut store, 10), ["a", "c", "d"]);
    store.put(b"e", &[0; 19], None).unwrap();
    store.commit().unwrap();
    assert_eq!(keys(&mut store, 10), ["e"]);
}

#[test]
fn memory_conforms() {
    conforms(MemoryKV::default, false);
}

#[test]
fn files_conform() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.kv");
    conforms(|| FileKV::open(&path).unwrap(), true);
}

#[cfg(feature = "redb")]
#[test]
fn redb_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.redb");
    conforms(|| RedbKV::open(&path).unwrap(), true);
}

#[test]
fn sealed_entries_are_opened_and_others_refused() {
    use super::backend::{seal, unseal};
    for expires in [None, Some(7)] {
        assert_eq!(unseal(&seal(b"v", expires)).unwrap(), (expires, &b"v"[..]));
    }
    for bad in [&b""[..], &[1; 8], &[2; 20]] {
        assert!(unseal(bad).is_err());
    }
}

/// A backend that blocks before everything, and fails to commit when it is told to.
#[derive(Default)]
struct Slow {
    inner: Memory,
    ready: bool,
    fail: bool,
    blocked: usize,
}

impl Slow {
    fn gate(&mut self) -> io::Result<()> {
        self.ready = !self.ready;
        if self.ready {
            self.blocked += 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}

impl Backend for Slow {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        self.gate()?;
        self.inner.get(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        self.gate()?;
        self.inner.page(after, most)
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        self.gate()?;
        if std::mem::take(&mut self.fail) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.commit(changes)
    }
}

/// Asks until it has not to wait.
fn patiently<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match ask() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

#[test]
fn a_failed_commit_keeps_nothing_and_the_store_goes_on() {
    let mut store = Kv::new(Slow::default());
    patiently(|| store.put(b"a", b"1", None)).unwrap();
    patiently(|| store.commit()).unwrap();
    patiently(|| store.put(b"a", b"2", None)).unwrap();
    patiently(|| store.put(b"b", b"2", None)).unwrap();
    store.backend().fail = true;
    let error = patiently(|| store.commit()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(patiently(|| store.get(b"a")).unwrap().unwrap(), b"1");
    assert_eq!(patiently(|| store.usage()).unwrap().entries, 1);
    patiently(|| store.put(b"b", b"3", None)).unwrap();
    patiently(|| store.commit()).unwrap();
    assert_eq!(patiently(|| store.usage()).unwrap().entries, 2);
    assert!(store.backend().blocked > 5);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, u8),
    Remove(u8),
    Commit,
    FailedCommit,
    Reopen,
    Check(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0u8..10, any::<u8>(), 0u8..30).prop_map(|(key, at, len)| Step::Put(key, at, len)),
        2 => (0u8..10).prop_map(Step::Remove),
        2 => Just(Step::Commit),
        1 => Just(Step::FailedCommit),
        1 => Just(Step::Reopen),
        3 => (0u8..10, 1u8..6).prop_map(|(key, most)| Step::Check(key, most)),
    ]
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Beside a map, of which the committed form is kept.
fn behaves<B: Backend>(
    steps: &[Step],
    open: impl Fn(Option<Kv<B>>) -> Kv<B>,
    fail: impl Fn(&mut B) -> bool,
) {
    let mut store = open(None);
    let (mut model, mut kept) = (Model::new(), Model::new());
    for step in steps {
        match step {
            Step::Put(key, byte, len) => {
                let value = vec![*byte; usize::from(*len)];
                patiently(|| store.put(&[*key], &value, None)).unwrap();
                model.insert(vec![*key], value);
            }
            Step::Remove(key) => {
                patiently(|| store.remove(&[*key])).unwrap();
                model.remove(&[*key][..]);
            }
            Step::Commit => {
                patiently(|| store.commit()).unwrap();
                kept = model.clone();
            }
            Step::FailedCommit => {
                if model != kept && fail(store.backend()) {
                    assert!(patiently(|| store.commit()).is_err());
                    model = kept.clone();
                }
            }
            Step::Reopen => {
                store = open(Some(store));
                model = kept.clone();
            }
            Step::Check(key, most) => {
                let found = patiently(|| store.get(&[*key])).unwrap();
                assert_eq!(found.as_ref(), model.get(&[*key][..]));
                let most = usize::from(*most);
                let page = patiently(|| store.page(Some(&[*key]), most)).unwrap();
                let page: Vec<_> = page.into_iter().map(|e| (e.key, e.len)).collect();
                let after = model.iter().filter(|(k, _)| ***k > [*key][..]).take(most);
                let expected: Vec<_> = after.map(|(k, v)| (k.clone(), v.len() as u64)).collect();
                assert_eq!(page, expected);
                let usage = patiently(|| store.usage()).unwrap();
                assert_eq!(usage.entries, model.len());
            }
        }
    }
}

proptest! {
    #[test]
    fn one_that_waits_behaves_like_a_map(steps in proptest::collection::vec(step(), 0..80)) {
        behaves(
            &steps,
            |store| {
                let mut store = store.unwrap_or_else(|| Kv::new(Slow::default()));
                Kv::new(std::mem::take(store.backend()))
            },
            |slow| { slow.fail = true; true },
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_plain_file_behaves_like_a_map(steps in proptest::collection::vec(step(), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.kv");
        behaves(&steps, |store| { drop(store); FileKV::open(&path).unwrap() }, |_| false);
    }
}

#[cfg(feature = "redb")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn redb_behaves_like_a_map(steps in proptest::collection::vec(step(), 0..40)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        behaves(&steps, |store| { drop(store); RedbKV::open(&path).unwrap() }, |_| false);
    }
}

#[test]
fn errors_name_their_file() {
    let error = named("x/y.kv".as_ref(), &io::ErrorKind::PermissionDenied.into());
    assert!(error.to_string().starts_with("x/y.kv: "));
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}
