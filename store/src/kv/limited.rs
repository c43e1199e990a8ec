//! Expiry and limits over any place to keep bytes in.

use std::io;
use std::ops::Bound;

use super::ledger::{Ledger, Put};
use super::{Backend, Changes, Entry, KVStore, Listed, Millis, Stay, StoreLimits, Usage, Wake};

/// Entries read at once while the ledger is made.
const PAGE: usize = 256;

/// A [`KVStore`] over a [`Backend`], which adds uncommitted changes, expiry and limits to any
/// backend.
#[derive(Debug)]
pub struct Kv<B> {
    backend: B,
    limits: StoreLimits,
    now: fn() -> Millis,
    changes: Changes,
    /// The backend was asked to keep the changes and has not answered: they must stay as they are.
    committing: bool,
    paging: Option<Paging>,
    ledger: State,
}

/// A page that took more than one question to the backend: the answers so far, for when it is asked
/// for again.
#[derive(Debug)]
struct Paging {
    after: Option<Vec<u8>>,
    most: usize,
    found: Vec<Listed>,
    last: Option<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    /// Being made: the last key that it has.
    Loading(Ledger, Option<Vec<u8>>),
    Loaded(Ledger),
}

impl Default for State {
    fn default() -> Self {
        State::Loading(Ledger::default(), None)
    }
}

impl<B: Backend + Default> Default for Kv<B> {
    fn default() -> Self {
        Kv::new(B::default())
    }
}

impl<B: Backend> Kv<B> {
    /// Creates a store over `backend` with the default limits.
    pub fn new(backend: B) -> Self {
        Kv {
            backend,
            limits: StoreLimits::default(),
            now: wall_clock,
            changes: Changes::new(),
            committing: false,
            paging: None,
            ledger: State::default(),
        }
    }

    /// Sets other limits. Entries beyond them are evicted by later puts.
    #[must_use]
    pub fn with_limits(mut self, limits: StoreLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets a clock other than the system's, for tests and simulations.
    #[must_use]
    pub fn with_clock(mut self, now: fn() -> Millis) -> Self {
        self.now = now;
        self
    }

    /// Returns the backend.
    pub fn backend(&mut self) -> &mut B {
        &mut self.backend
    }

    /// The ledger. It is read from the backend when it is first needed, and again after a failure.
    fn ledger(&mut self) -> io::Result<&mut Ledger> {
        if let State::Loading(ledger, last) = &mut self.ledger {
            loop {
                let page = merged(&mut self.backend, &self.changes, last.as_deref(), PAGE)?;
                let ended = page.len() < PAGE;
                if let Some(listed) = page.last() {
                    *last = Some(listed.key.clone());
                }
                page.into_iter().for_each(|listed| ledger.restore(listed));
                if ended {
                    break;
                }
            }
            self.ledger = State::Loaded(std::mem::take(ledger));
        }
        match &mut self.ledger {
            State::Loaded(ledger) | State::Loading(ledger, _) => Ok(ledger),
        }
    }

    /// Completes a commit under way: its changes must not be altered before the backend has
    /// answered.
    fn settle(&mut self) -> io::Result<()> {
        self.paging = None;
        match self.committing {
            true => self.commit(),
            false => Ok(()),
        }
    }

    /// Whether a change is to be kept already: it was made before, and its commit is waited for.
    fn is_made(&self, key: &[u8], change: Option<(&[u8], Stay)>) -> bool {
        self.committing
            && match (self.changes.get(key), change) {
                (Some(Some(made)), Some((value, stay))) => {
                    made.value == value && [stay, stay.for_own()].contains(&made.stay)
                }
                (Some(None), None) => true,
                _ => false,
            }
    }

    fn put_for(&mut self, key: &[u8], value: &[u8], stay: Stay) -> io::Result<()> {
        // Callers repeat the whole request, put and commit, until the commit is done: an identical
        // change that is being committed is not a new one.
        if self.is_made(key, Some((value, stay))) {
            return Ok(());
        }
        self.settle()?;
        let (now, limits) = ((self.now)(), self.limits);
        let len = value.len() as u64;
        let Put { gone, stay } = self.ledger()?.put(key, len, stay, now, &limits)?;
        for key in gone {
            self.changes.insert(key.to_vec(), None);
        }
        let value = value.to_vec();
        let entry = Entry { value, stay };
        self.changes.insert(key.to_vec(), Some(entry));
        Ok(())
    }

    /// Drops the uncommitted changes.
    fn forget(&mut self) {
        self.changes.clear();
        self.committing = false;
        // The ledger includes the dropped changes, so it is rebuilt from the backend.
        self.ledger = State::default();
    }
}

/// A page of what is there and what is to be.
fn merged(
    backend: &mut impl Backend,
    changes: &Changes,
    after: Option<&[u8]>,
    most: usize,
) -> io::Result<Vec<Listed>> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut changed = changes
        .range::<[u8], _>((from, Bound::Unbounded))
        .peekable();
    if changed.peek().is_none() {
        return backend.page(after, most);
    }
    // As many more as could turn out to be removed.
    let removed = changed
        .clone()
        .filter(|(_, change)| change.is_none())
        .count();
    let asked = most.saturating_add(removed);
    let there = backend.page(after, asked)?;
    let ended = there.len() < asked;
    let horizon = there.last().map(|listed| listed.key.clone());
    let mut found = Vec::new();
    let mut there = there.into_iter().peekable();
    loop {
        let next = match (there.peek(), changed.peek()) {
            (None, None) => break,
            // What lies behind the page may be preceded by what was not read.
            (None, Some((key, _))) if !ended && Some(*key) > horizon.as_ref() => break,
            (Some(listed), Some((key, _))) if listed.key < **key => there.next(),
            (Some(_), None) => there.next(),
            (_, Some((key, change))) => {
                let listed = change.as_ref().map(|entry| entry.listed(key));
                // It takes the place of what is there.
                there.next_if(|there| there.key == **key);
                changed.next();
                listed
            }
        };
        found.extend(next);
        if found.len() == most {
            break;
        }
    }
    Ok(found)
}

