//! localStorage: small data, synchronously.
//!
//! | item | what it is |
//! |---|---|
//! | `NAME!form` | the number of this form |
//! | `NAME!commit` | a commit that is being carried out (`frame.rs`) |
//! | `NAME/KEY` | an entry |
//!
//! Bytes are characters U+0000 to U+00FF. An item is written at once or not at all, so a commit is
//! written as one item first: if the page ends while its entries are written, they are written when
//! the store is opened the next time.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::Storage;

use super::super::backend::{seal, unseal};
use super::super::frame::{frame, parse, whole};
use super::super::{Backend, Changes, Entry, Kv, Listed};
use super::{given, refused};

const FORM: &str = "1";

/// Keeps everything in localStorage.
pub type LocalStorageKV = Kv<LocalStorage>;

/// Items of this page's localStorage: some megabytes in all. For one node at a time: what another
/// tab changes under the same name is not seen.
///
/// What is committed survives the page and its process; the browser writes it to disk by itself
/// some time later.
#[derive(Debug)]
pub struct LocalStorage {
    name: String,
    storage: Storage,
    entries: BTreeMap<Vec<u8>, Listed>,
}

impl LocalStorageKV {
    /// Opens or makes the store `name`.
    ///
    /// # Errors
    /// `Unsupported` where there is no localStorage (workers, private windows); `InvalidData` if it
    /// is damaged or a later version made it: it is left as it is then.
    pub fn open(name: &str) -> io::Result<Self> {
        LocalStorage::open(name).map(Kv::new)
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

impl LocalStorage {
    /// Opens or makes the store `name`.
    ///
    /// # Errors
    /// As [`LocalStorageKV::open`].
    pub fn open(name: &str) -> io::Result<Self> {
        let Some(storage) = given("localStorage")? else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "there is no localStorage here (a worker, a private window, or storage is switched off)",
            ));
        };
        let mut store = LocalStorage {
            name: name.into(),
            storage: storage.unchecked_into(),
            entries: BTreeMap::new(),
        };
        let form = store.item("!form")?;
        match form.as_deref() {
            None => store.set("!form", FORM)?,
            Some(FORM) => {}
            Some(_) => return Err(store.unusable("was made by a later mydht")),
        }
        if let Some(commit) = store.item("!commit")? {
            let commit = bytes(&commit).ok_or_else(|| store.unusable("is damaged"))?;
            let changes = whole(&commit)
                .and_then(|(_, body)| parse(body))
                .ok_or_else(|| store.unusable("has a commit that is damaged"))?;
            store.write(&changes)?;
            store.take_away("!commit")?;
        }
        store.load()?;
        Ok(store)
    }

    fn load(&mut self) -> io::Result<()> {
        let prefix = format!("{}/", self.name);
        let count = self.storage.length().map_err(|error| self.error(&error))?;
        for index in 0..count {
            // The order of items is up to the browser, but stays the same while none is added or
            // removed.
            let item = self
                .storage
                .key(index)
                .map_err(|error| self.error(&error))?;
            let Some(key) = item.as_deref().and_then(|item| item.strip_prefix(&prefix)) else {
                continue;
            };
            let key = bytes(key).ok_or_else(|| self.unusable("has a key that is damaged"))?;
            if let Some(entry) = self.read(&key)? {
                self.entries.insert(key.clone(), entry.listed(&key));
            }
        }
        Ok(())
    }

    fn error(&self, error: &JsValue) -> io::Error {
        refused(&format!("the browser's store {}", self.name), error)
    }

    fn unusable(&self, why: &str) -> io::Error {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "the browser's store {} {why}: reload the page, or clear its data",
                self.name
            ),
        )
    }

    fn item(&self, item: &str) -> io::Result<Option<String>> {
        let found = self.storage.get_item(&format!("{}{item}", self.name));
        found.map_err(|error| self.error(&error))
    }

    fn set(&self, item: &str, value: &str) -> io::Result<()> {
        let set = self
            .storage
            .set_item(&format!("{}{item}", self.name), value);
        set.map_err(|error| self.error(&error))
    }

    fn take_away(&self, item: &str) -> io::Result<()> {
        let removed = self.storage.remove_item(&format!("{}{item}", self.name));
        removed.map_err(|error| self.error(&error))
    }

    fn read(&self, key: &[u8]) -> io::Result<Option<Entry>> {
        let Some(item) = self.item(&format!("/{}", text(key)))? else {
            return Ok(None);
        };
        let sealed = bytes(&item).ok_or_else(|| self.unusable("has an entry that is damaged"))?;
        let (stay, value) = unseal(&sealed)?;
        let value = value.to_vec();
        Ok(Some(Entry { value, stay }))
    }

    fn write(&self, changes: &Changes) -> io::Result<()> {
        // Removals free quota, so they come before the puts.
        let (put, removed): (Vec<_>, Vec<_>) = changes.iter().partition(|(_, c)| c.is_some());
        for (key, change) in removed.into_iter().chain(put) {
            let item = format!("/{}", text(key));
            match change {
                Some(Entry { value, stay }) => self.set(&item, &text(&seal(value, *stay)))?,
                None => self.take_away(&item)?,
            }
        }
        Ok(())
    }
}

impl Backend for LocalStorage {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        self.read(key)
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.range::<[u8], _>((from, Bound::Unbounded));
        Ok(entries
            .take(most)
            .map(|(_, listed)| listed.clone())
            .collect())
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        let mut before = Changes::new();
        for key in changes.keys() {
            before.insert(key.clone(), self.read(key)?);
        }
        let commit = frame(0, changes.iter().map(|(key, c)| (&key[..], c.as_ref())))?;
        self.set("!commit", &text(&commit))?;
        if let Err(error) = self.write(changes) {
            // There is room for what was there. Until that is done, the commit would be tried again.
            self.write(&before)?;
            self.take_away("!commit")?;
            return Err(error);
        }
        // If the page ends before this, the entries are written once more, which changes nothing.
        self.take_away("!commit")?;
        for (key, change) in changes {
            match change {
                Some(entry) => drop(self.entries.insert(key.clone(), entry.listed(key))),
                None => drop(self.entries.remove(key)),
            }
        }
        Ok(())
    }
}
