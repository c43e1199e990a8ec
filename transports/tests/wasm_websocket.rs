//! The browser's WebSocket, with one in its place that the test is the far end of: in Node and in
//! browsers.
#![cfg(target_arch = "wasm32")]

use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use mydht_evloop::traits::{self, Events, Ready, Registerable};
use mydht_evloop::{LoopEvents, Poll, js};
use mydht_transports::session::{MAX_MESSAGE, Session, Side};
use mydht_transports::websocket::{WebSocket, WsConnection, WsLimits};
use mydht_transports::{Stream, Transport};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

/// A WebSocket that goes nowhere: the last one made can be had, with what it was given to send.
const FAKE: &str = "globalThis.WebSocket = class {
    constructor(url, protocol) {
        Object.assign(this, { url, protocol, bufferedAmount: 0, sent: [], closed: false });
        globalThis.lastSocket = this;
    }
    send(data) { this.sent.push(new Uint8Array(data)); }
    close() { this.closed = true; }
}";

#[wasm_bindgen]
extern "C" {
    type Fake;
    #[wasm_bindgen(method, getter)]
    fn url(this: &Fake) -> String;
    #[wasm_bindgen(method, getter)]
    fn protocol(this: &Fake) -> String;
    #[wasm_bindgen(method, getter)]
    fn sent(this: &Fake) -> js_sys::Array;
    #[wasm_bindgen(method, getter)]
    fn closed(this: &Fake) -> bool;
    #[wasm_bindgen(method, getter)]
    fn onopen(this: &Fake) -> Option<js_sys::Function>;
    #[wasm_bindgen(method, setter, js_name = bufferedAmount)]
    fn set_buffered_amount(this: &Fake, bytes: u32);
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, milliseconds: f64) -> JsValue;
}

async fn sleep(milliseconds: f64) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    JsFuture::from(promise).await.unwrap();
}

async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        sleep(1.0).await;
    }
}

/// The page's end, which only takes its own turns, and the far end by hand.
struct World {
    near: WsConnection,
    fake: JsValue,
    far: Session,
    _task: js::Task,
}

impl World {
    fn new(limits: WsLimits) -> World {
        js_sys::eval(FAKE).unwrap();
        let address = "ws://dht.example:4000/node".parse().unwrap();
        let near = WebSocket::connect_only()
            .with_limits(limits)
            .connect_with(&address)
            .unwrap();
        let poll = Rc::new(Poll::new().unwrap());
        near.register(&poll, 1, Ready::Both).unwrap();
        let (turned, mut events) = (near.clone(), LoopEvents::with_capacity(8));
        let task = js::spawn(&poll.clone().handle(), move || {
            while traits::Poll::poll(&*poll, &mut events, None).is_ok() {
                for event in events.by_ref() {
                    turned.turn(&poll, event.kind);
                }
            }
            ControlFlow::Continue(())
        });
        let name = JsValue::from_str("lastSocket");
        World {
            near,
            fake: js_sys::Reflect::get(&js_sys::global(), &name).unwrap(),
            far: Session::new(Side::B, WsLimits::default().session, Duration::ZERO),
            _task: task,
        }
    }

    fn fake(&self) -> &Fake {
        self.fake.unchecked_ref()
    }

    /// Callback for an event of the browser.
    fn happens(&self, what: &str, event: &JsValue) {
        let handler = js_sys::Reflect::get(&self.fake, &what.into()).unwrap();
        if let Ok(handler) = handler.dyn_into::<js_sys::Function>() {
            handler.call1(&JsValue::UNDEFINED, event).unwrap();
        }
    }

    fn message(&self, data: &JsValue) {
        let event = js_sys::Object::new();
        js_sys::Reflect::set(&event, &"data".into(), data).unwrap();
        self.happens("onmessage", &event);
    }

    /// Carries what the two ends have to say.
    fn carry(&mut self) {
        let sent = self.fake().sent();
        while sent.length() > 0 {
            let bytes: js_sys::Uint8Array = sent.shift().unchecked_into();
            self.far.receive(&bytes.to_vec(), Duration::ZERO);
        }
        let mut message = Vec::new();
        while self.far.transmit(&mut message) {
            self.message(&js_sys::Uint8Array::from(message.as_slice()).buffer());
        }
    }

