//! IndexedDB: what is asked is answered by an event, later.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Event, IdbDatabase, IdbFactory, IdbKeyRange, IdbOpenDbRequest, IdbRequest, IdbTransaction,
};

use super::super::backend::{SEAL, seal, unseal};
use super::super::{Backend, Changes, Entry, Kv, Listed, Wake};
use super::{given, refused};

/// The form of the database. A later one is refused by the browser, an older one is brought to this
/// one.
const VERSION: u32 = 1;

const ENTRIES: &str = "entries";

/// Chromium keeps each value of more than 64 KiB in a file of its own: it takes twice as long to
/// write it, and four times to read it.
const LONGEST: usize = 32 << 10;

/// Keeps everything in IndexedDB.
pub type IndexedDbKV = Kv<IndexedDb>;

/// A database of this page's origin. Every operation waits for it: each is asked once, and answered
/// when it is asked for again after the browser said that it is done.
///
/// A commit is one transaction with strict durability: it is on disk when it is done.
pub struct IndexedDb {
    name: String,
    state: Rc<RefCell<State>>,
    /// Handler of all events of the requests.
    heard: Closure<dyn FnMut(Event)>,
}

#[derive(Default)]
struct State {
    database: Option<IdbDatabase>,
    asked: Option<Asked>,
    answer: Option<Result<JsValue, JsValue>>,
    wake: Option<Wake>,
}

/// Request to the browser. Only one is under way at a time.
struct Asked {
    what: Question,
    /// Object whose event answers the request.
    target: JsValue,
    /// Requests whose results answer it, where the target is a transaction.
    parts: [Option<IdbRequest>; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Open,
    Get(Vec<u8>),
    Page(Option<Vec<u8>>, u32),
    Commit,
}

impl std::fmt::Debug for IndexedDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexedDb")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl IndexedDbKV {
    /// The store in the database `name`. It is opened by the first operation, which says so if that
    /// cannot be.
    pub fn open(name: &str) -> Self {
        Kv::new(IndexedDb::new(name))
    }
}

impl State {
    /// Something happened to what was asked, or to the database.
    fn hear(&mut self, event: &Event) {
        let target = JsValue::from(event.target());
        if event.type_() == "versionchange" {
            // Another tab brings it to a later form, or deletes it: this one must not stand in the way.
            if let Some(database) = self.database.take() {
                database.close();
            }
            return;
        }
        // The browser closed the connection, for instance because the user cleared the site's data.
        // The next request opens it again.
        if event.type_() == "close" {
            self.database = None;
            return;
        }
        // Ignores events of a request that was given up for another one.
        let Some(asked) = self.asked.as_ref().filter(|asked| asked.target == target) else {
            return;
        };
        match event.type_().as_str() {
            "upgradeneeded" => {
                if let Err(error) = make_entries(&target) {
                    self.answer = Some(Err(error));
                }
                return;
            }
            "complete" => {
                let results = asked.parts.iter().flatten().map(IdbRequest::result);
                self.answer = Some(results.collect::<Result<Array, _>>().map(JsValue::from));
            }
            "success" => {
                let request: &IdbRequest = target.unchecked_ref();
                let result = request.result();
                if asked.what == Question::Open {
                    self.database = result
                        .as_ref()
                        .ok()
                        .map(|found| found.clone().unchecked_into());
                }
                self.answer = Some(result);
            }
            // Another tab keeps an older form open: it is told to close it, and this goes on when it did.
            "blocked" => return,
            _ => {
                let error = Reflect::get(&target, &"error".into());
                self.answer = Some(Err(error.unwrap_or_else(|error| error)));
                // A failed open is reported and cannot be handled otherwise.
                event.prevent_default();
            }
        }
        if let Some(wake) = &self.wake {
            wake();
        }
    }
}

fn make_entries(request: &JsValue) -> Result<(), JsValue> {
    let request: &IdbOpenDbRequest = request.unchecked_ref();
    let database: IdbDatabase = request.result()?.unchecked_into();
    if !database.object_store_names().contains(ENTRIES) {
        database.create_object_store(ENTRIES)?;
    }
    Ok(())
}

