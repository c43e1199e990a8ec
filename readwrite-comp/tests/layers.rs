//! Every composition, every layer, every place to stop: the same bytes, nothing lost, nothing
//! twice.
#![cfg(test)]

use readwrite_comp::testing::{Choppy, XorR, XorW};
use readwrite_comp::*;
use std::io::{self, ErrorKind, Read, Write};

const MESSAGES: [&[u8]; 4] = [b"first, with \x7e and \x7d in it", b"", b"x", &[0x7e; 90]];

/// Runs `step` again while it blocks.
fn until_done<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match step() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// Writes `message`, with `piece` bytes per write and a flush after `flush_after` of them.
fn write_message<L: ExtWrite, W: Write>(
    layer: &mut L,
    w: &mut W,
    message: &[u8],
    piece: usize,
    flush_after: Option<usize>,
) -> io::Result<()> {
    let mut done = 0;
    while done < message.len() {
        let end = (done + piece).min(message.len());
        done += until_done(|| CompW::new(&mut *layer, &mut *w).write(&message[done..end]))?;
        if flush_after.is_some_and(|after| done >= after && done < after + piece) {
            until_done(|| CompW::new(&mut *layer, &mut *w).flush())?;
        }
    }
    until_done(|| CompW::new(&mut *layer, &mut *w).write_end())
}

fn read_message<L: ExtRead, R: Read>(
    layer: &mut L,
    r: &mut R,
    piece: usize,
) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut buf = vec![0; piece];
    loop {
        let n = until_done(|| CompR::new(&mut *layer, &mut *r).read(&mut buf))?;
        if n == 0 {
            break;
        }
        message.extend_from_slice(&buf[..n]);
    }
    until_done(|| CompR::new(&mut *layer, &mut *r).read_end())?;
    Ok(message)
}

/// All messages through one pair of layers that live on, as on a connection.
fn round_trip<W: ExtWrite, R: ExtRead>(name: &str, make_w: impl Fn() -> W, make_r: impl Fn() -> R) {
    let write = |sink: &mut dyn Write, piece, flush| {
        let mut layer = make_w();
        for message in MESSAGES {
            let mut sink = &mut *sink;
            write_message(&mut layer, &mut sink, message, piece, flush).unwrap();
        }
    };
    let read = |source: &mut dyn Read, piece| {
        let mut layer = make_r();
        for message in MESSAGES {
            let mut source = &mut *source;
            let got = read_message(&mut layer, &mut source, piece).unwrap();
            assert_eq!(got, message, "{name}");
        }
        let left = until_done(|| source.read(&mut [0])).unwrap();
        assert_eq!(left, 0, "{name}: bytes left over");
    };

    let mut wire = Vec::new();
    write(&mut wire, 1000, None);
    read(&mut wire.as_slice(), 1000);

    for piece in [1, 7, 1000] {
        // Stopped once before every single byte.
        for at in 0..wire.len() as u64 {
            let mut sink = Choppy::at_bytes(Vec::new(), [at]);
            write(&mut sink, piece, None);
            let mut source = Choppy::at_bytes(sink.inner().as_slice(), [at]);
            read(&mut source, piece);
            assert_eq!(source.blocks(), 1, "{name} at {at}");
        }
        // Stopped before every byte.
        let mut sink = Choppy::every(Vec::new(), 1);
        write(&mut sink, piece, Some(5));
        read(&mut Choppy::every(sink.inner().as_slice(), 1), piece);
        // Stopped at every single call.
        let mut counting = Choppy::at_calls(Vec::new(), []);
        write(&mut counting, piece, Some(5));
        let mut source = Choppy::at_calls(counting.inner().as_slice(), []);
        read(&mut source, piece);
        for call in 0..counting.calls() {
            let mut sink = Choppy::at_calls(Vec::new(), [call]);
            write(&mut sink, piece, Some(5));
            assert_eq!(sink.blocks(), 1);
            // Where a layer cuts its records may depend on where it was stopped; what is in them may not.
            read(&mut sink.inner().as_slice(), piece);
        }
        for call in 0..source.calls() {
            read(
                &mut Choppy::at_calls(counting.inner().as_slice(), [call]),
                piece,
            );
        }
        // Stopped anywhere.
        for seed in 0..200 {
            let mut sink = Choppy::seeded(Vec::new(), seed, 9);
            write(&mut sink, piece, Some(seed as usize % 40));
            read(
                &mut Choppy::seeded(sink.inner().as_slice(), !seed, 9),
                piece,
            );
        }
    }

    // Cut off anywhere: an error at the end, never a message that was not there, and never a panic.
    for cut in 0..wire.len() {
        let mut layer = make_r();
        let mut source = &wire[..cut];
        let mut whole = true;
        for message in MESSAGES {
            match read_message(&mut layer, &mut source, 1000) {
                Ok(got) => assert_eq!(got, message, "{name} cut at {cut}"),
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::UnexpectedEof, "{name} cut at {cut}");
                    whole = false;
                    break;
                }
            }
        }
        assert!(!whole, "{name} cut at {cut} was not noticed");
    }

    // A body that is not read is skipped by its end.
    let mut layer = make_r();
    let mut source = Choppy::every(wire.as_slice(), 3);
    for (i, message) in MESSAGES.into_iter().enumerate() {
        if i % 2 == 0 {
            until_done(|| CompR::new(&mut layer, &mut source).read_end()).unwrap();
        } else {
            let got = read_message(&mut layer, &mut source, 5).unwrap();
            assert_eq!(got, message, "{name}");
        }
    }
}

