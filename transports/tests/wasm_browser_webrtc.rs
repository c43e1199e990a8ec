//! Two or more ends of WebRTC in one page, in a real browser.
#![cfg(target_arch = "wasm32")]

mod page;
#[path = "page/raw.rs"]
mod raw;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use mydht_evloop::Poll;
use mydht_transports::Stream as _;
use mydht_transports::rendezvous::{LocalRendezvous, Rendezvous, SignalKind};
use mydht_transports::session::SessionLimits;
use mydht_transports::webrtc::RtcLimits;
use mydht_transports::webrtc::browser::{BrowserConfig, IceServer, open_peers};
use page::{End, content, now, receive, send, sleep, until};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

/// Two ends with a connection.
async fn pair(limits: &RtcLimits) -> (End, End) {
    let rendezvous = LocalRendezvous::<Poll>::default();
    let config = BrowserConfig {
        datagrams: true,
        ..BrowserConfig::default()
    };
    (
        End::new(&rendezvous, "alice", config.clone(), limits),
        End::new(&rendezvous, "bob", config, limits),
    )
}

#[wasm_bindgen_test]
async fn messages_of_any_length_pass_both_ways() {
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let begin = now();
    let near = alice.connect("bob");
    let far = bob.accepted().await;
    console_log!("connected in {:.0} ms", now() - begin);
    for len in [1, 16383, 16384, 16385, 65536, (256 << 10) + 1, 5 << 20] {
        let bytes = content(len);
        let begin = now();
        let ((), got) = futures_join(send(&near, &bytes), receive(&far, len)).await;
        assert!(got == bytes, "{len} bytes");
        let ((), got) = futures_join(send(&far, &bytes), receive(&near, len)).await;
        assert!(got == bytes, "{len} bytes back");
        console_log!("{len} bytes there and back in {:.1} ms", now() - begin);
    }
}

/// Both of two futures.
async fn futures_join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut done_a, mut done_b) = (None, None);
    std::future::poll_fn(move |cx| {
        use std::task::Poll::{Pending, Ready};
        if done_a.is_none()
            && let Ready(value) = a.as_mut().poll(cx)
        {
            done_a = Some(value);
        }
        if done_b.is_none()
            && let Ready(value) = b.as_mut().poll(cx)
        {
            done_b = Some(value);
        }
        match (done_a.take(), done_b.take()) {
            (Some(a), Some(b)) => Ready((a, b)),
            (a, b) => {
                (done_a, done_b) = (a, b);
                Pending
            }
        }
    })
    .await
}

#[wasm_bindgen_test]
async fn both_ends_know_the_channel_by_the_fingerprints_of_its_certificates() {
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let near = alice.connect("bob");
    let far = bob.accepted().await;
    let ((), got) = futures_join(send(&near, b"hello"), receive(&far, 5)).await;
    assert_eq!(got, b"hello");
    let binding = near.stream.channel_binding();
    assert!(binding.starts_with(b"dtls\nsha-256 "), "{binding:?}");
    assert_eq!(binding, far.stream.channel_binding());
}

#[wasm_bindgen_test]
async fn two_that_connect_at_once_have_one_connection() {
    let before = open_peers();
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let from_alice = alice.connect("bob");
    let from_bob = bob.connect("alice");
    let at_bob = bob.accepted().await;
    let at_alice = alice.accepted().await;
    for (near, far) in [(from_alice, at_bob), (from_bob, at_alice)] {
        let ((), got) = futures_join(send(&near, b"hello"), receive(&far, 5)).await;
        assert_eq!(got, b"hello");
    }
    assert_eq!(open_peers() - before, 2);
}

#[wasm_bindgen_test]
async fn a_slow_stream_stops_no_other() {
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let slow = alice.connect("bob");
    let unread = bob.accepted().await;
    // Until it holds what a window and a buffer hold.
    let mut held = 0;
    let mut blocked_since = now();
    while now() - blocked_since < 200.0 {
        match slow.stream.clone().write(&[0; 16_000]) {
            Ok(count) => {
                held += count;
                blocked_since = now();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                sleep(5.0).await;
            }
        }
    }
    let limits = SessionLimits::default();
    assert_eq!(held, limits.window as usize + limits.send_buffer);
    let near = alice.connect("bob");
    let far = bob.accepted().await;
    let bytes = content(4 << 20);
    let ((), got) = futures_join(send(&near, &bytes), receive(&far, bytes.len())).await;
    assert!(got == bytes);
    // And it goes on when it is read.
    assert_eq!(receive(&unread, held).await.len(), held);
}

#[wasm_bindgen_test]
async fn datagrams_go_beside_the_streams() {
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let near = alice.connect("bob");
    let far = bob.accepted().await;
    let ((), _) = futures_join(send(&near, b"hello"), receive(&far, 5)).await;
    let to = "bob".parse().unwrap();
    let mut message = Vec::new();
    until("a datagram", || {
        // The second channel may open later than the first.
        let _ = alice.rtc.borrow().send_datagram(&to, b"ping");
        bob.rtc.borrow().receive_datagram(&mut message).is_ok()
    })
    .await;
    assert_eq!(message, b"ping");
}

#[wasm_bindgen_test]
async fn a_far_end_that_leaves_is_seen_at_once() {
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let near = alice.connect("bob");
    let far = bob.accepted().await;
    let ((), _) = futures_join(send(&near, b"hello"), receive(&far, 5)).await;
    let begin = now();
    drop(far);
    drop(bob);
    near.end().await.expect("it said goodbye");
    let took = now() - begin;
    console_log!("a goodbye was seen after {took:.0} ms");
}

