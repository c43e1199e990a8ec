//! Locks that one tab of an origin has to itself (Web Locks, W3C).

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = ["globalThis", "navigator"], js_name = locks)]
    static LOCKS: Option<LockManager>;

    #[derive(Clone)]
    type LockManager;
    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &JsValue, held: &JsValue) -> Promise;
}

/// A lock that is held, until it is dropped or the tab goes.
pub(crate) struct Lock(Function);

impl Drop for Lock {
    fn drop(&mut self) {
        // What resolves a promise throws nothing.
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}

/// The lock `name`, if nobody has it.
///
/// # Errors
/// When this browser has no locks, or gives none here.
pub(crate) async fn take(name: &str) -> Result<Option<Lock>, String> {
    let why = || {
        "this browser cannot keep tabs apart (no Web Locks: use https, or a newer one)".to_owned()
    };
    let locks = LOCKS.with(Clone::clone).ok_or_else(why)?;
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE).map_err(|_| why())?;
    // The lock is held until the promise that the callback gives is resolved.
    let answered = Rc::<RefCell<Option<Function>>>::default();
    let answer = Promise::new(&mut |resolve, _| drop(answered.replace(Some(resolve))));
    let answer_with = move |lock: Option<Function>| {
        if let Some(resolve) = answered.take() {
            // As above.
            let _ = resolve.call1(&JsValue::UNDEFINED, &lock.into());
        }
    };
    let held = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        // With `ifAvailable`, the callback gets null if the lock is held elsewhere.
        if lock.is_null() {
            answer_with(None);
            return JsValue::UNDEFINED;
        }
        let mut release = None;
        let promise = Promise::new(&mut |resolve, _| release = Some(resolve));
        answer_with(release);
        promise.into()
    });
    // It is settled when the lock is released, or fails at once if none can be had.
    let asked = locks.request(name, &options, &held);
    let first = Promise::race(&Array::of2(&answer, &asked));
    let first = JsFuture::from(first).await;
    let lock = first.map_err(|error| format!("this browser gives the page no lock: {error:?}"))?;
    Ok(lock.dyn_into::<Function>().ok().map(Lock))
}
