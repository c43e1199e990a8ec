//! Ways to encode a message into a sink that blocks.

use crate::data::{Gulps, Message, blocked, config, turns};
use readwrite_comp::{PrefixCheck, Skip, SkipLimits};
use std::io::{self, ErrorKind, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into a reused `Vec`: the floor.
    OneShot,
    /// Ours, growing window.
    Growing,
    /// Ours, at most 64 KiB held back.
    Bounded,
    /// Ours, the same, counting instead of comparing.
    Counted,
    /// Ours, as it goes on our own wire: growing window over sized windows.
    Framed,
    /// Into a `Vec` that is then drained.
    Drain,
    /// corosensei with a 4 KiB buffer.
    Coroutine,
    /// Counts what the sink took, encodes again from the start at each `WouldBlock`.
    Naive,
}

impl Way {
    pub const ALL: [Way; 8] = [
        Way::OneShot,
        Way::Growing,
        Way::Bounded,
        Way::Counted,
        Way::Framed,
        Way::Drain,
        Way::Coroutine,
        Way::Naive,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Way::OneShot => "one encode into a reused Vec",
            Way::Growing => "**ours, growing window**",
            Way::Bounded => "**ours, 64 KiB window**",
            Way::Counted => "**ours, 64 KiB window, length check only**",
            Way::Framed => "**ours, growing window, framed**",
            Way::Drain => "encode to a Vec, then drain",
            Way::Coroutine => "corosensei, 4 KiB buffer",
            Way::Naive => "naive skip count",
        }
    }
}

/// bincode's own adapter counts the bytes for its errors, which is dead code over a `Vec` only: the
/// floor would be cheaper for another reason than the one that is measured here.
struct Plain<'a, W>(&'a mut W);

impl<W: Write> bincode::enc::write::Writer for Plain<'_, W> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0
            .write_all(bytes)
            .map_err(|inner| bincode::error::EncodeError::Io { inner, index: 0 })
    }
}

fn to_write<W: Write>(message: &Message, w: &mut W) -> io::Result<()> {
    bincode::serde::encode_into_writer(message, Plain(w), config()).map_err(|e| match e {
        bincode::error::EncodeError::Io { inner, .. } => inner,
        e => io::Error::new(ErrorKind::InvalidData, e),
    })
}

/// State that lives as long as a connection.
pub struct Encoder {
    way: Way,
    skip: Skip,
    limiter: readwrite_comp::SizedWindowsW,
    whole: Vec<u8>,
    #[cfg(not(target_family = "wasm"))]
    stack: Option<corosensei::stack::DefaultStack>,
}

impl Encoder {
    pub fn new(way: Way) -> Self {
        let limits = match way {
            Way::Bounded => SkipLimits::bounded(64 << 10),
            Way::Counted => SkipLimits {
                check: PrefixCheck::Length,
                ..SkipLimits::bounded(64 << 10)
            },
            _ => SkipLimits::default(),
        };
        Self {
            way,
            skip: Skip::new(limits),
            limiter: readwrite_comp::SizedWindowsW::default(),
            whole: Vec::new(),
            #[cfg(not(target_family = "wasm"))]
            stack: None,
        }
    }

    pub fn stats(&self) -> readwrite_comp::SkipStats {
        self.skip.stats()
    }

    /// One message into `sink`.
    pub fn run(&mut self, message: &Message, sink: &mut Gulps) {
        match self.way {
            Way::OneShot => {
                sink.taken.clear();
                to_write(message, &mut sink.taken).expect("a Vec takes all");
            }
            Way::Growing | Way::Bounded | Way::Counted => {
                turns(|| self.skip.write(sink, |w| to_write(message, w)));
            }
            Way::Framed => turns(|| {
                self.skip
                    .write_framed(&mut self.limiter, sink, |w| to_write(message, w))
            }),
            Way::Drain => {
                self.whole.clear();
                to_write(message, &mut self.whole).expect("a Vec takes all");
                let mut sent = 0;
                turns(|| {
                    while sent < self.whole.len() {
                        sent += sink.write(&self.whole[sent..])?;
                    }
                    Ok(())
                });
            }
            Way::Coroutine => self.coroutine(message, sink),
            Way::Naive => {
                let mut done = 0;
                turns(|| {
                    let mut naive = Naive {
                        done: &mut done,
                        pos: 0,
                        sink,
                    };
                    to_write(message, &mut naive)
                });
            }
        }
    }

    #[cfg(target_family = "wasm")]
    fn coroutine(&mut self, _: &Message, _: &mut Gulps) {
        panic!("WebAssembly has no second stack");
    }

    #[cfg(not(target_family = "wasm"))]
    fn coroutine(&mut self, message: &Message, sink: &mut Gulps) {
        let stack = self.stack.get_or_insert_default();
        let mut sink = Some(sink);
        let coroutine = corosensei::ScopedCoroutine::with_stack(
            stack,
            |yielder: &corosensei::Yielder<(), ()>, ()| {
                let suspended = Suspended {
                    sink: sink.take().expect("runs once"),
                    yielder,
                };
                let mut w = io::BufWriter::with_capacity(4 << 10, suspended);
                to_write(message, &mut w).expect("it never blocks");
                w.flush().expect("it never blocks");
            },
        );
        coroutine.scope(|mut coroutine| {
            while let corosensei::CoroutineResult::Yield(()) = coroutine.as_mut().resume(()) {}
        });
    }
}

#[cfg(not(target_family = "wasm"))]
struct Suspended<'a, 'y> {
    sink: &'a mut Gulps,
    yielder: &'y corosensei::Yielder<(), ()>,
}

#[cfg(not(target_family = "wasm"))]
impl Write for Suspended<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        loop {
            match self.sink.write(buf) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.yielder.suspend(()),
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A skip count with nothing held back and nothing compared: what not to do.
struct Naive<'a> {
    done: &'a mut usize,
    pos: usize,
    sink: &'a mut Gulps,
}

impl Write for Naive<'_> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let known = (*self.done - self.pos).min(buf.len());
        if known == buf.len() {
            self.pos += known;
            return Ok(known);
        }
        let n = match self.sink.write(&buf[known..]) {
            Ok(n) => n,
            Err(_) if known > 0 => 0,
            Err(_) => return Err(blocked()),
        };
        *self.done += n;
        self.pos += known + n;
        Ok(known + n)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
