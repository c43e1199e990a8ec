//! Figures for docs/benchmarks/webrtc.md, as tables on the console: this transport beside the
//! browser's own connections, in one page. `cargo xtask bench webrtc` runs it.
#![cfg(target_arch = "wasm32")]

#[path = "page/mod.rs"]
mod page;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use mydht_evloop::traits::{self, Events, Ready, Registerable};
use mydht_evloop::{LoopEvents, Poll, js};
use mydht_transports::Transport;
use mydht_transports::rendezvous::LocalRendezvous;
use mydht_transports::webrtc::browser::{Browser, BrowserConfig};
use mydht_transports::webrtc::{RtcLimits, WebRtc};
use page::{Rtc, Stream, heap_bytes, now, sleep, until, wasm_bytes};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen(module = "/tests/page/plain.js")]
extern "C" {
    fn connect() -> js_sys::Promise;
    fn bulk(bytes: f64) -> js_sys::Promise;
    fn rounds(count: f64) -> js_sys::Promise;
    #[wasm_bindgen(js_name = collectGarbage)]
    fn collect_garbage();
}

/// Work of one end at each report of its loop.
type Step = Box<dyn FnMut(&mut Option<Stream>)>;

/// An end that takes what comes, and then its step, in its own turns. The first connects with the
/// second.
fn end(
    rendezvous: &LocalRendezvous<Poll>,
    name: &str,
    to: Option<&str>,
    mut step: Step,
) -> js::Task {
    let poll = Poll::new().unwrap();
    let limits = RtcLimits {
        idle: Duration::ZERO,
        ..RtcLimits::default()
    };
    let rendezvous = rendezvous.join(name.parse().unwrap()).unwrap();
    let mut rtc: Rtc =
        WebRtc::with_limits(rendezvous, Browser::new(BrowserConfig::default()), limits);
    rtc.register(&poll, 0, Ready::Readable).unwrap();
    let mut stream = to.map(|to| rtc.connect_with(&to.parse().unwrap()).unwrap());
    if let Some(stream) = &stream {
        stream.register(&poll, 1, Ready::Both).unwrap();
    }
    let mut events = LoopEvents::with_capacity(64);
    js::spawn(&poll.handle(), move || {
        while traits::Poll::poll(&poll, &mut events, None).is_ok() {
            if events.by_ref().any(|event| event.token == 0) {
                while let Ok((accepted, _)) = rtc.accept() {
                    accepted.register(&poll, 1, Ready::Both).unwrap();
                    stream = Some(accepted);
                }
            }
            step(&mut stream);
        }
        ControlFlow::Continue(())
    })
}

/// Both ends, until `done` holds a time.
async fn run(near: Step, far: Step, done: &Rc<Cell<f64>>) -> f64 {
    let rendezvous = LocalRendezvous::<Poll>::default();
    let far = end(&rendezvous, "far", None, far);
    let begin = now();
    let near = end(&rendezvous, "near", Some("far"), near);
    until("the far end", || done.get() > 0.0).await;
    drop((near, far));
    done.get() - begin
}

async fn our_connect() -> f64 {
    let done = Rc::new(Cell::new(0.0));
    let seen = done.clone();
    let mut sent = false;
    let near = Box::new(move |stream: &mut Option<Stream>| {
        if let Some(stream) = stream.as_mut().filter(|_| !sent) {
            sent = stream.write(b"hello").is_ok();
        }
    });
    let far = Box::new(move |stream: &mut Option<Stream>| {
        if let Some(stream) = stream
            && stream.read(&mut [0; 16]).is_ok_and(|count| count > 0)
        {
            seen.set(now());
        }
    });
    run(near, far, &done).await
}

async fn our_bulk(bytes: usize) -> f64 {
    let done = Rc::new(Cell::new(0.0));
    let seen = done.clone();
    let begin = Rc::new(Cell::new(0.0));
    let began = begin.clone();
    let block = vec![7; 64 << 10];
    let (mut left, mut got, mut started) = (bytes, 0, false);
    let mut buf = vec![0; 64 << 10];
    let near = Box::new(move |stream: &mut Option<Stream>| {
        let Some(stream) = stream else { return };
        if !started {
            // Once it is open: the far end says so by a byte.
            match stream.read(&mut [0]) {
                Ok(1) => started = true,
                _ => return,
            }
            began.set(now());
        }
        while left > 0 {
            match stream.write(&block[..block.len().min(left)]) {
                Ok(count) => left -= count,
                Err(_) => break,
            }
        }
    });
    let mut greeted = false;
    let far = Box::new(move |stream: &mut Option<Stream>| {
        let Some(stream) = stream else { return };
        if !greeted {
            greeted = stream.write(&[1]).is_ok();
        }
        while let Ok(count @ 1..) = stream.read(&mut buf) {
            got += count;
        }
        if got >= bytes && seen.get() == 0.0 {
            seen.set(now());
        }
    });
    run(near, far, &done).await;
    done.get() - begin.get()
}

