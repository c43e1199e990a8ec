//! Panics as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// Runs `f`; a panic in it is an error. Where panics abort (wasm32) nothing can be caught.
///
/// A panic may leave what `f` borrows in the middle of a change: the caller must not run that
/// service again.
///
/// # Errors
/// Any error of `f`, and [`Error::Panicked`].
pub fn contain<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(payload) => Err(Error::Panicked(message(payload))),
    }
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let text = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not a message".to_owned()
    };
    // A payload may be of any type, and its drop may panic as well: then that one is leaked.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    text
}