/// All that is listened to.
const EVENTS: &[&str] = &[
    "success",
    "error",
    "blocked",
    "upgradeneeded",
    "complete",
    "abort",
    "versionchange",
    "close",
];

/// Sets `heard` as the handler of `events` on `target`.
fn listen(target: &JsValue, heard: &JsValue, events: &[&str]) -> Result<(), JsValue> {
    for event in events {
        Reflect::set(target, &format!("on{event}").into(), heard)?;
    }
    Ok(())
}

impl IndexedDb {
    /// The database `name` of this page's origin.
    pub fn new(name: &str) -> Self {
        let state = Rc::<RefCell<State>>::default();
        let hearing = Rc::downgrade(&state);
        let heard = Closure::new(move |event: Event| {
            if let Some(state) = hearing.upgrade() {
                state.borrow_mut().hear(&event);
            }
        });
        IndexedDb {
            name: name.into(),
            state,
            heard,
        }
    }

    fn error(&self, error: &JsValue) -> io::Error {
        refused(&format!("the browser's store {}", self.name), error)
    }

    /// The answer to a question, which is asked by `ask` if it was not yet.
    fn answer(
        &mut self,
        what: Question,
        ask: impl FnOnce(&Self) -> Result<Asked, JsValue>,
    ) -> io::Result<JsValue> {
        if self.is_asked(&what) {
            return self.taken();
        }
        if !self.is_open()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let asked = ask(self);
        self.asked(asked)
    }

    fn is_asked(&self, what: &Question) -> bool {
        let state = self.state.borrow();
        state
            .asked
            .as_ref()
            .is_some_and(|asked| asked.what == *what)
    }

    /// Notes what was asked. Whoever asks something else has given the last up.
    fn asked<T>(&mut self, asked: Result<Asked, JsValue>) -> io::Result<T> {
        let asked = asked.map_err(|error| {
            // A database that takes no questions may do so when it is opened again.
            self.state.borrow_mut().database = None;
            self.error(&error)
        })?;
        let mut state = self.state.borrow_mut();
        state.answer = None;
        state.asked = Some(asked);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The answer, if it has come.
    fn taken(&mut self) -> io::Result<JsValue> {
        let mut state = self.state.borrow_mut();
        let Some(answer) = state.answer.take() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        state.asked = None;
        drop(state);
        answer.map_err(|error| self.error(&error))
    }

    /// True if the database is open; otherwise it is being opened.
    fn is_open(&mut self) -> io::Result<bool> {
        if self.is_asked(&Question::Open) {
            self.taken()?;
        }
        if self.state.borrow().database.is_some() {
            return Ok(true);
        }
        let Some(factory) = given("indexedDB")? else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this browser gives no IndexedDB here (a private window, or storage is switched off): what is put is \
                 not kept",
            ));
        };
        let factory: &IdbFactory = factory.unchecked_ref();
        let heard = self.heard.as_ref();
        let asked = factory
            .open_with_u32(&self.name, VERSION)
            .and_then(|request| {
                let events = ["success", "error", "blocked", "upgradeneeded"];
                listen(&request, heard, &events)?;
                Ok(Asked {
                    what: Question::Open,
                    target: request.into(),
                    parts: [None, None],
                })
            });
        self.asked(asked)
    }

    fn transaction(&self, mode: &str) -> Result<IdbTransaction, JsValue> {
        let state = self.state.borrow();
        let Some(database) = &state.database else {
            return Err("it was closed".into());
        };
        listen(database, self.heard.as_ref(), &["versionchange", "close"])?;
        // web-sys has this with its options only for those who build with unstable APIs.
        let transaction: Function = Reflect::get(database, &"transaction".into())?.dyn_into()?;
        let options = Object::new();
        // Without this, a browser may fire `complete` while the changes are only in the system's
        // buffers.
        Reflect::set(&options, &"durability".into(), &"strict".into())?;
        let transaction = transaction.call3(database, &ENTRIES.into(), &mode.into(), &options)?;
        transaction.dyn_into()
    }

    /// Asks the browser to keep changes, in one transaction.
    fn keep(&self, changes: &Changes) -> Result<Asked, JsValue> {
        let transaction = self.transaction("readwrite")?;
        let heard = self.heard.as_ref();
        listen(&transaction, heard, &["complete", "abort"])?;
        let store = transaction.object_store(ENTRIES)?;
        let write = || -> Result<(), JsValue> {
            for (key, change) in changes {
                let key = Uint8Array::from(&key[..]);
                match change {
                    Some(Entry { value, stay }) => {
                        let value = Uint8Array::from(&seal(value, *stay)[..]);
                        store.put_with_key(&value, &key)?;
                    }
                    None => drop(store.delete(&key)?),
                }
            }
            Ok(())
        };
        if let Err(error) = write() {
            // Half of the changes must not be kept; if even that fails, the browser does it by itself.
            let _ = transaction.abort();
            return Err(error);
        }
        Ok(Asked {
            what: Question::Commit,
            target: transaction.into(),
            parts: [None, None],
        })
    }
}

