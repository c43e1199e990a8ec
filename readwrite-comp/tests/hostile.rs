//! Hostile input: work and memory stay within the named limits, and the error names the limit.
#![cfg(test)]

mod common;

use common::*;
use readwrite_comp::testing::Choppy;
use readwrite_comp::*;
use std::io::{self, ErrorKind, Read};

/// Gives the bytes it was handed and then blocks.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    given: usize,
}

impl Read for Line {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = (&self.bytes[self.given..]).read(buf)?;
        self.given += n;
        if n == 0 && !buf.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(n)
    }
}

fn wire(messages: &[Message]) -> Vec<u8> {
    let mut wire = Vec::new();
    for message in messages {
        AnyCodec::Bincode.encode(message, &mut wire).unwrap();
    }
    wire
}

fn long_message() -> Message {
    Message::Map((0..2000).map(|i| (format!("key {i}"), i)).collect())
}

#[test]
fn a_byte_per_turn_is_decoded_again_at_most_half_as_often_as_received() {
    let wire = wire(&[long_message(), long_message(), messages()[2].clone()]);
    let mut line = Line::default();
    let mut replay = Replay::default();
    let mut got = 0;
    for (i, &byte) in wire.iter().enumerate() {
        line.bytes.push(byte);
        // One call per turn: the source was ready. No quiet period.
        match replay.read(&mut line, |r| AnyCodec::Bincode.decode::<Message>(r)) {
            Ok(message) => got += usize::from(message.is_some()),
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        let stats = replay.stats();
        assert_eq!(stats.bytes_received, i as u64 + 1);
        assert!(
            stats.bytes_replayed * 2 <= stats.bytes_received,
            "{stats:?}"
        );
    }
    // Then it is quiet, and nothing complete is held back.
    loop {
        match replay.read(&mut line, |r| AnyCodec::Bincode.decode::<Message>(r)) {
            Ok(message) => got += usize::from(message.is_some()),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::WouldBlock);
                if !replay.deferred() {
                    break;
                }
            }
        }
    }
    assert_eq!(got, 3);
}

#[test]
fn a_complete_message_waits_for_one_quiet_call_at_most() {
    let wire = wire(&[long_message()]);
    for chunk in [1, 7, 100, 1460] {
        let mut line = Line::default();
        let mut replay = Replay::default();
        let mut read = |line: &mut Line| {
            let read = replay.read(line, |r| AnyCodec::Bincode.decode::<Message>(r));
            (read, replay.deferred())
        };
        let mut done = false;
        for piece in wire.chunks(chunk) {
            line.bytes.extend_from_slice(piece);
            done = read(&mut line).0.is_ok();
        }
        if !done {
            // The caller knows that it has to come back, and one call is enough.
            assert_eq!(line.given, wire.len());
            let (again, deferred) = read(&mut line);
            assert!(again.unwrap().is_some());
            assert!(!deferred);
        }
    }
}

#[test]
fn a_quiet_period_costs_one_attempt_and_many_of_them_reach_the_limit() {
    let wire = wire(&[long_message()]);
    let limits = ReplayLimits {
        max_replayed: 100_000,
        ..ReplayLimits::default()
    };
    let mut line = Line::default();
    let mut replay = Replay::new(limits);
    let mut last = None;
    for &byte in &wire {
        line.bytes.push(byte);
        let before = replay.stats().attempts;
        for _ in 0..5 {
            match replay.read(&mut line, |r| AnyCodec::Bincode.decode::<Message>(r)) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => last = Some(e),
                Ok(_) => panic!("the message cannot be complete"),
            }
        }
        assert!(
            replay.stats().attempts - before <= 1,
            "nothing new, no attempt"
        );
        if last.is_some() {
            break;
        }
    }
    let error = last.expect("the limit is reached");
    assert_eq!(LimitExceeded::of(&error).unwrap().limit, "max_replayed");
    assert!(replay.stats().bytes_replayed <= 100_000);
}

