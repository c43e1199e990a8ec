//! Every composition times every layer times every split, as a property: what was written is what
//! is read, whatever the messages, the stack of layers, the pieces that are written and read, the
//! flushes, and the places to stop.
//!
//! `layers.rs` tries the splits one by one on chosen stacks; here the stacks are drawn too.
#![cfg(test)]
#![cfg(not(target_family = "wasm"))]

mod common;

use common::until_done;
use proptest::collection::vec;
use proptest::prelude::*;
use readwrite_comp::testing::{Choppy, XorR, XorW};
use readwrite_comp::*;
use std::io::{self, ErrorKind, Read, Write};

/// Every layer of this crate, and the test cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fixed(u32),
    Growing(u32, u32),
    Escaped,
    OwnEscapes,
    Xor(u64),
    /// The length is not on the wire: what is in it must have the length that both sides know.
    Known,
    Nothing,
}

/// One of each, small enough that a short message makes several windows and records.
const KINDS: [Kind; 7] = [
    Kind::Fixed(3),
    Kind::Growing(2, 9),
    Kind::Escaped,
    Kind::OwnEscapes,
    Kind::Xor(5),
    Kind::Known,
    Kind::Nothing,
];

/// A layer of any kind, so that a stack of a run-time number may be a mixed one.
enum AnyW {
    Sized(SizedWindowsW),
    Escaped(EscapedW),
    Xor(Box<XorW>),
    Known(KnownLengthW, Vec<u64>),
    Nothing(NoExt),
}

enum AnyR {
    Sized(SizedWindowsR),
    Escaped(EscapedR),
    Xor(Box<XorR>),
    Known(KnownLengthR, Vec<u64>),
    Nothing(NoExt),
}

/// Does the same with whichever layer it is.
macro_rules! each {
    ($any:ident, $self:expr, $layer:ident => $do:expr) => {
        match $self {
            $any::Sized($layer) => $do,
            $any::Escaped($layer) => $do,
            $any::Xor($layer) => $do,
            $any::Known($layer, _) => $do,
            $any::Nothing($layer) => $do,
        }
    };
}

impl AnyW {
    /// `lengths`: those of the messages, the last one first.
    fn new(kind: Kind, lengths: &[u64]) -> Self {
        match kind {
            Kind::Fixed(size) => AnyW::Sized(SizedWindowsW::fixed(size)),
            Kind::Growing(first, most) => AnyW::Sized(SizedWindowsW::growing(first, most)),
            Kind::Escaped => AnyW::Escaped(EscapedW::default()),
            Kind::OwnEscapes => AnyW::Escaped(EscapedW::new(0, b'\\').unwrap()),
            Kind::Xor(key) => AnyW::Xor(Box::new(XorW::new(key, key + 1))),
            Kind::Known => {
                let mut lengths = lengths.to_vec();
                AnyW::Known(KnownLengthW::new(lengths.pop().unwrap_or(0)), lengths)
            }
            Kind::Nothing => AnyW::Nothing(NoExt),
        }
    }
}

impl AnyR {
    fn new(kind: Kind, lengths: &[u64]) -> Self {
        match kind {
            Kind::Fixed(_) | Kind::Growing(..) => AnyR::Sized(SizedWindowsR::default()),
            Kind::Escaped => AnyR::Escaped(EscapedR::default()),
            Kind::OwnEscapes => AnyR::Escaped(EscapedR::new(0, b'\\').unwrap()),
            Kind::Xor(key) => AnyR::Xor(Box::new(XorR::new(key))),
            Kind::Known => {
                let mut lengths = lengths.to_vec();
                AnyR::Known(KnownLengthR::new(lengths.pop().unwrap_or(0)), lengths)
            }
            Kind::Nothing => AnyR::Nothing(NoExt),
        }
    }
}

impl ExtWrite for AnyW {
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        each!(AnyW, self, layer => layer.write_header(w))
    }

    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        each!(AnyW, self, layer => layer.write_into(w, buf))
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        each!(AnyW, self, layer => layer.flush_into(w))
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        each!(AnyW, self, layer => layer.write_end(w))?;
        if let AnyW::Known(layer, lengths) = self {
            layer.set_length(lengths.pop().unwrap_or(0));
        }
        Ok(())
    }
}

impl ExtRead for AnyR {
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        each!(AnyR, self, layer => layer.read_header(r))
    }

    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        each!(AnyR, self, layer => layer.read_from(r, buf))
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        each!(AnyR, self, layer => layer.read_end(r))?;
        if let AnyR::Known(layer, lengths) = self {
            layer.set_length(lengths.pop().unwrap_or(0));
        }
        Ok(())
    }
}

/// Composition of layers.
#[derive(Clone, Debug)]
enum Stack {
    Single(Kind),
    Pair(Kind, Kind),
    LeftPairs(Kind, Kind, Kind),
    RightPairs(Kind, Kind, Kind),
    Multi(Vec<Kind>),
    OverMulti(Kind, Vec<Kind>),
    UnderMulti(Vec<Kind>, Kind),
}

