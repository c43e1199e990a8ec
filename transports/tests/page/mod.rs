//! Ends of a transport that run by the turns of a page.
#![allow(dead_code, reason = "each suite uses its part")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::rc::{Rc, Weak};

use mydht_evloop::traits::{self, Events, Ready, Registerable};
use mydht_evloop::{LoopEvents, Poll, js};
use mydht_transports::Transport;
use mydht_transports::rendezvous::{LocalMember, LocalRendezvous};
use mydht_transports::webrtc::browser::{Browser, BrowserConfig};
use mydht_transports::webrtc::{RtcLimits, RtcStream, WebRtc};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_namespace = performance)]
    pub fn now() -> f64;
}

/// Comes back after `milliseconds`.
pub async fn sleep(milliseconds: f64) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    JsFuture::from(promise).await.unwrap();
}

/// Longest wait of a test, in milliseconds: longer than any deadline of the transport, and less
/// than the runner gives a suite, which would end without saying why.
const PATIENCE: f64 = 40_000.0;

thread_local! {
    /// All ends that are there: what was waited for in vain may be the fault of any.
    static ENDS: RefCell<Vec<(String, Weak<RefCell<Rtc>>)>> = RefCell::default();
}

/// Waits for `what`, a little at a time.
struct Waiting<'a> {
    what: &'a str,
    since: f64,
}

impl<'a> Waiting<'a> {
    fn for_(what: &'a str) -> Self {
        let since = now();
        Waiting { what, since }
    }

    /// # Panics
    /// When it took too long, with the state of all ends.
    async fn a_little(&self, milliseconds: f64) {
        let waited = now() - self.since;
        assert!(
            waited < PATIENCE,
            "waited {:.0} s for {}\n{}",
            waited / 1000.0,
            self.what,
            ends()
        );
        sleep(milliseconds).await;
    }
}

/// The state of all ends, for who looks for what went wrong.
fn ends() -> String {
    ENDS.with_borrow(|ends| {
        let there = ends
            .iter()
            .filter_map(|(name, rtc)| Some((name, rtc.upgrade()?)));
        there
            .map(|(name, rtc)| match rtc.try_borrow() {
                Ok(rtc) => format!("{name}: {rtc:#?}\n"),
                Err(_) => format!("{name}: in a turn\n"),
            })
            .collect()
    })
}

/// Looks again and again whether `what` has come about.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = Waiting::for_(what);
    while !done() {
        waiting.a_little(1.0).await;
    }
}

/// Bytes that do not repeat.
pub fn content(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect()
}

/// Bytes of wasm memory.
pub fn wasm_bytes() -> usize {
    core::arch::wasm32::memory_size(0) << 16
}

/// Bytes of the JS heap, where the browser tells.
pub fn heap_bytes() -> f64 {
    let get = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
    let performance = get(&js_sys::global(), "performance");
    let memory = performance.and_then(|performance| get(&performance, "memory"));
    memory
        .and_then(|memory| get(&memory, "usedJSHeapSize"))
        .and_then(|bytes| bytes.as_f64())
        .unwrap_or(f64::NAN)
}

pub type Rtc = WebRtc<LocalMember<Poll>, Browser>;
pub type Stream = RtcStream<LocalMember<Poll>, Browser>;

/// One end: a transport on a loop of its own.
pub struct End {
    name: String,
    pub rtc: Rc<RefCell<Rtc>>,
    accepted: Rc<RefCell<VecDeque<Stream>>>,
    poll: Rc<Poll>,
    task: RefCell<Option<js::Task>>,
}

/// A stream that is registered.
pub struct Held {
    pub stream: Stream,
    poll: Rc<Poll>,
}

impl End {
    pub fn new(
        rendezvous: &LocalRendezvous<Poll>,
        name: &str,
        config: BrowserConfig,
        limits: &RtcLimits,
    ) -> End {
        let poll = Rc::new(Poll::new().unwrap());
        let rendezvous = rendezvous.join(name.parse().unwrap()).unwrap();
        let rtc = WebRtc::with_limits(rendezvous, Browser::new(config), limits.clone());
        rtc.register(&poll, 0, Ready::Readable).unwrap();
        let rtc = Rc::new(RefCell::new(rtc));
        ENDS.with_borrow_mut(|ends| {
            ends.retain(|(_, rtc)| rtc.strong_count() > 0);
            ends.push((name.to_owned(), Rc::downgrade(&rtc)));
        });
        let accepted = Rc::<RefCell<VecDeque<Stream>>>::default();
        let (turn_rtc, turn_accepted, turn_poll) = (rtc.clone(), accepted.clone(), poll.clone());
        let mut events = LoopEvents::with_capacity(64);
        let task = js::spawn(&poll.handle(), move || {
            while traits::Poll::poll(&*turn_poll, &mut events, None).is_ok() {
                for event in events.by_ref() {
                    if event.token == 0 {
                        while let Ok((stream, _)) = turn_rtc.borrow_mut().accept() {
                            turn_accepted.borrow_mut().push_back(stream);
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        });
        End {
            name: name.to_owned(),
            rtc,
            accepted,
            poll,
            task: RefCell::new(Some(task)),
        }
    }

    pub fn try_connect(&self, name: &str) -> io::Result<Held> {
        let stream = self.rtc.borrow_mut().connect_with(&name.parse().unwrap())?;
        Ok(self.hold(stream))
    }

    pub fn connect(&self, name: &str) -> Held {
        self.try_connect(name).unwrap()
    }

    fn hold(&self, stream: Stream) -> Held {
        stream.register(&self.poll, 1, Ready::Both).unwrap();
        Held {
            stream,
            poll: self.poll.clone(),
        }
    }

    /// The next stream that was opened to this end.
    pub async fn accepted(&self) -> Held {
        let what = format!("a stream that {} is to accept", self.name);
        until(&what, || !self.accepted.borrow().is_empty()).await;
        let stream = self.accepted.borrow_mut().pop_front().unwrap();
        self.hold(stream)
    }

    /// No turn is taken from now on.
    pub fn freeze(&self) {
        self.task.borrow_mut().take();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.stream.deregister(&self.poll);
    }
}

impl Held {
    /// Waits for the end of what is read.
    pub async fn end(&self) -> io::Result<()> {
        let waiting = Waiting::for_("the end of a stream");
        loop {
            match self.stream.clone().read(&mut [0; 64]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    waiting.a_little(5.0).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

pub async fn send(held: &Held, mut bytes: &[u8]) {
    let waiting = Waiting::for_("a stream that takes what is sent");
    while !bytes.is_empty() {
        match held.stream.clone().write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => waiting.a_little(0.0).await,
            Err(error) => panic!("{error}"),
        }
    }
}

pub async fn receive(held: &Held, len: usize) -> Vec<u8> {
    let mut got = Vec::with_capacity(len);
    let mut buf = vec![0; 256 << 10];
    let waiting = Waiting::for_("bytes of a stream");
    while got.len() < len {
        match held.stream.clone().read(&mut buf) {
            Ok(0) => panic!("the end after {} bytes", got.len()),
            Ok(count) => got.extend_from_slice(&buf[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => waiting.a_little(0.0).await,
            Err(error) => panic!("{error}"),
        }
    }
    got
}
