//! Turns in a page, a worker or Node: where nothing may block, the browser's own event loop runs
//! ours.
//!
//! [`spawn`] keeps a closure that is called (a *turn*) when the loop goes from idle to something
//! ready, and when the deadline that its last poll noted has passed. At most one turn is pending at
//! a time: a message for "now", a timer for deadlines, never a microtask, which would starve
//! rendering. (In Node `now` is an immediate: its message ports handle a thousand messages before a
//! timer has its chance.) A turn has a budget; when it is used up, polls say `WouldBlock` and the
//! rest is done in another turn, after the page had its chance.
//!
//! ```no_run
//! use mydht_evloop::{Events, Poll, js};
//! use std::io::ErrorKind::WouldBlock;
//! use std::ops::ControlFlow;
//!
//! # fn handle(_: mydht_evloop::Event) {}
//! # fn main() -> std::io::Result<()> {
//! let poll = Poll::new()?;
//! let mut events = Events::with_capacity(1024);
//! let task = js::spawn(&poll.handle(), move || {
//!     loop {
//!         match poll.poll(&mut events, None) {
//!             Ok(_) => events.iter().for_each(handle),
//!             Err(error) if error.kind() == WouldBlock => return ControlFlow::Continue(()),
//!             Err(_) => return ControlFlow::Break(()),
//!         }
//!     }
//! });
//! // Dropping the task stops it; this one runs for as long as the page does.
//! task.detach();
//! # Ok(())
//! # }
//! ```

use crate::handle::Handle;
use js_sys::Function;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;

/// Time for which one turn may go on taking events before it yields to the page: a quarter of a
/// frame at 60 Hz.
pub const BUDGET: Duration = Duration::from_millis(4);

#[wasm_bindgen]
extern "C" {
    // All of these are globals of windows, workers and Node alike.
    type MessageChannel;
    #[wasm_bindgen(constructor)]
    fn new() -> MessageChannel;
    #[wasm_bindgen(method, getter)]
    fn port1(this: &MessageChannel) -> MessagePort;
    #[wasm_bindgen(method, getter)]
    fn port2(this: &MessageChannel) -> MessagePort;

    type MessagePort;
    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &MessagePort, callback: &JsValue);
    #[wasm_bindgen(method, js_name = postMessage)]
    fn post_message(this: &MessagePort, message: f64);
    #[wasm_bindgen(method)]
    fn close(this: &MessagePort);

    type MessageEvent;
    #[wasm_bindgen(method, getter)]
    fn data(this: &MessageEvent) -> f64;

    // Browsers give a number, Node an object.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64, id: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

thread_local! {
    static TASKS: RefCell<HashMap<u64, Rc<Inner>>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(1) };
    // One pair of callbacks for all tasks: starting and stopping tasks makes nothing that JS would have to
    // collect, and a task can be stopped from inside its own turn.
    static ON_MESSAGE: Closure<dyn FnMut(MessageEvent)> =
        Closure::new(|event: MessageEvent| dispatch(event.data() as u64));
    static ON_TIMER: Closure<dyn FnMut(f64)> = Closure::new(|id: f64| dispatch(id as u64));
}

/// The one turn that is scheduled.
enum Pending {
    Nothing,
    Message,
    Immediate(JsValue),
    Timer(JsValue),
}

/// Way to ask for a turn as soon as the page, or Node, has had its chance.
enum Soon {
    Ports {
        receiver: MessagePort,
        sender: MessagePort,
    },
    /// Node's `setImmediate` and `clearImmediate`.
    Immediate { set: Function, clear: Function },
}

impl Soon {
    fn new() -> Self {
        let global = js_sys::global();
        let function = |name: &str| {
            let found = js_sys::Reflect::get(&global, &name.into()).ok()?;
            found.dyn_into::<Function>().ok()
        };
        if let (Some(set), Some(clear)) = (function("setImmediate"), function("clearImmediate")) {
            return Soon::Immediate { set, clear };
        }
        let channel = MessageChannel::new();
        let receiver = channel.port1();
        // Setting `onmessage` starts the port (HTML standard); a listener would need `start()` too.
        ON_MESSAGE.with(|callback| receiver.set_onmessage(callback.as_ref()));
        let sender = channel.port2();
        Soon::Ports { receiver, sender }
    }

    fn ask(&self, id: u64) -> Pending {
        match self {
            Soon::Ports { sender, .. } => {
                sender.post_message(id as f64);
                Pending::Message
            }
            Soon::Immediate { set, .. } => {
                let asked = ON_TIMER.with(|callback| {
                    set.call2(
                        &JsValue::UNDEFINED,
                        callback.as_ref(),
                        &JsValue::from(id as f64),
                    )
                });
                Pending::Immediate(asked.unwrap_or(JsValue::UNDEFINED))
            }
        }
    }

    fn cancel(&self, immediate: &JsValue) {
        if let Soon::Immediate { clear, .. } = self {
            // It fails for no immediate.
            let _ = clear.call1(&JsValue::UNDEFINED, immediate);
        }
    }
}

impl Drop for Soon {
    fn drop(&mut self) {
        if let Soon::Ports { receiver, sender } = self {
            // The HTML standard asks to close ports: those that are only dropped may live on for
            // long.
            receiver.set_onmessage(&JsValue::NULL);
            receiver.close();
            sender.close();
        }
    }
}

