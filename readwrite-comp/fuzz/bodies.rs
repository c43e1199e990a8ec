//! Bodies of the fuzz targets, which tests/properties.rs runs with random bytes.

#[path = "../tests/common/mod.rs"]
mod common;

use common::*;
use readwrite_comp::testing::{Choppy, XorR, XorW};
use readwrite_comp::*;
use std::io::{Read, Write};
use std::sync::LazyLock;

/// With the shape of the messages where the codec is the one that shapes are of.
fn replays(codec: AnyCodec) -> Vec<Replay> {
    static SHAPE: LazyLock<Shape> =
        LazyLock::new(|| Shape::of::<Message>().expect("messages have a shape"));
    let mut replays = vec![Replay::new(limits())];
    if let AnyCodec::Bincode = codec {
        replays.push(Replay::with_shape(limits(), SHAPE.clone()));
    }
    replays
}

/// Most that any input may make a reader take or an adapter keep.
const MOST: usize = 64 << 10;

fn limits() -> ReplayLimits {
    ReplayLimits {
        max_message: MOST,
        max_replayed: 8 << 20,
        ..ReplayLimits::default()
    }
}

fn windows() -> SizedWindowsR {
    SizedWindowsR::new(WindowLimits {
        max_window: 5000,
        max_total: 60_000,
    })
}

/// Reads messages until an error or the end; each must end, in whatever way.
fn drain<L: ExtRead>(mut layer: L, data: &[u8], chunk: usize) {
    let mut source = Choppy::every(data, chunk);
    for _ in 0..data.len() + 2 {
        let mut plain = 0;
        let read = loop {
            let mut buf = [0; 300];
            match until_done(|| CompR::new(&mut layer, &mut source).read(&mut buf)) {
                Ok(0) => break Ok(()),
                Ok(n) => plain += n,
                Err(e) => break Err(e),
            }
        };
        assert!(plain <= data.len(), "a layer gave more than it got");
        let ended =
            read.and_then(|()| until_done(|| CompR::new(&mut layer, &mut source).read_end()));
        if ended.is_err() {
            return;
        }
    }
}

/// Arbitrary bytes into every limiter, the test cipher, their compositions, and every codec with
/// and without frames: no panic, no endless loop, nothing beyond the limits.
pub fn decoders(data: &[u8]) {
    let (chunk, data) = data
        .split_first()
        .map_or((1, data), |(c, data)| (*c as usize, data));
    let escaped = || EscapedR::default().with_limit(1000);
    drain(windows(), data, chunk);
    drain(escaped(), data, chunk);
    drain(XorR::new(7), data, chunk);
    drain(KnownLengthR::new(100), data, chunk);
    drain(CompExtR::new(windows(), XorR::new(7)), data, chunk);
    drain(CompExtR::new(XorR::new(7), windows()), data, chunk);
    drain(CompExtR::new(windows(), escaped()), data, chunk);
    drain(MultiR::new(vec![windows(), windows()]), data, chunk);
    for codec in [AnyCodec::Bincode, AnyCodec::Postcard, AnyCodec::Json] {
        let mut source = Choppy::every(data, chunk);
        let mut replay = Replay::new(limits());
        let mut limiter = windows();
        while let Ok(Some(_)) = until_done(|| {
            replay.read_framed(&mut limiter, &mut source, |body| {
                match codec.decode::<Message>(body) {
                    // Go on to the next message.
                    Err(_) => {
                        *body = &[];
                        Ok(None)
                    }
                    Ok(message) => Ok(Some(message)),
                }
            })
        }) {}
        for mut replay in replays(codec) {
            let mut source = Choppy::every(data, chunk);
            let mut left = data.len() + 1;
            while let Ok(Some(_)) =
                until_done(|| replay.read(&mut source, |r| codec.decode::<Message>(r)))
            {
                // A message of no bytes would come for ever; none of these codecs has one.
                left = left.checked_sub(1).expect("each message has a byte");
            }
            let stats = replay.stats();
            assert!(stats.bytes_received <= data.len() as u64);
            let quiet = stats.attempts.saturating_mul(data.len() as u64);
            assert!(stats.bytes_replayed <= stats.bytes_received / 2 + quiet);
        }
    }
}

/// Messages and a schedule out of arbitrary bytes.
struct Plan<'a> {
    bytes: &'a [u8],
}