    async fn opened(limits: WsLimits) -> (World, u32) {
        let mut world = World::new(limits);
        world.happens("onopen", &JsValue::NULL);
        let mut id = None;
        until(|| {
            world.carry();
            id = world.far.accept();
            id.is_some()
        })
        .await;
        (world, id.unwrap())
    }
}

async fn error_of(near: &WsConnection) -> io::Error {
    loop {
        match near.clone().read(&mut [0; 16]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(1.0).await,
            Err(error) => return error,
            Ok(count) => panic!("{count} bytes"),
        }
    }
}

#[wasm_bindgen_test]
async fn bytes_pass_both_ways() {
    let (mut world, id) = World::opened(WsLimits::default()).await;
    assert_eq!(world.fake().url(), "ws://dht.example:4000/node");
    assert_eq!(world.fake().protocol(), "mydht.1");
    let bytes: Vec<u8> = (0..300_000).map(|i: u32| (i * 7) as u8).collect();
    let (mut sent, mut got, mut buf) = (0, Vec::new(), vec![0; 50_000]);
    while got.len() < bytes.len() {
        if let Ok(count) = world.near.clone().write(&bytes[sent..]) {
            sent += count;
        }
        world.carry();
        while let Ok(count @ 1..) = world.far.read(id, &mut buf) {
            got.extend_from_slice(&buf[..count]);
        }
        sleep(0.0).await;
    }
    assert!(got == bytes);
    world.far.write(id, b"back").unwrap();
    world.carry();
    let mut near = world.near.clone();
    until(|| near.read(&mut buf).is_ok_and(|count| count == 4)).await;
}

#[wasm_bindgen_test]
async fn a_full_buffer_stops_the_writer_until_it_drains() {
    let (mut world, id) = World::opened(WsLimits::default()).await;
    world.fake().set_buffered_amount(10 << 20);
    let mut near = world.near.clone();
    let mut written = 0;
    while let Ok(count) = near.write(&[1; 10_000]) {
        written += count;
    }
    // One message has left it, and waits at the socket.
    let most = WsLimits::default().session.send_buffer;
    assert!((most..=most + MAX_MESSAGE).contains(&written), "{written}");
    sleep(30.0).await;
    assert_eq!(world.fake().sent().length(), 0);
    world.fake().set_buffered_amount(0);
    // Nobody calls it: its own timer looks.
    until(|| world.fake().sent().length() > 0).await;
    let mut got = 0;
    let mut buf = vec![0; 50_000];
    until(|| {
        world.carry();
        while let Ok(count @ 1..) = world.far.read(id, &mut buf) {
            got += count;
        }
        got == written
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_connection_ends_in_words() {
    let unreachable = World::new(WsLimits::default());
    let event = js_sys::Object::new();
    js_sys::Reflect::set(&event, &"code".into(), &1006.into()).unwrap();
    unreachable.happens("onclose", &event);
    let error = error_of(&unreachable.near).await;
    assert!(error.to_string().contains("cannot be reached"), "{error}");

    let (broken, _) = World::opened(WsLimits::default()).await;
    broken.happens("onclose", &event);
    let error = error_of(&broken.near).await;
    assert!(error.to_string().contains("code 1006"), "{error}");

    let (text, _) = World::opened(WsLimits::default()).await;
    text.message(&"hello".into());
    let error = error_of(&text.near).await;
    assert!(error.to_string().contains("text"), "{error}");
    assert!(text.fake().closed(), "it is closed, and hears nothing more");
    assert!(text.fake().onopen().is_none());

    let (long, _) = World::opened(WsLimits::default()).await;
    long.message(&js_sys::ArrayBuffer::new(20_000));
    let error = error_of(&long.near).await;
    assert!(error.to_string().contains("too long"), "{error}");

    let never = World::new(WsLimits {
        open_deadline: Duration::from_millis(50),
        ..WsLimits::default()
    });
    let error = error_of(&never.near).await;
    assert!(error.to_string().contains("not open within"), "{error}");
}

#[wasm_bindgen_test]
async fn a_close_says_goodbye() {
    let (mut world, id) = World::opened(WsLimits::default()).await;
    world.near.clone().write_all(b"last").unwrap();
    world.near.disconnect();
    world.carry();
    let mut buf = [0; 8];
    assert_eq!(world.far.read(id, &mut buf).unwrap(), 4);
    assert_eq!(world.far.read(id, &mut buf).unwrap(), 0);
    assert!(world.fake().closed());
}
