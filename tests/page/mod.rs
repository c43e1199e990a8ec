//! Nodes in one page, and what the page sees of them.

use std::cell::Cell;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll as Progress, Waker};

use mydht::memory::{self, Conf, MemoryNode, Network};
use mydht::{Command, Event, Metrics, NodeHandle};
use mydht_evloop::{Poll, js};
use mydht_transports::memory::MemoryAddress;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsValue, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = setInterval)]
    fn set_interval(callback: &JsValue, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearInterval)]
    fn clear_interval(timer: &JsValue);
    /// Milliseconds since the page began.
    #[wasm_bindgen(js_namespace = performance)]
    pub fn now() -> f64;
}

/// Something that happens once, and whoever waits for it.
struct Once<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Once(Arc::clone(&self.0))
    }
}

impl<T> Once<T> {
    fn new() -> Self {
        Once(Arc::default())
    }

    fn set(&self, value: T) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = Some(value);
        if let Some(waker) = inner.1.take() {
            waker.wake();
        }
    }

    async fn wait(&self) -> T {
        poll_fn(|cx| {
            let mut inner = self.0.lock().unwrap();
            inner.1 = Some(cx.waker().clone());
            inner.0.take().map_or(Progress::Pending, Progress::Ready)
        })
        .await
    }
}

/// The turns of all nodes of a page.
#[derive(Default)]
pub struct Turns {
    count: Cell<u32>,
    longest: Cell<f64>,
    /// Since the page's own timer fired last.
    in_a_row: Cell<u32>,
    most_in_a_row: Cell<u32>,
}

impl Turns {
    fn took(&self, milliseconds: f64) {
        self.count.set(self.count.get() + 1);
        self.longest.set(self.longest.get().max(milliseconds));
        self.in_a_row.set(self.in_a_row.get() + 1);
        self.most_in_a_row
            .set(self.most_in_a_row.get().max(self.in_a_row.get()));
    }

    /// How many there were.
    pub fn count(&self) -> u32 {
        self.count.get()
    }

    /// Milliseconds of the longest.
    pub fn longest(&self) -> f64 {
        self.longest.get()
    }

    /// The most between two ticks of a [`Ticker`] that counts here.
    pub fn most_in_a_row(&self) -> u32 {
        self.most_in_a_row.get()
    }

    /// Counts from zero again.
    pub fn reset(&self) {
        self.count.set(0);
        self.longest.set(0.0);
        self.in_a_row.set(0);
        self.most_in_a_row.set(0);
    }
}

/// A node that runs by the turns of the page.
pub struct PageNode {
    pub handle: NodeHandle<Conf>,
    pub address: MemoryAddress,
    pub metrics: Metrics,
    task: js::Task,
    ended: Once<Result<(), String>>,
}

impl PageNode {
    /// A node that knows those at the addresses.
    pub fn start(network: &Network, bootstrap: &[MemoryAddress], turns: &Rc<Turns>) -> Self {
        let poll = Poll::new().unwrap();
        let events = poll.handle();
        let mut node: MemoryNode = memory::node(network, poll, bootstrap).unwrap();
        let (handle, address, metrics) = (node.handle(), node.address, node.metrics.clone());
        let (ended, turns) = (Once::new(), turns.clone());
        let end = ended.clone();
        let task = js::spawn(&events, move || {
            let begin = now();
            let turn = node.turn();
            turns.took(now() - begin);
            match turn {
                Ok(true) => return ControlFlow::Continue(()),
                Ok(false) => end.set(Ok(())),
                Err(error) => end.set(Err(error.to_string())),
            }
            ControlFlow::Break(())
        });
        PageNode {
            handle,
            address,
            metrics,
            task,
            ended,
        }
    }

    /// Asks, and gives the last that is heard.
    pub async fn ask(&self, command: Command) -> Event {
        let answer = Once::new();
        let hear = answer.clone();
        self.handle
            .request(command, move |event| {
                if !matches!(event, Event::Progress { .. }) {
                    hear.set(event);
                }
            })
            .unwrap();
        answer.wait().await
    }

    /// Tells it to end, and waits until it has.
    pub async fn stop(self) {
        self.handle.stop().unwrap();
        assert_eq!(self.ended.wait().await, Ok(()));
        assert!(self.handle.stop().is_err(), "it takes nothing any more");
        assert!(!self.task.is_running());
    }

    /// Ends it as it is: the page lets go of it.
    pub fn abandon(self) {
        self.task.stop();
    }
}

/// A timer of the page that has nothing to do with the nodes.
pub struct Ticker {
    timer: JsValue,
    ticks: Rc<Cell<u32>>,
    // Called until `timer` is cleared.
    _callback: Closure<dyn FnMut()>,
}

impl Ticker {
    /// As often as the host will have it: every millisecond, or four in a browser.
    pub fn start(turns: &Rc<Turns>) -> Self {
        let ticks = Rc::new(Cell::new(0));
        let (count, turns) = (ticks.clone(), turns.clone());
        let callback = Closure::new(move || {
            count.set(count.get() + 1);
            turns.in_a_row.set(0);
        });
        Ticker {
            timer: set_interval(callback.as_ref(), 1.0),
            ticks,
            _callback: callback,
        }
    }

    /// How often it fired.
    pub fn ticks(&self) -> u32 {
        self.ticks.get()
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        clear_interval(&self.timer);
    }
}

/// A timer that fires once: what `then` gave when it did.
pub struct Timer<T> {
    fired: Rc<Cell<Option<T>>>,
    _callback: Closure<dyn FnMut()>,
}

impl<T: 'static> Timer<T> {
    pub fn start(milliseconds: f64, then: impl Fn() -> T + 'static) -> Self {
        let fired = Rc::new(Cell::new(None));
        let set = fired.clone();
        let callback = Closure::new(move || set.set(Some(then())));
        set_timeout(callback.as_ref(), milliseconds);
        Timer {
            fired,
            _callback: callback,
        }
    }

    /// `None` if it has not fired.
    pub fn fired(&self) -> Option<T> {
        self.fired.take()
    }
}

/// Lets the page do all else for so long.
pub async fn pause(milliseconds: f64) {
    let over = Once::new();
    let set = over.clone();
    let callback = Closure::<dyn FnMut()>::new(move || set.set(()));
    set_timeout(callback.as_ref(), milliseconds);
    over.wait().await;
}