impl Plan<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *first
    }

    fn message(&mut self) -> Message {
        let n = usize::from(self.byte());
        match self.byte() % 6 {
            0 => Message::Unit,
            1 => Message::Tuple(self.byte(), -(n as i64), 0.25, true),
            2 => Message::Struct {
                id: u64::from(self.byte()) << 40,
                name: "n".repeat(n),
                tags: (n % 2 == 0).then(|| vec!["tag".into(); n % 5]),
            },
            3 => Message::Map((0..n as u32).map(|i| (i.to_string(), i)).collect()),
            4 => Message::Tree((0..n % 20).fold(Tree::Leaf, |tree, i| {
                Tree::Node(Box::new(tree), i as i16, Box::new(Tree::Leaf))
            })),
            _ => Message::Bytes(vec![self.byte(); n * 20]),
        }
    }

    /// A stream that blocks as the bytes say.
    fn choppy<S>(&mut self, inner: S) -> Choppy<S> {
        let a = self.byte();
        match a % 4 {
            0 => Choppy::every(inner, usize::from(self.byte())),
            1 => Choppy::seeded(inner, u64::from(self.byte()), 1 + usize::from(a)),
            2 => {
                let offsets: Vec<u64> = (0..a / 4).map(|_| u64::from(self.byte()) * 7).collect();
                Choppy::at_bytes(inner, offsets)
            }
            _ => {
                let calls: Vec<u64> = (0..a / 4).map(|_| u64::from(self.byte())).collect();
                Choppy::at_calls(inner, calls)
            }
        }
    }
}

fn skip_limits(window: u8, check: bool) -> SkipLimits {
    SkipLimits {
        check: if check {
            PrefixCheck::Bytes
        } else {
            PrefixCheck::Length
        },
        ..SkipLimits::bounded(1 + usize::from(window) * usize::from(window))
    }
}

/// Writes and reads messages over streams that block on an arbitrary schedule: what comes out is
/// what went in.
pub fn schedules(data: &[u8]) {
    let mut plan = Plan { bytes: data };
    let messages: Vec<Message> = (0..1 + plan.byte() % 4).map(|_| plan.message()).collect();
    let codec = match plan.byte() % 3 {
        0 => AnyCodec::Bincode,
        1 => AnyCodec::Postcard,
        _ => AnyCodec::Json,
    };
    let limits = skip_limits(plan.byte(), plan.byte() < 128);
    match plan.byte() % 5 {
        0 => framed(
            &mut plan,
            &messages,
            codec,
            limits,
            SizedWindowsW::growing(3, 90),
            windows(),
        ),
        1 => framed(
            &mut plan,
            &messages,
            codec,
            limits,
            EscapedW::default(),
            EscapedR::default(),
        ),
        2 => framed(
            &mut plan,
            &messages,
            codec,
            limits,
            CompExtW::new(SizedWindowsW::fixed(17), XorW::new(5, 6)),
            CompExtR::new(windows(), XorR::new(5)),
        ),
        3 => framed(
            &mut plan,
            &messages,
            codec,
            limits,
            MultiW::new(vec![XorW::new(5, 6), XorW::new(7, 8)]),
            MultiR::new(vec![XorR::new(5), XorR::new(7)]),
        ),
        _ => unframed(&mut plan, &messages, codec, limits),
    }
}

fn framed<W: ExtWrite, R: ExtRead>(
    plan: &mut Plan<'_>,
    messages: &[Message],
    codec: AnyCodec,
    limits: SkipLimits,
    mut w: W,
    mut r: R,
) {
    let mut sink = plan.choppy(Vec::new());
    let mut skip = Skip::new(limits);
    for message in messages {
        until_done(|| skip.write_framed(&mut w, &mut sink, |w| codec.encode(message, w)))
            .expect("the message can be written");
    }
    let wire = sink.into_inner();
    let mut source = plan.choppy(wire.as_slice());
    let mut replay = Replay::new(self::limits());
    for message in messages {
        let got = until_done(|| {
            replay.read_framed(&mut r, &mut source, |body| codec.decode::<Message>(body))
        });
        assert_eq!(
            got.expect("the message can be read").as_ref(),
            Some(message)
        );
    }
    assert_eq!(replay.stats().attempts, messages.len() as u64);
}

fn unframed(plan: &mut Plan<'_>, messages: &[Message], codec: AnyCodec, limits: SkipLimits) {
    let mut sink = plan.choppy(Vec::new());
    let mut skip = Skip::new(limits);
    let mut whole = Vec::new();
    for message in messages {
        codec.encode(message, &mut whole).expect("a Vec takes all");
        until_done(|| skip.write(&mut sink, |w| codec.encode(message, w)))
            .expect("the message can be written");
    }
    let wire = sink.into_inner();
    assert!(
        wire == whole,
        "the sink has other bytes than one encode gives"
    );
    for mut replay in replays(codec) {
        let mut source = plan.choppy(wire.as_slice());
        for message in messages {
            let got = until_done(|| replay.read(&mut source, |r| codec.decode::<Message>(r)));
            assert_eq!(
                got.expect("the message can be read").as_ref(),
                Some(message)
            );
        }
        let end = until_done(|| replay.read(&mut source, |r| r.read_exact(&mut [0])));
        assert!(matches!(end, Ok(None)), "bytes are left over");
    }
    sink_is_flushed(&mut skip);
}

/// After its messages a writer has nothing in flight.
fn sink_is_flushed(skip: &mut Skip) {
    assert!(!skip.in_flight());
    let mut sink = Vec::new();
    skip.write(&mut sink, |w| w.write_all(b"next"))
        .expect("a Vec takes all");
    assert_eq!(sink, b"next");
}
