//! One case, ready to be run again and again: natively and in wasm.

use crate::data::{self, Gulps, Message};
use crate::{decode, encode};
use std::hint::black_box;

/// One cell of a table: way, byte field or structs, message size, bytes per turn.
#[derive(Clone, Copy, Debug)]
pub enum Case {
    Decode(decode::Way, bool, usize, usize),
    Encode(encode::Way, bool, usize, usize),
}

impl Case {
    pub fn name(self) -> String {
        match self {
            Case::Decode(way, field, size, turn) => format!("decode/{way:?}/{field}/{size}/{turn}"),
            Case::Encode(way, field, size, turn) => format!("encode/{way:?}/{field}/{size}/{turn}"),
        }
    }

    /// As a person would say it.
    pub fn title(self) -> String {
        let what = |field, size: usize| match field {
            true => format!("byte field of {} KiB", size >> 10),
            false => format!("{} KiB of structs", size >> 10),
        };
        match self {
            Case::Decode(way, field, size, turn) => {
                format!("decode, {}, {}, c = {turn}", way.name(), what(field, size))
            }
            Case::Encode(way, field, size, turn) => {
                format!("encode, {}, {}, w = {turn}", way.name(), what(field, size))
            }
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        let parts: Vec<_> = name.split('/').collect();
        let [side, way, field, size, turn] = parts[..] else {
            return None;
        };
        let (field, size, turn) = (field.parse().ok()?, size.parse().ok()?, turn.parse().ok()?);
        if side == "decode" {
            let way = decode::Way::ALL
                .into_iter()
                .chain(decode::Way::DIRECT)
                .find(|w| format!("{w:?}") == way)?;
            Some(Case::Decode(way, field, size, turn))
        } else {
            let way = encode::Way::ALL
                .into_iter()
                .find(|w| format!("{w:?}") == way)?;
            Some(Case::Encode(way, field, size, turn))
        }
    }

    /// Runs the case `times` times: what callgrind counts.
    pub fn run(self, times: usize) {
        let mut prepared = Prepared::new(self);
        for _ in 0..times {
            prepared.once();
        }
    }

    /// True for a message that is one field of bytes.
    pub fn field(self) -> bool {
        let (Case::Decode(_, field, ..) | Case::Encode(_, field, ..)) = self;
        field
    }

    /// Returns true if the others are compared with this one.
    pub fn is_floor(self) -> bool {
        matches!(
            self,
            Case::Decode(decode::Way::OneShot, ..) | Case::Encode(encode::Way::OneShot, ..)
        )
    }

    pub fn floor(self) -> Self {
        match self {
            Case::Decode(_, field, size, _) => Case::Decode(decode::Way::OneShot, field, size, 1),
            Case::Encode(_, field, size, _) => Case::Encode(encode::Way::OneShot, field, size, 1),
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
pub enum Prepared {
    Decode(decode::Decoder, Vec<u8>, usize),
    Encode(encode::Encoder, Message, Gulps),
}

impl Prepared {
    pub fn new(case: Case) -> Self {
        let message = |field, size| match field {
            true => data::field(size),
            false => data::records(size),
        };
        match case {
            Case::Decode(way, field, size, chunk) => {
                let message = message(field, size);
                let wire = way.wire(&data::encode(&message));
                let mut decoder = decode::Decoder::new(way);
                let decoded = decoder.run(&wire, chunk);
                if way != decode::Way::Turns {
                    assert_eq!(decoded, message, "{way:?}");
                }
                Self::Decode(decoder, wire, chunk)
            }
            Case::Encode(way, field, size, gulp) => {
                let message = message(field, size);
                let plain = data::encode(&message);
                let mut sink = Gulps::new(gulp, plain.len() + (plain.len() >> 8) + 64);
                let mut encoder = encode::Encoder::new(way);
                encoder.run(&message, &mut sink);
                if way != encode::Way::Framed {
                    assert!(sink.taken == plain, "{way:?}");
                }
                sink.clear();
                Self::Encode(encoder, message, sink)
            }
        }
    }

    #[inline(never)]
    pub fn once(&mut self) {
        match self {
            Self::Decode(decoder, wire, chunk) => {
                black_box(decoder.run(black_box(wire), *chunk));
            }
            Self::Encode(encoder, message, sink) => {
                sink.clear();
                encoder.run(black_box(message), sink);
                black_box(&sink.taken);
            }
        }
    }

    pub fn attempts(&self) -> (u64, u64) {
        match self {
            Self::Decode(decoder, ..) => (decoder.stats().attempts, decoder.stats().messages),
            Self::Encode(encoder, ..) => (encoder.stats().attempts, encoder.stats().messages),
        }
    }
}
