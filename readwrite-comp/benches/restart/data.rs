//! The messages, and streams that block after a number of bytes.

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    Store,
    Find { hops: u8, priority: u16 },
    Named(String),
}

/// Record of a DHT, as serde sees it: integers, an enum, a string, an option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: u64,
    pub expiry: u64,
    pub port: u16,
    pub kind: Kind,
    pub name: String,
    pub weight: f64,
    pub parent: Option<u64>,
    pub route: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    Records(Vec<Record>),
    Field(#[serde(with = "serde_bytes")] Vec<u8>),
}

fn record(i: u64) -> Record {
    Record {
        id: i.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        expiry: 1_700_000_000 + i,
        port: i as u16,
        kind: match i % 3 {
            0 => Kind::Store,
            1 => Kind::Find {
                hops: 3,
                priority: i as u16,
            },
            _ => Kind::Named(format!("kind {i}")),
        },
        name: format!("a record with the number {i}"),
        weight: i as f64 / 3.0,
        parent: i.is_multiple_of(2).then_some(i / 2),
        route: (0..i as u32 % 5).collect(),
    }
}

pub fn config() -> bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<{ 64 << 20 }>,
> {
    bincode::config::legacy().with_limit()
}

pub fn encode(message: &Message) -> Vec<u8> {
    bincode::serde::encode_to_vec(message, config()).expect("a message can be encoded")
}

/// Records of about `size` bytes in bincode.
pub fn records(size: usize) -> Message {
    let sample = encode(&Message::Records((0..60).map(record).collect()));
    let count = (size * 60 / sample.len()).max(1) as u64;
    Message::Records((0..count).map(record).collect())
}

pub fn field(size: usize) -> Message {
    Message::Field((0..size).map(|i| (i * 7) as u8).collect())
}

pub fn blocked() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}

/// Calls again while it blocks, as an event loop would.
///
/// What a loop itself does with an error is not what restart costs, so this does next to nothing:
/// an error with a payload is a failure, and one without is taken for `WouldBlock`. It is forgotten
/// instead of dropped, which comes to the same without a payload; the call would be a fifth of a
/// turn of one byte.
pub fn turns<T>(mut step: impl FnMut() -> io::Result<T>) -> T {
    loop {
        match step() {
            Ok(result) => return result,
            Err(e) if e.get_ref().is_some() => panic!("{e}"),
            Err(e) => std::mem::forget(e),
        }
    }
}

/// Gives `chunk` bytes per turn, then blocks; at its end it only blocks, like a peer that has gone
/// silent.
pub struct Turns<'a> {
    data: &'a [u8],
    chunk: usize,
    /// Bytes of `data` that this turn still gives.
    left: usize,
}

impl<'a> Turns<'a> {
    pub fn new(data: &'a [u8], chunk: usize) -> Self {
        Self {
            data,
            chunk,
            left: chunk.min(data.len()),
        }
    }
}

impl Read for Turns<'_> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.left.min(buf.len());
        if n == 0 {
            self.left = self.chunk.min(self.data.len());
            return Err(blocked());
        }
        let (now, rest) = self.data.split_at(n);
        self.left -= n;
        // A call of memcpy for one byte would be a tenth of what is measured.
        if let ([only], Some(place)) = (now, buf.first_mut()) {
            *place = *only;
        } else {
            buf[..n].copy_from_slice(now);
        }
        self.data = rest;
        Ok(n)
    }
}

/// Takes `gulp` bytes per turn, then blocks.
pub struct Gulps {
    pub taken: Vec<u8>,
    gulp: usize,
    left: usize,
}

impl Gulps {
    pub fn new(gulp: usize, capacity: usize) -> Self {
        Self {
            taken: Vec::with_capacity(capacity),
            gulp,
            left: gulp,
        }
    }

    /// Ready for another message, with the same memory.
    pub fn clear(&mut self) {
        self.taken.clear();
        self.left = self.gulp;
    }
}

impl Write for Gulps {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.left.min(buf.len());
        if n == 0 {
            self.left = self.gulp;
            return Err(blocked());
        }
        self.taken.extend_from_slice(&buf[..n]);
        self.left -= n;
        Ok(n)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
