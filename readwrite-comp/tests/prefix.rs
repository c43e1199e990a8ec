//! A message that changes while it is written: an error, and no byte of the changed one in the
//! sink.

mod common;

use common::*;
use proptest::prelude::*;
use readwrite_comp::testing::Choppy;
use readwrite_comp::*;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};

fn numbers(count: u64) -> Vec<u64> {
    (0..count).map(|i| i * 3).collect()
}

fn encode(numbers: &[u64], w: &mut SkipAttempt<'_>) -> io::Result<()> {
    numbers
        .iter()
        .try_for_each(|number| w.write_all(&number.to_le_bytes()))
}

fn bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// Writes `before` until `turns` calls blocked, then `after`; gives what the sink has and how it
/// ended.
fn changed(
    window: usize,
    chunk: usize,
    turns: usize,
    before: &[u64],
    after: &[u64],
) -> (Vec<u8>, io::Result<()>, Skip) {
    let mut sink = Choppy::every(Vec::new(), chunk);
    let mut skip = Skip::new(SkipLimits::bounded(window));
    let mut blocked = 0;
    loop {
        let message = if blocked < turns { before } else { after };
        match skip.write(&mut sink, |w| encode(message, w)) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => blocked += 1,
            result => return (sink.into_inner(), result, skip),
        }
    }
}

#[test]
fn a_changed_number_is_found_wherever_it_is_and_nothing_wrong_is_sent() {
    let before = numbers(3000);
    let plain = bytes(&before);
    for (window, chunk) in [(100, 64), (5000, 1000), (4096, 4096), (9000, 10_000)] {
        for turns in [1, 3, 5] {
            for at in [0, 1, 11, 511, 512, 513, 624, 1000, 2000, 2999] {
                let mut after = before.clone();
                after[at] ^= 1 << 63;
                let (sent, result, mut skip) = changed(window, chunk, turns, &before, &after);
                match result {
                    Ok(()) => {
                        // All of the message was produced before the change, or nothing of the changed number was.
                        let after = bytes(&after);
                        assert!(sent == plain || sent == after, "a mixture was sent");
                        let before = sent.iter().zip(&plain).take_while(|(a, b)| a == b);
                        assert!(before.count() >= at * 8);
                    }
                    Err(e) => {
                        assert!(PrefixChanged::of(&e).is_some(), "{e}");
                        assert!(plain.starts_with(&sent), "a wrong byte was sent");
                        // And it stays so: the message is cut off.
                        let mut sink = Vec::new();
                        let again = skip.write(&mut sink, |w| encode(&before, w));
                        assert_eq!(again.unwrap_err().kind(), ErrorKind::InvalidData);
                        assert!(sink.is_empty());
                        skip.reset();
                        skip.write(&mut sink, |w| encode(&before, w)).unwrap();
                        assert_eq!(sink, plain);
                    }
                }
            }
        }
    }
    // The first number is always in the sink by then.
    let mut after = before.clone();
    after[0] = 1;
    let (_, result, _) = changed(100, 64, 1, &before, &after);
    assert!(PrefixChanged::of(&result.unwrap_err()).is_some());
}

#[test]
fn a_shorter_message_is_found() {
    let before = numbers(3000);
    let (sent, result, _) = changed(1000, 500, 5, &before, &before[..100]);
    assert!(PrefixChanged::of(&result.unwrap_err()).is_some());
    assert!(bytes(&before).starts_with(&sent));
}

#[test]
fn a_hash_map_that_is_rebuilt_is_found() {
    // Each map has its own order: with 500 keys no two are alike.
    let build = || -> HashMap<u32, u32> { (0..500).map(|i| (i, i * i)).collect() };
    let mut sink = Choppy::every(Vec::new(), 300);
    let mut skip = Skip::new(SkipLimits::bounded(1000));
    let mut first = Vec::new();
    let mut turns = 0;
    let result = loop {
        let map = build();
        if turns == 0 {
            AnyCodec::Bincode.encode(&map, &mut first).unwrap();
        }
        turns += 1;
        match skip.write(&mut sink, |w| AnyCodec::Bincode.encode(&map, w)) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            result => break result,
        }
    };
    assert!(PrefixChanged::of(&result.unwrap_err()).is_some());
    assert!(first.starts_with(sink.inner()));
}

