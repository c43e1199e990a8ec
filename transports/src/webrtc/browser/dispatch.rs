//! One callback for all events of all peer connections.
//!
//! What a connection has the browser call is this one function, bound to the connection's number. So a connection that
//! is closed leaves nothing behind that the browser would have to collect first, and a promise of a closed connection,
//! which may never be settled, holds nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::peer::{Happening, State};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Function)]
    type Bindable;
    #[wasm_bindgen(method)]
    fn bind(this: &Bindable, this_arg: &JsValue, number: f64, what: u8) -> Function;
}

thread_local! {
    static STATES: RefCell<HashMap<u64, Rc<State>>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(1) };
    static CALLBACK: Closure<dyn FnMut(f64, u8, JsValue)> = Closure::new(dispatch);
}

fn dispatch(number: f64, what: u8, value: JsValue) {
    // Not inside the borrow: what happens may close the connection.
    let state = STATES.with(|states| states.borrow().get(&(number as u64)).cloned());
    if let (Some(state), Some(what)) = (state, Happening::from_number(what)) {
        state.happened(what, value);
    }
}

/// A number for a connection. It is used once.
pub(super) fn next_number() -> u64 {
    NEXT.with(|next| next.replace(next.get() + 1))
}

pub(super) fn add(number: u64, state: Rc<State>) {
    STATES.with(|states| states.borrow_mut().insert(number, state));
}

/// What the browser calls from now on for this connection does nothing.
pub(super) fn remove(number: u64) {
    let state = STATES.with(|states| states.borrow_mut().remove(&number));
    drop(state);
}

/// A function for the browser to call when this happens to the connection.
pub(super) fn callback(number: u64, what: Happening) -> Function {
    CALLBACK.with(|callback| {
        let bindable: &Bindable = callback.as_ref().unchecked_ref();
        bindable.bind(&JsValue::UNDEFINED, number as f64, what as u8)
    })
}

pub(super) fn count() -> usize {
    STATES.with(|states| states.borrow().len())
}