impl Stack {
    /// From the plain bytes to the wire.
    fn kinds(&self) -> Vec<Kind> {
        match self {
            Stack::Single(a) => vec![*a],
            Stack::Pair(a, b) => vec![*a, *b],
            Stack::LeftPairs(a, b, c) | Stack::RightPairs(a, b, c) => vec![*a, *b, *c],
            Stack::Multi(all) => all.clone(),
            Stack::OverMulti(a, rest) => [&[*a], &rest[..]].concat(),
            Stack::UnderMulti(first, z) => [&first[..], &[*z]].concat(),
        }
    }

    /// Whether it can carry messages: something in it knows where they end, and a known length is
    /// that of the plain bytes (that of coded ones depends on where a layer cut them).
    fn carries(&self) -> bool {
        let kinds = self.kinds();
        let coded = kinds
            .iter()
            .position(|kind| !matches!(kind, Kind::Known | Kind::Nothing));
        let last_known = kinds.iter().rposition(|kind| *kind == Kind::Known);
        let knows = last_known.is_some() || coded.is_some();
        knows && last_known.is_none_or(|known| coded.is_none_or(|coded| known < coded))
    }
}

/// Positions at which a stream blocks.
#[derive(Clone, Debug)]
enum Split {
    Every(usize),
    AtBytes(Vec<u64>),
    AtCalls(Vec<u64>),
    Seeded(u64, usize),
}

impl Split {
    fn of<S>(&self, inner: S) -> Choppy<S> {
        match self {
            Split::Every(size) => Choppy::every(inner, *size),
            Split::AtBytes(offsets) => Choppy::at_bytes(inner, offsets.iter().copied()),
            Split::AtCalls(calls) => Choppy::at_calls(inner, calls.iter().copied()),
            Split::Seeded(seed, most) => Choppy::seeded(inner, *seed, *most),
        }
    }
}

/// Course of a session.
#[derive(Clone, Debug)]
struct Plan {
    messages: Vec<Vec<u8>>,
    /// Bytes that are written and read at a time.
    pieces: (usize, usize),
    /// After how many pieces of a message there is a flush; none where it has fewer.
    flush: usize,
    write: Split,
    read: Split,
    /// Positions at which the wire is cut in two (the source is a chain of both parts), and at
    /// which it is cut off.
    cuts: (prop::sample::Index, prop::sample::Index),
}

