//! Changes that tests make to a browser's storage.

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(inline_js = r#"
    export function remove_database(name) {
        return new Promise((resolve, reject) => {
            const request = indexedDB.deleteDatabase(name);
            request.onsuccess = () => resolve();
            request.onerror = () => reject(request.error);
        });
    }
    // Each gives what undoes it.
    export function hide(name) {
        const own = Object.getOwnPropertyDescriptor(globalThis, name);
        Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
        return () => { Object.defineProperty(globalThis, name, own); };
    }
    export function refuse_puts() {
        const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };
        return () => { IDBObjectStore.prototype.put = put; };
    }
"#)]
extern "C" {
    fn remove_database(name: &str) -> Promise;
    /// As if the browser did not have it.
    pub fn hide(name: &str) -> Function;
    /// As if there were no room.
    pub fn refuse_puts() -> Function;
}

/// No database of this name, whatever was there.
pub async fn fresh(name: &str) {
    JsFuture::from(remove_database(name)).await.unwrap();
}

/// Undoes what returned this function.
pub fn undo(undo: &Function) -> u32 {
    let calls = undo.call0(&JsValue::UNDEFINED).unwrap();
    calls.as_f64().unwrap_or_default() as u32
}
