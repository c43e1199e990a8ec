//! One callback for all events of all peer connections.
//!
//! What a connection has the browser call is this one function, bound to the connection's number.
//! So a connection that is closed leaves nothing behind that the browser would have to collect
//! first, and a promise of a closed connection, which may never be settled, holds nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Function)]
    type Bindable;
    #[wasm_bindgen(method)]
    fn bind(this: &Bindable, this_arg: &JsValue, number: f64, what: u8) -> Function;
}

/// Event that the browser reports of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    OfferMade = 1,
    OfferSet,
    OfferTaken,
    AnswerMade,
    AnswerSet,
    AnswerTaken,
    Failed,
    Candidate,
    Path,
    Open,
    Closed,
    Message,
    Datagram,
    Room,
}

impl Happening {
    pub fn from_number(number: u8) -> Option<Self> {
        const ALL: [Happening; 14] = [
            Happening::OfferMade,
            Happening::OfferSet,
            Happening::OfferTaken,
            Happening::AnswerMade,
            Happening::AnswerSet,
            Happening::AnswerTaken,
            Happening::Failed,
            Happening::Candidate,
            Happening::Path,
            Happening::Open,
            Happening::Closed,
            Happening::Message,
            Happening::Datagram,
            Happening::Room,
        ];
        ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// Receives the events of one connection.
pub(super) trait Target {
    fn happened(&self, what: Happening, value: JsValue);
}

thread_local! {
    static TARGETS: RefCell<HashMap<u64, Rc<dyn Target>>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(1) };
    static CALLBACK: Closure<dyn FnMut(f64, u8, JsValue)> = Closure::new(dispatch);
}

fn dispatch(number: f64, what: u8, value: JsValue) {
    // Not inside the borrow: what happens may close the connection.
    let target = TARGETS.with(|targets| targets.borrow().get(&(number as u64)).cloned());
    if let (Some(target), Some(what)) = (target, Happening::from_number(what)) {
        target.happened(what, value);
    }
}

/// A number for a connection. It is used once.
pub(super) fn next_number() -> u64 {
    NEXT.with(|next| next.replace(next.get() + 1))
}

pub(super) fn add(number: u64, target: Rc<dyn Target>) {
    TARGETS.with(|targets| targets.borrow_mut().insert(number, target));
}

/// Removes a connection. Later calls of the browser for it do nothing.
pub(super) fn remove(number: u64) {
    let target = TARGETS.with(|targets| targets.borrow_mut().remove(&number));
    // Without the borrow: what it owns may come back here when it is dropped.
    drop(target);
}

/// A function for the browser to call when this happens to the connection.
pub(super) fn callback(number: u64, what: Happening) -> Function {
    CALLBACK.with(|callback| {
        let bindable: &Bindable = callback.as_ref().unchecked_ref();
        bindable.bind(&JsValue::UNDEFINED, number as f64, what as u8)
    })
}

pub(super) fn count() -> usize {
    TARGETS.with(|targets| targets.borrow().len())
}
