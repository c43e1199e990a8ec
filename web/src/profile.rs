//! Profiles: the identity and the store of a node from one visit to the next.

use std::io;

use mydht::attachment::tree::Tree;
use mydht::identity::{Armor, Identity};
use mydht::store::{
    AttachmentStore, Chunks, Content, IndexedDb, IndexedDbKV, KVStore, WebFile, WebFiles,
};

use crate::later::Woken;
use crate::lock::{self, Lock};
use crate::time::sleep;

/// Profiles tried until one is free.
const MOST: u32 = 64;

/// A tab that is reloaded may have to wait until its former self is gone.
const PATIENCE: u32 = 20;

const IDENTITY: &[u8] = b"identity";

/// A place in this origin's storage that one tab has at a time. Its databases are `mydht NAME`,
/// `mydht NAME records`, `mydht NAME attachments` and `mydht NAME files`.
pub(crate) struct Profile {
    pub(crate) name: String,
    /// Given back when the node is dropped, or with the tab.
    _lock: Lock,
}

impl Profile {
    /// The profile `wanted`; without one that which this tab had before, or else the first that no
    /// tab has.
    ///
    /// # Errors
    /// When another tab has it, or this browser does not say who has.
    pub(crate) async fn take(wanted: Option<String>) -> Result<Self, String> {
        if let Some(name) = wanted {
            return match Profile::free(&name).await? {
                Some(profile) => Ok(profile),
                None => Err(format!("another tab uses the profile {name}")),
            };
        }
        // A duplicated tab starts with a copy of this name; the lock tells the two apart.
        if let Some(name) = remembered() {
            for _ in 0..PATIENCE {
                if let Some(profile) = Profile::free(&name).await? {
                    return Ok(profile);
                }
                sleep(100.0).await;
            }
        }
        for number in 1..=MOST {
            if let Some(profile) = Profile::free(&number.to_string()).await? {
                remember(&profile.name);
                return Ok(profile);
            }
        }
        Err(format!("{MOST} tabs are nodes already"))
    }

    async fn free(name: &str) -> Result<Option<Self>, String> {
        let lock = lock::take(&format!("mydht {name}")).await?;
        Ok(lock.map(|lock| Profile {
            name: name.to_owned(),
            _lock: lock,
        }))
    }

    /// The key that is kept in it; a new one, if there is none. One that is damaged is left as it
    /// is.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub(crate) async fn identity(&self) -> Result<Identity, String> {
        let mut store = IndexedDbKV::open(&format!("mydht {}", self.name));
        let woken = Woken::new();
        store.on_ready(woken.wake());
        let words = |error: io::Error| error.to_string();
        let kept = woken.done(|| store.get(IDENTITY)).await.map_err(words)?;
        if let Some(kept) = kept {
            let text = String::from_utf8_lossy(&kept);
            return Identity::from_text(&text).map_err(|why| {
                format!(
                    "the identity that the browser keeps (profile {}) {why}",
                    self.name
                )
            });
        }
        let identity = Identity::generate().map_err(words)?;
        let text = identity.to_text();
        let put = woken
            .done(|| store.put(IDENTITY, text.as_bytes(), None))
            .await;
        put.map_err(words)?;
        // Committed before the node starts: it must not be known by an id that is lost with the
        // page.
        woken.done(|| store.commit()).await.map_err(words)?;
        Ok(identity)
    }

    /// Returns the store of the profile's records.
    pub(crate) fn records(&self) -> IndexedDbKV {
        IndexedDbKV::open(&format!("mydht {} records", self.name))
    }

    /// Returns the attachments of the profile: fetched ones, and the files that its user put, which
    /// are read where the browser has them. Also returns the files that are not there although they
    /// were put.
    ///
    /// # Errors
    /// When this browser keeps no files.
    pub(crate) async fn attachments(&self) -> io::Result<(Chunks<IndexedDb>, Vec<String>)> {
        let mut chunks = Chunks::new(IndexedDb::new(&format!("mydht {} attachments", self.name)));
        let mut damaged = Vec::new();
        let files = self.files().await?;
        for name in files.names().await? {
            match files.get(&name).await {
                Ok(Some(kept)) => chunks.link(kept.tree.into(), Content::Web(kept.file)),
                Ok(None) => {}
                // One damaged file must not keep the node from serving its others.
                Err(why) => damaged.push(why.to_string()),
            }
        }
        Ok((chunks, damaged))
    }

    async fn files(&self) -> io::Result<WebFiles> {
        WebFiles::open(&format!("mydht {} files", self.name)).await
    }

    /// Keeps a file, so that it is there when the page is opened again. It is copied by the
    /// browser, not by this page.
    ///
    /// # Errors
    /// When the browser does not keep it: there is no more room, say.
    pub(crate) async fn keep(&self, tree: &Tree, file: &WebFile) -> io::Result<()> {
        let id = tree.id();
        // By its content: files of one name are different files.
        let name = format!("{}-{}", id.hash, id.len);
        self.files().await?.keep(&name, file, tree).await
    }
}

/// The name under which a tab remembers its profile over a reload.
const REMEMBERED: &str = "mydht-profile";

fn session() -> Option<web_sys::Storage> {
    // Where there is none, or it is refused, a tab that is reloaded is like a new one.
    web_sys::window()?.session_storage().ok()?
}

fn remembered() -> Option<String> {
    session()?.get_item(REMEMBERED).ok()?
}

fn remember(name: &str) {
    if let Some(session) = session() {
        // As above.
        let _ = session.set_item(REMEMBERED, name);
    }
}
