//! Ways to decode a message that arrives in chunks.

use crate::data::{Message, Turns, config, turns};
use readwrite_comp::{
    CompR, CompW, Decode, Receiver, Replay, ReplayLimits, Shape, SizedWindowsR, SizedWindowsW,
};
use std::io::{self, ErrorKind, Read, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a whole slice: the floor.
    OneShot,
    /// The turns alone: the bytes are collected, nothing is decoded, the message is not even looked
    /// for.
    Turns,
    /// Ours, with frames.
    Framed,
    /// Ours, without frames.
    Unframed,
    /// Ours, without frames, with the shape of the message.
    Shaped,
    /// The limiter and the decoder with nothing between: for streams that never block.
    Bare,
    /// Ours with `RESTARTABLE = false`: for streams that never block.
    Gate,
    /// tokio-util's `LengthDelimitedCodec`, then from the slice.
    LengthDelimited,
    /// corosensei: the decoder is suspended on its own stack.
    Coroutine,
    /// Decodes again from the start at each `WouldBlock`.
    Naive,
}

impl Way {
    pub const ALL: [Way; 8] = [
        Way::OneShot,
        Way::Turns,
        Way::Framed,
        Way::Unframed,
        Way::Shaped,
        Way::LengthDelimited,
        Way::Coroutine,
        Way::Naive,
    ];

    /// Ways that need a source which never blocks.
    pub const DIRECT: [Way; 2] = [Way::Bare, Way::Gate];

    pub fn name(self) -> &'static str {
        match self {
            Way::OneShot => "one decode from a slice",
            Way::Turns => "the turns alone, nothing decoded",
            Way::Framed => "**ours, growing windows**",
            Way::Unframed => "**ours, no frames**",
            Way::Shaped => "**ours, no frames, shape traced from the type**",
            Way::Bare => "the limiter by hand",
            Way::Gate => "**ours, RESTARTABLE = false**",
            Way::LengthDelimited => "tokio-util LengthDelimitedCodec",
            Way::Coroutine => "corosensei",
            Way::Naive => "naive replay",
        }
    }

    /// Returns what this way reads, for a message that is `plain` in bincode.
    pub fn wire(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Way::Framed | Way::Bare | Way::Gate => {
                let mut w = CompW::new(SizedWindowsW::default(), Vec::new());
                w.write_all(plain).expect("a Vec takes all");
                w.write_end().expect("a Vec takes all");
                w.into_inner().1
            }
            Way::LengthDelimited => {
                let mut wire = (plain.len() as u32).to_be_bytes().to_vec();
                wire.extend_from_slice(plain);
                wire
            }
            _ => plain.to_vec(),
        }
    }
}

fn from_read<R: Read>(r: &mut R) -> io::Result<Message> {
    bincode::serde::decode_from_std_read(r, config()).map_err(|e| match e {
        bincode::error::DecodeError::Io { inner, .. } => inner,
        e => io::Error::new(ErrorKind::InvalidData, e),
    })
}

fn from_slice(body: &mut &[u8]) -> io::Result<Message> {
    let (message, used) = bincode::serde::decode_from_slice(body, config())
        .map_err(|e| io::Error::new(ErrorKind::InvalidData, e))?;
    *body = &body[used..];
    Ok(message)
}

struct Bincode;

impl Decode for Bincode {
    type Value = Message;

    #[inline]
    fn decode<R: Read>(&mut self, r: &mut R) -> io::Result<Message> {
        from_read(r)
    }
}

/// State that lives as long as a connection.
pub struct Decoder {
    way: Way,
    replay: Replay,
    receiver: Receiver<false>,
    limiter: SizedWindowsR,
    frames: tokio_util::codec::LengthDelimitedCodec,
    bytes: bytes::BytesMut,
    kept: Vec<u8>,
    piece: Box<[u8]>,
    #[cfg(not(target_family = "wasm"))]
    stack: Option<corosensei::stack::DefaultStack>,
}

impl Decoder {
    pub fn new(way: Way) -> Self {
        let mut frames = tokio_util::codec::LengthDelimitedCodec::new();
        frames.set_max_frame_length(64 << 20);
        Self {
            way,
            replay: match way {
                Way::Shaped => Replay::with_shape(
                    ReplayLimits::default(),
                    Shape::of::<Message>().expect("a message has a shape"),
                ),
                _ => Replay::default(),
            },
            receiver: Receiver::default(),
            limiter: SizedWindowsR::default(),
            frames,
            bytes: bytes::BytesMut::new(),
            kept: Vec::new(),
            piece: vec![0; 8 << 10].into(),
            #[cfg(not(target_family = "wasm"))]
            stack: None,
        }
    }

    pub fn stats(&self) -> readwrite_comp::ReplayStats {
        self.replay.stats()
    }