#[test]
fn a_message_that_never_ends_is_refused() {
    let limits = ReplayLimits {
        max_message: 10_000,
        ..ReplayLimits::default()
    };
    // Without frames: a string without an end.
    for chunk in [1, 100, 100_000] {
        let endless = io::repeat(b'"').take(1).chain(io::repeat(b'x'));
        let mut source = Choppy::every(endless, chunk);
        let mut replay = Replay::new(limits);
        let error = until_done(|| replay.read(&mut source, |r| AnyCodec::Json.decode::<String>(r)))
            .unwrap_err();
        assert_eq!(LimitExceeded::of(&error).unwrap().limit, "max_message");
        assert!(replay.stats().bytes_received <= 10_000 + 2 * limits.read_ahead as u64);
    }
    // With frames: windows without an end.
    let windows: Vec<u8> = [&[100, 0, 0, 0][..], &[7; 100]].concat();
    for chunk in [1, 100, 100_000] {
        let mut endless = ChainR::new((0..1000).map(|_| windows.as_slice()));
        let mut source = Choppy::every(&mut endless, chunk);
        let mut replay = Replay::new(limits);
        let mut limiter = SizedWindowsR::default();
        for _ in 0..2 {
            let error = until_done(|| replay.read_framed(&mut limiter, &mut source, |_| Ok(())))
                .unwrap_err();
            assert_eq!(LimitExceeded::of(&error).unwrap().limit, "max_message");
        }
        assert!(endless.remaining() > 890);
    }
}

#[test]
fn exactly_the_longest_message_passes() {
    let limits = ReplayLimits {
        max_message: 5000,
        ..ReplayLimits::default()
    };
    for (length, fits) in [(4999, true), (5000, true), (5001, false)] {
        let mut wire = CompW::new(SizedWindowsW::default(), Vec::new());
        io::Write::write_all(&mut wire, &vec![1; length]).unwrap();
        wire.write_end().unwrap();
        let (_, wire) = wire.into_inner();
        let mut replay = Replay::new(limits);
        let read = replay.read_framed(&mut SizedWindowsR::default(), &mut &wire[..], |body| {
            *body = &[];
            Ok(())
        });
        assert_eq!(read.is_ok(), fits);
        let mut replay = Replay::new(limits);
        let mut source = io::repeat(7);
        let read = replay.read(&mut source, |r| r.read_exact(&mut vec![0; length]));
        assert_eq!(read.is_ok(), fits);
    }
}