struct Inner {
    id: u64,
    handle: Handle,
    budget: Duration,
    turn: RefCell<Box<dyn FnMut() -> ControlFlow<()>>>,
    pending: RefCell<Pending>,
    running: Cell<bool>,
    soon: Soon,
}

impl Inner {
    /// Schedules a turn for now, if none is.
    fn schedule_now(&self) {
        if self.running.get() {
            // The turn itself finds out, at its end, whether another one is needed.
            return;
        }
        let mut pending = self.pending.borrow_mut();
        match &*pending {
            Pending::Message | Pending::Immediate(_) => return,
            Pending::Timer(timer) => clear_timeout(timer),
            Pending::Nothing => {}
        }
        *pending = self.soon.ask(self.id);
    }

    fn schedule_at(&self, deadline: Duration) {
        let wait = deadline.saturating_sub(self.handle.now());
        if wait.is_zero() {
            return self.schedule_now();
        }
        // Rounded up, or the turn would come before its time; at most what a timer can hold, which is 24 days.
        let milliseconds = (wait.as_secs_f64() * 1000.0)
            .ceil()
            .min(f64::from(i32::MAX));
        let timer = ON_TIMER.with(|callback| {
            let function: &Function = callback.as_ref().unchecked_ref();
            set_timeout(function, milliseconds, self.id as f64)
        });
        *self.pending.borrow_mut() = Pending::Timer(timer);
    }

    fn run(&self) {
        // A timer that fired has been replaced by nothing, a timer that lost its race is cleared.
        if let Pending::Timer(timer) = self.pending.replace(Pending::Nothing) {
            clear_timeout(&timer);
        }
        self.running.set(true);
        self.handle.begin_turn(self.handle.now(), self.budget);
        let flow = (self.turn.borrow_mut())();
        let report = self.handle.end_turn();
        self.running.set(false);
        if flow.is_break() || !self.handle.is_alive() {
            return stop(self.id);
        }
        // It may have been stopped by its own turn.
        if !is_running(self.id) {
            return;
        }
        if report.more {
            self.schedule_now();
        } else if let Some(deadline) = report.next_deadline {
            self.schedule_at(deadline);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.handle.forget_wake();
        match self.pending.replace(Pending::Nothing) {
            Pending::Timer(timer) => clear_timeout(&timer),
            Pending::Immediate(immediate) => self.soon.cancel(&immediate),
            Pending::Message | Pending::Nothing => {}
        }
    }
}

fn task(id: u64) -> Option<Rc<Inner>> {
    TASKS.with(|tasks| tasks.borrow().get(&id).cloned())
}

fn dispatch(id: u64) {
    // A message may arrive after its task was stopped.
    if let Some(task) = task(id) {
        task.run();
    }
}

fn stop(id: u64) {
    // Dropped outside of the borrow: the closure's drop may start or stop other tasks.
    let task = TASKS.with(|tasks| tasks.borrow_mut().remove(&id));
    drop(task);
}

fn is_running(id: u64) -> bool {
    TASKS.with(|tasks| tasks.borrow().contains_key(&id))
}

/// Runs a closure by turns. Dropping it stops that: the closure is dropped, and nothing keeps Node
/// from exiting.
#[derive(Debug)]
#[must_use = "dropping the task stops it"]
pub struct Task {
    id: u64,
}

impl Task {
    /// False once the closure said `Break`.
    pub fn is_running(&self) -> bool {
        is_running(self.id)
    }

    /// Asks for a turn although nothing in the loop became ready.
    pub fn wake(&self) {
        if let Some(task) = task(self.id) {
            task.schedule_now();
        }
    }

    /// Stops it; the same as dropping it.
    pub fn stop(self) {}

    /// Lets it run until its closure says `Break`.
    pub fn detach(self) {
        std::mem::forget(self);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        stop(self.id);
    }
}

/// Calls `turn` whenever the loop of `handle` has something for it, until it says `Break` or the
/// [`Task`] is dropped. The first turn comes soon, not inside this call. A turn polls until
/// `WouldBlock` and returns.
///
/// The loop must be one that takes turns: [`Poll::new`](crate::Poll::new) on wasm32 is.
pub fn spawn(handle: &Handle, turn: impl FnMut() -> ControlFlow<()> + 'static) -> Task {
    spawn_with_budget(handle, BUDGET, turn)
}

/// As [`spawn`], with a budget per turn of one's own.
pub fn spawn_with_budget(
    handle: &Handle,
    budget: Duration,
    turn: impl FnMut() -> ControlFlow<()> + 'static,
) -> Task {
    let id = NEXT.with(|next| next.replace(next.get() + 1));
    let inner = Rc::new(Inner {
        id,
        handle: handle.clone(),
        budget,
        turn: RefCell::new(Box::new(turn)),
        pending: RefCell::new(Pending::Nothing),
        running: Cell::new(false),
        soon: Soon::new(),
    });
    // The hook has to be Send, so it finds the task by its number.
    handle.on_wake(move || {
        if let Some(task) = task(id) {
            task.schedule_now();
        }
    });
    TASKS.with(|tasks| tasks.borrow_mut().insert(id, inner.clone()));
    inner.schedule_now();
    Task { id }
}