/// Runs the plan over the stack's two sides, each of which is made anew for each session.
fn session<W: ExtWrite, R: ExtRead>(plan: &Plan, new_w: impl Fn() -> W, new_r: impl Fn() -> R) {
    let mut sink = plan.write.of(Vec::new());
    let mut w = new_w();
    for message in &plan.messages {
        let (mut rest, mut pieces) = (&message[..], 0);
        while !rest.is_empty() {
            let piece = &rest[..plan.pieces.0.min(rest.len())];
            let taken = until_done(|| CompW::new(&mut w, &mut sink).write(piece)).unwrap();
            assert!((1..=piece.len()).contains(&taken), "{taken}");
            rest = &rest[taken..];
            pieces += 1;
            if pieces == plan.flush {
                until_done(|| CompW::new(&mut w, &mut sink).flush()).unwrap();
            }
        }
        until_done(|| CompW::new(&mut w, &mut sink).write_end()).unwrap();
    }
    let wire = sink.into_inner();

    let (front, back) = wire.split_at(plan.cuts.0.index(wire.len() + 1));
    let mut source = ChainR::new([front, back].map(|part| plan.read.of(part)));
    let mut r = new_r();
    for message in &plan.messages {
        assert_eq!(&read(plan, &mut r, &mut source).unwrap(), message);
    }
    assert_eq!(until_done(|| source.read(&mut [0])).unwrap(), 0);

    // Cut off anywhere: first the messages that are whole, then an error, and never another message.
    if wire.is_empty() {
        return;
    }
    let mut source = plan.read.of(&wire[..plan.cuts.1.index(wire.len())]);
    let mut r = new_r();
    let mut whole = plan.messages.iter();
    let error = loop {
        match read(plan, &mut r, &mut source) {
            Ok(message) => assert_eq!(Some(&message), whole.next()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

fn read<R: Read>(plan: &Plan, layer: &mut impl ExtRead, source: &mut R) -> io::Result<Vec<u8>> {
    let (mut message, mut buf) = (Vec::new(), vec![0; plan.pieces.1]);
    loop {
        match until_done(|| CompR::new(&mut *layer, &mut *source).read(&mut buf))? {
            0 => break,
            count => message.extend_from_slice(&buf[..count]),
        }
    }
    until_done(|| CompR::new(&mut *layer, &mut *source).read_end())?;
    Ok(message)
}

fn run(stack: &Stack, plan: &Plan) {
    let lengths: Vec<u64> = plan.messages.iter().rev().map(|m| m.len() as u64).collect();
    let w = |kind: &Kind| AnyW::new(*kind, &lengths);
    let r = |kind: &Kind| AnyR::new(*kind, &lengths);
    let all_w = |kinds: &[Kind]| MultiW::new(kinds.iter().map(w).collect());
    let all_r = |kinds: &[Kind]| MultiR::new(kinds.iter().map(r).collect());
    match stack {
        Stack::Single(a) => session(plan, || w(a), || r(a)),
        Stack::Pair(a, b) => session(
            plan,
            || CompExtW::new(w(a), w(b)),
            || CompExtR::new(r(a), r(b)),
        ),
        Stack::LeftPairs(a, b, c) => session(
            plan,
            || CompExtW::new(CompExtW::new(w(a), w(b)), w(c)),
            || CompExtR::new(CompExtR::new(r(a), r(b)), r(c)),
        ),
        Stack::RightPairs(a, b, c) => session(
            plan,
            || CompExtW::new(w(a), CompExtW::new(w(b), w(c))),
            || CompExtR::new(r(a), CompExtR::new(r(b), r(c))),
        ),
        Stack::Multi(all) => session(plan, || all_w(all), || all_r(all)),
        Stack::OverMulti(a, rest) => session(
            plan,
            || CompExtW::new(w(a), all_w(rest)),
            || CompExtR::new(r(a), all_r(rest)),
        ),
        Stack::UnderMulti(first, z) => session(
            plan,
            || CompExtW::new(all_w(first), w(z)),
            || CompExtR::new(all_r(first), r(z)),
        ),
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1u32..40).prop_map(Kind::Fixed),
        (1u32..10, 10u32..60).prop_map(|(first, most)| Kind::Growing(first, most)),
        Just(Kind::Escaped),
        Just(Kind::OwnEscapes),
        (0u64..9).prop_map(Kind::Xor),
        Just(Kind::Known),
        Just(Kind::Nothing),
    ]
}

fn stacks() -> impl Strategy<Value = Stack> {
    let many = || vec(kinds(), 0..5);
    let stacks = prop_oneof![
        kinds().prop_map(Stack::Single),
        (kinds(), kinds()).prop_map(|(a, b)| Stack::Pair(a, b)),
        (kinds(), kinds(), kinds()).prop_map(|(a, b, c)| Stack::LeftPairs(a, b, c)),
        (kinds(), kinds(), kinds()).prop_map(|(a, b, c)| Stack::RightPairs(a, b, c)),
        many().prop_map(Stack::Multi),
        (kinds(), many()).prop_map(|(a, rest)| Stack::OverMulti(a, rest)),
        (many(), kinds()).prop_map(|(first, z)| Stack::UnderMulti(first, z)),
    ];
    stacks.prop_filter("carries messages", Stack::carries)
}

fn splits() -> impl Strategy<Value = Split> {
    prop_oneof![
        (1usize..50).prop_map(Split::Every),
        vec(0u64..300, 0..20).prop_map(Split::AtBytes),
        vec(0u64..100, 0..20).prop_map(Split::AtCalls),
        (any::<u64>(), 1usize..40).prop_map(|(seed, most)| Split::Seeded(seed, most)),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    // Terminators and escapes are likely.
    let bytes = prop_oneof![2 => any::<u8>(), 1 => prop::sample::select(&b"\x7e\x7d\0\\"[..])];
    let messages = vec(vec(bytes, 0..120), 1..4);
    let cuts = any::<(prop::sample::Index, prop::sample::Index)>();
    let pieces = (1usize..60, 1usize..60);
    (messages, pieces, 0usize..6, splits(), splits(), cuts).prop_map(
        |(messages, pieces, flush, write, read, cuts)| Plan {
            messages,
            pieces,
            flush,
            write,
            read,
            cuts,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_over_any_split(stack in stacks(), plan in plans()) {
        run(&stack, &plan);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// None is left to chance: each layer alone, each pair in both orders and as a stack of a
    /// run-time number.
    #[test]
    fn each_layer_and_each_pair_of_layers(plan in plans()) {
        let mut carried = 0;
        for a in KINDS {
            let alone = [Stack::Single(a), Stack::Multi(vec![a; 3])];
            let pairs = KINDS.into_iter().flat_map(|b| {
                let third = Kind::Xor(8);
                [
                    Stack::Pair(a, b),
                    Stack::Multi(vec![a, b]),
                    Stack::LeftPairs(a, b, third),
                    Stack::RightPairs(a, b, third),
                ]
            });
            for stack in alone.into_iter().chain(pairs) {
                if stack.carries() {
                    run(&stack, &plan);
                    carried += 1;
                }
            }
        }
        prop_assert!(carried > 150, "{}", carried);
    }
}