impl Drop for IndexedDb {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        // What is asked still goes on, and tells nobody.
        let heard = [
            state.asked.take().map(|asked| asked.target),
            state.database.clone().map(JsValue::from),
        ];
        for target in heard.into_iter().flatten() {
            // It is no trouble if one is not there.
            let _ = listen(&target, &JsValue::NULL, EVENTS);
        }
        if let Some(database) = state.database.take() {
            database.close();
        }
    }
}

fn range(after: Option<&[u8]>) -> Result<JsValue, JsValue> {
    match after {
        Some(after) => {
            let after = Uint8Array::from(after);
            Ok(IdbKeyRange::lower_bound_with_open(&after, true)?.into())
        }
        None => Ok(JsValue::UNDEFINED),
    }
}

fn entry(value: &JsValue) -> io::Result<Entry> {
    let sealed = Uint8Array::new(value).to_vec();
    let (stay, value) = unseal(&sealed)?;
    let value = value.to_vec();
    Ok(Entry { value, stay })
}

impl Backend for IndexedDb {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        let what = Question::Get(key.to_vec());
        let value = self.answer(what.clone(), |this| {
            let store = this.transaction("readonly")?.object_store(ENTRIES)?;
            let request = store.get(&Uint8Array::from(key))?;
            let heard = this.heard.as_ref().unchecked_ref();
            listen(&request, heard, &["success", "error"])?;
            Ok(Asked {
                what,
                target: request.into(),
                parts: [None, None],
            })
        })?;
        match value.is_undefined() {
            true => Ok(None),
            false => entry(&value).map(Some),
        }
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        if most == 0 {
            // To IndexedDB, none is no limit.
            return Ok(Vec::new());
        }
        let what = Question::Page(after.map(<[u8]>::to_vec), most);
        let found: Array = self
            .answer(what.clone(), |this| {
                let transaction = this.transaction("readonly")?;
                let heard = this.heard.as_ref().unchecked_ref();
                listen(&transaction, heard, &["complete", "abort"])?;
                let store = transaction.object_store(ENTRIES)?;
                let range = range(after)?;
                // Both requests run in one transaction, so that they see the same entries.
                let keys = store.get_all_keys_with_key_and_limit(&range, most)?;
                let values = store.get_all_with_key_and_limit(&range, most)?;
                Ok(Asked {
                    what,
                    target: transaction.into(),
                    parts: [Some(keys), Some(values)],
                })
            })?
            .unchecked_into();
        let [keys, values] = [0, 1].map(|i| Array::from(&found.get(i)));
        keys.iter().zip(values.iter()).map(listed).collect()
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        self.answer(Question::Commit, |this| this.keep(changes))
            .map(drop)
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn on_ready(&mut self, wake: Wake) {
        self.state.borrow_mut().wake = Some(wake);
    }
}

fn listed((key, value): (JsValue, JsValue)) -> io::Result<Listed> {
    let value = Uint8Array::new(&value);
    let head = value.subarray(0, value.length().min(SEAL as u32)).to_vec();
    let (stay, _) = unseal(&head)?;
    Ok(Listed {
        key: Uint8Array::new(&key).to_vec(),
        // Cannot underflow: `unseal` has rejected shorter values.
        len: u64::from(value.length()) - SEAL as u64,
        stay,
    })
}
