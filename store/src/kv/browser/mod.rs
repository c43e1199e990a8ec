//! Stores of a web browser.

mod indexed_db;
mod local_storage;

pub use indexed_db::{IndexedDb, IndexedDbKV};
pub use local_storage::{LocalStorage, LocalStorageKV};

use std::io;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// Returns the global object `name` of the page or worker; `None` where the browser has none.
///
/// # Errors
/// When the browser refuses it, as it may in a private window.
pub(crate) fn given(name: &str) -> io::Result<Option<JsValue>> {
    let found = js_sys::Reflect::get(&js_sys::global(), &name.into());
    let found = found.map_err(|error| refused(name, &error))?;
    Ok((!found.is_null() && !found.is_undefined()).then_some(found))
}

/// The error of a browser that does not do what it is asked.
pub(crate) fn refused(what: &str, error: &JsValue) -> io::Error {
    let (name, message) = match error.dyn_ref::<DomException>() {
        Some(error) => (error.name(), error.message()),
        None => (String::new(), format!("{error:?}")),
    };
    let (kind, message) = match name.as_str() {
        "QuotaExceededError" => (
            io::ErrorKind::StorageFull,
            "the browser gives this page no more room: remove something, or let it keep more".into(),
        ),
        "SecurityError" => (
            io::ErrorKind::PermissionDenied,
            "the browser lets this page keep nothing (a private window, or storage is switched off)".into(),
        ),
        "VersionError" => (
            io::ErrorKind::InvalidData,
            "it was made by a later mydht: reload the page to get that one".into(),
        ),
        "" => (io::ErrorKind::Other, message),
        name => (io::ErrorKind::Other, format!("{name}: {message}")),
    };
    io::Error::new(kind, format!("{what}: {message}"))
}