impl<B: Backend> KVStore for Kv<B> {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.paging = None;
        let found = match self.changes.get(key) {
            Some(change) => change.clone(),
            None => self.backend.get(key)?,
        };
        let Some(entry) = found else {
            return Ok(None);
        };
        if entry.stay.expires().is_some_and(|at| at <= (self.now)()) {
            return Ok(None);
        }
        // Whoever only reads needs no ledger.
        if let State::Loaded(ledger) = &mut self.ledger {
            ledger.touch(key, &self.limits);
        }
        Ok(Some(entry.value))
    }

    fn put(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()> {
        self.put_for(key, value, Stay::until(expires))
    }

    fn put_own(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()> {
        self.put_for(key, value, Stay::until(expires).for_own())
    }

    fn remove(&mut self, key: &[u8]) -> io::Result<()> {
        if self.is_made(key, None) {
            return Ok(());
        }
        self.settle()?;
        self.changes.insert(key.to_vec(), None);
        match &mut self.ledger {
            State::Loaded(ledger) => ledger.remove(key),
            // It may have been read already.
            State::Loading(..) => self.ledger = State::default(),
        }
        Ok(())
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        let now = (self.now)();
        let begun = self.paging.take();
        let mut paging = begun
            .filter(|paging| paging.after.as_deref() == after && paging.most == most)
            .unwrap_or_else(|| Paging {
                after: after.map(<[u8]>::to_vec),
                most,
                found: Vec::new(),
                last: after.map(<[u8]>::to_vec),
            });
        while paging.found.len() < most {
            let missing = most - paging.found.len();
            let last = paging.last.as_deref();
            let page = match merged(&mut self.backend, &self.changes, last, missing) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.paging = Some(paging);
                    return Err(error);
                }
                page => page?,
            };
            let ended = page.len() < missing;
            if let Some(listed) = page.last() {
                paging.last = Some(listed.key.clone());
            }
            let live = |listed: &Listed| listed.stay.expires().is_none_or(|at| at > now);
            paging.found.extend(page.into_iter().filter(live));
            if ended {
                break;
            }
        }
        Ok(paging.found)
    }

    fn usage(&mut self) -> io::Result<Usage> {
        Ok(self.ledger()?.usage())
    }

    fn commit(&mut self) -> io::Result<()> {
        self.paging = None;
        if !self.committing {
            if let State::Loaded(ledger) = &mut self.ledger {
                let now = (self.now)();
                // Expired entries are removed along with the next commit, without a write of their
                // own.
                while let Some(key) = ledger.expired(now) {
                    ledger.remove(&key);
                    self.changes.insert(key.to_vec(), None);
                }
            }
            if self.changes.is_empty() {
                return Ok(());
            }
            self.committing = true;
        }
        match self.backend.commit(&self.changes) {
            Ok(()) => {
                self.changes.clear();
                self.committing = false;
                Ok(())
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.forget();
                }
                Err(error)
            }
        }
    }

    fn on_ready(&mut self, wake: Wake) {
        self.backend.on_ready(wake);
    }
}

/// Returns milliseconds since 1970 (UTC), by the system's clock.
#[cfg(not(target_arch = "wasm32"))]
pub fn wall_clock() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 lets nothing expire.
    since.map_or(0, |since| {
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    })
}

/// Returns milliseconds since 1970 (UTC), by the browser's clock.
#[cfg(target_arch = "wasm32")]
pub fn wall_clock() -> Millis {
    js_sys::Date::now() as Millis
}