async fn our_rounds(count: usize) -> Vec<f64> {
    let done = Rc::new(Cell::new(0.0));
    let seen = done.clone();
    let times = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let noted = times.clone();
    let (message, mut buf) = ([5; 1024], [0; 1024]);
    let (mut began, mut got) = (0.0, 0);
    let near = Box::new(move |stream: &mut Option<Stream>| {
        let Some(stream) = stream else { return };
        if began == 0.0 {
            began = now();
            stream.write_all(&message).unwrap();
        }
        while let Ok(count @ 1..) = stream.read(&mut buf) {
            got += count;
            if got == message.len() {
                let mut times = noted.borrow_mut();
                times.push(now() - began);
                if times.len() == times.capacity() {
                    seen.set(now());
                    return;
                }
                (got, began) = (0, now());
                stream.write_all(&message).unwrap();
            }
        }
    });
    let mut echo = [0; 1024];
    let far = Box::new(move |stream: &mut Option<Stream>| {
        let Some(stream) = stream else { return };
        while let Ok(count @ 1..) = stream.read(&mut echo) {
            stream.write_all(&echo[..count]).unwrap();
        }
    });
    run(near, far, &done).await;
    // The first one opened the connection too.
    times.borrow_mut().split_off(1)
}

async fn plain(promise: js_sys::Promise) -> JsValue {
    JsFuture::from(promise).await.unwrap()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(what: &str, ours: f64, plain: f64, aim: &str) {
    console_log!(
        "| {what} | {ours:.3} | {plain:.3} | {:.2} | {aim} |",
        ours / plain
    );
}

#[wasm_bindgen_test]
async fn figures() {
    let quick = option_env!("ROUNDS") == Some("3");
    let (connects, megabytes, pings, cycles) = if quick {
        (10, 8, 200, 20)
    } else {
        (60, 50, 2000, 1000)
    };
    console_log!("| | ours | plain | ratio | aim |");
    console_log!("|---|---:|---:|---:|---|");

    // Taken in turns, so that what else the machine does meets both.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..connects {
        ours.push(our_connect().await);
        theirs.push(plain(connect()).await.as_f64().unwrap());
        sleep(20.0).await;
    }
    row(
        "connect to first message, ms",
        median(&mut ours),
        median(&mut theirs),
        "≤ 1.2",
    );

    let bytes = megabytes << 20;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let rate = |ms: f64| f64::from(megabytes) * 1000.0 / ms;
        ours.push(rate(our_bulk(bytes as usize).await));
        theirs.push(rate(plain(bulk(f64::from(bytes))).await.as_f64().unwrap()));
    }
    row(
        "bulk, MiB/s",
        median(&mut ours),
        median(&mut theirs),
        "≥ 0.9",
    );

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.extend(our_rounds(pings).await);
        let times: js_sys::Float64Array = plain(rounds(pings as f64)).await.unchecked_into();
        theirs.extend(times.to_vec());
    }
    row(
        "1 KiB there and back, ms",
        median(&mut ours),
        median(&mut theirs),
        "≤ 1.2",
    );

    console_log!("done");
    console_log!(
        "| connects and disconnects | ms each | wasm memory, KiB more | JS heap, KiB more |"
    );
    console_log!("|---|---:|---:|---:|");
    for (who, is_ours) in [("ours", true), ("plain", false)] {
        let (wasm, heap) = (wasm_bytes(), heap_bytes());
        let mut took = 0.0;
        for cycle in 1..=cycles {
            let begin = now();
            if is_ours {
                our_connect().await;
            } else {
                plain(connect()).await;
            }
            took += now() - begin;
            // A browser counts the connections that are closed and not collected yet: past 500 it makes no more.
            if cycle % 100 == 0 {
                collect_garbage();
                sleep(100.0).await;
            }
        }
        let each = took / f64::from(cycles);
        sleep(1000.0).await;
        console_log!(
            "| {who}, {cycles} | {each:.2} | {} | {:.0} |",
            (wasm_bytes() - wasm) / 1024,
            (heap_bytes() - heap) / 1024.0
        );
    }
}