#[wasm_bindgen_test]
async fn a_far_end_that_vanishes_is_seen_within_ten_seconds() {
    let (alice, bob) = pair(&RtcLimits::default()).await;
    let near = alice.connect("bob");
    let far = bob.accepted().await;
    let ((), _) = futures_join(send(&near, b"hello"), receive(&far, 5)).await;
    // As a page that hangs: its connection is there, and nobody takes turns.
    bob.freeze();
    let begin = now();
    let error = near.end().await.expect_err("it said nothing");
    let took = now() - begin;
    console_log!("a page that hangs was given up after {took:.0} ms: {error}");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(far);
}

#[wasm_bindgen_test]
async fn garbage_ends_one_connection_and_no_other() {
    let rendezvous = LocalRendezvous::<Poll>::default();
    let limits = RtcLimits::default();
    let [alice, bob] =
        ["alice", "bob"].map(|name| End::new(&rendezvous, name, BrowserConfig::default(), &limits));
    let good = alice.connect("bob");
    let good_far = bob.accepted().await;
    let ((), _) = futures_join(send(&good, b"hello"), receive(&good_far, 5)).await;
    // Descriptions that are none.
    let mut mallory = rendezvous.join("mallory".parse().unwrap()).unwrap();
    for kind in [SignalKind::Offer, SignalKind::Answer, SignalKind::Candidate] {
        for body in [
            "garbage",
            "1 00000000000000aa 0000000000000000\nv=0 this is no description",
        ] {
            let to = "alice".parse().unwrap();
            mallory.send(&to, kind, body.into()).unwrap();
        }
    }
    sleep(100.0).await;
    let nothing = good.stream.clone().read(&mut [0]);
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::WouldBlock);
    // Channels that open, and carry what is no frame, or text, or too much.
    let long = vec![3; 20_000];
    for (name, message) in [
        ("eve", raw::Message::Bytes(b"\xffgarbage")),
        ("dave", raw::Message::Text("hello")),
        ("trudy", raw::Message::Bytes(&long)),
    ] {
        let mut rendezvous = rendezvous.join(name.parse().unwrap()).unwrap();
        let bad = alice.connect(name);
        let peer = raw::answer(&mut rendezvous).await;
        peer.send(&message);
        let error = bad.end().await.expect_err("the peer broke the protocol");
        console_log!("{name}: {error}");
    }
    let ((), got) = futures_join(send(&good, b"again"), receive(&good_far, 5)).await;
    assert_eq!(got, b"again");
}

#[wasm_bindgen_test]
async fn a_peer_that_is_not_there_is_an_error_and_so_is_a_wrong_server() {
    let rendezvous = LocalRendezvous::<Poll>::default();
    let limits = RtcLimits::default();
    let alice = End::new(&rendezvous, "alice", BrowserConfig::default(), &limits);
    let nobody = alice.connect("nobody").end().await.unwrap_err();
    assert!(nobody.to_string().contains("nobody is there"), "{nobody}");
    let config = BrowserConfig {
        ice_servers: vec![IceServer {
            urls: vec!["turn:wrong".into()],
            login: None,
        }],
        ..BrowserConfig::default()
    };
    let bob = End::new(&rendezvous, "bob", config, &limits);
    let error = bob.try_connect("alice").err().unwrap();
    assert!(
        error.to_string().contains("the browser makes no"),
        "{error}"
    );
}

#[wasm_bindgen_test]
async fn one_that_gets_no_answer_is_given_up_by_its_deadline() {
    let rendezvous = LocalRendezvous::<Poll>::default();
    let limits = RtcLimits {
        open_deadline: Duration::from_millis(300),
        ..RtcLimits::default()
    };
    let alice = End::new(&rendezvous, "alice", BrowserConfig::default(), &limits);
    // It is there, and takes nothing.
    let _silent = rendezvous.join("silent".parse().unwrap()).unwrap();
    let near = alice.connect("silent");
    let error = near.end().await.expect_err("nobody answers");
    assert!(error.to_string().contains("not open within"), "{error}");
}

#[wasm_bindgen_test]
async fn connects_and_disconnects_leave_nothing() {
    let before = open_peers();
    let limits = RtcLimits {
        // Nothing is kept for later: each connect makes a connection.
        idle: Duration::ZERO,
        ..RtcLimits::default()
    };
    let (alice, bob) = pair(&limits).await;
    let rounds: u32 = option_env!("MYDHT_RTC_ROUNDS")
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(50);
    let mut warm = (0, 0.0);
    let begin = now();
    for round in 0..rounds {
        let near = alice.connect("bob");
        let far = bob.accepted().await;
        let ((), got) = futures_join(send(&near, b"hello"), receive(&far, 5)).await;
        assert_eq!(got, b"hello", "round {round}");
        drop((near, far));
        until("no connections", || {
            alice.rtc.borrow().connections() + bob.rtc.borrow().connections() == 0
        })
        .await;
        assert_eq!(open_peers(), before, "round {round}");
        if round + 1 == rounds / 2 {
            warm = (page::wasm_bytes(), page::heap_bytes());
        }
    }
    let each = (now() - begin) / f64::from(rounds);
    let grown = page::wasm_bytes() - warm.0;
    console_log!(
        "{rounds} rounds, {each:.0} ms each; since half of them the wasm memory grew by {grown} bytes, the JS heap by {:.0}",
        page::heap_bytes() - warm.1
    );
    assert_eq!(grown, 0);
}
