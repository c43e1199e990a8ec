//! Replay and skip over the codecs of MyDHT, at every place to stop.
#![cfg(test)]

mod common;

use common::*;
use readwrite_comp::testing::{Choppy, XorR, XorW};
use readwrite_comp::*;
use std::io::{ErrorKind, Read, Write};

/// Reads all messages of a framed stream, calling again while it blocks.
fn read_all_framed<L: ExtRead, R: Read, T>(
    limiter: &mut L,
    source: &mut R,
    codec: &impl Codec,
) -> Vec<T>
where
    T: serde::de::DeserializeOwned,
{
    let mut replay = Replay::default();
    let mut all = Vec::new();
    loop {
        let mut ran = 0;
        let read = replay.read_framed(limiter, source, |body| {
            ran += 1;
            codec.decode(body)
        });
        match read {
            Ok(Some(message)) => all.push(message),
            Ok(None) => break,
            Err(e) if e.kind() == ErrorKind::WouldBlock => assert_eq!(ran, 0),
            Err(e) => panic!("{e}"),
        }
    }
    let stats = replay.stats();
    assert_eq!(stats.attempts, all.len() as u64, "decoded once each");
    assert_eq!(stats.bytes_replayed, 0);
    all
}

fn read_all<R: Read, T>(
    source: &mut R,
    codec: &impl Codec,
    policy: RetryPolicy,
) -> (Vec<T>, ReplayStats)
where
    T: serde::de::DeserializeOwned,
{
    let mut replay = Replay::with_policy(ReplayLimits::default(), policy);
    let mut all = Vec::new();
    loop {
        match replay.read(source, |r| codec.decode(r)) {
            Ok(Some(message)) => all.push(message),
            Ok(None) => break,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => panic!("{e}"),
        }
    }
    (all, replay.stats())
}

fn write_all_framed<L: ExtWrite, W: Write>(
    limits: SkipLimits,
    limiter: &mut L,
    sink: &mut W,
    messages: &[Message],
    codec: &impl Codec,
) -> SkipStats {
    let mut skip = Skip::new(limits);
    for message in messages {
        until_done(|| skip.write_framed(limiter, sink, |w| codec.encode(message, w))).unwrap();
        assert!(!skip.in_flight());
    }
    skip.stats()
}

fn each_codec(test: impl Fn(&dyn Fn(&mut dyn FnMut(AnyCodec)))) {
    test(&|run| {
        for codec in [AnyCodec::Bincode, AnyCodec::Postcard, AnyCodec::Json] {
            run(codec);
        }
    });
}

#[test]
fn framed_at_every_byte_and_call() {
    each_codec(|run| {
        run(&mut |codec| {
            let messages = messages();
            let mut counting = Choppy::at_calls(Vec::new(), []);
            let mut w = SizedWindowsW::growing(16, 64);
            write_all_framed(
                SkipLimits::default(),
                &mut w,
                &mut counting,
                &messages,
                &codec,
            );
            let (write_calls, wire) = (counting.calls(), counting.into_inner());
            let mut source = Choppy::at_calls(wire.as_slice(), []);
            let whole: Vec<Message> =
                read_all_framed(&mut SizedWindowsR::default(), &mut source, &codec);
            assert_eq!(whole, messages);
            for call in 0..source.calls() {
                let mut source = Choppy::at_calls(wire.as_slice(), [call]);
                let got: Vec<Message> =
                    read_all_framed(&mut SizedWindowsR::default(), &mut source, &codec);
                assert_eq!(got, messages);
                assert_eq!(source.blocks(), 1);
            }
            for at in 0..wire.len() as u64 {
                let mut source = Choppy::at_bytes(wire.as_slice(), [at]);
                let got: Vec<Message> =
                    read_all_framed(&mut SizedWindowsR::default(), &mut source, &codec);
                assert_eq!(got, messages);
                let mut sink = Choppy::at_bytes(Vec::new(), [at]);
                let mut w = SizedWindowsW::growing(16, 64);
                // A window so small that most messages are encoded several times.
                write_all_framed(SkipLimits::bounded(8), &mut w, &mut sink, &messages, &codec);
                assert_eq!(sink.inner(), &wire);
            }
            for call in 0..write_calls {
                let mut sink = Choppy::at_calls(Vec::new(), [call]);
                let mut w = SizedWindowsW::growing(16, 64);
                write_all_framed(SkipLimits::bounded(8), &mut w, &mut sink, &messages, &codec);
                assert_eq!(sink.inner(), &wire);
            }
        });
    });
}

#[test]
fn framed_above_a_cipher_in_every_order() {
    let messages = messages();
    let codec = AnyCodec::Bincode;
    for seed in 0..100 {
        let mut sink = Choppy::seeded(Vec::new(), seed, 20);
        let mut w = CompExtW::new(SizedWindowsW::fixed(9), XorW::new(3, seed));
        write_all_framed(
            SkipLimits::bounded(30),
            &mut w,
            &mut sink,
            &messages,
            &codec,
        );
        let mut r = CompExtR::new(SizedWindowsR::default(), XorR::new(3));
        let mut source = Choppy::seeded(sink.inner().as_slice(), !seed, 20);
        let got: Vec<Message> = read_all_framed(&mut r, &mut source, &codec);
        assert_eq!(got, messages);

        let mut sink = Choppy::seeded(Vec::new(), seed, 20);
        let mut w = CompExtW::new(XorW::new(3, seed), SizedWindowsW::fixed(9));
        write_all_framed(
            SkipLimits::bounded(30),
            &mut w,
            &mut sink,
            &messages,
            &codec,
        );
        let mut r = CompExtR::new(XorR::new(3), SizedWindowsR::default());
        let mut source = Choppy::seeded(sink.inner().as_slice(), !seed, 20);
        let got: Vec<Message> = read_all_framed(&mut r, &mut source, &codec);
        assert_eq!(got, messages);
    }
}