fn windows_w() -> SizedWindowsW {
    SizedWindowsW::fixed(5)
}
fn growing_w() -> SizedWindowsW {
    SizedWindowsW::growing(2, 16)
}
fn windows_r() -> SizedWindowsR {
    SizedWindowsR::default()
}
fn xor_w() -> XorW {
    XorW::new(42, 7)
}
fn xor_r() -> XorR {
    XorR::new(42)
}

#[test]
fn one_layer() {
    round_trip("fixed windows", windows_w, windows_r);
    round_trip("growing windows", growing_w, windows_r);
    round_trip("escaped", EscapedW::default, EscapedR::default);
    let own = || EscapedW::new(0, b'\\').unwrap();
    round_trip("own escapes", own, || EscapedR::new(0, b'\\').unwrap());
    round_trip("xor", xor_w, xor_r);
}

#[test]
fn two_layers() {
    macro_rules! pair {
        ($name:literal, $ow:expr, $iw:expr, $or:expr, $ir:expr) => {
            round_trip(
                $name,
                || CompExtW::new($ow, $iw),
                || CompExtR::new($or, $ir),
            )
        };
    }
    pair!("windows in xor", windows_w(), xor_w(), windows_r(), xor_r());
    pair!("xor in windows", xor_w(), windows_w(), xor_r(), windows_r());
    pair!(
        "xor in xor",
        xor_w(),
        XorW::new(1, 2),
        xor_r(),
        XorR::new(1)
    );
    pair!(
        "windows in windows",
        windows_w(),
        growing_w(),
        windows_r(),
        windows_r()
    );
    pair!(
        "escaped in xor",
        EscapedW::default(),
        xor_w(),
        EscapedR::default(),
        xor_r()
    );
    pair!(
        "xor in escaped",
        xor_w(),
        EscapedW::default(),
        xor_r(),
        EscapedR::default()
    );
    pair!("nothing in windows", NoExt, windows_w(), NoExt, windows_r());
    pair!("windows in nothing", windows_w(), NoExt, windows_r(), NoExt);
}

#[test]
fn three_layers_of_two_pairs() {
    round_trip(
        "windows in xor in escaped",
        || CompExtW::new(windows_w(), CompExtW::new(xor_w(), EscapedW::default())),
        || CompExtR::new(windows_r(), CompExtR::new(xor_r(), EscapedR::default())),
    );
}

#[test]
fn a_run_time_number_of_layers() {
    for depth in 1..5 {
        round_trip(
            "stack",
            || MultiW::new((0..depth).map(|i| XorW::new(i, i)).collect()),
            || MultiR::new((0..depth).map(XorR::new).collect()),
        );
    }
    round_trip(
        "windows in a stack",
        || CompExtW::new(windows_w(), MultiW::new(vec![xor_w(), xor_w()])),
        || CompExtR::new(windows_r(), MultiR::new(vec![xor_r(), xor_r()])),
    );
    round_trip(
        "windows in an empty stack",
        || CompExtW::new(windows_w(), MultiW::new(Vec::<XorW>::new())),
        || CompExtR::new(windows_r(), MultiR::new(Vec::<XorR>::new())),
    );
}

/// The length is not on the wire, so it is set before each message.
#[test]
fn known_length() {
    let mut whole = Vec::new();
    for message in MESSAGES {
        whole.extend_from_slice(message);
    }
    for at in 0..whole.len() as u64 {
        let mut sink = Choppy::at_bytes(Vec::new(), [at]);
        let mut w = KnownLengthW::new(0);
        for message in MESSAGES {
            w.set_length(message.len() as u64);
            write_message(&mut w, &mut sink, message, 7, Some(3)).unwrap();
        }
        assert_eq!(sink.inner(), &whole);
        let mut source = Choppy::at_bytes(sink.inner().as_slice(), [at]);
        let mut r = KnownLengthR::new(0);
        for message in MESSAGES {
            r.set_length(message.len() as u64);
            assert_eq!(read_message(&mut r, &mut source, 4).unwrap(), message);
        }
    }
}

