//! Comparisons with a plain map; the suite for all stores is in `testing`.

use std::collections::BTreeMap;
use std::io;

use proptest::prelude::*;

use super::super::disk::named;
use super::*;

#[test]
fn sealed_entries_are_opened_and_others_refused() {
    use super::backend::{seal, unseal};
    for stay in [Stay::default(), Stay::until(Some(7)).for_own()] {
        assert_eq!(unseal(&seal(b"v", stay)).unwrap(), (stay, &b"v"[..]));
    }
    for bad in [&b""[..], &[1; 8], &[2; 20]] {
        assert!(unseal(bad).is_err());
    }
}

/// A backend that answers a question when it is asked a second time in a row, and fails to commit
/// when it is told to.
#[derive(Default)]
struct Slow {
    inner: Memory,
    asked: Option<String>,
    fail: bool,
    blocked: usize,
}

impl Slow {
    fn gate(&mut self, question: String) -> io::Result<()> {
        if self.asked.take().as_ref() == Some(&question) {
            return Ok(());
        }
        self.asked = Some(question);
        self.blocked += 1;
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Backend for Slow {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        self.gate(format!("get {key:?}"))?;
        self.inner.get(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        self.gate(format!("page {after:?} {most}"))?;
        self.inner.page(after, most)
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        self.gate(format!("commit {changes:?}"))?;
        if std::mem::take(&mut self.fail) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.commit(changes)
    }
}

/// Asks until it has not to wait.
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
fn a_page_of_what_mostly_expired_comes_to_an_end() {
    let mut store = Kv::new(Slow::default()).with_clock(|| 1);
    for i in 0..100u8 {
        patiently(|| store.put(&[i], b"", (i % 10 > 0).then_some(2))).unwrap();
    }
    patiently(|| store.commit()).unwrap();
    let mut store = store.with_clock(|| 2);
    let page = patiently(|| store.page(None, 5)).unwrap();
    let keys: Vec<u8> = page.into_iter().map(|listed| listed.key[0]).collect();
    assert_eq!(keys, [0, 10, 20, 30, 40]);
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

#[test]
fn a_put_that_is_asked_again_while_its_commit_waits_changes_nothing() {
    let limits = StoreLimits {
        entries: 2,
        bytes: 100,
    };
    let mut store = Kv::new(Slow::default()).with_limits(limits);
    for key in [b"a", b"b", b"c"] {
        // As the store service does: both are asked again until both are done.
        patiently(|| {
            store.put(key, b"x", None)?;
            store.commit()
        })
        .unwrap();
    }
    let keys: Vec<_> = patiently(|| store.page(None, 9)).unwrap();
    let keys: Vec<_> = keys.into_iter().map(|listed| listed.key).collect();
    assert_eq!(keys, [b"b", b"c"]);
    let inner = store.backend().inner.page(None, 9).unwrap();
    assert_eq!(inner.len(), 2, "what was evicted is gone where it was kept");
    // One that is given up for another is kept first.
    let _ = patiently(|| store.put(b"d", b"x", None));
    assert!(store.commit().is_err(), "it waits");
    patiently(|| store.put(b"e", b"x", None)).unwrap();
    assert!(patiently(|| store.backend().get(b"d")).unwrap().is_some());
}