    /// One message out of `wire`, `chunk` bytes per turn.
    pub fn run(&mut self, wire: &[u8], chunk: usize) -> Message {
        let source = Turns::new(wire, chunk);
        match self.way {
            Way::OneShot => from_slice(&mut &wire[..]).expect("a whole message"),
            Way::Turns => self.turns(source, wire.len()),
            Way::Framed => self.framed(source),
            Way::Unframed | Way::Shaped => self.unframed(source),
            Way::Bare => self.bare(source),
            Way::Gate => self.gate(source),
            Way::LengthDelimited => self.length_delimited(source),
            Way::Coroutine => self.coroutine(source),
            Way::Naive => self.naive(source),
        }
    }

    // Not inlined, each of them: in one function they would compete for registers.
    #[inline(never)]
    fn turns(&mut self, mut source: Turns<'_>, length: usize) -> Message {
        self.kept.clear();
        turns(|| {
            loop {
                let n = source.read(&mut self.piece)?;
                self.kept.extend_from_slice(&self.piece[..n]);
                if self.kept.len() == length {
                    return Ok(Message::Records(Vec::new()));
                }
            }
        })
    }

    #[inline(never)]
    fn framed(&mut self, mut source: Turns<'_>) -> Message {
        turns(|| {
            self.replay
                .read_framed(&mut self.limiter, &mut source, from_slice)
        })
        .expect("a message")
    }

    #[inline(never)]
    fn unframed(&mut self, mut source: Turns<'_>) -> Message {
        turns(|| self.replay.read(&mut source, |r| from_read(r))).expect("a message")
    }

    #[inline(never)]
    fn bare(&mut self, mut source: Turns<'_>) -> Message {
        let mut r = CompR::new(&mut self.limiter, &mut source);
        let message = from_read(&mut r).expect("a message");
        r.read_end().expect("an end");
        message
    }

    #[inline(never)]
    fn gate(&mut self, mut source: Turns<'_>) -> Message {
        self.receiver
            .receive(&mut self.limiter, &mut source, &mut Bincode)
            .expect("a message")
            .expect("a message")
    }

    #[inline(never)]
    fn naive(&mut self, mut source: Turns<'_>) -> Message {
        self.kept.clear();
        turns(|| {
            let mut naive = Naive {
                kept: &mut self.kept,
                piece: &mut self.piece,
                pos: 0,
                source: &mut source,
            };
            from_read(&mut naive)
        })
    }

    #[inline(never)]
    fn length_delimited(&mut self, mut source: Turns<'_>) -> Message {
        use tokio_util::codec::Decoder as _;
        turns(|| {
            loop {
                let n = source.read(&mut self.piece)?;
                self.bytes.extend_from_slice(&self.piece[..n]);
                if let Some(frame) = self.frames.decode(&mut self.bytes)? {
                    return from_slice(&mut &frame[..]);
                }
            }
        })
    }

    #[cfg(target_family = "wasm")]
    fn coroutine(&mut self, _: Turns<'_>) -> Message {
        panic!("WebAssembly has no second stack");
    }

    #[cfg(not(target_family = "wasm"))]
    #[inline(never)]
    fn coroutine(&mut self, source: Turns<'_>) -> Message {
        let stack = self.stack.get_or_insert_default();
        let mut source = Some(source);
        let coroutine = corosensei::ScopedCoroutine::with_stack(
            stack,
            |yielder: &corosensei::Yielder<(), ()>, ()| {
                let mut suspended = Suspended {
                    source: source.take().expect("runs once"),
                    yielder,
                };
                // The same buffer as ours, or each field would be a switch of its own to a read of the source.
                from_read(&mut io::BufReader::with_capacity(8 << 10, &mut suspended))
                    .expect("a message")
            },
        );
        coroutine.scope(|mut coroutine| {
            loop {
                if let corosensei::CoroutineResult::Return(message) = coroutine.as_mut().resume(())
                {
                    break message;
                }
            }
        })
    }
}

#[cfg(not(target_family = "wasm"))]
struct Suspended<'a, 'y> {
    source: Turns<'a>,
    yielder: &'y corosensei::Yielder<(), ()>,
}

#[cfg(not(target_family = "wasm"))]
impl Read for Suspended<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.read(buf) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.yielder.suspend(()),
                other => return other,
            }
        }
    }
}

/// A replay that tries at once and each time: what not to do.
struct Naive<'a, 's, 'd> {
    kept: &'a mut Vec<u8>,
    piece: &'a mut [u8],
    pos: usize,
    source: &'s mut Turns<'d>,
}

impl Read for Naive<'_, '_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.pos == self.kept.len() {
            let n = self.source.read(self.piece)?;
            self.kept.extend_from_slice(&self.piece[..n]);
        }
        let n = buf.len().min(self.kept.len() - self.pos);
        buf[..n].copy_from_slice(&self.kept[self.pos..self.pos + n]);
        self.pos += n;
        Ok(n)
    }
}