#[test]
fn a_length_that_lies_costs_no_memory() {
    // bincode's own limit stands before its allocation; ours before the wait.
    let mut claims = wire(&[Message::Bytes(vec![1; 10])]);
    claims[4..12].copy_from_slice(&(1u64 << 60).to_le_bytes());
    let mut replay = Replay::default();
    let read = replay.read(&mut claims.as_slice(), |r| {
        AnyCodec::Bincode.decode::<Message>(r)
    });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidData);
    // One byte too many: it ends with the stream, as an error.
    let mut claims = wire(&[Message::Bytes(vec![1; 10])]);
    claims[4..12].copy_from_slice(&11u64.to_le_bytes());
    let mut source = Choppy::every(claims.as_slice(), 3);
    let mut replay = Replay::default();
    let read = until_done(|| replay.read(&mut source, |r| AnyCodec::Bincode.decode::<Message>(r)));
    assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_window_length_that_lies_allocates_nothing() {
    let limits = WindowLimits {
        max_window: u32::MAX,
        max_total: u64::MAX,
    };
    let mut source = Choppy::every(&[0xff; 104][..], 50);
    let mut limiter = SizedWindowsR::new(limits);
    let mut replay = Replay::default();
    let read = until_done(|| replay.read_framed(&mut limiter, &mut source, |_| Ok(())));
    // 100 bytes came of 4 GiB that were announced: the buffer is as large as what came.
    assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn zero_windows_are_ends_and_empty_messages_are_counted_one_by_one() {
    let mut source = &[0u8; 400][..];
    let mut replay = Replay::default();
    let mut limiter = SizedWindowsR::default();
    let mut empty = 0;
    while let Some(length) = replay
        .read_framed(&mut limiter, &mut source, |body| Ok(body.len()))
        .unwrap()
    {
        assert_eq!(length, 0);
        empty += 1;
    }
    assert_eq!(empty, 100);
}

#[test]
fn a_stream_that_ends_inside_a_message_is_an_error_and_between_messages_is_none() {
    let mut framed = Vec::new();
    let mut skip = Skip::default();
    skip.write_framed(&mut SizedWindowsW::default(), &mut framed, |w| {
        AnyCodec::Bincode.encode(&messages()[3], w)
    })
    .unwrap();
    let plain = wire(&messages()[3..4]);
    for chunk in [1, 5, 1000] {
        for cut in 0..=framed.len() {
            let mut source = Choppy::every(&framed[..cut], chunk);
            let mut replay = Replay::default();
            let mut limiter = SizedWindowsR::default();
            let mut read = || {
                until_done(|| {
                    replay.read_framed(&mut limiter, &mut source, |body| {
                        AnyCodec::Bincode.decode::<Message>(body)
                    })
                })
            };
            ends(read(), cut == 0, cut == framed.len());
            if cut == framed.len() {
                assert!(read().unwrap().is_none());
            }
        }
        for cut in 0..=plain.len() {
            let mut source = Choppy::every(&plain[..cut], chunk);
            let mut replay = Replay::default();
            let read =
                until_done(|| replay.read(&mut source, |r| AnyCodec::Bincode.decode::<Message>(r)));
            ends(read, cut == 0, cut == plain.len());
        }
    }
}

fn ends(read: io::Result<Option<Message>>, none: bool, whole: bool) {
    match read {
        Ok(None) => assert!(none),
        Ok(Some(message)) => {
            assert!(whole);
            assert_eq!(message, messages()[3]);
        }
        Err(e) => {
            assert!(!none && !whole);
            assert_eq!(e.kind(), ErrorKind::UnexpectedEof);
        }
    }
}

#[test]
fn a_decoder_that_wants_more_or_less_than_the_message_is_told_so() {
    let framed = b"\x03\0\0\0abc\0\0\0\0\x01\0\0\0z\0\0\0\0";
    let mut source = &framed[..];
    let mut replay = Replay::default();
    let mut limiter = SizedWindowsR::default();
    let more = replay.read_framed(&mut limiter, &mut source, |body| {
        body.read_exact(&mut [0; 4])
    });
    assert_eq!(more.unwrap_err().kind(), ErrorKind::InvalidData);
    // The stream stands at the next message.
    let less = replay.read_framed(&mut limiter, &mut source, |_| Ok(()));
    assert_eq!(less.unwrap_err().kind(), ErrorKind::InvalidData);
    let end = replay.read_framed(&mut limiter, &mut source, |_| Ok(()));
    assert!(end.unwrap().is_none());
}

#[test]
fn an_error_of_the_source_comes_back_as_it_is() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(ErrorKind::ConnectionReset, "by the peer"))
        }
    }
    let start = &wire(&[long_message()])[..1000];
    let mut source = start.chain(Failing);
    let mut replay = Replay::default();
    // postcard and bincode both say something else of it.
    let read = replay.read(&mut source, |r| AnyCodec::Bincode.decode::<Message>(r));
    let error = read.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(error.to_string(), "by the peer");
}

#[test]
fn interrupted_calls_are_made_again() {
    struct Interrupting(bool);
    impl Read for Interrupting {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0 = !self.0;
            if self.0 {
                // EINTR, as the system gives it.
                return Err(io::Error::from_raw_os_error(4));
            }
            buf[0] = 7;
            Ok(1)
        }
    }
    let mut replay = Replay::default();
    let mut limiter = KnownLengthR::new(5);
    let read = replay.read_framed(&mut limiter, &mut Interrupting(false), |body| {
        Ok(std::mem::take(body).to_vec())
    });
    assert_eq!(read.unwrap().unwrap(), [7; 5]);
    let read = replay.read(&mut Interrupting(true), |r| {
        let mut buf = [0; 5];
        r.read_exact(&mut buf).map(|()| buf)
    });
    assert_eq!(read.unwrap().unwrap(), [7; 5]);
}