#[test]
fn an_error_before_anything_was_sent_leaves_the_stream_usable() {
    let mut sink = Vec::new();
    let mut skip = Skip::default();
    let failed = skip.write(&mut sink, |w| {
        w.write_all(b"half")?;
        Err(io::Error::other("no"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "no");
    skip.write(&mut sink, |w| w.write_all(b"whole")).unwrap();
    assert_eq!(sink, b"whole");
}

#[test]
fn an_error_after_something_was_sent_cuts_the_stream_off() {
    let mut sink = Choppy::every(Vec::new(), 10);
    let mut skip = Skip::new(SkipLimits::bounded(20));
    let mut turns = 0;
    let error = until_done(|| {
        turns += 1;
        skip.write(&mut sink, |w| {
            w.write_all(&[1; 100])?;
            if turns > 3 {
                Err(io::Error::other("no"))
            } else {
                Ok(())
            }
        })
    });
    assert_eq!(error.unwrap_err().to_string(), "no");
    let error = until_done(|| skip.write(&mut sink, |w| w.write_all(b"next"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_writer_that_swallows_the_block_loses_nothing() {
    // A buffered writer that is dropped throws its errors away.
    let text: String = (0..500).map(|i| format!("line {i}\n")).collect();
    let mut sink = Choppy::every(Vec::new(), 100);
    let mut skip = Skip::new(SkipLimits::bounded(300));
    until_done(|| {
        skip.write(&mut sink, |w| {
            let mut w = io::BufWriter::with_capacity(64, w);
            for line in text.lines() {
                let _ = writeln!(w, "{line}");
            }
            Ok(())
        })
    })
    .unwrap();
    assert_eq!(sink.into_inner(), text.into_bytes());
}

#[test]
fn the_limits_of_a_writer_are_named() {
    let limits = SkipLimits {
        max_message: 1000,
        ..SkipLimits::default()
    };
    for (length, fits) in [(999, true), (1000, true), (1001, false), (100_000, false)] {
        let mut sink = Vec::new();
        let mut skip = Skip::new(limits);
        let written = skip.write(&mut sink, |w| w.write_all(&vec![1; length]));
        match written {
            Ok(()) => assert!(fits && sink.len() == length),
            Err(e) => {
                assert!(!fits);
                assert_eq!(LimitExceeded::of(&e).unwrap().limit, "max_message");
                assert!(sink.is_empty());
            }
        }
    }
    let limits = SkipLimits {
        max_skipped: 10_000,
        ..SkipLimits::bounded(100)
    };
    let mut sink = Choppy::every(Vec::new(), 100);
    let mut skip = Skip::new(limits);
    let error = until_done(|| skip.write(&mut sink, |w| w.write_all(&[1; 100_000]))).unwrap_err();
    assert_eq!(LimitExceeded::of(&error).unwrap().limit, "max_skipped");
    assert!(skip.stats().bytes_skipped <= 10_000);
}

#[test]
fn a_message_that_fits_is_encoded_once_and_may_then_be_dropped() {
    let mut message = Some(numbers(100_000));
    let plain = bytes(message.as_deref().unwrap());
    let mut sink = Choppy::every(Vec::new(), 1460);
    let mut skip = Skip::default();
    until_done(|| {
        let result = skip.write(&mut sink, |w| match &message {
            Some(numbers) => encode(numbers, w),
            None => panic!("it was encoded"),
        });
        if skip.encoded() {
            message = None;
        }
        result
    })
    .unwrap();
    assert_eq!(sink.into_inner(), plain);
    assert_eq!(skip.stats().attempts, 1);
    assert_eq!(skip.stats().messages, 1);
}

#[test]
fn a_bounded_window_bounds_the_memory() {
    // What the sink has not taken is never more than the window.
    struct Sink<'a>(&'a mut u64, u64);
    impl Write for Sink<'_> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            assert!(buf.len() <= 1000);
            if self.1 == 0 {
                self.1 = 64;
                return Err(ErrorKind::WouldBlock.into());
            }
            let n = buf.len().min(self.1 as usize);
            self.1 -= n as u64;
            *self.0 += n as u64;
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut taken = 0;
    let mut sink = Sink(&mut taken, 64);
    let mut skip = Skip::new(SkipLimits::bounded(1000));
    let numbers = numbers(2000);
    until_done(|| skip.write(&mut sink, |w| encode(&numbers, w))).unwrap();
    assert_eq!(taken, 16_000);
    assert!(skip.stats().attempts >= 15);
}

#[test]
fn an_encoder_that_waits_for_something_else_is_run_again() {
    let mut sink = Choppy::every(Vec::new(), 7);
    for window in [10, 1 << 20] {
        let mut skip = Skip::new(SkipLimits::bounded(window));
        let mut ready = 0;
        until_done(|| {
            skip.write(&mut sink, |w| {
                ready += 1;
                for part in 0..10u8 {
                    if i32::from(part) > ready {
                        return Err(ErrorKind::WouldBlock.into());
                    }
                    w.write_all(&[part; 10])?;
                }
                Ok(())
            })
        })
        .unwrap();
        let expected: Vec<u8> = (0..10).flat_map(|part| [part; 10]).collect();
        assert_eq!(std::mem::take(sink.inner_mut()), expected);
    }
}

#[test]
fn an_encoder_that_panics_cuts_the_stream_off() {
    let mut sink = Vec::new();
    let mut skip = Skip::default();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        skip.write(&mut sink, |w| {
            w.write_all(&[1; 200_000])?;
            panic!("in the encoder")
        })
    }));
    assert!(panicked.is_err());
    let next = skip.write(&mut sink, |w| w.write_all(b"next"));
    assert_eq!(next.unwrap_err().kind(), ErrorKind::InvalidData);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the encoder's pieces, the window and the sink's gulps are: the sink gets the
    /// message, in both checks. And if one bit of a piece is another in the second attempt, the
    /// sink gets the first message, whole or cut off.
    #[test]
    fn any_pieces(
        pieces in prop::collection::vec(prop_oneof![4 => 0usize..20, 1 => 0usize..40_000], 0..60),
        window in prop_oneof![1usize..300, 1000usize..70_000],
        gulp in prop_oneof![1usize..300, 1000usize..70_000],
        counted: bool,
        flip: usize,
    ) {
        let length: usize = pieces.iter().sum();
        let plain: Vec<u8> = (0..length).map(|i| ((i * i) >> 3) as u8).collect();
        let check = if counted { PrefixCheck::Length } else { PrefixCheck::Bytes };
        // As many attempts as a test may take: what is skipped is quadratic.
        let window = window.max(length / 50);
        let limits = SkipLimits { check, ..SkipLimits::bounded(window) };
        let write = |bytes: &[u8], w: &mut SkipAttempt<'_>| -> io::Result<()> {
            let mut rest = bytes;
            for &piece in &pieces {
                assert_eq!(w.position(), (bytes.len() - rest.len()) as u64);
                let (now, later) = rest.split_at(piece);
                w.write_all(now)?;
                rest = later;
            }
            Ok(())
        };
        let mut sink = Choppy::every(Vec::new(), gulp);
        let mut skip = Skip::new(limits);
        for _ in 0..2 {
            until_done(|| skip.write(&mut sink, |w| write(&plain, w))).unwrap();
            prop_assert!(std::mem::take(sink.inner_mut()) == plain);
        }
        prop_assert_eq!(skip.stats().bytes_written, 2 * length as u64);
        if counted || length == 0 {
            return Ok(());
        }
        let mut changed = plain.clone();
        changed[flip % length] ^= 1 << (flip % 7);
        let mut attempts = 0;
        let written = until_done(|| skip.write(&mut sink, |w| {
            attempts += 1;
            write(if attempts == 1 { &plain } else { &changed }, w)
        }));
        match written {
            Ok(()) => {
                let sent = sink.inner();
                // Nothing of the changed bit was produced by the first attempt.
                let same = sent.iter().zip(&plain).take_while(|(a, b)| a == b).count();
                prop_assert!(same == length || (sent == &changed && same == flip % length));
            }
            Err(e) => {
                prop_assert!(PrefixChanged::of(&e).is_some(), "{}", e);
                prop_assert!(plain.starts_with(sink.inner()));
            }
        }
    }
}
