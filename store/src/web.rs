//! Files that a page keeps in its browser.

use std::io;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbTransactionMode,
};

use super::kv::{given, refused};
use crate::WebFile;
use mydht_proto::attachment::tree::{Node, Tree};

/// The form of the database. A later one is refused by the browser.
const VERSION: u32 = 1;

const FILES: &str = "files";

/// Files of this page's origin, by the names that it gave them: what a `web:`
/// [`Name`](mydht_proto::attachment::Name) names.
///
/// They are in IndexedDB, as blobs: the browser keeps the bytes on disk, and none of them comes
/// into memory before it is read. When the page is loaded again, the kept files are republished by
/// their hash trees, without reading them:
///
/// ```no_run
/// use mydht_store::{Content, WebFiles};
/// use mydht_proto::{Command, Record, Value};
///
/// # async fn again(ask: impl Fn(Command)) -> std::io::Result<()> {
/// let files = WebFiles::open("my page").await?;
/// for name in files.names().await? {
///     if let Some(kept) = files.get(&name).await? {
///         let id = kept.tree.id();
///         let record = Record::by_content(Value::Attachment { id, name });
///         let content = Some((kept.tree, Content::Web(kept.file)));
///         ask(Request::put(record, content));
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebFiles {
    name: String,
    database: IdbDatabase,
}

/// A kept file.
#[derive(Clone, Debug)]
pub struct KeptWebFile {
    /// The file.
    pub file: WebFile,
    /// Hash tree of the file when it was kept. Parts are checked against it before they are served.
    pub tree: Tree,
}

impl WebFiles {
    /// Opens or makes the database `name`.
    ///
    /// # Errors
    /// `Unsupported` in a browser without IndexedDB, and any other error of the browser.
    pub async fn open(name: &str) -> io::Result<Self> {
        let Some(factory) = given("indexedDB")? else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this browser gives no IndexedDB here (a private window, or storage is switched off): no file is kept",
            ));
        };
        let factory: &IdbFactory = factory.unchecked_ref();
        let open = async || {
            let request = factory.open_with_u32(name, VERSION)?;
            let upgraded = Closure::once({
                let request = request.clone();
                move |_: JsValue| make_files(&request)
            });
            request.set_onupgradeneeded(Some(upgraded.as_ref().unchecked_ref()));
            let opened = done(&request, "success", &["error"]).await;
            // Unset, because the closure is dropped with this block and must not be called
            // afterwards.
            request.set_onupgradeneeded(None);
            opened.and_then(|()| request.result())
        };
        let database = open().await;
        let database = database.map_err(|error| refused(&format!("the files {name}"), &error))?;
        Ok(WebFiles {
            name: name.into(),
            database: database.unchecked_into(),
        })
    }

    /// Keeps a file under `name` and replaces an earlier one. Once this returns, the file survives
    /// a reload of the page.
    ///
    /// # Errors
    /// `StorageFull` when the browser's quota is exhausted, and any other error of the browser.
    pub async fn keep(&self, name: &str, file: &WebFile, tree: &Tree) -> io::Result<()> {
        let leaves = (0..tree.id().parts()).filter_map(|part| tree.leaf(part));
        let leaves: Vec<u8> = leaves.flatten().copied().collect();
        self.change(|files| {
            let kept = Object::new();
            Reflect::set(&kept, &"file".into(), file.blob())?;
            Reflect::set(&kept, &"leaves".into(), &Uint8Array::from(&leaves[..]))?;
            files.put_with_key(&kept, &name.into()).map(drop)
        })
        .await
    }

    /// Returns the file under `name`, if there is one.
    ///
    /// # Errors
    /// `InvalidData` if the file is damaged, and any other error of the browser.
    pub async fn get(&self, name: &str) -> io::Result<Option<KeptWebFile>> {
        let found = self.ask(|files| files.get(&name.into())).await?;
        if found.is_undefined() {
            return Ok(None);
        }
        let member = |member: &str| Reflect::get(&found, &member.into()).unwrap_or_default();
        let file: Result<Blob, JsValue> = member("file").dyn_into();
        let leaves = Uint8Array::new(&member("leaves")).to_vec();
        let (leaves, rest): (&[Node], _) = leaves.as_chunks();
        let file = file.ok().map(WebFile::from);
        let tree = file
            .as_ref()
            .map(|file| Tree::from_leaves(file.len(), leaves.iter().copied()));
        match (file, tree) {
            (Some(file), Some(tree))
                if rest.is_empty() && tree.id().parts() == leaves.len() as u64 =>
            {
                Ok(Some(KeptWebFile { file, tree }))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("web:{name} is damaged: remove it and put it again"),
            )),
        }
    }

    /// Returns the names of all kept files, in order.
    ///
    /// # Errors
    /// Any error of the browser.
    pub async fn names(&self) -> io::Result<Vec<String>> {
        let names = self.ask(IdbObjectStore::get_all_keys).await?;
        Ok(Array::from(&names)
            .iter()
            .filter_map(|name| name.as_string())
            .collect())
    }

    /// Removes the file under `name`, if there is one.
    ///
    /// # Errors
    /// Any error of the browser.
    pub async fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|files| files.delete(&name.into()).map(drop))
            .await
    }

    async fn ask(
        &self,
        ask: impl FnOnce(&IdbObjectStore) -> Result<web_sys::IdbRequest, JsValue>,
    ) -> io::Result<JsValue> {
        let asked = async || {
            let transaction = self.database.transaction_with_str(FILES)?;
            let request = ask(&transaction.object_store(FILES)?)?;
            done(&request, "success", &["error"]).await?;
            request.result()
        };
        asked().await.map_err(|error| self.error(&error))
    }

    async fn change(
        &self,
        change: impl FnOnce(&IdbObjectStore) -> Result<(), JsValue>,
    ) -> io::Result<()> {
        let changed = async || {
            let mode = IdbTransactionMode::Readwrite;
            let transaction = self.database.transaction_with_str_and_mode(FILES, mode)?;
            change(&transaction.object_store(FILES)?)?;
            // Waits for `complete`: a transaction can still abort after its requests have
            // succeeded.
            done(&transaction, "complete", &["abort"]).await
        };
        changed().await.map_err(|error| self.error(&error))
    }

    fn error(&self, error: &JsValue) -> io::Error {
        refused(&format!("the files {}", self.name), error)
    }
}

impl Drop for WebFiles {
    fn drop(&mut self) {
        // An open connection would block deleting the database, or upgrading it to a later version.
        self.database.close();
    }
}

fn make_files(request: &IdbOpenDbRequest) {
    let database = request.result().map(JsCast::unchecked_into::<IdbDatabase>);
    // If it cannot be made, opening fails, and says why.
    let _ = database.and_then(|database| database.create_object_store(FILES));
}

/// Waits for the event `good` of `target`, or one of the others, which are failures.
async fn done(target: &JsValue, good: &str, bad: &[&str]) -> Result<(), JsValue> {
    // The browser fires the events in a later task, so handlers that are set now miss none.
    let heard = Promise::new(&mut |resolve, reject| {
        let hear = |event: &str, heard: &JsValue| {
            Reflect::set(target, &format!("on{event}").into(), heard)
        };
        // An object of the browser takes any handler.
        let _ = hear(good, &resolve);
        for event in bad {
            let _ = hear(event, &reject);
        }
    });
    match heard.await {
        Ok(_) => Ok(()),
        Err(_) => Err(Reflect::get(target, &"error".into())?),
    }
}