/// One cipher for the whole connection, frames per message: the cipher's state must advance once,
/// whatever is replayed above it.
#[test]
fn a_cipher_below_advances_once() {
    let messages = messages();
    let codec = AnyCodec::Postcard;
    for chunk in 1..40 {
        let mut cipher = CompW::new(XorW::new(3, 5), Choppy::every(Vec::new(), chunk));
        let mut w = SizedWindowsW::default();
        write_all_framed(
            SkipLimits::bounded(11),
            &mut w,
            &mut cipher,
            &messages,
            &codec,
        );
        until_done(|| cipher.write_end()).unwrap();
        let (_, sink) = cipher.into_inner();
        let mut source = CompR::new(XorR::new(3), Choppy::every(sink.inner().as_slice(), chunk));
        let got: Vec<Message> = read_all_framed(&mut SizedWindowsR::default(), &mut source, &codec);
        assert_eq!(got, messages);
        until_done(|| source.read_end()).unwrap();
    }
}

#[test]
fn without_frames_at_every_byte_and_call() {
    each_codec(|run| {
        run(&mut |codec| {
            let messages = messages();
            let mut wire = Vec::new();
            for message in &messages {
                codec.encode(message, &mut wire).unwrap();
            }
            for policy in [RetryPolicy::default(), RetryPolicy::Always] {
                for at in 0..wire.len() as u64 {
                    let mut source = Choppy::at_bytes(wire.as_slice(), [at]);
                    let (got, _) = read_all::<_, Message>(&mut source, &codec, policy);
                    assert_eq!(got, messages);
                }
                for chunk in 1..50 {
                    let mut source = Choppy::every(wire.as_slice(), chunk);
                    let (got, stats) = read_all::<_, Message>(&mut source, &codec, policy);
                    assert_eq!(got, messages);
                    assert_eq!(stats.bytes_received, wire.len() as u64);
                }
                for seed in 0..100 {
                    let mut source = Choppy::seeded(wire.as_slice(), seed, 40);
                    let (got, _) = read_all::<_, Message>(&mut source, &codec, policy);
                    assert_eq!(got, messages);
                }
            }
            for at in 0..wire.len() as u64 {
                let mut sink = Choppy::at_bytes(Vec::new(), [at]);
                let mut skip = Skip::new(SkipLimits::bounded(8));
                for message in &messages {
                    until_done(|| skip.write(&mut sink, |w| codec.encode(message, w))).unwrap();
                }
                assert_eq!(sink.inner(), &wire);
            }
            for (window, seed) in (1..80).zip(0..) {
                let mut sink = Choppy::seeded(Vec::new(), seed, 40);
                let mut skip = Skip::new(SkipLimits::bounded(window));
                for message in &messages {
                    until_done(|| skip.write(&mut sink, |w| codec.encode(message, w))).unwrap();
                }
                assert_eq!(sink.inner(), &wire, "window {window}");
                assert_eq!(skip.stats().bytes_written, wire.len() as u64);
            }
        });
    });
}

#[test]
fn frames_may_follow_messages_without_frames() {
    let messages = messages();
    let codec = AnyCodec::Bincode;
    let mut wire = Vec::new();
    codec.encode(&messages[0], &mut wire).unwrap();
    let mut w = SizedWindowsW::default();
    write_all_framed(
        SkipLimits::default(),
        &mut w,
        &mut wire,
        &messages[1..2],
        &codec,
    );
    wire.extend_from_slice(b"attached");
    for chunk in [1, 3, 17, 10_000] {
        let mut source = Choppy::every(wire.as_slice(), chunk);
        let mut replay = Replay::default();
        let first: Message = until_done(|| replay.read(&mut source, |r| codec.decode(r)))
            .unwrap()
            .unwrap();
        assert_eq!(first, messages[0]);
        let mut limiter = SizedWindowsR::default();
        let second: Message =
            until_done(|| replay.read_framed(&mut limiter, &mut source, |body| codec.decode(body)))
                .unwrap()
                .unwrap();
        assert_eq!(second, messages[1]);
        let mut attached = Vec::new();
        while until_done(|| {
            let mut buf = [0; 3];
            let n = replay.rest(&mut source).read(&mut buf)?;
            attached.extend_from_slice(&buf[..n]);
            Ok(n)
        })
        .unwrap()
            > 0
        {}
        assert_eq!(attached, b"attached");
        assert!(!replay.in_flight());
        assert_eq!(replay.stats().messages, 2);
    }
}

#[test]
fn by_hand_a_service_commits_what_it_understood() {
    let mut source = Choppy::every(&b"GET /\nHost: x\n\n"[..], 4);
    let mut replay = Replay::default();
    let mut lines = Vec::new();
    while lines.last().map(String::as_str) != Some("\n") {
        let line = until_done(|| {
            let mut line = String::new();
            let read = std::io::BufRead::read_line(&mut replay.attempt(&mut source), &mut line);
            read.map(|_| line)
        });
        lines.push(line.unwrap());
        replay.commit();
    }
    assert_eq!(lines, ["GET /\n", "Host: x\n", "\n"]);
    assert_eq!(replay.stats().messages, 3);
    assert!(replay.stats().bytes_replayed > 0);
}