#[test]
fn known_length_says_what_does_not_fit() {
    let mut sink = Vec::new();
    let mut w = CompW::new(KnownLengthW::new(3), &mut sink);
    assert_eq!(w.write(b"abcd").unwrap(), 3);
    let error = w.write(b"d").unwrap_err();
    assert_eq!(LimitExceeded::of(&error).unwrap().limit, "length");
    w.write_end().unwrap();
    assert_eq!(w.write(b"ab").unwrap(), 2);
    assert_eq!(w.write_end().unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut r = CompR::new(KnownLengthR::new(9), &b"short"[..]);
    let error = r.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_window_length_that_lies_is_refused_before_it_is_used() {
    let limits = WindowLimits {
        max_window: 100,
        max_total: 150,
    };
    for (wire, limit) in [
        (vec![101, 0, 0, 0], "max_window"),
        (vec![0xff; 4], "max_window"),
        (
            [&[100, 0, 0, 0][..], &[7; 100], &[51, 0, 0, 0]].concat(),
            "max_total",
        ),
    ] {
        let mut r = CompR::new(SizedWindowsR::new(limits), wire.as_slice());
        for _ in 0..2 {
            let error = r.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert_eq!(LimitExceeded::of(&error).unwrap().limit, limit);
        }
    }
    // Exactly the limits pass.
    let wire = [
        &[100, 0, 0, 0][..],
        &[7; 100],
        &[50, 0, 0, 0],
        &[7; 50],
        &[0; 4],
    ]
    .concat();
    let mut r = CompR::new(SizedWindowsR::new(limits), wire.as_slice());
    assert_eq!(r.read_to_end(&mut Vec::new()).unwrap(), 150);
    r.read_end().unwrap();
}

#[test]
fn escapes_that_are_none_are_refused() {
    let mut r = CompR::new(EscapedR::default(), &b"a\x7db\x7e"[..]);
    let mut buf = [0; 9];
    assert_eq!(r.read(&mut buf).unwrap(), 1);
    assert_eq!(r.read(&mut buf).unwrap_err().kind(), ErrorKind::InvalidData);
    let mut r = CompR::new(EscapedR::default().with_limit(2), &b"abc\x7e"[..]);
    let error = r.read(&mut buf).unwrap_err();
    assert_eq!(LimitExceeded::of(&error).unwrap().limit, "max_total");
    assert!(EscapedR::new(9, 9).is_err());
    assert!(EscapedW::new(0x41, 0x61).is_err());
}

#[test]
fn a_changed_byte_fails_the_checksum() {
    let mut wire = Vec::new();
    write_message(&mut xor_w(), &mut wire, b"plain bytes", 99, None).unwrap();
    for at in 9..wire.len() {
        let mut changed = wire.clone();
        changed[at] ^= 1;
        assert!(read_message(&mut xor_r(), &mut changed.as_slice(), 99).is_err());
    }
}

#[test]
fn flush_writes_down_what_is_held_and_ends_nothing() {
    let mut w = CompW::new(
        CompExtW::new(SizedWindowsW::default(), SizedWindowsW::default()),
        Vec::new(),
    );
    w.write_all(b"ab").unwrap();
    assert!(w.writer().is_empty());
    w.flush().unwrap();
    let flushed = w.writer().clone();
    assert_eq!(flushed, b"\x06\0\0\0\x02\0\0\0ab");
    w.flush().unwrap();
    assert_eq!(w.writer(), &flushed, "there was nothing to flush");
    w.write_all(b"c").unwrap();
    w.write_end().unwrap();
    assert_eq!(
        w.writer(),
        b"\x06\0\0\0\x02\0\0\0ab\x09\0\0\0\x01\0\0\0c\0\0\0\0\0\0\0\0"
    );
}

#[test]
fn nothing_is_written_by_a_drop() {
    let mut sink = Vec::new();
    {
        let mut w = CompW::new(SizedWindowsW::default(), &mut sink);
        w.write_all(b"not ended").unwrap();
    }
    assert!(sink.is_empty());
}

#[test]
fn a_chain_goes_on_after_a_reader_that_blocked() {
    let mut chain = ChainR::new([
        Choppy::every(&b"one"[..], 2),
        Choppy::every(&b""[..], 1),
        Choppy::every(&b"two"[..], 1),
    ]);
    let mut all = Vec::new();
    let mut buf = [0; 8];
    loop {
        match until_done(|| chain.read(&mut buf)).unwrap() {
            0 => break,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
    assert_eq!(all, b"onetwo");
    assert_eq!(chain.remaining(), 0);
}
